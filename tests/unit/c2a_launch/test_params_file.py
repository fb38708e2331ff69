# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""params/c2a.yaml against the nodes' declarations, both ways: rclpy ignores a misspelt key."""

from __future__ import annotations

import importlib
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from c2a_training.stack import load_stack

LAUNCH = Path(__file__).resolve().parents[3] / 'launch'
NODES = {
    'sim_bridge': ('c2a_sim_bridge.params', 'SimBridgeParams'),
    'planner': ('c2a_planner.params', 'PlannerParams'),
    'controller': ('c2a_controller.params', 'ControllerParams'),
    'recorder': ('c2a_training.bags.recorder_params', 'RecorderParams'),
}


def deployed(node: str) -> dict:
    document = yaml.safe_load((LAUNCH / 'params' / 'c2a.yaml').read_text())
    return document[f'/c2a/{node}']['ros__parameters']


def declared(node: str) -> dict:
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    module, name = NODES[node]
    return {entry.name: entry for entry in fields(getattr(importlib.import_module(module), name))}


def test_there_is_one_block_for_each_node_of_ours():
    document = yaml.safe_load((LAUNCH / 'params' / 'c2a.yaml').read_text())
    assert set(document) == {f'/c2a/{name}' for name in NODES}


@pytest.mark.parametrize('node', NODES)
def test_file_and_declaration_have_the_same_parameters(node):
    assert set(deployed(node)) == set(declared(node))


@pytest.mark.parametrize('node', NODES)
def test_values_have_the_declared_type_and_keep_its_bounds(node):
    for name, value in deployed(node).items():
        entry = declared(node)[name]
        assert type(value) is type(entry.default), name
        lower, upper = entry.metadata['bounds']
        assert lower is None or lower <= value <= upper, name
        assert not entry.metadata['choices'] or value in entry.metadata['choices'], name


@pytest.mark.parametrize('node', NODES)
def test_deployed_values_are_the_defaults(node):
    defaults = {name: entry.default for name, entry in declared(node).items()}
    # The deployed stack runs the models that ship; a node by itself starts without one.
    others = {'planner': 'vlm', 'low_level': 'policy'}
    others = {name: value for name, value in others.items() if name in defaults}
    assert deployed(node) == {**defaults, **others}


@pytest.mark.parametrize('node', NODES)
def test_arguments_of_a_node_are_parameters_that_accept_the_same_values(node):
    stack = load_stack(LAUNCH)
    description = next(entry for entry in stack.nodes if entry.name == node)
    for name in description.arguments:
        entry, argument = declared(node)[name], stack.arguments[name]
        assert type(argument.parse(argument.default)) is type(entry.default), name
        names = {*argument.choices, *argument.later}
        assert not entry.metadata['choices'] or names == set(entry.metadata['choices']), name
