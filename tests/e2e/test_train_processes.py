# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A training on two processes is the training on one, told through `accelerate launch`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sample_episodes import make_rows
from small_planner import small_llava

from c2a_planner.checkpoint import find_checkpoint
from c2a_training.dataset.episode_writer import EpisodeWriter

pytestmark = pytest.mark.e2e
TESTS = Path(__file__).resolve().parents[1]
PACKAGES = TESTS.parent / 'src'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp('sets') / 'set'
    with EpisodeWriter(directory, {'image_size': 32}) as writer:
        for seed in range(4):
            writer.add(make_rows('Pick', seed, 6))
        writer.finish()
    return directory


def launch(what, data, out, processes):
    """Run a part of `train_ranks.py`; losses and weights of each process."""
    out.mkdir()
    folders = [TESTS, *(folder for folder in PACKAGES.iterdir() if folder.is_dir())]
    paths = [*map(str, folders), os.environ.get('PYTHONPATH', '')]
    # The flag that starts several processes, on CPUs too.
    several = ['--multi_gpu'] if processes > 1 else []
    options = ['--num_processes', str(processes), '--num_machines', '1', *several]
    options += ['--main_process_port', '0', '--dynamo_backend', 'no', '--mixed_precision', 'no']
    command = [sys.executable, '-m', 'accelerate.commands.launch', *options]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths), 'OMP_NUM_THREADS': '1'}
    subprocess.run(
        [*command, str(TESTS / 'train_ranks.py'), what, str(data), str(out)],
        check=True,
        env=environment,
        timeout=600,
    )
    ranks = range(processes)
    return (
        [json.loads((out / f'{rank}.json').read_text()) for rank in ranks],
        [load_file(out / f'{rank}.safetensors') for rank in ranks],
    )


def test_two_processes_agree_and_do_what_one_does(data, tmp_path):
    (alone,), (weights,) = launch('few_steps', data, tmp_path / 'one', 1)
    told, both = launch('few_steps', data, tmp_path / 'two', 2)
    assert told[0] == told[1]
    assert both[0].keys() == both[1].keys() == weights.keys()
    for name, value in both[0].items():
        assert torch.equal(value, both[1][name]), name
    # Sums in another order, in bfloat16: hundredths of what was learned.
    start = {f'llava.{name}': value for name, value in small_llava().state_dict().items()}
    learned, differing = distance(weights, start), distance(weights, both[0])
    assert differing < 0.05 * learned
    assert told[0]['losses'] == pytest.approx(alone['losses'], rel=0.005)
    assert told[0]['figures']['loss'] == pytest.approx(alone['figures']['loss'], rel=0.005)
    assert alone['losses'][-1] < alone['losses'][0]


def test_two_processes_train_where_a_batch_reaches_a_part_of_the_net_only(data, tmp_path):
    _, both = launch('whole_training', data, tmp_path / 'two', 2)
    for name, value in both[0].items():
        assert torch.equal(value, both[1][name]), name
    checkpoint = find_checkpoint(tmp_path / 'two' / 'run' / 'last')
    checkpoint.check()
    assert checkpoint.info.training_splits == ('simple',)


def distance(first, second):
    """Between two sets of weights."""
    return sum(float((first[name] - second[name]).square().sum()) for name in first) ** 0.5
