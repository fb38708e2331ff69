# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a train policy`: two processes do what one does, and a policy runs episodes on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sample_episodes import make_rows
from small_policy import SMALL_POLICY

from c2a_controller.policy_checkpoint import find_checkpoint
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.training.train_state import StateStore

pytestmark = pytest.mark.e2e
PACKAGES = Path(__file__).resolve().parents[2] / 'src'
STEPS = 3


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp('sets') / 'set'
    with EpisodeWriter(directory, {'image_size': 32}) as writer:
        for seed in range(4):
            writer.add(make_rows('Pick', seed, 6))
        writer.finish()
    return directory


def words_of(data, out, **changes):
    """Arguments of `c2a`."""
    values = SMALL_POLICY | {'model.unet_widths': '16,32', 'train.steps': STEPS} | changes
    settings = [f'{name}={value}' for name, value in values.items()]
    return ['train', 'policy', '--data', str(data), '--out', str(out), '--set', *settings]


def run(words):
    folders = [str(folder) for folder in PACKAGES.iterdir() if folder.is_dir()]
    paths = [*folders, os.environ.get('PYTHONPATH', '')]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(
        [sys.executable, *words], check=False, env=environment, timeout=600, capture_output=True
    )
    output = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, output
    return output


def launched(data, out, processes):
    """The state that a training on so many processes ends with."""
    # The flag that starts several processes, on CPUs too.
    several = ['--multi_gpu'] if processes > 1 else []
    options = ['--num_processes', str(processes), '--num_machines', '1', *several]
    options += ['--main_process_port', '0', '--dynamo_backend', 'no', '--mixed_precision', 'no']
    module = ['-m', 'c2a_training.cli', *words_of(data, out)]
    output = run(['-m', 'accelerate.commands.launch', *options, *module])
    assert f'{processes} processes' in output
    return StateStore(out / 'state').load()


def test_two_processes_do_what_one_does(data, tmp_path):
    alone = launched(data, tmp_path / 'one', 1)
    both = launched(data, tmp_path / 'two', 2)
    assert alone.progress.step == both.progress.step == STEPS
    assert alone.model.keys() == both.model.keys()
    # The mean gradient: sums in another order, in bfloat16.
    first, second = (
        {name: value for name, value in state.optimizer.items() if name.endswith('exp_avg')}
        for state in (alone, both)
    )
    assert first.keys() == second.keys()
    assert distance(first, second) < 0.1 * distance(first)
    assert both.progress.metrics['loss'] == pytest.approx(alone.progress.metrics['loss'], rel=0.01)


def test_episodes_are_run_with_the_real_simulator(data, tmp_path):
    changes = {'closed_loop.minutes': 1000.0, 'closed_loop.episodes': 1}
    output = run(['-m', 'c2a_training.cli', *words_of(data, tmp_path / 'run', **changes)])
    assert 'crashed' not in output
    metrics = find_checkpoint(tmp_path / 'run' / 'best').info.metrics
    assert metrics['success'] in (0.0, 1.0)


def distance(first, second=None):
    """Between two sets of tensors, or of one to nothing."""
    differences = (value - second[name] if second else value for name, value in first.items())
    return sum(float(difference.square().sum()) for difference in differences) ** 0.5
