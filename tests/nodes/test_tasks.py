# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The services and actions that start, change and end episodes (semantics 12)."""

from __future__ import annotations

import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import KeyValue
from fakes import CUBE, TRACE, FakeModel, FakePolicy, FakeSimulator
from node_world import wait_until

from c2a_core.skill_api import comment

pytestmark = pytest.mark.ros

MOVE = f'move3d(actor={CUBE})'


class MovingModel(FakeModel):
    """Says move3d, and that it goes on."""

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        self.texts = [comment(MOVE) if memory else MOVE]
        return super().reply(observation, instruction, memory, request_key_step, oracle_code)


def quiet_stack(ros, simulator=None, model=None, policy=None, **common):
    """A stack that starts no episode by itself."""
    simulator = simulator or FakeSimulator()
    bridge = ros.stack(simulator, model, policy, bridge={'episodes': -1}, **common)
    ros.wait_for_peers(bridge)
    return bridge


def test_reset_starts_an_episode_of_a_task_with_a_seed_and_an_instruction(ros):
    quiet_stack(ros)
    answer = ros.reset(task='OtherTask', seed=7, instruction='make it so')
    assert (answer.accepted, answer.episode_id, answer.instruction) == (True, 1, 'make it so')
    status = ros.ended(1)
    assert (status.task, status.seed, status.instruction) == ('OtherTask', 7, 'make it so')


def test_reset_without_arguments_takes_the_next_seed_of_the_same_task(ros):
    quiet_stack(ros)
    ros.reset(task='OtherTask', seed=7)
    ros.ended(1)
    ros.reset()
    status = ros.ended(2)
    assert (status.task, status.seed) == ('OtherTask', 8)


def test_reset_ends_the_running_episode(ros):
    quiet_stack(ros, FakeSimulator(needs_steps=0, max_steps=10**6, step_s=0.01))
    ros.reset(task='FakeTask', seed=0)
    wait_until(lambda: len(ros.probe.of('observation', 1)) > 2)
    ros.reset(task='FakeTask', seed=1)
    assert ros.ended(1).reason == 'reset'


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        ({'task': 'FakeTusk'}, 'there is no task'),
        ({'task': 'FakeTask', 'options': [KeyValue(key='colour', value='red')]}, 'colour'),
        ({'options': [KeyValue(key='scene', value='keep')]}, 'no episode'),
        ({'options': [KeyValue(key='scene', value='drop')]}, "expected 'keep'"),
    ],
)
def test_reset_refuses_what_it_does_not_know(ros, fields, words):
    quiet_stack(ros)
    answer = ros.reset(**fields)
    assert (answer.accepted, answer.episode_id) == (False, -1)
    assert words in answer.message


def test_reset_waits_for_nobody_it_says_who_is_missing(ros):
    bridge = ros.bridge(FakeSimulator(), episodes=-1)
    assert bridge.missing() == 'planner'
    answer = ros.reset(task='FakeTask')
    assert not answer.accepted
    assert 'planner is not there' in answer.message


def test_semantics_12_execute_task_starts_an_episode_and_tells_how_it_goes(ros):
    quiet_stack(ros)
    feedback = []
    handle = ros.action(
        'execute_task',
        {'task': 'OtherTask', 'seed': 3, 'instruction': 'do it'},
        lambda message: feedback.append(message.feedback),
    )
    result = ros.result(handle)
    assert (result.success, result.reason, result.episode_id) == (True, 'success', 1)
    assert (result.key_steps >= 4, result.steps) == (True, 16)
    assert [f.code for f in feedback][:4] == list(TRACE)
    assert [f.step for f in feedback][:4] == [0, 4, 8, 12]
    assert list(feedback[1].memory) == list(TRACE[:2])


def test_semantics_12_execute_task_gives_the_running_episode_another_instruction(ros):
    model = MovingModel('', wall_s=0.02)
    simulator = FakeSimulator(needs_steps=40)
    quiet_stack(ros, simulator, model, FakePolicy(), low_level='policy')
    ros.reset(task='FakeTask', seed=0)
    wait_until(lambda: len(ros.probe.of('observation', 1)) > 5)
    result = ros.result(ros.action('execute_task', {'instruction': 'something else'}))
    assert (result.success, result.episode_id) == (True, 1)
    assert simulator.resets == [('FakeTask', 0)]
    assert ros.ended(1).instruction == 'something else'
    instructions = [asked[1] for asked in model.asked]
    assert instructions[0] == 'do FakeTask'
    assert instructions[-1] == 'something else'
    first = instructions.index('something else')
    assert model.asked[first][2] == ()  # a new memory


def test_execute_task_without_arguments_waits_for_the_running_episode(ros):
    quiet_stack(ros, FakeSimulator(step_s=0.03))
    ros.reset(task='FakeTask', seed=0)
    wait_until(lambda: len(ros.probe.of('observation', 1)) > 1)
    wait_until(lambda: ros.probe.of('status', 1))
    result = ros.result(ros.action('execute_task', {}))
    assert (result.success, result.episode_id) == (True, 1)


def test_execute_task_of_an_unknown_task_is_aborted_with_the_reason(ros):
    quiet_stack(ros)
    handle = ros.action('execute_task', {'task': 'FakeTusk'})
    result = ros.result(handle)
    assert not result.success
    assert 'there is no task' in result.reason
    assert handle.status == GoalStatus.STATUS_ABORTED


def test_a_second_task_takes_over_from_the_first(ros):
    quiet_stack(ros, FakeSimulator(needs_steps=0, max_steps=60, step_s=0.02))
    first = ros.action('execute_task', {'task': 'FakeTask'})
    wait_until(lambda: len(ros.probe.of('observation', 1)) > 2)
    second = ros.action('execute_task', {'task': 'OtherTask'})
    assert ros.result(first).reason == 'another task took over'
    assert ros.ended(1).reason == 'reset'
    result = ros.result(second)
    assert (result.reason, result.episode_id) == ('early done', 2)
