# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What every scripted skill offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from c2a_sim_bridge.sim.state import WorldState


class SkillFailedError(RuntimeError):
    """A skill cannot begin or go on in this state; the message says why."""


class Skill(Protocol):
    """One running skill call.

    `is_done` and `is_lost` look at the present state alone (and at what was frozen when the skill
    began), never at what `act` did: they are as right when a learned policy moves the arm.
    """

    def act(self, state: WorldState) -> np.ndarray:
        """Next action (7,) float32."""
        ...

    def is_done(self, state: WorldState) -> bool:
        """Whether the skill has reached its end."""
        ...

    def is_lost(self, state: WorldState) -> bool:
        """Whether it can no longer reach it, e.g. the carried object fell."""
        ...
