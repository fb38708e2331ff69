# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a planner's reply means (semantics 2 and 4). Text is parsed, never executed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from c2a_core.skill_api import SkillCodeError, check_reads, parse_key_step, uncomment
from c2a_core.types import ReplyStatus

DONE_CODE = 'done()'

OTHER_COMMENTED = 'commented, but not the last key step'


@dataclass(frozen=True)
class Judgement:
    """Meaning of one reply.

    Attributes:
        status: `ReplyStatus.KEY_STEP`, `SAME`, `REPEATED` or `INVALID`.
        code: canonical text of the new key step; empty otherwise.
        reason: why it is invalid, or what is odd about it; empty otherwise.
    """

    status: str
    code: str = ''
    reason: str = ''


def judge_reply(
    text: str, memory: tuple[str, ...], known_keys: Collection[str], request_key_step: bool = False
) -> Judgement:
    """Decide what a reply means.

    Args:
        text: the reply.
        memory: key steps so far, oldest first, canonical.
        known_keys: keys of `pose_dict` that have been set.
        request_key_step: the planner was asked for the next key step directly.
    """
    lines = [line for line in text.split('\n') if line.strip()]
    commented = sum(line.lstrip().startswith('#') for line in lines)
    if not lines:
        return _invalid('the reply is empty')
    if commented == len(lines):
        return _judge_commented(text, memory, request_key_step)
    if commented:
        return _invalid('some lines are commented out and some are not')
    return _judge_code(text, memory, known_keys)


def _judge_commented(text: str, memory: tuple[str, ...], request_key_step: bool) -> Judgement:
    if request_key_step:
        return _invalid('commented, but the next key step was asked for')
    if not memory:
        return _invalid('commented, but there is no key step to go on with')
    plain = uncomment(text)
    is_last = plain == memory[-1] or _canonical(plain) == memory[-1]
    return Judgement(ReplyStatus.SAME, reason='' if is_last else OTHER_COMMENTED)


def _judge_code(text: str, memory: tuple[str, ...], known_keys: Collection[str]) -> Judgement:
    try:
        code = parse_key_step(text)
        canonical = code.render()
        if memory and canonical == memory[-1]:
            return Judgement(ReplyStatus.REPEATED)
        check_reads(code, known_keys)
    except SkillCodeError as err:
        return _invalid(str(err))
    return Judgement(ReplyStatus.KEY_STEP, canonical)


def _canonical(text: str) -> str:
    """Canonical text of a key step, or the text itself where it is none."""
    try:
        return parse_key_step(text).render()
    except SkillCodeError:
        return text.strip()


def _invalid(reason: str) -> Judgement:
    return Judgement(ReplyStatus.INVALID, reason=reason)
