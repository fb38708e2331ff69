# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the demo tells about a planner's replies."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from fakes import CUBE
from rich.console import Console

from c2a_core.types import ActionChunk, EpisodeStatus, KeyStep
from c2a_training.demo_recorder import EpisodeRecord
from c2a_training.demo_story import DemoStory

MOVE, PICK = f'move3d(actor={CUBE})', f'pick(actor={CUBE})'


@pytest.fixture
def told():
    """A story, and a function that gives what it has written since the last call."""
    screen = io.StringIO()
    story = DemoStory(Console(file=screen, width=200, highlight=False))

    def lines() -> list[str]:
        text = screen.getvalue()
        screen.seek(0)
        screen.truncate()
        return [' '.join(line.split()) for line in text.splitlines() if line.strip()]

    return story, lines


def status(step: int = 0, reason: str = '') -> EpisodeStatus:
    is_done = bool(reason)
    return EpisodeStatus(
        1, 'Pick', 'Pick it up', 3, step, 100, reason == 'success', is_done, reason, 'lockstep',
        'oracle', 'maniskill', 20.0, 'tiny', '',
    )  # fmt: skip


def reply(step: int, code: str, what: str = 'key_step', **more) -> KeyStep:
    fields = {'memory': (), 'checkpoint': '0123456789ab', **more}
    return KeyStep(1, step, 0, 0, what == 'key_step', code, '', reply_status=what, **fields)


def test_key_step_is_told_with_what_was_seen_remembered_and_how_long_it_took(told):
    story, lines = told
    story.begin(status())
    assert lines()[1:] == ['Pick it up']
    story.reply(reply(0, MOVE, latency_s=0.0514))
    assert lines() == ['planner 0123456789ab', f'0 {MOVE}', 'saw picture 0, wrote in 51 ms']
    story.skill_ended(True)
    story.reply(reply(12, PICK, memory=(MOVE,), latency_s=0.04))
    assert lines() == [
        'succeeded after 12 steps',
        f'12 {PICK}',
        'saw picture 12, remembered 1 key step, wrote in 40 ms',
    ]
    story.end(EpisodeRecord(status(30, 'success'), (MOVE, PICK), 30, None, None))
    assert lines() == [
        'ran for 18 steps',
        'success after 30 steps (1.5 s of robot time), 2 skill calls',
    ]


def chunk(step: int, subtask_id: int = 0, **more) -> ActionChunk:
    actions = np.zeros((16, 7), np.float32)
    fields = {'preempted': False, 'discarded': 0, 'latency_s': 0.05, 'checkpoint': 'abc', **more}
    return ActionChunk(1, step, subtask_id, 0, actions, 0.05, **fields)


def test_chunks_of_a_policy_are_told_when_their_key_step_is_over(told):
    story, lines = told
    story.begin(status())
    story.chunk(chunk(0))  # heard before its key step
    story.reply(reply(0, MOVE))
    story.chunk(chunk(8, latency_s=0.07))
    story.chunk(chunk(12, 1, preempted=True, discarded=5))
    lines()
    story.reply(replace(reply(12, PICK, memory=(MOVE,)), subtask_id=1))
    assert lines()[:2] == ['ran for 12 steps', 'policy abc: 2 action chunks, 60 ms each']
    story.end(EpisodeRecord(status(15, 'success'), (MOVE, PICK), 15, None, None))
    assert lines()[1] == (
        'policy abc: 1 action chunk, 50 ms each, the first in place of 5 actions that were left'
    )


def test_failed_skill_and_repeated_key_step_are_told(told):
    story, lines = told
    story.reply(reply(0, PICK))
    story.skill_ended(False)
    story.reply(reply(7, PICK, 'repeated', memory=(PICK,)))
    assert lines()[3:] == [
        'failed after 7 steps',
        f'7 {PICK}',
        'saw picture 7, remembered 1 key step, again',
    ]


def test_skill_that_ends_before_its_key_step_is_heard_keeps_its_outcome(told):
    story, lines = told
    story.begin(status())
    story.skill_ended(False)
    story.reply(reply(0, MOVE))
    story.skill_ended(True)  # of the next one
    story.reply(reply(1, PICK))
    story.reply(reply(9, MOVE))
    assert [line for line in lines() if 'after' in line] == [
        'failed after 1 step',
        'succeeded after 8 steps',
    ]


def test_replies_that_it_goes_on_are_counted_with_those_that_were_stopped_early(told):
    story, lines = told
    story.reply(reply(0, MOVE))
    for step in range(1, 6):
        story.reply(reply(step, MOVE, 'same', early_stopped=step > 1))
    assert len(lines()) == 3
    story.reply(reply(6, PICK))
    assert lines()[0] == (
        'ran for 6 steps, 5 replies said that it goes on, 4 of them stopped early'
    )


def test_invalid_reply_is_told_with_its_reason_and_holds_are_not_told(told):
    story, lines = told
    story.reply(reply(0, '', 'hold'))
    story.reply(reply(1, '', 'invalid', reason="unknown skill 'grab' [x]"))
    assert lines() == ['planner 0123456789ab', "step 1: invalid reply: unknown skill 'grab' [x]"]


def test_the_same_mistake_is_told_once_and_counted(told):
    story, lines = told
    for step in range(19):
        story.reply(reply(step, '', 'invalid', reason='cannot read'))
    story.reply(reply(19, '', 'invalid', reason='aborted: 20 invalid replies in a row'))
    story.end(EpisodeRecord(status(19, 'aborted: 20 invalid replies'), (), 19, None, None))
    assert lines()[1:3] == ['step 0: invalid reply: cannot read', 'and 18 times more']


def test_done_is_told_and_has_no_outcome(told):
    story, lines = told
    story.reply(reply(0, 'done()'))
    assert lines()[1] == '0 done()'
    story.end(EpisodeRecord(status(10, 'early done'), ('done()',), 10, None, None))
    assert lines() == ['early done after 10 steps (0.5 s of robot time), 0 skill calls']
