# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Lockstep waits for others, but not for ever: a message that got lost is said again."""

from __future__ import annotations

import pytest
from fakes import TRACE, FakePolicy, FakeSimulator
from node_world import wait_until

from c2a_controller.controller_node import ControllerNode
from c2a_msgs.action import ExecuteSkill
from c2a_planner import ros_task_server
from c2a_planner.planner_node import PlannerNode
from c2a_planner.ros_skill_client import SkillClient
from c2a_planner.ros_task_server import TaskServer
from c2a_sim_bridge import reminder as reminder_module
from c2a_sim_bridge.ros_bridge_inputs import BridgeInputs
from c2a_sim_bridge.ros_skill_server import SkillServer

pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    """The bridge asks again after a moment."""
    init = reminder_module.Reminder.__init__
    monkeypatch.setattr(reminder_module.Reminder, '__init__', lambda self: init(self, 0.3))


def lose(monkeypatch, owner, name, is_lost):
    """Let a method not happen the first time that its arguments are to be lost."""
    method, lost = getattr(owner, name), []

    def lossy(self, *arguments):
        if not lost and is_lost(*arguments):
            lost.append(arguments)
            return None
        return method(self, *arguments)

    monkeypatch.setattr(owner, name, lossy)
    return lost


def of_step(number):
    return lambda msg: msg.step == number


@pytest.mark.parametrize(
    ('owner', 'name', 'is_lost'),
    [
        (PlannerNode, '_on_observation', of_step(0)),
        (PlannerNode, '_on_observation', of_step(5)),
        (PlannerNode, '_on_oracle', of_step(5)),
        (PlannerNode, '_on_status', of_step(0)),
        (BridgeInputs, 'on_key_step', of_step(0)),
        (BridgeInputs, 'on_key_step', of_step(5)),
        (SkillServer, 'skill_goes_on', lambda step: step == 6),
        (SkillClient, '_on_end', lambda number, future: True),
    ],
)
def test_with_skills_an_episode_goes_on_after_a_loss(ros, monkeypatch, owner, name, is_lost):
    lost = lose(monkeypatch, owner, name, is_lost)
    ros.stack(FakeSimulator())
    assert ros.ended().reason == 'success'
    assert len(lost) == 1

    def answers():
        return {(k.step, k.code) for k in ros.probe.of('key_step', 1)}

    wait_until(lambda: len(answers()) >= 17)
    assert answers() == {(step, (*TRACE, 'done()')[step // 4]) for step in range(17)}


@pytest.mark.parametrize(
    ('owner', 'name', 'is_lost'),
    [
        (ControllerNode, '_on_observation', of_step(3)),
        (ControllerNode, '_on_key_step', of_step(3)),
        (ControllerNode, '_on_status', of_step(0)),
        (BridgeInputs, 'on_command', of_step(3)),
    ],
)
def test_with_a_policy_an_episode_goes_on_after_a_loss(ros, monkeypatch, owner, name, is_lost):
    lost = lose(monkeypatch, owner, name, is_lost)
    policy = FakePolicy()
    ros.stack(FakeSimulator(), None, policy, low_level='policy')
    assert ros.ended().reason == 'success'
    assert len(lost) == 1
    assert policy.episodes == [('FakeTask', 0)]

    def said():
        return {(c.step, c.chunk_id, c.chunk_index) for c in ros.probe.of('command', 1)}

    wait_until(lambda: len({step for step, _, _ in said()}) >= 16)
    commands = said()
    assert len(commands) == len({step for step, _, _ in commands})  # nobody has changed his mind


@pytest.mark.parametrize('service', ['request', 'answer'])
def test_a_task_ends_although_the_bridges_answer_was_lost(ros, monkeypatch, service):
    monkeypatch.setattr(ros_task_server, 'UNANSWERED_S', 0.5)
    if service == 'answer':
        lost = lose(monkeypatch, TaskServer, '_on_reset', lambda handle, future: True)
    else:
        lost = lose(monkeypatch, TaskServer, '_ask', lambda: True)
        monkeypatch.setattr(TaskServer, '_accept', accept_and_wait(TaskServer._accept))
    bridge = ros.stack(FakeSimulator(), bridge={'episodes': -1})
    ros.wait_for_peers(bridge)
    result = ros.result(ros.action('execute_task', {'task': 'OtherTask', 'seed': 3}))
    assert (result.success, result.episode_id, len(lost)) == (True, 1, 1)
    assert bridge.backend.resets == [('OtherTask', 3)]


def accept_and_wait(accept):
    """The clock of the answer runs although the request has gone nowhere."""

    def accept_goal(self, handle):
        accept(self, handle)
        self._unanswered.reset()

    return accept_goal


class LateGoal:
    """A goal of the last episode as the action server hands it over."""

    def __init__(self, episode_id):
        self.request = ExecuteSkill.Goal(
            episode_id=episode_id, code=TRACE[0], subtask_id=1, wait_for_key_steps=True
        )
        self.is_refused = False

    def execute(self):
        self.is_refused = True


def test_a_late_goal_of_the_last_episode_does_not_stop_the_next_one(ros, monkeypatch):
    """The bridge took it for this step's skill and held; then all waited for one another."""
    monkeypatch.setattr(reminder_module.Reminder, 'is_due', lambda self: False)
    bridge = ros.stack(FakeSimulator(), bridge={'episodes': -1})
    ros.wait_for_peers(bridge)
    start, goals = bridge.start, []

    def start_and_get_a_late_goal(*arguments, **options):
        start(*arguments, **options)
        goals.append(LateGoal(bridge.loop.episode_id - 1))
        bridge._skill_server._accept(goals[0])

    bridge.start = start_and_get_a_late_goal
    ros.reset(task='FakeTask', seed=0)
    assert ros.ended(1).reason == 'success'
    assert goals[0].is_refused
    wait_until(lambda: len(ros.probe.of('command', 1)) == 16)
    assert {c.source for c in ros.probe.of('command', 1)} == {'skill'}
