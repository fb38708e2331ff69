# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""RViz layout and rqt perspective: displays and plugins that exist, topics that are published.

The names were checked against the sources of rviz_default_plugins, rqt_image_view, rqt_graph,
rqt_console and rqt_topic; they are pinned here so that a slip of the pen is noticed without RViz.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
import yaml

LAUNCH = Path(__file__).resolve().parents[3] / 'launch'
DISPLAYS = {
    'Table': 'rviz_default_plugins/Grid',
    'Robot': 'rviz_default_plugins/RobotModel',
    'Frames': 'rviz_default_plugins/TF',
    'Objects, goal, chunk and code': 'rviz_default_plugins/MarkerArray',
    'Base camera': 'rviz_default_plugins/Image',
    'Wrist camera': 'rviz_default_plugins/Image',
    'Code and grid': 'rviz_default_plugins/Image',
}
PLUGINS = {
    'rqt_image_view/ImageView': [1, 2, 3],
    'rqt_graph/RosGraph': [1],
    'rqt_console/Console': [1],
    'rqt_topic/TopicPlugin': [1],
}


def rviz() -> dict:
    return yaml.safe_load((LAUNCH / 'rviz' / 'c2a.rviz').read_text())['Visualization Manager']


def rqt() -> dict:
    return json.loads((LAUNCH / 'rqt' / 'c2a.perspective').read_text())['groups']['pluginmanager']


def topic_names() -> set[str]:
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    from c2a_core.ros import NAMESPACE, Topic

    names = [value for key, value in vars(Topic).items() if key.isupper()]
    return {name if name.startswith('/') else f'/{NAMESPACE}/{name}' for name in names}


def rviz_topics() -> dict[str, dict]:
    found = {}
    for display in rviz()['Displays']:
        for key in ('Topic', 'Description Topic'):
            if key in display:
                found[display[key]['Value']] = display[key]
    return found


def rqt_topics() -> set[str]:
    groups = rqt()['groups'].values()
    return {
        ast.literal_eval(group['groups']['plugin']['keys']['topic']['repr']) for group in groups
    }


def test_rviz_shows_robot_cameras_markers_and_code():
    assert {entry['Name']: entry['Class'] for entry in rviz()['Displays']} == DISPLAYS


def test_rviz_looks_at_the_world():
    assert rviz()['Global Options']['Fixed Frame'] == 'world'


def test_rqt_starts_plugins_that_exist():
    keys = rqt()['keys']
    assert ast.literal_eval(keys['running-plugins']['repr']) == PLUGINS


def test_topics_are_those_of_the_nodes():
    assert set(rviz_topics()) | rqt_topics() <= topic_names()


def test_description_that_was_published_before_rviz_started_is_seen():
    assert rviz_topics()['/robot_description']['Durability Policy'] == 'Transient Local'


def test_images_are_taken_as_the_cameras_send_them():
    for name in ('/camera/base/image_raw', '/camera/wrist/image_raw', '/c2a/overlay'):
        assert rviz_topics()[name]['Reliability Policy'] == 'Best Effort'
