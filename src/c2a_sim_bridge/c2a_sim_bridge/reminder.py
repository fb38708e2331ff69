# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""When lockstep has stood still for so long that its step is published again. No ROS."""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_S = 3.0
"""Oracles, skills and small models answer within milliseconds."""

LONGEST_S = 60.0


class Reminder:
    """Tells when to ask again; ever less often, so that a slow model is not pestered.

    A planner that thinks for ten seconds is asked again twice at its first step, and then no more:
    the patience that it has taught stays.

    Args:
        first_s: patience to begin with [s].
        clock: steady clock [s].
    """

    def __init__(
        self, first_s: float = FIRST_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.patience_s = first_s
        self.count = 0
        self._clock = clock
        self._since = clock()

    def step_began(self) -> None:
        """The world has moved on."""
        self._since = self._clock()

    def is_due(self) -> bool:
        """Whether to ask again now; true once, then patience doubles."""
        if self._clock() - self._since < self.patience_s:
            return False
        self._since = self._clock()
        self.patience_s = min(2.0 * self.patience_s, LONGEST_S)
        self.count += 1
        return True
