# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The flat baseline's seat: no planner, the policy gets the instruction itself."""

from __future__ import annotations

from c2a_core.types import NO_PLANNER, Observation
from c2a_planner.backend import Reply


class NoneBackend:
    """The instruction goes into `code` once; nothing is asked, parsed or remembered."""

    name = 'none'
    checkpoint = NO_PLANNER
    writes_code = False
    is_instant = True

    def reply(
        self,
        observation: Observation,
        instruction: str,
        memory: tuple[str, ...],
        request_key_step: bool,
        oracle_code: str | None,
    ) -> Reply:
        """The instruction; see `PlannerBackend.reply`."""
        del observation, memory, request_key_step, oracle_code
        return Reply(instruction)
