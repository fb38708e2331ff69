# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Whether the rows of an episode mean what the schema says: hashes, order, code, memory, pictures.

What can be computed from other columns is computed anew, by the same functions that planner and
simulator use, and compared.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from c2a_core.memory import KeyStepMemory
from c2a_core.skill_api import SkillCodeError, parse_key_step
from c2a_core.spaces import clip_action
from c2a_training.dataset.episode_metadata import motion_sha256
from c2a_training.dataset.episode_rows import DONE_CODE, EpisodeRows
from c2a_training.dataset.jpeg import decode_jpeg


def check_rows(rows: EpisodeRows) -> Iterator[str]:
    """What is wrong with an episode, a sentence each; nothing if all is well."""
    yield from _check_hashes(rows)
    yield from _check_order(rows)
    yield from _check_numbers(rows)
    yield from _check_code(rows)
    yield from _check_oracle_code(rows)
    yield from _check_pictures(rows)


def _check_hashes(rows: EpisodeRows) -> Iterator[str]:
    if rows.content_sha256() != rows.metadata.content_sha256:
        yield 'its rows are not those that were written: their hash differs'
    if motion_sha256(rows.proprioception, rows.actions) != rows.metadata.sha256:
        yield 'its states and actions are not those that were written: their hash differs'


def _check_order(rows: EpisodeRows) -> Iterator[str]:
    wrong = np.nonzero(rows.step != np.arange(len(rows)))[0]
    if len(wrong):
        row = int(wrong[0])
        yield f'row {row} has step {rows.step[row]}: steps do not count up from 0'
    if np.any(np.diff(rows.stamp_ns) <= 0):
        yield f'stamps do not grow after row {int(np.argmax(np.diff(rows.stamp_ns) <= 0))}'
    if rows.code[-1] != DONE_CODE:
        yield f'the last row has the code {rows.code[-1]!r:.60}, expected {DONE_CODE}'
    if bool(rows.success[-1]) != rows.metadata.success:
        yield f'its last row has success {bool(rows.success[-1])}, its metadata the opposite'
    if rows.success[:-1].any():
        yield f'it goes on after its success at row {int(np.argmax(rows.success))}'


def _check_numbers(rows: EpisodeRows) -> Iterator[str]:
    if not np.isfinite(rows.proprioception).all():
        yield 'proprioception has numbers that are not finite'
    yield from _check_actions('an action', rows.actions)
    if rows.intended_actions is not None:
        yield from _check_actions('an intended action', rows.intended_actions)


def _check_actions(what: str, actions: np.ndarray) -> Iterator[str]:
    for row, action in enumerate(actions):
        try:
            is_within = np.array_equal(clip_action(action), action)
        except ValueError as err:
            yield f'row {row}: {err}'
            return
        if not is_within:
            yield f'row {row} has {what} over the bounds of our convention'
            return


def _check_code(rows: EpisodeRows) -> Iterator[str]:
    """Code, flag, number, memory and cache info of each row from the key steps before it."""
    memory = KeyStepMemory()
    for row, code in enumerate(rows.code):
        before = memory.steps
        is_done = code == DONE_CODE
        if rows.is_key_step[row] and not is_done:
            try:
                memory.append(code)
            except SkillCodeError as err:
                yield f'row {row} begins a key step that is none: {err}'
                return
        expected = memory.subtask_id + is_done
        wrong = None
        if not is_done and code != memory.last:
            wrong = 'code that is not the running key step'
        elif int(rows.subtask_id[row]) != expected:
            wrong = f'subtask_id {rows.subtask_id[row]}, expected {expected}'
        elif rows.cache_info[row] != memory.cache_info():
            wrong = 'cache info that its memory does not give'
        # Whether a done() that was said early is remembered is the planner's affair.
        elif tuple(code for code in rows.memory[row] if code != DONE_CODE) != before:
            wrong = 'a memory that is not the key steps before it'
        if wrong is not None:
            yield f'row {row} has {wrong}'
            return
    calls = memory.subtask_id + 1
    if calls != rows.metadata.skill_calls:
        yield f'it has {calls} key steps, its metadata says {rows.metadata.skill_calls}'


def _check_oracle_code(rows: EpisodeRows) -> Iterator[str]:
    for row, code in enumerate(rows.oracle_code):
        is_new = row == 0 or code != rows.oracle_code[row - 1]
        if code is None or code == DONE_CODE or not is_new:
            continue
        try:
            parse_key_step(code)
        except SkillCodeError as err:
            yield f'row {row} has an oracle code that is no key step: {err}'
            return


def _check_pictures(rows: EpisodeRows) -> Iterator[str]:
    for name, pictures in (('base_image', rows.base_jpeg), ('wrist_image', rows.wrist_jpeg)):
        shapes = set()
        for row, picture in enumerate(pictures):
            if picture is None:
                continue
            try:
                shapes.add(decode_jpeg(picture).shape)
            except ValueError as err:
                yield f'{name} of row {row} does not decode: {err}'
                return
        if len(shapes) > 1:
            yield f'{name} has pictures of different sizes: {sorted(shapes)}'
