# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Success of a balance scale: everything is on it, half on each side, and the beam is quiet."""

from __future__ import annotations

import math

import numpy as np

from c2a_sim_bridge.sim.fixtures.balance_scale import HANG_M, LIMIT_RAD
from c2a_sim_bridge.sim.predicates import Predicate
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.supports import loads_of

MASS_TOLERANCE = 1e-3
"""Largest difference of the two loads, as a part of the whole mass."""

FREE_RAD = math.radians(1.0)
"""The beam keeps more than this from its stops."""

QUIET_RAD_S = math.radians(1.0)
"""The beam turns slower than this."""


class ScaleBalanced(Predicate):
    """All objects are on the plates, equally heavy on both, and the beam rests in between."""

    def __init__(self, plates: tuple[int, int], actors: tuple[int, ...]) -> None:
        """Put the `actors` on the `plates` (left and right)."""
        self.objects = actors
        self._plates = plates

    def _evaluate(self, state: WorldState) -> bool:
        if not self.is_near(state):
            return False
        angle, rate = beam_motion(state, self._plates)
        return abs(angle) < LIMIT_RAD - FREE_RAD and abs(rate) < QUIET_RAD_S

    def is_near(self, state: WorldState) -> bool:
        """Everything is placed rightly, though the beam may still swing."""
        left, right = (loads_of(state, plate) for plate in self._plates)
        if set(left) & set(right) or not set(self.objects) <= {*left, *right}:
            return False
        return is_equal(*(sum(state.specs[k].mass for k in side) for side in (left, right)))

    def goal_positions(self, state: WorldState) -> np.ndarray:
        """Above both plates."""
        return np.array([[*state.positions[k, :2], state.top_z(k)] for k in self._plates])


def is_equal(left: float, right: float) -> bool:
    """Whether two loads in kg are equally heavy."""
    return abs(left - right) <= MASS_TOLERANCE * (left + right)


def beam_motion(state: WorldState, plates: tuple[int, int]) -> tuple[float, float]:
    """Angle in rad (positive: left is up) and rate in rad/s of the beam with the plates."""
    hooks = [HANG_M * state.up_axis(plate) for plate in plates]
    ends = [state.positions[plate] + hook for plate, hook in zip(plates, hooks, strict=True)]
    speeds = [
        state.linear_velocities[plate] + np.cross(state.angular_velocities[plate], hook)
        for plate, hook in zip(plates, hooks, strict=True)
    ]
    beam, motion = ends[0] - ends[1], speeds[0] - speeds[1]
    length_squared = float(beam[1] * beam[1] + beam[2] * beam[2])
    rate = float(beam[1] * motion[2] - beam[2] * motion[1]) / length_squared
    return math.atan2(float(beam[2]), float(beam[1])), rate
