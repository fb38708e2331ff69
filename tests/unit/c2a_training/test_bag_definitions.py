# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Definitions of message types as they go into a bag."""

from __future__ import annotations

import json

import pytest

pytest.importorskip('ament_index_python', reason='ROS is not installed')

from c2a_training.bags.bag_definitions import definition_of

FIELDS = """# A comment with geometry_msgs/Pose in it.
string<=10 name
float32[7] joints
Inner[] inner
other_msgs/Leaf[<=3] leaves  # bounded
uint8 MODE=3
string WORD=Inner word
bool is_on false
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two installed interface packages."""
    definition_of.cache_clear()
    texts = {
        ('test_msgs', 'Outer'): FIELDS,
        ('test_msgs', 'Inner'): 'other_msgs/Leaf leaf\nInner2 again\n',
        ('test_msgs', 'Inner2'): 'int32 x\n',
        ('other_msgs', 'Leaf'): 'float64 y\n',
    }
    for (package, name), text in texts.items():
        index = tmp_path / 'share' / 'ament_index' / 'resource_index' / 'packages'
        index.mkdir(parents=True, exist_ok=True)
        (index / package).write_text('')
        folder = tmp_path / 'share' / package / 'msg'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f'{name}.msg').write_text(text)
    hashes = [
        {'type_name': 'test_msgs/msg/Inner', 'hash_string': 'RIHS01_b'},
        {'type_name': 'test_msgs/msg/Outer', 'hash_string': 'RIHS01_a'},
    ]
    path = tmp_path / 'share' / 'test_msgs' / 'msg' / 'Outer.json'
    path.write_text(json.dumps({'type_hashes': hashes}))
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    yield tmp_path
    definition_of.cache_clear()


def test_a_definition_has_every_type_in_it_once_behind_a_line(packages):
    definition = definition_of('test_msgs/msg/Outer')
    parts = definition.text.split('=' * 80 + '\n')
    assert parts[0].startswith(FIELDS)
    names = [part.partition('\n')[0] for part in parts[1:]]
    assert names == ['MSG: test_msgs/Inner', 'MSG: other_msgs/Leaf', 'MSG: test_msgs/Inner2']
    assert parts[2].rstrip().endswith('float64 y')


def test_the_hash_is_the_one_of_the_type_itself(packages):
    assert definition_of('test_msgs/msg/Outer').type_hash == 'RIHS01_a'
    assert definition_of('other_msgs/msg/Leaf').type_hash == ''


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('no_msgs/msg/Thing', 'the package no_msgs is not in this environment'),
        ('test_msgs/msg/Thing', 'Thing.msg is missing, build the workspace again'),
    ],
)
def test_a_type_that_is_not_installed_is_named(packages, name, words):
    with pytest.raises(ValueError, match=words):
        definition_of(name)
