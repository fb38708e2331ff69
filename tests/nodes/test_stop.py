# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Everything that stops the robot, in both ways of stepping: less than 1 mm after the bound."""

from __future__ import annotations

import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fakes import CUBE, FakeModel, FakePolicy, FakeSimulator
from node_world import wait_until

from c2a_core.skill_api import comment

pytestmark = pytest.mark.ros

MOVE = f'move3d(actor={CUBE})'
STEPPING = ['lockstep', 'realtime']
LOW_LEVEL = ['oracle', 'policy']
BOUND_S = 0.1
"""Two control periods after the answer to whoever stopped it."""


def endless(step_s=0.01, **kwargs):
    return FakeSimulator(
        needs_steps=0, max_steps=10**6, skill_steps=10**5, step_s=step_s, **kwargs
    )


def start(ros, stepping, low_level, simulator=None, **common):
    """A stack whose robot is moving."""
    simulator = simulator or endless()
    model = None if low_level == 'oracle' else FakeModel(MOVE, comment(MOVE))
    bridge = ros.stack(
        simulator,
        model,
        FakePolicy(),
        stepping=stepping,
        low_level=low_level,
        bridge={'episodes': -1, **common},
    )
    ros.probe.listen('diagnostics', DiagnosticArray, '/diagnostics')
    ros.wait_for_peers(bridge)
    assert ros.reset(task='FakeTask', seed=0).accepted
    wait_until(lambda: np.linalg.norm(simulator.position) > 0.05, what='the robot moves')
    return bridge, simulator


def assert_still(simulator):
    time.sleep(BOUND_S)
    before = simulator.position.copy()
    time.sleep(0.4)
    assert np.linalg.norm(simulator.position - before) < 1e-3


def said(ros, level, words):
    """Whether /diagnostics has said it."""
    statuses = [s for array in ros.probe.of('diagnostics') for s in array.status]
    return any(s.level == level and words in s.message for s in statuses)


@pytest.mark.parametrize('stepping', STEPPING)
@pytest.mark.parametrize('low_level', LOW_LEVEL)
def test_estop_stops_the_robot(ros, stepping, low_level):
    _, simulator = start(ros, stepping, low_level)
    assert ros.estop().success
    assert_still(simulator)
    assert ros.ended().reason == 'estop'
    assert simulator.stops >= 1
    assert wait_until(lambda: said(ros, DiagnosticStatus.ERROR, 'pressed'))
    refused = ros.reset(task='FakeTask', seed=1)
    assert not refused.accepted
    assert 'e-stop' in refused.message
    assert ros.estop(pressed=False).success
    assert ros.reset(task='FakeTask', seed=1).accepted


def test_estop_before_any_episode(ros):
    ros.bridge(FakeSimulator(), episodes=-1)
    assert ros.estop().success


def test_after_the_estop_is_released_the_scheduled_episodes_go_on(ros):
    simulator = FakeSimulator(step_s=0.02)
    ros.stack(simulator, bridge={'episodes': 2})
    wait_until(lambda: len(ros.probe.of('observation', 1)) > 2)
    ros.estop()
    assert ros.ended(1).reason == 'estop'
    time.sleep(0.2)
    assert not ros.probe.of('status', 2)
    ros.estop(pressed=False)
    assert ros.ended(2).success


@pytest.mark.parametrize('stepping', STEPPING)
@pytest.mark.parametrize('low_level', LOW_LEVEL)
def test_cancelling_a_task_stops_the_robot(ros, stepping, low_level):
    _, simulator = start(ros, stepping, low_level)
    handle = ros.action('execute_task', {})
    cancelling = handle.cancel_goal_async()
    wait_until(cancelling.done)
    assert_still(simulator)
    assert ros.ended().reason == 'cancelled'
    assert ros.result(handle).reason == 'cancelled'


@pytest.mark.parametrize('stepping', STEPPING)
def test_cancelling_a_skill_stops_the_robot(ros, stepping):
    bridge, simulator = start(ros, stepping, 'policy')
    handle = ros.action('execute_skill', {'episode_id': 1, 'code': MOVE})
    wait_until(lambda: bridge.skills.is_active)
    step = bridge.loop.step
    wait_until(lambda: bridge.loop.step > step + 2)
    cancelling = handle.cancel_goal_async()
    wait_until(cancelling.done)
    assert ros.result(handle).reason == 'cancelled'
    assert simulator.stops == 1


@pytest.mark.parametrize('stepping', STEPPING)
def test_deactivating_the_planner_stops_the_robot(ros, stepping):
    simulator = endless()
    bridge = ros.bridge(simulator, planner='vlm', low_level='policy', stepping=stepping)
    planner = ros.planner(FakeModel(MOVE, comment(MOVE)), low_level='policy', stepping=stepping)
    ros.controller(FakePolicy(), low_level='policy', stepping=stepping)
    wait_until(lambda: bridge.loop.step > 3)
    planner.executor.create_task(planner.trigger_deactivate)
    assert ros.ended().reason == 'aborted: the planner was deactivated'
    assert_still(simulator)


def test_shutting_the_bridge_down_stops_the_robot_and_says_so(ros):
    bridge, simulator = start(ros, 'realtime', 'policy')
    ros.remove(bridge)
    assert_still(simulator)
    assert simulator.stops >= 1
    assert ros.ended().reason == 'aborted: the bridge was shut down'


def test_realtime_watchdog_stops_the_robot_half_a_second_after_the_last_command(ros):
    simulator = endless(step_s=0.0)
    bridge = ros.bridge(simulator, planner='vlm', low_level='policy', stepping='realtime')
    ros.planner(FakeModel(MOVE, comment(MOVE)), low_level='policy', stepping='realtime')
    controller = ros.controller(FakePolicy(), low_level='policy', stepping='realtime')
    ros.probe.listen('diagnostics', DiagnosticArray, '/diagnostics')
    wait_until(lambda: np.linalg.norm(simulator.position) > 0.05)
    controller.executor.create_task(controller.trigger_deactivate)
    began = time.monotonic()
    wait_until(lambda: bridge.stepper.is_stopped, 3.0)
    assert 0.3 < time.monotonic() - began < 1.5
    assert simulator.stops == 1
    assert_still(simulator)
    assert wait_until(lambda: said(ros, DiagnosticStatus.ERROR, 'no command in time'))
    assert bridge.loop.is_running
    controller.executor.create_task(controller.trigger_activate)
    wait_until(lambda: not bridge.stepper.is_stopped, what='commands are back')


def test_realtime_the_world_goes_on_at_the_control_rate_whatever_the_models_do(ros):
    simulator = endless(step_s=0.0)
    model = FakeModel(MOVE, comment(MOVE), wall_s=0.3)
    policy = FakePolicy(wall_s=0.12)
    bridge = ros.stack(
        simulator, model, policy, stepping='realtime', low_level='policy', exec_horizon=4
    )
    wait_until(lambda: bridge.loop.step > 0)
    began, step = time.monotonic(), bridge.loop.step
    wait_until(lambda: bridge.loop.step >= step + 40)
    rate = 40 / (time.monotonic() - began)
    assert 15 < rate < 22
    key_steps = ros.probe.of('key_step', 1)
    assert [k.step for k in key_steps] == list(range(len(key_steps)))
    statuses = {k.reply_status for k in key_steps}
    assert {'hold', 'key_step', 'skipped', 'same'} <= statuses
    made_at = {chunk.chunk_id: chunk.step for chunk in ros.probe.of('chunk', 1)}
    moved = [c for c in ros.probe.of('command', 1) if c.chunk_id in made_at]
    assert moved
    assert min(c.step - made_at[c.chunk_id] for c in moved) >= 2


def test_realtime_the_last_key_step_stands_when_the_next_is_late(ros):
    from c2a_core import messages
    from c2a_core.ros import Qos, Topic
    from c2a_core.types import KeyStep
    from c2a_msgs import msg as c2a

    simulator = endless(step_s=0.0)
    bridge = ros.bridge(
        simulator, planner='vlm', low_level='policy', stepping='realtime', episodes=-1
    )
    planner = ros.planner(FakeModel(MOVE), low_level='policy', stepping='realtime')
    ros.controller(FakePolicy(), low_level='policy', stepping='realtime')
    ros.wait_for_peers(bridge)
    planner.executor.create_task(planner.trigger_deactivate)
    ros.reset(task='FakeTask', seed=0)
    publisher = ros.probe.create_publisher(c2a.KeyStep, Topic.KEY_STEP, Qos.KEY_STEP)
    wait_until(lambda: publisher.get_subscription_count() >= 3)
    key_step = KeyStep(1, 0, 0, 0, True, MOVE, '', (), 'key_step')
    publisher.publish(messages.key_step_to_msg(key_step))
    step = bridge.loop.step
    wait_until(lambda: bridge.loop.step > step + 10)
    commands = [c for c in ros.probe.of('command', 1) if c.source != 'hold'][-5:]
    assert {(c.source, c.subtask_id) for c in commands} == {('policy', 0)}


def test_realtime_a_late_command_means_hold_and_is_dropped(ros):
    simulator = endless(step_s=0.0)
    bridge = ros.bridge(
        simulator, planner='vlm', low_level='policy', stepping='realtime', episodes=-1
    )
    ros.planner(FakeModel(MOVE, comment(MOVE)), low_level='policy', stepping='realtime')
    # lockstep: this controller's slow policy blocks it
    ros.controller(
        FakePolicy(wall_s=0.12), low_level='policy', stepping='lockstep', exec_horizon=1
    )
    ros.wait_for_peers(bridge)
    ros.reset(task='FakeTask', seed=0)
    wait_until(lambda: bridge.loop.step > 15)
    assert bridge.stepper.dropped['command of another step'] > 2
    assert sum(not a[:6].any() for a in simulator.actions) > 8
    # What was done instead is said too, so that a recording tells what moved the arm.
    holds = {c.step for c in ros.probe.of('command', 1) if c.source == 'hold'}
    held = {k for k, action in enumerate(simulator.actions) if not action[:6].any()}
    assert holds <= held
    assert len(holds) > 8


def test_lockstep_a_slow_reply_is_not_a_dead_peer(ros):
    model = FakeModel(MOVE, comment(MOVE), wall_s=2.5)
    ros.stack(FakeSimulator(needs_steps=2), model, FakePolicy(), low_level='policy')
    assert ros.ended().success
