# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The planner that knows the truth: it repeats what the simulator's follower says."""

from __future__ import annotations

from c2a_core.skill_api import comment
from c2a_core.types import Observation
from c2a_planner.backend import Reply


class OracleBackend:
    """Replies in the same form as a learned planner: key steps plain, running ones commented.

    It compares with the memory rather than trusting a "new" flag, so that a border in an
    observation that was skipped (planner delay) is not lost.
    """

    name = 'oracle'
    checkpoint = 'oracle'
    writes_code = True
    is_instant = True

    def reply(
        self,
        observation: Observation,
        instruction: str,
        memory: tuple[str, ...],
        request_key_step: bool,
        oracle_code: str | None,
    ) -> Reply:
        """Answer with the ground truth; see `PlannerBackend.reply`."""
        del instruction
        if oracle_code is None:
            raise ValueError(
                f'no oracle key step for observation {observation.step}: the oracle planner needs '
                'a simulator that says it, use backend:=maniskill or another planner'
            )
        if request_key_step or not memory or oracle_code != memory[-1]:
            return Reply(oracle_code)
        return Reply(comment(memory[-1]))
