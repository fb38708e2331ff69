# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Key steps executed as skills (semantics 7 and 8), and the in-process rollout beside them."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import CUBE, SKILL_STEPS, TRACE, FakeModel, FakeSimulator
from node_world import wait_until

from c2a_core.skill_api import comment

pytestmark = pytest.mark.ros

STEPS = SKILL_STEPS * len(TRACE)
MOVE = f'move3d(actor={CUBE})'
PICK = f'pick(actor={CUBE})'
ALL = [*TRACE, 'done()']


def test_semantics_07_execute_skill_steps_the_world_and_says_so(ros):
    simulator = FakeSimulator(needs_steps=0)
    bridge = ros.bridge(simulator, planner='oracle', low_level='policy', episodes=-1)
    ros.planner(low_level='policy')
    ros.controller(FakePolicyThatWaits(), low_level='policy').trigger_deactivate()
    ros.wait_for_peers(bridge)
    ros.reset(task='FakeTask', seed=0)
    feedback = []
    handle = ros.action(
        'execute_skill',
        {'episode_id': 1, 'code': MOVE, 'subtask_id': 3},
        lambda message: feedback.append(message.feedback.step),
    )
    result = ros.result(handle)
    assert (result.success, result.done, result.reason) == (True, False, '')
    assert (result.first_step, result.last_step, result.episode_done) == (0, 3, False)
    assert feedback == [0, 1, 2, 3][: len(feedback)]  # what comes after the result is not heard
    wait_until(lambda: len(ros.probe.of('observation', 1)) == SKILL_STEPS + 1)
    commands = ros.probe.of('command', 1)
    assert [(c.step, c.source, c.subtask_id) for c in commands] == [
        (step, 'skill', 3) for step in range(SKILL_STEPS)
    ]
    assert [c.action.tolist() for c in commands] == [a.tolist() for a in simulator.actions]
    assert [s.step for s in ros.probe.of('status', 1)] == [0, 1, 2, 3, 4]


class FakePolicyThatWaits:
    source = 'policy'
    checkpoint = 'none'
    follows_key_steps = True
    is_instant = True

    def begin_episode(self, task, seed):
        pass

    def predict_action_chunk(self, observation, key_step):
        return np.zeros((4, 7), np.float32)


def test_semantics_07_the_controller_is_silent_while_a_skill_runs(ros):
    ros.stack(FakeSimulator())
    ros.ended()
    assert {c.source for c in ros.probe.of('command', 1)} == {'skill'}


@pytest.mark.parametrize(
    ('goal', 'why'),
    [
        ({'episode_id': 1, 'code': 'import os'}, 'broken'),
        ({'episode_id': 5, 'code': MOVE}, 'meant for episode 5'),
    ],
)
def test_semantics_07_a_skill_that_cannot_begin_fails_with_the_reason(ros, goal, why):
    simulator = FakeSimulator(needs_steps=0)
    simulator.broken_skills.add('import os')
    bridge = ros.bridge(simulator, low_level='policy', episodes=-1)
    ros.planner(low_level='policy')
    ros.controller(FakePolicyThatWaits(), low_level='policy').trigger_deactivate()
    ros.wait_for_peers(bridge)
    ros.reset(task='FakeTask', seed=0)
    result = ros.result(ros.action('execute_skill', goal))
    assert not result.success
    assert why in result.reason or 'cannot begin' in result.reason


def test_semantics_07_done_as_a_skill_holds_while_predicates_run(ros):
    simulator = FakeSimulator(needs_steps=0)
    bridge = ros.bridge(simulator, low_level='policy', episodes=-1)
    ros.planner(FakeModel(MOVE, comment(MOVE)), low_level='policy')
    ros.controller(FakePolicyThatWaits(), low_level='policy').trigger_deactivate()
    ros.wait_for_peers(bridge)
    ros.reset(task='FakeTask', seed=0)
    result = ros.result(ros.action('execute_skill', {'episode_id': 1, 'code': 'done()'}))
    assert (result.done, result.success, result.episode_done) == (True, False, True)
    assert ros.ended().reason == 'early done'
    assert not any(np.any(a[:6]) for a in simulator.actions)


def test_semantics_08_one_query_per_skill_on_the_observation_after_the_last(ros):
    model = FakeModel(*ALL)
    ros.stack(FakeSimulator(), model)
    assert ros.ended().success
    wait_until(lambda: len(model.asked) == 5)
    assert [asked[0] for asked in model.asked] == list(range(0, STEPS + 1, SKILL_STEPS))
    assert [asked[2] for asked in model.asked] == [tuple(ALL[:n]) for n in range(5)]
    assert all(asked[3] for asked in model.asked)  # the key-step prompt


def test_semantics_08_a_commented_reply_is_invalid_and_the_robot_holds_for_a_step(ros):
    model = FakeModel(TRACE[0], comment(TRACE[0]), *ALL[1:])
    simulator = FakeSimulator()
    ros.stack(simulator, model)
    ros.ended()
    key_steps = ros.probe.of('key_step', 1)
    assert key_steps[SKILL_STEPS].reply_status == 'invalid'
    assert ros.probe.of('command', 1)[SKILL_STEPS].source == 'hold'
    assert not simulator.actions[SKILL_STEPS][:6].any()


def test_semantics_08_a_failed_skill_stays_in_memory_and_the_planner_is_asked_again(ros):
    simulator = FakeSimulator()
    simulator.broken_skills.add(PICK)
    model = FakeModel(TRACE[0], PICK, MOVE, 'done()')
    ros.stack(simulator, model)
    ros.ended()
    assert model.asked[2][2] == (TRACE[0], PICK)
    assert simulator.started == [TRACE[0], PICK, MOVE]


def test_semantics_08_three_failed_skills_in_a_row_abort(ros):
    simulator = FakeSimulator(needs_steps=0)
    simulator.broken_skills.add(MOVE)
    ros.stack(simulator, FakeModel(MOVE))
    status = ros.ended()
    assert status.reason.startswith('aborted: 3 failed skills in a row')
    assert 'cannot begin' in status.reason
    assert simulator.started == [MOVE] * 3


def test_semantics_08_a_delayed_planner_makes_the_robot_hold_between_skills(ros):
    simulator = FakeSimulator(needs_steps=12)
    ros.stack(simulator, FakeModel(*ALL), planner={'planner_delay_s': '0.1'})
    assert ros.ended().success
    commands = [c for c in ros.probe.of('command', 1) if c.step < 12]
    assert [c.source for c in commands] == (['hold'] * 2 + ['skill'] * 4) * 2


class RolloutWorld:
    """The fake simulator in the shape that the in-process rollout takes."""

    def __init__(self, fake):
        self.fake = fake
        self.episode_id = 0

    def __getattr__(self, name):
        return getattr(self.fake, name)

    def reset(self, task, seed, instruction=None):
        return self.fake.reset(task, seed, instruction, {})

    def observe(self):
        return self.fake.observe(self.episode_id)

    def oracle_key_step(self):
        class Step:
            code = self.fake.oracle_code()
            is_new = False

        return Step


def test_semantics_07_rows_equal_those_of_the_in_process_rollout(ros):
    from c2a_planner.backend import make_backend
    from c2a_planner.planner import Planner
    from c2a_training.rollout import OracleLowLevel, run_episode

    ros.stack(FakeSimulator())
    ros.ended()
    wait_until(lambda: len(ros.probe.of('key_step', 1)) == STEPS + 1)
    world = RolloutWorld(FakeSimulator())
    rows = []
    run_episode(
        world,
        Planner(make_backend('oracle')),
        OracleLowLevel(world),
        task='FakeTask',
        seed=0,
        episode_id=1,
        on_step=lambda *row: rows.append(row),
    )
    commands = {c.step: c for c in ros.probe.of('command', 1)}
    assert len(rows) == STEPS + 1
    for row, seen, key_step in zip(
        rows, ros.probe.of('observation', 1), ros.probe.of('key_step', 1), strict=True
    ):
        observation, expected, command = row
        assert np.array_equal(seen.base_image, observation.base_image)
        assert np.array_equal(seen.ee_pose, observation.ee_pose)
        for name in ('step', 'subtask_id', 'is_key_step', 'code', 'cache_info', 'memory'):
            assert getattr(key_step, name) == getattr(expected, name), (expected.step, name)
        if command is not None:
            assert commands[command.step].action.tobytes() == command.action.tobytes()
            assert commands[command.step].source == command.source
