# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The rows of a running episode, and how its last one is made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from c2a_core.types import Command, KeyStep, Observation, ReplyStatus

DONE_CODE = 'done()'

OnStep = Callable[[Observation, KeyStep, Command | None], None]


def is_done(key_step: KeyStep) -> bool:
    """Whether the planner says that the task is finished."""
    return key_step.reply_status == ReplyStatus.DONE or key_step.code == DONE_CODE


class RolloutRows:
    """The rows of a running episode so far, for its result and its hook."""

    def __init__(self, on_step: OnStep | None, digest: Callable[[], str] | None) -> None:
        self.actions: list[np.ndarray] = []
        self.codes: list[str] = []
        self.key_step_rows: list[int] = []
        self.digests: list[str] = []
        self._on_step = on_step
        self._digest = digest
        self._last: KeyStep | None = None

    def add(self, observation: Observation, key_step: KeyStep, command: Command) -> None:
        """Append a row with what the robot was told to do."""
        if key_step.is_key_step and not is_done(key_step):
            self.key_step_rows.append(len(self.codes))
        self.actions.append(command.action)
        self._append(observation, key_step, command)

    def close(self, observation: Observation) -> None:
        """Append the row after the last action: ``done()`` and no command."""
        self._append(observation, closing_key_step(observation, self._last), None)

    def _append(
        self, observation: Observation, key_step: KeyStep, command: Command | None
    ) -> None:
        self.codes.append(key_step.code)
        self._last = key_step
        if self._digest is not None:
            self.digests.append(self._digest())
        if self._on_step is not None:
            self._on_step(observation, key_step, command)


def closing_key_step(observation: Observation, last: KeyStep | None) -> KeyStep:
    """Key step of an episode's last row: ``done()`` after everything that ran.

    Args:
        observation: the observation after the last action.
        last: key step of the row before, None in an episode without actions.
    """
    memory: tuple[str, ...] = ()
    if last is not None:
        memory = (
            (*last.memory, last.code) if last.is_key_step and not is_done(last) else last.memory
        )
    already_done = last is not None and is_done(last)
    subtask_id = -1 if last is None else last.subtask_id
    return KeyStep(
        episode_id=observation.episode_id,
        step=observation.step,
        stamp_ns=observation.stamp_ns,
        subtask_id=subtask_id if already_done else subtask_id + 1,
        is_key_step=not already_done,
        code=DONE_CODE,
        cache_info='' if last is None else last.cache_info,
        memory=memory,
        reply_status=ReplyStatus.DONE,
    )
