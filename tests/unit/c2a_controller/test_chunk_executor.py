# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Receding horizon, preemption, delay and refusal of the chunk executor (semantics 1 and 10)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scripted_chunks import (
    FORWARD,
    TP,
    ScriptedPolicy,
    make_key_step,
    make_observation,
    names,
)

from c2a_controller.chunk_alignment import LATE_CHUNK
from c2a_controller.chunk_executor import (
    BLEND_STEPS,
    EXEC_HORIZON,
    ON_NEW_KEY_STEP,
    ChunkExecutor,
)


def run(executor, subtasks, start=0):
    """Commands and chunks of an arm that does just what it is told."""
    commands, chunks = [], []
    position = np.zeros(3)
    for step, subtask_id in enumerate(subtasks, start):
        observation = make_observation(step, position=position)
        command, chunk = executor.command(observation, make_key_step(step, subtask_id))
        position = position + command.action[:3]
        commands.append(command)
        chunks.append(chunk)
    return commands, chunks


# The table in the module's docstring.
KEY_STEPS = [0] * 6 + [1] * 5


def test_flush_drops_the_chunk_at_a_new_key_step():
    executor = ChunkExecutor(ScriptedPolicy(), 4, 'flush')
    commands, chunks = run(executor, KEY_STEPS)
    assert names(commands) == 'A0 A1 A2 A3 B0 B1 C0 C1 C2 C3 D0'
    assert chunks[6].preempted
    assert chunks[6].discarded == TP - 2
    assert not chunks[4].preempted
    assert chunks[4].discarded == TP - 4
    assert executor.metrics.preemptions == 1


def test_finish_runs_the_chunk_to_its_horizon():
    commands, chunks = run(ChunkExecutor(ScriptedPolicy(), 4, 'finish'), KEY_STEPS)
    assert names(commands) == 'A0 A1 A2 A3 B0 B1 B2 B3 C0 C1 C2'
    assert not chunks[8].preempted
    assert [c.subtask_id for c in commands] == [0] * 8 + [1] * 3


def test_blend_is_over_when_the_next_chunk_takes_over():
    commands, _ = run(ChunkExecutor(ScriptedPolicy(), on_new_key_step='blend'), [0, 0, 1, 1, 1, 1])
    assert names(commands) == 'A0 A1 B0 B1 B2 C0'
    steps = min(EXEC_HORIZON, BLEND_STEPS)
    expected = [0.001 + 0.001 * (j + 1) / (steps + 1) for j in range(steps)]
    assert [c.action[0] for c in commands[2:5]] == pytest.approx(expected)


def test_blend_cross_fades_from_the_old_chunk():
    commands, chunks = run(ChunkExecutor(ScriptedPolicy(), 4, 'blend'), KEY_STEPS)
    assert names(commands) == 'A0 A1 A2 A3 B0 B1 C0 C1 C2 C3 D0'
    assert chunks[6].preempted
    for j, command in enumerate(commands[6:10]):
        weight = (j + 1) / (BLEND_STEPS + 1)
        assert command.action[0] == pytest.approx((1 - weight) * 0.002 + weight * 0.003)
        assert command.action[6] == 1.0


# The table of delays in the module's docstring.
LATE = {
    'time': '- - A2 A3 A4 A5 B2 - - C2 C3',
    'pose': '- - A0 A1 A2 A3 B2 - - C0 C1',
}


@pytest.mark.parametrize(('late_chunk', 'expected'), LATE.items())
def test_semantics_10_a_late_chunk_begins_by_time_or_by_pose(late_chunk, expected):
    policy = ScriptedPolicy(FORWARD)
    executor = ChunkExecutor(policy, 4, 'flush', delay_s=0.1, late_chunk=late_chunk)
    commands, _ = run(executor, [0] * 7 + [1] * 4)
    assert names(commands) == expected
    assert policy.asked_at == [0, 4, 7]


def test_after_a_hold_a_late_chunk_begins_with_its_first_row_whatever_it_is():
    # Wait for the suction where the arm is, then lift: the wait must not be skipped.
    actions = np.zeros((TP, 7), np.float32)
    actions[3:, 2] = -0.01
    actions[:, 6] = 1.0
    commands, _ = run(ChunkExecutor(ScriptedPolicy(actions), 4, 'flush', 0.1), [0] * 6)
    assert names(commands) == '- - A0 A1 A2 A3'


def test_where_the_old_chunk_led_less_far_a_late_one_begins_earlier():
    # The second chunk is twice as fast as the first.
    commands, _ = run(ChunkExecutor(ScriptedPolicy(), 4, 'flush', 0.1), [0] * 8)
    assert names(commands) == '- - A0 A1 A2 A3 B1 B2'


def test_a_pose_that_is_not_finite_leaves_it_to_time():
    executor = ChunkExecutor(ScriptedPolicy(FORWARD), 2, 'flush', 0.1)
    run(executor, [0] * 5)
    lost = make_observation(5, position=(np.nan, 0.0, 0.0))
    command, _ = executor.command(lost, make_key_step(5, 0))
    assert (command.chunk_id, command.chunk_index) == (1, 3)


def test_a_chunk_whose_steps_were_all_missed_is_dropped():
    executor = ChunkExecutor(ScriptedPolicy(FORWARD), 4, 'flush', 0.1)
    run(executor, [0])
    command, _ = executor.command(make_observation(TP + 1), make_key_step(TP + 1, 0))
    assert command.source == 'hold'
    assert executor.metrics.refused['stale'] == 1


@pytest.mark.parametrize('late_chunk', LATE_CHUNK)
@pytest.mark.parametrize('mode', ON_NEW_KEY_STEP)
@pytest.mark.parametrize('delay_s', [0.0, 0.05, 0.1, 0.2, 0.35])
def test_whoever_takes_pictures_knows_when_a_chunk_may_be_asked_for(late_chunk, mode, delay_s):
    for horizon in (1, 2, 3, 5, 8):
        policy = ScriptedPolicy()
        executor = ChunkExecutor(policy, horizon, mode, delay_s, late_chunk)
        subtasks = [step // 7 for step in range(30)]
        for step, subtask_id in enumerate(subtasks):
            is_new = not step or subtask_id != subtasks[step - 1]
            may_ask = executor.may_ask(step)
            run(executor, [subtask_id], step)
            assert may_ask or is_new or step not in policy.asked_at


def test_a_late_chunk_is_asked_for_before_the_horizon_is_over():
    policy = ScriptedPolicy(FORWARD)
    commands, _ = run(ChunkExecutor(policy, 4, 'flush', 0.1, 'pose'), [0] * 12)
    assert names(commands) == '- - A0 A1 A2 A3 B2 B3 B4 B5 C2 C3'
    assert policy.asked_at == [0, 4, 8]


def test_with_a_delay_above_the_horizon_there_is_always_a_chunk_in_the_making():
    policy = ScriptedPolicy()
    commands, _ = run(ChunkExecutor(policy, 1, 'flush', 0.1, 'time'), [0] * 8)
    assert names(commands) == '- - A2 A3 B2 B3 C2 C3'
    assert policy.asked_at == [0, 2, 4, 6]


def test_semantics_10_a_measured_delay_charges_what_inference_took():
    clock = itertools.count(0.0, 0.08).__next__
    executor = ChunkExecutor(ScriptedPolicy(), 8, 'flush', None, 'time', clock=clock)
    commands, _ = run(executor, [0] * 3)
    assert names(commands) == '- - A2'


def test_semantics_01_the_key_step_is_joined_in_the_middle_of_a_chunk():
    commands, _ = run(ChunkExecutor(ScriptedPolicy(), 8, 'flush'), [0, 0, 0, 1, 1, 2])
    assert names(commands) == 'A0 A1 A2 B0 B1 C0'
    assert [c.subtask_id for c in commands] == [0, 0, 0, 1, 1, 2]


@pytest.mark.parametrize('vacuum_on', [True, False])
def test_hold_before_the_first_key_step_keeps_the_vacuum(vacuum_on):
    executor = ChunkExecutor(ScriptedPolicy())
    command, chunk = executor.command(
        make_observation(0, vacuum_on=vacuum_on), make_key_step(0, -1, '')
    )
    assert (command.source, chunk) == ('hold', None)
    assert not command.action[:6].any()
    assert (command.action[6] > 0) == vacuum_on


def test_semantics_09_done_holds():
    executor = ChunkExecutor(ScriptedPolicy())
    run(executor, [0, 0])
    command, _ = executor.command(make_observation(2), make_key_step(2, 1, 'done()'))
    assert command.source == 'hold'


@pytest.mark.parametrize('reason', ['cancelled', 'aborted: 20 invalid replies in a row'])
def test_a_stopped_task_holds(reason):
    executor = ChunkExecutor(ScriptedPolicy())
    run(executor, [0, 0])
    command, _ = executor.command(make_observation(2), make_key_step(2, 0, reason=reason))
    assert command.source == 'hold'


def bad(row, column, value):
    actions = np.zeros((TP, 7), np.float32)
    actions[row, column] = value
    return actions


@pytest.mark.parametrize(
    ('actions', 'why'),
    [
        (bad(7, 0, np.nan), 'not finite'),
        (bad(0, 6, np.inf), 'not finite'),
        (bad(3, 0, 0.2), 'out of bounds'),
        (bad(3, 4, 1.0), 'out of bounds'),
        (np.zeros((TP, 6), np.float32), 'shape (8, 6), expected (Tp, 7)'),
        (np.zeros((0, 7), np.float32), 'no actions left'),
    ],
)
def test_a_bad_chunk_is_refused_and_the_robot_holds(actions, why):
    executor = ChunkExecutor(ScriptedPolicy(actions))
    commands, chunks = run(executor, [0, 0])
    assert names(commands) == '- -'
    assert chunks == [None, None]
    assert executor.metrics.refused[why] == 2


def test_a_chunk_for_an_older_key_step_is_stale():
    executor = ChunkExecutor(ScriptedPolicy(), 4, 'flush')
    observation, key_step = make_observation(0), make_key_step(0, 0)
    request = executor.begin_step(observation, key_step)
    executor.begin_step(make_observation(1), make_key_step(1, 1))
    actions = executor.policy.predict_action_chunk(observation, key_step)
    assert executor.deliver(request, actions, 0.1) is None
    assert executor.metrics.refused['stale'] == 1


def test_a_chunk_of_another_episode_is_stale():
    executor = ChunkExecutor(ScriptedPolicy())
    request = executor.begin_step(make_observation(0), make_key_step(0, 0))
    executor.begin_step(make_observation(0, episode_id=2), make_key_step(0, 0))
    assert executor.deliver(request, np.zeros((TP, 7), np.float32), 0.1) is None


def test_a_chunk_that_comes_late_starts_at_the_row_of_now():
    executor = ChunkExecutor(ScriptedPolicy(), 4, late_chunk='time')
    request = executor.begin_step(make_observation(0), make_key_step(0, 0))
    for step in (1, 2):
        observation, key_step = make_observation(step), make_key_step(step, 0)
        assert executor.begin_step(observation, key_step) is None
        assert executor.act(observation, key_step).source == 'hold'
    actions = executor.policy.predict_action_chunk(request.observation, request.key_step)
    assert executor.deliver(request, actions, 0.11) is not None
    observation, key_step = make_observation(3), make_key_step(3, 0)
    executor.begin_step(observation, key_step)
    assert executor.act(observation, key_step).chunk_index == 3


def test_a_chunk_that_comes_too_late_is_refused():
    executor = ChunkExecutor(ScriptedPolicy(), 4)
    request = executor.begin_step(make_observation(0), make_key_step(0, 0))
    executor.begin_step(make_observation(TP), make_key_step(TP, 0))
    assert executor.deliver(request, np.zeros((TP, 7), np.float32), 0.5) is None
    assert executor.metrics.refused['stale'] == 1


def test_reaction_to_a_key_step_is_measured_in_steps_and_time():
    executor = ChunkExecutor(ScriptedPolicy(), 4, 'finish')
    run(executor, KEY_STEPS)
    assert [(r.subtask_id, r.steps) for r in executor.metrics.reactions] == [(0, 0), (1, 2)]
    assert all(r.wall_ms >= 0.0 for r in executor.metrics.reactions)


def test_seam_jump_is_measured_at_each_chunk_border():
    executor = ChunkExecutor(ScriptedPolicy(), 4, 'flush')
    run(executor, KEY_STEPS)
    seams = executor.metrics.seams
    assert [s.step for s in seams] == [4, 6, 10]
    # at step 4: B0 = (0.002, 0) against A4 = (0.001, 0.0004), after A3 = (0.001, 0.0003)
    assert seams[0].position_jump_m == pytest.approx(np.hypot(0.001, 0.0004), rel=1e-4)
    assert seams[0].velocity_jump_mps == pytest.approx(np.hypot(0.001, 0.0003) / 0.05, rel=1e-4)
    assert set(executor.metrics.summary()) >= {'chunks', 'refused chunks'}


def test_reset_forgets_chunk_and_counters():
    executor = ChunkExecutor(ScriptedPolicy(), 4)
    run(executor, [0, 0])
    executor.reset()
    assert executor.metrics.chunks == 0
    commands, _ = run(executor, [0])
    assert names(commands) == 'A0'


def test_a_recording_is_not_preempted_and_does_not_wait_for_key_steps():
    policy = ScriptedPolicy()
    policy.follows_key_steps = False
    commands, _ = run(ChunkExecutor(policy, 4, 'flush'), [-1, 0, 1, 2, 3])
    assert names(commands) == 'A0 A1 A2 A3 B0'


@pytest.mark.parametrize(
    ('settings', 'why'),
    [
        ({'exec_horizon': 0}, 'exec_horizon is 0, expected 1 or more'),
        ({'on_new_key_step': 'drop'}, "'drop', expected one of flush, blend, finish"),
        ({'late_chunk': 'drop'}, "late_chunk is 'drop', expected one of pose, time"),
    ],
)
def test_bad_settings_are_refused(settings, why):
    with pytest.raises(ValueError, match=why):
        ChunkExecutor(ScriptedPolicy(), **settings)
