# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How long an episode may take: the same limit for every planner and low level.

Three times the oracle's 95th percentile of steps on seeds 0-99, as printed by
`c2a oracle --tasks all --seeds 0-99`; rounded up to ten.
"""

from __future__ import annotations

DEFAULT_MAX_STEPS = 600
"""For a task whose oracle has not been measured."""

MAX_STEPS: dict[str, int] = {}


def max_steps(task: str) -> int:
    """Control steps after which an episode of the task times out."""
    return MAX_STEPS.get(task, DEFAULT_MAX_STEPS)
