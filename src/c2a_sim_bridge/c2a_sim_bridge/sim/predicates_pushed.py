# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Success of pushing an object to a place. `DirectionPushed` is in `predicates.py`."""

from __future__ import annotations

import math

import numpy as np

from c2a_sim_bridge.sim.predicates import PUSH_CLEARANCE_M, Predicate, gripper_clearance
from c2a_sim_bridge.sim.state import WorldState

PUSHED_TO_M = 0.03


class AtPositionPushed(Predicate):
    """The object rests within 3 cm of a point, was never grasped, and the gripper is off it."""

    def __init__(self, actor: int, position: np.ndarray) -> None:
        """Push `actor` to `position` (2,) or (3,) in metres, world frame."""
        self.objects = (actor,)
        self._x, self._y = float(position[0]), float(position[1])

    def _evaluate(self, state: WorldState) -> bool:
        actor = self.objects[0]
        return (
            self.is_near(state)
            and not state.ee_contact[actor]
            and state.is_static(actor)
            and gripper_clearance(state, actor) >= PUSH_CLEARANCE_M
        )

    def is_near(self, state: WorldState) -> bool:
        """In place and never grasped, though perhaps still touched."""
        actor = self.objects[0]
        if state.ever_grasped[actor]:
            return False
        x, y, _ = state.positions[actor]
        return math.hypot(x - self._x, y - self._y) < PUSHED_TO_M

    def goal_positions(self, state: WorldState) -> np.ndarray:  # noqa: ARG002
        """The point on the table."""
        return np.array([[self._x, self._y, 0.0]])
