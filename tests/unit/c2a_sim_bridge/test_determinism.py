# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""An episode is a function of its task and seed, bit for bit. Pictures: `test_rendering.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from c2a_core.spaces import clip_action
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.tasks.registry import task_names

ROOT = Path(__file__).parents[3]
EPISODES = [('PlaceNextTo', 1), ('StackTopple', 2), ('Swap', 3)]


def episode_digests(simulator: Simulator, task: str, seed: int) -> list[str]:
    """Digest of the state at each observation of an oracle's episode."""
    simulator.reset(task, seed)
    digests = [simulator.state_digest()]
    while not simulator.success and simulator.state.step < 250:
        step = simulator.oracle_key_step()
        if step.is_new:
            simulator.start_skill(step.code)
        simulator.step(simulator.skill_action())
        digests.append(simulator.state_digest())
    return digests


def fresh() -> Simulator:
    return Simulator(SimConfig(render=False))


@pytest.mark.parametrize(('task', 'seed'), EPISODES)
def test_seed_b_after_seed_a_equals_seed_b_alone(task: str, seed: int):
    used = fresh()
    episode_digests(used, 'Topple', 0)
    episode_digests(used, task, seed + 10)
    after = episode_digests(used, task, seed)
    assert len(after) > 20
    assert after == episode_digests(fresh(), task, seed)


def test_an_episode_after_wild_actions_and_a_crash_of_the_arm_is_the_same():
    simulator, rng = fresh(), np.random.default_rng(0)
    expected = episode_digests(simulator, 'PlaceOnTop', 5)
    simulator.reset('NovelNoun', 5)
    for _ in range(60):
        simulator.step(clip_action(rng.normal(size=7)))
    assert episode_digests(simulator, 'PlaceOnTop', 5) == expected


def test_episodes_equal_those_of_another_process():
    code = (
        'from unit.c2a_sim_bridge.test_determinism import *\n'
        'simulator = fresh()\n'
        'for task, seed in EPISODES:\n'
        '    print(*episode_digests(simulator, task, seed))\n'
    )
    packages = [str(ROOT / 'src' / name) for name in ('c2a_core', 'c2a_sim_bridge')]
    environment = {
        **os.environ,
        'PYTHONPATH': os.pathsep.join([*packages, str(ROOT / 'tests')]),
        'PYTHONHASHSEED': '12345',
    }
    done = subprocess.run(
        [sys.executable, '-c', code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if len(line) > 100]
    simulator = fresh()
    assert [line.split() for line in lines] == [
        episode_digests(simulator, task, seed) for task, seed in EPISODES
    ]


@pytest.mark.parametrize('task', task_names())
def test_two_seeds_are_two_episodes(task: str):
    simulator = fresh()
    simulator.reset(task, 0)
    first = simulator.state_digest()
    simulator.reset(task, 1)
    assert simulator.state_digest() != first


def test_random_actions_repeat_too():
    def final() -> str:
        simulator, rng = fresh(), np.random.default_rng(7)
        simulator.reset('NovelNoun', 0)
        for _ in range(80):  # into objects and table, wherever it goes
            simulator.step(clip_action(rng.normal(scale=0.05, size=7)))
        return simulator.state_digest()

    assert final() == final()


def test_numpys_global_generator_is_neither_used_nor_changed():
    np.random.seed(1)
    state = np.random.get_state()[1].copy()
    one = episode_digests(fresh(), 'PlaceNextTo', 8)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    np.random.seed(2)
    assert episode_digests(fresh(), 'PlaceNextTo', 8) == one
