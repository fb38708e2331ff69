# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Success of moves of the empty gripper: goals that are only seen."""

from __future__ import annotations

import math
from collections import abc

import numpy as np

from c2a_sim_bridge.sim.predicates import Predicate
from c2a_sim_bridge.sim.state import WorldState

AT_GOAL_M = 0.05
AT_GOAL_POSE = 0.15
"""Metres and quaternion units, added."""


class EEAtPosition(Predicate):
    """The tip of the cups is within 5 cm of a point."""

    def __init__(self, goal: int, position: np.ndarray) -> None:
        """Bring the end effector to `position` (3,) [m, world], where the mark `goal` is."""
        self.objects = (goal,)
        self._position = np.array(position, dtype=np.float64)

    def _evaluate(self, state: WorldState) -> bool:
        return math.dist(state.ee_position, self._position) < AT_GOAL_M

    def goal_positions(self, state: WorldState) -> np.ndarray:  # noqa: ARG002
        """The point."""
        return self._position[None].copy()


class EEAtPose(EEAtPosition):
    """Distance of the tip plus distance of the quaternions is below 0.15."""

    def __init__(self, goal: int, position: np.ndarray, quat_wxyz: np.ndarray) -> None:
        """Bring the end effector to a pose in the world, where the mark `goal` is."""
        super().__init__(goal, position)
        self._quat = np.array(quat_wxyz, dtype=np.float64)

    def _evaluate(self, state: WorldState) -> bool:
        distance = math.dist(state.ee_position, self._position)
        # Both signs of a quaternion are one orientation.
        turn = min(
            math.dist(state.ee_quat_wxyz, self._quat), math.dist(state.ee_quat_wxyz, -self._quat)
        )
        return distance + turn < AT_GOAL_POSE


class WithoutHitting(Predicate):
    """The child holds and the arm has touched none of the obstacles since the start."""

    def __init__(self, child: Predicate, obstacles: abc.Sequence[int]) -> None:
        """Hold `child` and never touch `obstacles`."""
        self.objects = child.objects
        self._child = child
        self._obstacles = list(obstacles)
        self._was_touched = False

    def _evaluate(self, state: WorldState) -> bool:
        self._was_touched = self._was_touched or bool(state.ee_contact[self._obstacles].any())
        return self._child.update(state) and not self._was_touched

    def goal_positions(self, state: WorldState) -> np.ndarray:
        """The child's."""
        return self._child.goal_positions(state)
