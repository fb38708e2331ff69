# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""docs/interfaces.md against the running nodes: names and types as the graph shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')

from fakes import FakeSimulator
from node_world import wait_until

from c2a_training.bags.recorded_topics import TOPICS

pytestmark = pytest.mark.ros

PAGE = (Path(__file__).resolve().parents[2] / 'docs' / 'interfaces.md').read_text('utf-8')
DOCUMENTED = dict(re.findall(r'^\| `(/[^`]+)` \| `([^`]+/[^`]+)` \|', PAGE, re.MULTILINE))
# Every node has these; they are ROS's own.
OF_ROS = re.compile(
    r'/(rosout|parameter_events|tf|tf_static)$|/(transition_event|_action/|\w+_parameters)'
)

OF_ROS_TYPES = ('rcl_interfaces/', 'lifecycle_msgs/', 'type_description_interfaces/')


def graph(node) -> dict[str, str]:
    """Topics, services and actions of the graph with their types."""
    found = {name: types[0] for name, types in node.get_topic_names_and_types()}
    for name, types in node.get_service_names_and_types():
        action = re.fullmatch(r'(.+)/_action/send_goal', name)
        if action:
            found[action[1]] = types[0].removesuffix('_SendGoal')
        else:
            found[name] = types[0]
    return found


def test_every_documented_name_is_in_the_graph_with_its_type(ros):
    ros.stack(FakeSimulator())
    wait_until(lambda: DOCUMENTED.items() <= graph(ros.probe).items(), what='all names')
    assert len(DOCUMENTED) == 21


def test_the_recorder_records_every_documented_topic():
    services = {'/c2a/reset', '/c2a/estop', '/c2a/execute_task', '/c2a/execute_skill'}
    recorded = {topic.name: topic.msg_type for topic in TOPICS if not topic.is_optional}
    assert recorded == {k: v for k, v in DOCUMENTED.items() if k not in services}


def test_no_name_of_ours_is_undocumented(ros):
    ros.stack(FakeSimulator())
    ros.ended()
    own = {
        name
        for name, kind in graph(ros.probe).items()
        if not OF_ROS.search(name) and not kind.startswith(OF_ROS_TYPES)
    }
    ours = {name for name in own if not name.startswith('/c2a/probe')}
    assert ours - DOCUMENTED.keys() == set()
