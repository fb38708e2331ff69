# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The embedded simulator behind the nodes: what runs over DDS equals what runs in one process."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')

from node_world import wait_until

from c2a_core.episode_file import list_episodes, read_episode
from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import Planner
from c2a_sim_bridge.backends.maniskill import ManiskillBackend
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_training.episode_worker import EpisodeJob, OracleRunner, WorkerSettings
from c2a_training.rollout import OracleLowLevel, run_episode

pytestmark = pytest.mark.ros

WITHOUT_PICTURES = SimConfig(render=False)
REPLAYED_TASKS = ('Pick', 'PlaceNextTo', 'PlaceOnTop', 'Push', 'SingleStack')
REPLAYED_SEEDS = range(10)


@pytest.mark.parametrize('task', ['PlaceNextTo', 'Swap'])
def test_oracle_episode_over_dds_equals_the_rollout_step_by_step(ros, task: str):
    simulator = Simulator(WITHOUT_PICTURES)
    rows = []
    expected = run_episode(
        simulator,
        Planner(OracleBackend()),
        OracleLowLevel(simulator),
        task=task,
        seed=2,
        episode_id=1,
        on_step=lambda *row: rows.append(row),
    )
    backend = ManiskillBackend(Simulator(WITHOUT_PICTURES))
    ros.stack(backend, bridge={'task': task, 'seed': 2})
    status = ros.ended(timeout_s=60.0)
    assert (status.success, status.step) == (True, expected.steps)
    wait_until(lambda: len(ros.probe.of('key_step', 1)) == len(rows), what='the last key step')
    commands = {command.step: command for command in ros.probe.of('command', 1)}
    seen = zip(rows, ros.probe.of('observation', 1), ros.probe.of('key_step', 1), strict=True)
    for (observation, key_step, command), heard, heard_key_step in seen:
        for name in ('step', 'joint_positions', 'joint_velocities', 'ee_pose', 'vacuum_on'):
            assert np.array_equal(getattr(heard, name), getattr(observation, name)), name
        for name in ('step', 'subtask_id', 'is_key_step', 'code', 'cache_info', 'memory'):
            assert getattr(heard_key_step, name) == getattr(key_step, name), name
        if command is not None:
            assert commands[command.step].action.tobytes() == command.action.tobytes()
    assert backend.simulator.state_digest() == simulator.state_digest()


def test_fifty_replayed_episodes_succeed_and_end_in_the_bit_equal_state(ros, tmp_path):
    runner = OracleRunner(WorkerSettings(save_dir=tmp_path))
    for seed in REPLAYED_SEEDS:
        for task in REPLAYED_TASKS:
            assert runner.run(EpisodeJob(task, seed)).success
    assert len(list_episodes(tmp_path)) == 50
    backend = EndStates(Simulator(WITHOUT_PICTURES))
    ros.stack(
        backend,
        bridge={'task': ','.join(REPLAYED_TASKS), 'episodes': 50},
        low_level='replay',
        replay_dir=str(tmp_path),
    )
    ros.ended(episode_id=50, timeout_s=120.0)
    statuses = [ros.probe.ended(episode_id) for episode_id in range(1, 51)]
    assert sum(status.success for status in statuses) == 50
    for status in statuses:
        episode = read_episode(tmp_path / f'{status.task}_{status.seed}.npz')
        assert status.step == len(episode.actions)
        assert backend.digests[status.task, status.seed] == episode.state_digest


class EndStates(ManiskillBackend):
    """Remembers the state in which each episode ended, before the bridge stops the arm."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.digests: dict[tuple[str, int], str] = {}

    def reset(self, task, seed, instruction, options):
        self.episode = (task, seed)
        return super().reset(task, seed, instruction, options)

    def step(self, action) -> None:
        super().step(action)
        if self.success:
            self.digests.setdefault(self.episode, self.simulator.state_digest())
