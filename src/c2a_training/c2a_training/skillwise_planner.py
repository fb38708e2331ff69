# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""One question per skill instead of one per observation: the cell VLM+Oracle (semantics 8)."""

from __future__ import annotations

from c2a_core.types import KeyStep, Observation, ReplyStatus
from c2a_planner.planner import Planner
from c2a_training.rollout import OracleLowLevel, OracleStep


class SkillwisePlanner:
    """Asks for the next key step on the observation after the last skill has ended.

    While a skill runs the key step stands. How each skill ended is told to the planner, which
    gives up after three failures in a row.

    Args:
        planner: the planner that `plan` would be called on directly otherwise.
        low_level: runs the skills.
    """

    def __init__(self, planner: Planner, low_level: OracleLowLevel) -> None:
        self._planner = planner
        self._low_level = low_level
        self._is_reported = True

    def reset(self, episode_id: int, instruction: str) -> None:
        """Forget the last episode."""
        self._planner.reset(episode_id, instruction)
        self._is_reported = True

    def looks(self, oracle_step: OracleStep) -> bool:
        """Whether the next observation will be asked about: only then its pictures are needed.

        For `rollout.run_episode(look=…)`.
        """
        del oracle_step
        return self._low_level.status != 'running'

    def plan(self, observation: Observation, oracle_step: OracleStep | None = None) -> KeyStep:
        """Answer one observation: ask when no skill runs, else let the key step stand."""
        status = self._low_level.status
        if status == 'running':
            return self._planner.hold(observation)
        if status != 'idle' and not self._is_reported:
            # Once, however many observations the next key step takes (an invalid reply, a delay).
            self._is_reported = True
            is_done = status == 'done'
            reason = '' if is_done else status.removeprefix('failed: ')
            self._planner.report_skill(is_done, reason, self._low_level.has_acted)
        key_step = self._planner.plan(observation, oracle_step, request_key_step=True)
        if key_step.reply_status in (ReplyStatus.KEY_STEP, ReplyStatus.REPEATED):
            self._low_level.restart()
            self._is_reported = False
        return key_step
