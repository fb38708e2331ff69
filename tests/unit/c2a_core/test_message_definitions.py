# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The interface files against the types, without ROS: comments, fields and words agree."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from c2a_core import types

INTERFACES = Path(__file__).resolve().parents[3] / 'src' / 'c2a_msgs'
FILES = sorted(path for kind in ('msg', 'srv', 'action') for path in (INTERFACES / kind).iterdir())

_CONSTANT = re.compile(r'\w+ ([A-Z_]+)=(.+)')
_FIELD = re.compile(r'([\w/]+(?:\[\d*\])?) ([a-z_0-9]+)')


def _lines(path):
    return path.read_text(encoding='utf-8').splitlines()


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_every_field_has_a_comment_above_it(path):
    previous = ''
    for line in _lines(path):
        if line and not line.startswith('#') and line != '---':
            assert _FIELD.fullmatch(line) or _CONSTANT.fullmatch(line), line
            assert previous.startswith('# '), f'{line} has no comment'
        previous = line


@pytest.mark.parametrize(
    'name', ['Observation', 'KeyStep', 'ActionChunk', 'Command', 'EpisodeStatus']
)
def test_message_and_type_have_the_same_fields(name):
    matches = map(_FIELD.fullmatch, _lines(INTERFACES / 'msg' / f'{name}.msg'))
    in_message = {match[2] for match in matches if match}
    in_type = {field.name for field in dataclasses.fields(getattr(types, name))}
    # The stamp travels in the header; a flat array needs its two sizes beside it.
    in_type = in_type - {'stamp_ns'} | {'header'}
    assert in_message - {'pred_horizon', 'action_dim'} == in_type


@pytest.mark.parametrize(
    ('name', 'words'),
    [('KeyStep', types.ReplyStatus.ALL), ('Command', types.CommandSource.ALL)],
)
def test_message_constants_are_the_words_of_the_type(name, words):
    matches = map(_CONSTANT.fullmatch, _lines(INTERFACES / 'msg' / f'{name}.msg'))
    assert tuple(match[2] for match in matches if match) == words


def test_every_interface_is_built():
    listed = set(
        re.findall(r'"((?:msg|srv|action)/\w+\.\w+)"', (INTERFACES / 'CMakeLists.txt').read_text())
    )
    assert listed == {f'{path.parent.name}/{path.name}' for path in FILES}


def test_every_dependency_is_declared_twice():
    package = (INTERFACES / 'package.xml').read_text()
    cmake = (INTERFACES / 'CMakeLists.txt').read_text()
    used = {
        match[1].split('/')[0]
        for path in FILES
        for match in map(_FIELD.fullmatch, _lines(path))
        if match and '/' in match[1]
    }
    for name in used:
        assert f'<depend>{name}</depend>' in package
        assert f'find_package({name} REQUIRED)' in cmake


def test_the_tables_of_the_readme_are_those_of_the_files():
    script = INTERFACES.parents[1] / 'scripts' / 'interface_tables.py'
    run = subprocess.run(
        [sys.executable, str(script), '--check'], capture_output=True, text=True, timeout=30
    )
    assert run.returncode == 0, run.stdout + run.stderr
