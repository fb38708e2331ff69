# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The embedded simulator behind the nodes: the state at each step, and stops."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from node_world import wait_until

pytestmark = pytest.mark.ros
pytest.importorskip('sapien', reason='sapien is not installed')

EPISODES = [('PlaceNextTo', 0), ('PlaceNextTo', 1), ('Topple', 0), ('Push', 0), ('Swap', 0)]


@pytest.fixture(scope='module')
def rollouts():
    """Oracle episodes made in process: result and rows by (task, seed)."""
    from c2a_planner.backend import make_backend
    from c2a_planner.planner import Planner
    from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
    from c2a_training.rollout import OracleLowLevel, run_episode

    simulator = Simulator(SimConfig(render=False))
    episodes = {}
    for task, seed in EPISODES:
        rows = []
        result = run_episode(
            simulator,
            Planner(make_backend('oracle')),
            OracleLowLevel(simulator),
            task=task,
            seed=seed,
            on_step=lambda *row, rows=rows: rows.append(row),
            with_digests=True,
        )
        assert result.success, (task, seed, result.reason)
        episodes[task, seed] = (result, rows)
    return episodes


class DigestingBackend:
    """The real backend, which notes the state's digest at each observation."""

    def __init__(self):
        from c2a_sim_bridge.backends.maniskill import ManiskillBackend

        self._backend = ManiskillBackend.create(128, False, 'low_poly')
        self.digests = []

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def reset(self, *arguments):
        self.digests = []
        return self._backend.reset(*arguments)

    def observe(self, episode_id):
        self.digests.append(self._backend.simulator.state_digest())
        return self._backend.observe(episode_id)


def quiet_stack(ros, **common):
    backend = DigestingBackend()
    bridge = ros.stack(backend, bridge={'episodes': -1, 'render': False, 'task': 'Swap'}, **common)
    ros.wait_for_peers(bridge)
    return bridge, backend


def test_the_run_over_dds_equals_the_in_process_rollout_step_by_step(ros, rollouts):
    _, backend = quiet_stack(ros)
    for number, (task, seed) in enumerate(EPISODES, 1):
        result, rows = rollouts[task, seed]
        assert ros.reset(task=task, seed=seed).accepted
        status = ros.ended(number)
        assert (status.success, status.step) == (True, result.steps)
        assert tuple(backend.digests) == result.digests
        wait_until(lambda n=number, s=result.steps: len(ros.probe.of('key_step', n)) == s + 1)
        commands = {c.step: c for c in ros.probe.of('command', number)}
        for (_, expected, command), key_step in zip(
            rows, ros.probe.of('key_step', number), strict=True
        ):
            for name in ('step', 'subtask_id', 'is_key_step', 'code', 'cache_info', 'memory'):
                assert getattr(key_step, name) == getattr(expected, name), (task, expected.step)
            if command is not None:
                assert commands[command.step].action.tobytes() == command.action.tobytes()


@pytest.mark.parametrize('stepping', ['lockstep', 'realtime'])
@pytest.mark.parametrize('how', ['estop', 'cancel'])
def test_the_arm_stands_still_after_a_stop(ros, stepping, how):
    bridge, backend = quiet_stack(ros, stepping=stepping)
    simulator = backend.simulator
    handle = ros.action('execute_task', {'task': 'PlaceNextTo', 'seed': 0})
    wait_until(lambda: bridge.loop.step > 4)  # on its way to the object
    speed = np.linalg.norm(simulator.state.joint_velocities)
    if how == 'estop':
        ros.estop()
    else:
        wait_until(handle.cancel_goal_async().done)
    time.sleep(0.1)  # the bound: two control periods
    before = simulator.state.ee_position.copy()
    time.sleep(0.5)
    after = simulator.state.ee_position.copy()
    assert speed > 0.1
    assert np.linalg.norm(after - before) < 1e-3
    assert threading.active_count() < 50


def test_semantics_05_cells_are_those_of_the_picture_in_which_the_key_step_is_first_written(ros):
    import re

    _, backend = quiet_stack(ros)
    cells = []

    def observe(episode_id, observe=backend.observe):
        simulator = backend.simulator
        names = [spec.name for spec in simulator.state.specs]
        cells.append({name: simulator.cell_of(i) for i, name in enumerate(names)})
        return observe(episode_id)

    backend.observe = observe
    assert ros.reset(task='Swap', seed=0).accepted
    status = ros.ended(1)
    wait_until(lambda: len(ros.probe.of('key_step', 1)) == status.step + 1)
    borders = [k for k in ros.probe.of('key_step', 1) if k.is_key_step and k.code != 'done()']
    assert len(borders) >= 12
    for key_step in borders:
        for name, column, row in re.findall(
            r"get_actor\('(.*?)', \((\d), (\d)\)\)", key_step.code
        ):
            assert cells[key_step.step][name] == (int(column), int(row))
    frozen = {}
    for key_step in ros.probe.of('key_step', 1):
        assert frozen.setdefault(key_step.subtask_id, key_step.code) == key_step.code
