# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The loop with the embedded simulator: determinism, golden code traces, replay.

After a change that is meant to alter the traces run `C2A_WRITE_GOLDEN=1 ./c2a test -k golden` and
look at the difference.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from c2a_controller.chunk_executor import ChunkExecutor
from c2a_controller.replay_policy import ReplayPolicy
from c2a_core.episode_file import read_episode
from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import Planner
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_training.episode_worker import (
    EpisodeJob,
    OracleRunner,
    WorkerSettings,
    run_job,
    start_worker,
)
from c2a_training.rollout import EpisodeResult, OracleLowLevel, PolicyLowLevel, run_episode
from c2a_training.skillwise_planner import SkillwisePlanner

GOLDEN = Path(__file__).parent / 'golden'
TASKS = ('PlaceNextTo', 'StackTopple', 'Swap')


@pytest.fixture(scope='module')
def simulator() -> Simulator:
    return Simulator(SimConfig(render=False))


def run(simulator: Simulator, task: str, seed: int, low_level=None, **kwargs) -> EpisodeResult:
    low_level = low_level or OracleLowLevel(simulator)
    planner = Planner(OracleBackend())
    return run_episode(simulator, planner, low_level, task=task, seed=seed, **kwargs)


def render_trace(result: EpisodeResult) -> str:
    """The code trace with the row at which each key step begins, as in the documentation."""
    rows = zip(result.key_step_rows, result.key_steps, strict=True)
    steps = [*rows, (result.steps, result.codes[-1])]
    lines = [f'# {result.task}, seed {result.seed}: {result.instruction}']
    for row, code in steps:
        first, *rest = code.splitlines()
        lines.append(f'[{row}]'.ljust(8) + first)
        lines += [' ' * 8 + line for line in rest]
    return '\n'.join(lines) + '\n'


@pytest.mark.parametrize('task', ['PlaceNextTo', 'Swap'])
def test_golden_code_trace(simulator: Simulator, task: str):
    result = run(simulator, task, 0)
    assert result.success
    path = GOLDEN / f'{task}_0.txt'
    if os.environ.get('C2A_WRITE_GOLDEN'):
        path.parent.mkdir(exist_ok=True)
        path.write_text(render_trace(result), encoding='utf-8')
    assert render_trace(result) == path.read_text(encoding='utf-8')


def test_semantics_3_cache_info_of_each_row_holds_the_rows_own_assignments(simulator: Simulator):
    rows = []
    run(simulator, 'Swap', 0, on_step=lambda *row: rows.append(row))
    seen: dict[str, str] = {}
    for _, key_step, _ in rows:
        if key_step.is_key_step:
            for line in key_step.code.splitlines():
                key, separator, _ = line.partition(' = ')
                if separator:
                    seen.pop(key, None)
                    seen[key] = line
        assert key_step.cache_info == '\n'.join(seen.values())
    assert len(seen) == 3


@pytest.mark.parametrize('task', TASKS)
def test_seed_b_after_seed_a_equals_seed_b_alone(simulator: Simulator, task: str):
    run(simulator, task, 1)
    after = run(simulator, task, 2, with_digests=True)
    alone = run(Simulator(SimConfig(render=False)), task, 2, with_digests=True)
    assert after.digests == alone.digests
    assert after.codes == alone.codes
    np.testing.assert_array_equal(after.actions, alone.actions)


def test_episode_after_an_unfinished_one_is_the_same(simulator: Simulator):
    expected = run(simulator, 'Pick', 3, with_digests=True)
    simulator.reset('Swap', 0)
    for _ in range(7):
        simulator.step(np.array([0.01, 0.02, 0.03, 0.1, 0, 0, 1], np.float32))
    assert run(simulator, 'Pick', 3, with_digests=True).digests == expected.digests


def test_workers_do_not_change_the_episodes(tmp_path):
    jobs = [EpisodeJob(task, seed) for seed in (0, 1) for task in ('Pick', 'PlaceNextTo')]
    here, there = tmp_path / 'here', tmp_path / 'there'
    runner = OracleRunner(WorkerSettings(save_dir=here))
    expected = [runner.run(job) for job in jobs]
    with concurrent.futures.ProcessPoolExecutor(
        2,
        mp_context=multiprocessing.get_context('spawn'),
        initializer=start_worker,
        initargs=(WorkerSettings(save_dir=there),),
    ) as pool:
        summaries = list(pool.map(run_job, jobs))
    assert [(s.task, s.seed, s.steps) for s in summaries] == [
        (s.task, s.seed, s.steps) for s in expected
    ]
    for file in here.iterdir():
        assert read_episode(there / file.name) == read_episode(file)


@pytest.mark.parametrize('task', TASKS)
def test_replayed_actions_end_in_the_bit_equal_state(simulator: Simulator, task: str, tmp_path):
    recorded = OracleRunner(WorkerSettings(save_dir=tmp_path)).run(EpisodeJob(task, 5))
    assert recorded.success
    low_level = PolicyLowLevel(ChunkExecutor(ReplayPolicy(tmp_path)))
    replayed = run(simulator, task, 5, low_level)
    assert replayed.success
    episode = read_episode(tmp_path / f'{task}_5.npz')
    np.testing.assert_array_equal(replayed.actions, episode.actions)
    assert replayed.codes == episode.code
    assert simulator.state_digest() == episode.state_digest


@pytest.mark.parametrize('task', TASKS)
def test_semantics_8_oracle_asked_once_per_skill_solves_the_task(simulator: Simulator, task: str):
    low_level = OracleLowLevel(simulator)
    planner = SkillwisePlanner(Planner(OracleBackend()), low_level)
    result = run_episode(simulator, planner, low_level, task=task, seed=0)
    assert result.success
    assert result.codes == run(simulator, task, 0).codes


def test_semantics_11_oracle_stays_within_the_bounds_of_an_action(simulator: Simulator):
    for task in TASKS:
        actions = run(simulator, task, 4).actions
        assert np.linalg.norm(actions[:, :3], axis=1).max() <= 0.05 + 1e-6
        assert np.linalg.norm(actions[:, 3:6], axis=1).max() <= 0.25 + 1e-6
        assert set(np.unique(actions[:, 6])) <= {-1.0, 1.0}
