# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""docs/data.md against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sample_episodes import make_rows

from c2a_training.cli import GROUP
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.dataset.row_schema import SCHEMA

PAGE = (Path(__file__).resolve().parents[3] / 'docs' / 'data.md').read_text(encoding='utf-8')
COMMANDS = re.findall(r'^\./c2a ([^#\n]+)', PAGE, re.MULTILINE)


def test_every_column_is_explained():
    table = PAGE.split('### What a row is')[1].split('\n## ')[0]
    rows = [line.split('|')[1] for line in table.splitlines() if line.startswith('| `')]
    assert [name for row in rows for name in re.findall(r'`(\w+)`', row)] == SCHEMA.names


@pytest.mark.parametrize('command', [c for c in COMMANDS if not c.startswith('bringup')])
def test_commands_parse(command):
    words = command.split()
    group = GROUP
    while (subgroup := group.subgroup(words[0])) is not None:
        group, words = subgroup, words[1:]
    group.make_parser(words[0]).parse_args(words)


def test_bringup_is_shown_with_arguments_of_the_stack():
    from c2a_training.stack import load_stack

    known = load_stack(Path(__file__).resolve().parents[3] / 'launch').arguments
    shown = {name for name in re.findall(r'\b([a-z_]+):=', PAGE)}
    assert shown
    assert shown <= set(known)


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with EpisodeWriter('out/first', {}) as writer:
        writer.add(make_rows('Swap', 3, 60, size=128))
        writer.finish()
    own, foreign = re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL)
    exec(compile(own, 'data.md', 'exec'), {})
    datasets = pytest.importorskip('datasets', reason='datasets is not installed')
    monkeypatch.setattr(datasets.config, 'HF_DATASETS_CACHE', tmp_path / 'cache')
    exec(compile(foreign, 'data.md', 'exec'), {})
