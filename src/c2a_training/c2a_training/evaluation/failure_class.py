# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Why an episode failed, as one of seven classes. docs/evaluation.md explains the rules."""

from __future__ import annotations

from collections.abc import Sequence

from c2a_core.types import EndReason, ReplyStatus
from c2a_training.evaluation.deviation import EARLY_DONE, WRONG_OBJECT, WRONG_SKILL
from c2a_training.evaluation.episode_record import Answer

INVALID_CODE = 'invalid code'
LOW_LEVEL_FAILED = 'low level failed'
CRASH = 'crash'
FAILURES = (
    INVALID_CODE,
    WRONG_OBJECT,
    WRONG_SKILL,
    EARLY_DONE,
    LOW_LEVEL_FAILED,
    EndReason.TIME_OUT,
    CRASH,
)


def classify(reason: str, answers: Sequence[Answer], skill_failures: Sequence[str]) -> str:
    """The class of an episode; empty for a success.

    Args:
        reason: how it ended.
        answers: of the planner, in order.
        skill_failures: why skills failed.
    """
    if reason == EndReason.SUCCESS:
        return ''
    if reason.startswith('error:'):
        return CRASH
    # The first wrong turn decides: what comes after it is answered in a world that it has made.
    first = next((answer.deviation for answer in answers if answer.deviation), '')
    if first:
        return first
    is_aborted = reason.startswith(EndReason.ABORTED_PREFIX)
    if is_aborted and answers and answers[-1].status == ReplyStatus.INVALID:
        return INVALID_CODE
    if reason == EndReason.EARLY_DONE:
        return EARLY_DONE
    if is_aborted or skill_failures:
        return LOW_LEVEL_FAILED
    return EndReason.TIME_OUT
