# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The planning round: semantics 1, 3, 4, 8, 9 and 10 of the design."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from scripted_chunks import make_observation

from c2a_core.skill_api import comment
from c2a_core.types import ReplyStatus
from c2a_planner.backend import Reply, make_backend
from c2a_planner.planner import MAX_INVALID_IN_A_ROW, MAX_KEY_STEPS, UNCONFIRMED, Planner

MOVE = "move3d(actor=get_actor('red cube', (3, 5)))"
PICK = "pick(actor=get_actor('red cube', (3, 5)))"
STORE = "pose_dict['free'] = free_space(actor=get_actor('red cube', (3, 5)))\n" + MOVE
CARRY = "move3d(target_pose=pose_dict['free'])"


class ScriptedBackend:
    """Replies with given texts, in order, and notes what it was asked."""

    name = 'scripted'
    checkpoint = 'abc123'
    writes_code = True
    is_instant = True

    def __init__(self, *texts, latency_s=0.0):
        self.texts = list(texts)
        self.latency_s = latency_s
        self.asked = []

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        self.asked.append((observation.step, instruction, memory, request_key_step, oracle_code))
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        return Reply(text, latency_s=self.latency_s)


def run(planner, steps, **kwargs):
    return [planner.plan(make_observation(step), **kwargs) for step in range(steps)]


def begin(*texts, **kwargs):
    planner = Planner(ScriptedBackend(*texts), **kwargs)
    planner.reset(1, 'pick the cube')
    return planner


def oracle(code):
    return SimpleNamespace(code=code, is_new=False)


def test_semantics_01_one_key_step_per_observation_with_the_uncommented_running_code():
    planner = begin(MOVE, comment(MOVE), PICK, comment(PICK))
    steps = run(planner, 5)
    assert [s.step for s in steps] == [0, 1, 2, 3, 4]
    assert [s.code for s in steps] == [MOVE, MOVE, PICK, PICK, PICK]
    assert [s.is_key_step for s in steps] == [True, False, True, False, False]
    assert steps[0].checkpoint == 'abc123'


def test_semantics_03_memory_is_that_before_the_observation_and_cache_info_after():
    planner = begin(STORE, comment(STORE), CARRY)
    first, second, third = run(planner, 3)
    assert first.memory == ()
    assert first.cache_info == STORE.splitlines()[0]
    assert second.memory == third.memory == (STORE,)
    assert third.cache_info == first.cache_info
    assert [first.subtask_id, second.subtask_id, third.subtask_id] == [0, 0, 1]


def test_semantics_03_ids_start_again_with_each_episode():
    planner = begin(MOVE, PICK)
    run(planner, 2)
    planner.reset(2, 'again')
    key_step = planner.plan(make_observation(0, episode_id=2))
    assert (key_step.subtask_id, key_step.memory) == (0, ())


@pytest.mark.parametrize(
    ('text', 'status', 'reason'),
    [
        (comment(MOVE), ReplyStatus.SAME, ''),
        (comment(PICK), ReplyStatus.SAME, ''),
        (MOVE, ReplyStatus.REPEATED, ''),
        (MOVE.replace("'", '"'), ReplyStatus.REPEATED, ''),
        (MOVE + '\n' + comment(MOVE), ReplyStatus.INVALID, 'some lines are commented'),
        ('I think the robot should move', ReplyStatus.INVALID, 'I think'),
        ('__import__("os")', ReplyStatus.INVALID, '__import__'),
        (CARRY, ReplyStatus.INVALID, 'free'),
        ('', ReplyStatus.INVALID, 'empty'),
        (PICK, ReplyStatus.KEY_STEP, ''),
    ],
)
def test_semantics_04_other_replies(text, status, reason):
    planner = begin(MOVE, text)
    first, second = run(planner, 2)
    assert first.reply_status == ReplyStatus.KEY_STEP
    assert second.reply_status == status
    assert reason in second.reason
    if status != ReplyStatus.KEY_STEP:
        assert (second.subtask_id, second.code, second.is_key_step) == (0, MOVE, False)
        assert planner.memory == (MOVE,)


def test_unasked_done_counts_once_it_was_said_often_enough_in_a_row():
    texts = [MOVE, 'done()', 'done()', comment(MOVE), 'done()', 'done()', 'done()', 'done()']
    key_steps = run(begin(*texts, done_confirmations=3), 8)
    statuses = [key_step.reply_status for key_step in key_steps]
    same, new = ReplyStatus.SAME, ReplyStatus.KEY_STEP
    assert statuses == [new, same, same, same, same, same, new, ReplyStatus.DONE]
    assert [key_step.code for key_step in key_steps] == [MOVE] * 6 + ['done()'] * 2


@pytest.mark.parametrize('other', [PICK, 'no code', ''])
def test_any_other_reply_begins_the_confirmation_anew(other):
    planner = begin(MOVE, 'done()', 'done()', other, 'done()', done_confirmations=3)
    codes = [key_step.code for key_step in run(planner, 7)]
    assert codes.index('done()') == 6


def test_done_that_was_asked_for_counts_at_once():
    planner = begin(MOVE, 'done()', done_confirmations=10)
    run(planner, 1)
    asked = planner.plan(make_observation(1), request_key_step=True)
    assert (asked.code, asked.is_key_step) == ('done()', True)


def test_unconfirmed_done_is_counted_with_its_reason():
    planner = begin(MOVE, 'done()', done_confirmations=3)
    run(planner, 3)
    assert planner.reasons[ReplyStatus.SAME, UNCONFIRMED] == 2
    assert planner.memory == (MOVE,)


def test_semantics_04_commented_reply_that_is_not_the_last_key_step_is_counted():
    planner = begin(MOVE, comment(PICK))
    run(planner, 3)
    assert planner.counts[ReplyStatus.SAME] == 2
    assert planner.reasons[ReplyStatus.SAME, 'commented, but not the last key step'] == 2


def test_semantics_04_commented_with_empty_memory_is_invalid_and_means_hold():
    key_step = run(begin(comment(MOVE)), 1)[0]
    assert key_step.reply_status == ReplyStatus.INVALID
    assert (key_step.subtask_id, key_step.code) == (-1, '')


def test_semantics_04_twenty_invalid_replies_in_a_row_abort():
    planner = begin(MOVE, 'nonsense')
    steps = run(planner, MAX_INVALID_IN_A_ROW + 2)
    assert not steps[MAX_INVALID_IN_A_ROW - 1].reason.startswith('aborted: ')
    assert steps[MAX_INVALID_IN_A_ROW].reason.startswith('aborted: 20 invalid replies in a row')
    assert steps[-1].reason == steps[-2].reason
    assert len(planner.backend.asked) == MAX_INVALID_IN_A_ROW + 1


def test_semantics_04_a_valid_reply_starts_the_count_again():
    texts = [MOVE] + (['nonsense'] * 19 + [comment(MOVE)]) * 2
    steps = run(begin(*texts), len(texts))
    assert not any(s.reason.startswith('aborted') for s in steps)


def test_semantics_04_more_than_sixty_four_key_steps_abort():
    planner = begin(*[MOVE, PICK] * 40)
    steps = run(planner, MAX_KEY_STEPS + 1)
    assert steps[MAX_KEY_STEPS - 1].subtask_id == 63
    assert steps[MAX_KEY_STEPS].reason == 'aborted: more than 64 key steps'
    assert steps[MAX_KEY_STEPS].subtask_id == 63


def test_semantics_08_a_key_step_request_refuses_a_commented_reply():
    planner = begin(MOVE, comment(MOVE))
    planner.plan(make_observation(0), request_key_step=True)
    key_step = planner.plan(make_observation(1), request_key_step=True)
    assert key_step.reply_status == ReplyStatus.INVALID
    assert 'next key step was asked for' in key_step.reason


def test_semantics_08_no_query_while_a_skill_runs():
    planner = begin(MOVE, PICK)
    planner.plan(make_observation(0), request_key_step=True)
    held = planner.hold(make_observation(1))
    assert (held.reply_status, held.code, held.memory) == (ReplyStatus.HOLD, MOVE, (MOVE,))
    assert len(planner.backend.asked) == 1


def test_semantics_08_three_failed_skills_in_a_row_abort():
    planner = begin(MOVE)
    for step in range(3):
        key_step = planner.plan(make_observation(step), request_key_step=True)
        assert key_step.reason == ''
        planner.report_skill(False, 'lost the cube')
    key_step = planner.plan(make_observation(3), request_key_step=True)
    assert key_step.reason == 'aborted: 3 failed skills in a row, the last: lost the cube'


def test_semantics_08_a_skill_that_succeeds_starts_the_count_again():
    planner = begin(MOVE, PICK)
    planner.plan(make_observation(0), request_key_step=True)
    for success in (False, False, True, False, False):
        planner.report_skill(success, 'why')
    assert planner.plan(make_observation(1), request_key_step=True).reason == ''


def test_semantics_08_repeating_a_skill_that_has_nothing_to_do_is_a_failure():
    planner = begin(MOVE)
    for step in range(4):
        planner.plan(make_observation(step), request_key_step=True)
        planner.report_skill(True, acted=False)
    key_step = planner.plan(make_observation(4), request_key_step=True)
    assert 'done before it began' in key_step.reason


def test_semantics_09_after_done_the_planner_is_not_asked_again():
    planner = begin(MOVE, 'done()')
    steps = run(planner, 4)
    assert [s.code for s in steps] == [MOVE, 'done()', 'done()', 'done()']
    assert steps[1].is_key_step
    assert [s.reply_status for s in steps[1:]] == ['key_step', 'done', 'done']
    assert len(planner.backend.asked) == 2


def test_semantics_10_a_delayed_key_step_takes_effect_later_and_skips_observations():
    planner = begin(MOVE, PICK, comment(PICK), delay_s=0.1)
    steps = run(planner, 7)
    assert [s.reply_status for s in steps] == [
        'hold', 'hold', 'key_step', 'skipped', 'key_step', 'skipped', 'same',
    ]  # fmt: skip
    assert [s.subtask_id for s in steps] == [-1, -1, 0, 0, 1, 1, 1]
    assert [asked[0] for asked in planner.backend.asked] == [0, 2, 4, 6]
    assert steps[4].memory == (MOVE,)


@pytest.mark.parametrize(('delay_s', 'effect'), [(0.0, 0), (0.01, 1), (0.05, 1), (0.051, 2)])
def test_semantics_10_delay_is_rounded_up_to_control_steps(delay_s, effect):
    steps = run(begin(MOVE, comment(MOVE), delay_s=delay_s), 4)
    assert [s.step for s in steps if s.is_key_step] == [effect]


def test_semantics_10_a_measured_delay_charges_the_latency_of_the_reply():
    planner = Planner(ScriptedBackend(MOVE, comment(MOVE), latency_s=0.12), delay_s=None)
    planner.reset(1, '')
    assert [s.step for s in run(planner, 5) if s.is_key_step] == [3]


def test_semantics_10_a_delayed_skill_request_asks_once():
    planner = begin(MOVE, PICK, delay_s=0.1)
    steps = run(planner, 3, request_key_step=True)
    assert [s.reply_status for s in steps] == ['hold', 'hold', 'key_step']
    assert len(planner.backend.asked) == 1


def test_oracle_backend_replies_like_a_learned_planner():
    planner = Planner(make_backend('oracle'))
    planner.reset(1, '')
    codes = [MOVE, MOVE, PICK, PICK, 'done()']
    steps = [planner.plan(make_observation(k), oracle(code)) for k, code in enumerate(codes)]
    assert [s.code for s in steps] == codes
    assert [s.reply_status for s in steps] == [
        'key_step', 'same', 'key_step', 'same', 'key_step',
    ]  # fmt: skip


def test_oracle_backend_does_not_lose_a_border_in_a_skipped_observation():
    planner = Planner(make_backend('oracle'), delay_s=0.1)
    planner.reset(1, '')
    codes = [MOVE, MOVE, MOVE, PICK, PICK, PICK, PICK]
    steps = [planner.plan(make_observation(k), oracle(code)) for k, code in enumerate(codes)]
    assert steps[-1].code == PICK


def test_oracle_backend_without_ground_truth_says_what_it_needs():
    planner = Planner(make_backend('oracle'))
    planner.reset(1, '')
    with pytest.raises(ValueError, match='needs a simulator'):
        planner.plan(make_observation(0))


def test_planner_none_puts_the_instruction_into_code_once():
    planner = Planner(make_backend('none'))
    planner.reset(1, 'pick the cube')
    steps = run(planner, 3)
    assert {s.code for s in steps} == {'pick the cube'}
    assert {s.cache_info for s in steps} == {''}
    assert [s.is_key_step for s in steps] == [True, False, False]
    assert {s.subtask_id for s in steps} == {0}


def test_another_instruction_begins_a_new_memory_and_counts_ids_on():
    planner = begin(MOVE, PICK)
    planner.plan(make_observation(0))
    planner.set_instruction('pick it up')
    key_step = planner.plan(make_observation(1))
    assert (key_step.subtask_id, key_step.memory) == (1, ())
    assert planner.backend.asked[-1][1] == 'pick it up'


def test_stop_is_said_with_the_next_observation():
    planner = begin(MOVE)
    planner.plan(make_observation(0))
    planner.stop('cancelled')
    key_step = planner.plan(make_observation(1))
    assert (key_step.reply_status, key_step.reason) == (ReplyStatus.HOLD, 'cancelled')


def test_observation_of_another_episode_is_refused():
    with pytest.raises(ValueError, match='call reset'):
        begin(MOVE).plan(make_observation(0, episode_id=9))


def test_with_a_pool_the_last_key_step_stands_until_the_reply_is_there():
    class OnePool:
        def __init__(self):
            self.calls = []

        def submit(self, function, *arguments):
            future = Future()
            self.calls.append((future, function, arguments))
            return future

        def finish(self):
            future, function, arguments = self.calls.pop(0)
            future.set_result(function(*arguments))

    pool = OnePool()
    backend = ScriptedBackend(MOVE, PICK)
    backend.is_instant = False
    planner = Planner(backend, pool=pool)
    planner.reset(1, '')
    assert planner.plan(make_observation(0)).reply_status == ReplyStatus.HOLD
    assert planner.plan(make_observation(1)).reply_status == ReplyStatus.HOLD
    pool.finish()
    assert planner.plan(make_observation(2)).code == MOVE
    assert planner.plan(make_observation(3)).reply_status == ReplyStatus.SKIPPED
    pool.finish()
    assert planner.plan(make_observation(4)).code == PICK


def test_unknown_planner_lists_the_names():
    with pytest.raises(ValueError, match='oracle, vlm, openai, none'):
        make_backend('gpt')
