# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A model is trained on what it will be asked with: rows of `c2a generate` against the nodes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')
pytest.importorskip('sapien', reason='sapien is not installed')

from node_world import wait_until

from c2a_core.spaces import proprioception
from c2a_planner.oracle_backend import OracleBackend
from c2a_sim_bridge.backends.maniskill import ManiskillBackend
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_training.dataset.jpeg import encode_jpeg
from c2a_training.dataset.pending_file import read_pending
from c2a_training.episode_worker import EpisodeJob
from c2a_training.generation.episode_maker import EpisodeMaker
from c2a_training.generation.generate_settings import GenerateSettings

pytestmark = pytest.mark.ros

EPISODES = (('PlaceNextTo', 3, 'simple'), ('Topple', 0, 'test'))


class ListeningBackend(OracleBackend):
    """The oracle, which writes down what the planner's model would be asked with."""

    def __init__(self):
        self.asked = []

    def reply(self, observation, instruction, memory, *rest):
        self.asked.append((observation, instruction, memory))
        return super().reply(observation, instruction, memory, *rest)


@pytest.mark.parametrize(('task', 'seed', 'split'), EPISODES)
def test_rows_equal_what_the_live_nodes_see(ros, tmp_path, task, seed, split):
    made = EpisodeMaker(GenerateSettings(split=split), tmp_path).make(EpisodeJob(task, seed))
    table = read_pending(made.path).read_table()
    rows = table.to_pylist()

    model = ListeningBackend()
    common = {'low_level': 'oracle', 'stepping': 'lockstep'}
    backend = ManiskillBackend(Simulator(SimConfig(split=split)))
    bridge = ros.bridge(backend, planner='oracle', task=task, episodes=-1, **common)
    ros.planner(model, planner='oracle', **common)
    ros.controller(**common)
    ros.wait_for_peers(bridge)
    # The probe has to be known to all before the episode that counts: a short one first.
    assert ros.reset(task='Topple', seed=1).accepted
    ros.ended(1, timeout_s=60.0)
    for kind in ('observation', 'key_step', 'command'):
        wait_until(lambda kind=kind: ros.probe.of(kind, 1), what=f'any {kind}')
    assert ros.reset(task=task, seed=seed).accepted
    status = ros.ended(2, timeout_s=60.0)
    assert (status.success, status.step, status.task) == (True, len(rows) - 1, task)
    counts = {'observation': len(rows), 'key_step': len(rows), 'command': len(rows) - 1}
    for kind, count in counts.items():
        wait_until(lambda k=kind, n=count: len(ros.probe.of(k, 2)) >= n, what=f'{count} x {kind}')

    observations, key_steps = ros.probe.of('observation', 2), ros.probe.of('key_step', 2)
    commands = {command.step: command for command in ros.probe.of('command', 2)}
    for row, seen, key_step in zip(rows, observations, key_steps, strict=True):
        check_observation(row, seen, observations[0].stamp_ns)
        check_key_step(row, key_step)
        assert row['instruction'] == status.instruction
        if row['action'] is not None:
            action = np.array(row['action'], np.float32)
            assert action.tobytes() == commands[row['step']].action.tobytes()
    assert rows[-1]['code'] == 'done()'
    # The prompt itself, as the planner's model gets it.
    asked = [words for words in model.asked if words[0].episode_id == 2]
    for seen, instruction, memory in asked:
        row = rows[seen.step]
        assert (instruction, memory) == (row['instruction'], tuple(row['memory']))
        assert encode_jpeg(seen.base_image) == row['base_image']['bytes']
    borders = {row['step'] for row in rows[:-1] if row['is_key_step']}
    assert borders <= {seen.step for seen, *_ in asked}


def check_observation(row, seen, start_ns):
    """Numbers and pixels of one row; robot time runs on from episode to episode."""
    assert (row['step'], row['stamp_ns']) == (seen.step, seen.stamp_ns - start_ns)
    stored = np.array(row['proprioception'], np.float32)
    assert stored.tobytes() == proprioception(seen).tobytes()
    for name in ('base_image', 'wrist_image'):
        # Equal bytes of JPEG: the pictures before it were equal.
        assert encode_jpeg(getattr(seen, name)) == row[name]['bytes'], (row['step'], name)


def check_key_step(row, key_step):
    """Texts of one row."""
    for name in ('code', 'is_key_step', 'subtask_id', 'cache_info'):
        assert row[name] == getattr(key_step, name), (row['step'], name)
    assert tuple(row['memory']) == key_step.memory
