# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a evaluate` with real episodes and processes."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

pytest.importorskip('sapien', reason='sapien is not installed')

from c2a_training.commands import evaluate_run
from c2a_training.commands.evaluate_command import GROUP

pytestmark = pytest.mark.e2e

FIRST = 1_000_000


def test_two_runs_and_one_or_two_workers_write_the_same_bytes(tmp_path):
    files = [tmp_path / f'{workers}.json' for workers in (1, 2)]
    for workers, path in enumerate(files, 1):
        words = ['run', '--planner', 'oracle', '--tasks', 'Pick', 'Topple']
        words += ['--seeds', f'{FIRST}-{FIRST + 2}', '--workers', str(workers)]
        args = GROUP.make_parser('run').parse_args([*words, '--json', str(path)])
        assert evaluate_run.run(args, Console(file=io.StringIO())) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    document = json.loads(files[0].read_text())
    assert [(cell['task'], cell['successes']) for cell in document['cells']] == [
        ('Pick', 3),
        ('Topple', 3),
    ]


def test_a_policy_does_the_same_in_one_worker_and_in_two(tmp_path):
    pytest.importorskip('torch', reason='torch is not installed')
    pytest.importorskip('diffusers', reason='diffusers is not installed')
    from small_policy_net import write_small_policy

    label = write_small_policy(tmp_path / 'policy').hash[:12]
    files = [tmp_path / f'{workers}.json' for workers in (1, 2)]
    for workers, path in enumerate(files, 1):
        words = ['run', '--planner', 'oracle', '--low-level', 'policy', '--tasks', 'Pick']
        words += ['--policy-checkpoint', str(tmp_path / 'policy'), '--image-size', '32']
        words += ['--seeds', f'{FIRST}-{FIRST + 2}', '--workers', str(workers)]
        args = GROUP.make_parser('run').parse_args([*words, '--json', str(path)])
        assert evaluate_run.run(args, Console(file=io.StringIO())) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    document = json.loads(files[0].read_text())
    assert document['config']['policy_checkpoint'] == label
    chunks = document['cells'][0]['chunks']
    assert chunks['chunks'] > 3
    assert not chunks['refused']


def test_a_low_level_that_cannot_be_made_says_why_from_a_worker_too(tmp_path):
    screen = io.StringIO()
    folder = tmp_path / 'nothing'
    words = ['run', '--planner', 'oracle', '--low-level', 'replay', '--replay-dir', str(folder)]
    words += ['--tasks', 'Pick', '--seeds', f'{FIRST}-{FIRST + 1}', '--workers', '2']
    args = GROUP.make_parser('run').parse_args(words)
    assert evaluate_run.run(args, Console(file=screen, width=400)) == 2
    assert "nothing' is not there: give replay_dir" in screen.getvalue()
