# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The follower's answers as key steps: the ground truth of an episode (semantics 6). No ROS."""

from __future__ import annotations

from c2a_core.memory import KeyStepMemory
from c2a_core.types import KeyStep, Observation, ReplyStatus


class OracleTrace:
    """Gives the right key step for each observation of an episode."""

    def __init__(self) -> None:
        self._memory = KeyStepMemory()

    def reset(self) -> None:
        """An episode begins."""
        self._memory.reset()

    def key_step(self, observation: Observation, code: str) -> KeyStep:
        """The key step of an observation.

        Args:
            observation: the newest one.
            code: what the follower says about it.
        """
        before = self._memory.steps
        is_new = code != self._memory.last
        if is_new:
            self._memory.append(code)
        return KeyStep(
            episode_id=observation.episode_id,
            step=observation.step,
            stamp_ns=observation.stamp_ns,
            subtask_id=self._memory.subtask_id,
            is_key_step=is_new,
            code=self._memory.last,
            cache_info=self._memory.cache_info(),
            memory=before,
            reply_status=ReplyStatus.KEY_STEP if is_new else ReplyStatus.SAME,
            checkpoint='oracle',
        )
