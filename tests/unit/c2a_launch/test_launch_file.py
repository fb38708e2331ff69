# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""bringup.launch.py against ROS's own launch; skipped where that is not installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from c2a_training.stack import load_stack

LAUNCH = Path(__file__).resolve().parents[3] / 'launch'


@pytest.fixture(scope='module')
def description():
    launch = pytest.importorskip('launch', reason='launch is not installed')
    if not hasattr(launch, 'LaunchDescription'):
        pytest.skip('launch is not installed')
    pytest.importorskip('launch_ros', reason='launch_ros is not installed')
    spec = importlib.util.spec_from_file_location('bringup', LAUNCH / 'bringup.launch.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules['bringup'] = module
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def test_launch_file_declares_the_arguments_of_the_stack(description):
    from launch.actions import DeclareLaunchArgument

    declared = {
        entity.name: entity.default_value[0].text
        for entity in description.entities
        if isinstance(entity, DeclareLaunchArgument)
    }
    arguments = load_stack(LAUNCH).arguments
    assert declared == {name: entry.default for name, entry in arguments.items()}


def test_launch_file_starts_the_nodes_of_the_stack(description):
    from launch import LaunchContext
    from launch.actions import OpaqueFunction
    from launch_ros.actions import Node

    context = LaunchContext(argv=['seed:=3'])
    context.launch_configurations['seed'] = '3'
    (function,) = [item for item in description.entities if isinstance(item, OpaqueFunction)]
    nodes = [item for item in function.execute(context) if isinstance(item, Node)]
    assert [node.node_executable for node in nodes][:3] == [
        'sim_bridge_node',
        'planner_node',
        'controller_node',
    ]
