# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Predicates on how an object lies: its pose, its place inside an area, that it was only touched.

The common ones are in `predicates.py`.
"""

from __future__ import annotations

import math

import numpy as np

from c2a_core.geometry import quat_multiply_wxyz, quat_wxyz_from_yaw
from c2a_sim_bridge.sim.objects import PlacedObject
from c2a_sim_bridge.sim.polygons import points_polygon_distance
from c2a_sim_bridge.sim.predicates import DISPLACED_M, AtPosition, OnTop, Predicate
from c2a_sim_bridge.sim.state import WorldState

AT_POSE_RAD = 0.1 * math.pi
"""Largest angle between an object's orientation and the wanted one."""

INSIDE_TOLERANCE_M = 0.005
"""A corner that sticks out of an area by less than this is inside it."""


class AtPose(AtPosition):
    """The object rests on the table within 5 cm of a point, turned as wanted up to 18 degrees.

    The shape's symmetry does not count: a cylinder has to be turned like anything else.
    """

    def __init__(self, actor: int, position: np.ndarray, quat_wxyz: np.ndarray) -> None:
        """Bring `actor` to a pose.

        Args:
            actor: index of the object.
            position: (2,) or (3,), m, world frame.
            quat_wxyz: orientation (4,), world frame.
        """
        super().__init__(actor, position)
        self._quat = np.array(quat_wxyz, dtype=np.float64)

    def is_near(self, state: WorldState) -> bool:
        """Let go within 5 cm and 18 degrees, whatever the height."""
        if not super().is_near(state):
            return False
        dot = abs(float(state.quats_wxyz[self.objects[0]] @ self._quat))
        return 2.0 * math.acos(min(1.0, dot)) < AT_POSE_RAD


class Rotated(AtPose):
    """The object is back at its own place, turned about its own axis by an angle."""

    def __init__(self, actor: int, start: PlacedObject, degrees: float) -> None:
        """Turn `actor` by `degrees` from where it started, anti-clockwise positive."""
        turn = quat_wxyz_from_yaw(math.radians(degrees))
        super().__init__(actor, start.position, quat_multiply_wxyz(start.quat_wxyz, turn))


class Inside2d(OnTop):
    """The object rests on an area, and nothing of it sticks out of the area seen from above."""

    def _evaluate(self, state: WorldState) -> bool:
        return super()._evaluate(state) and self._is_inside(state)

    def is_near(self, state: WorldState) -> bool:
        """Let go over the area, at most a drop above it."""
        top, area = self.objects
        if state.grasped in self.objects or not self._is_inside(state):
            return False
        return -0.01 < state.bottom_z(top) - state.top_z(area) < 0.06

    def _is_inside(self, state: WorldState) -> bool:
        top, area = self.objects
        if state.planar_distance(top, area) > state.specs[area].radius:
            return False
        outline = state.world_footprint(area)
        gap = points_polygon_distance(state.world_footprint(top), outline)
        return bool(gap.max() < INSIDE_TOLERANCE_M)


class OnlyTouched(Predicate):
    """The arm has touched the object, never grasped it, and left it about where it stood."""

    def __init__(self, actor: int, start: PlacedObject) -> None:
        """Touch `actor` without moving it by 0.1 m or turning it by 18 degrees."""
        self.objects = (actor,)
        self._position = np.array(start.position, dtype=np.float64)
        self._quat = np.array(start.quat_wxyz, dtype=np.float64)
        self._was_touched = False

    def _evaluate(self, state: WorldState) -> bool:
        actor = self.objects[0]
        self._was_touched = self._was_touched or bool(state.ee_contact[actor])
        return self._was_touched and self._is_in_place(state) and state.is_static(actor)

    def is_near(self, state: WorldState) -> bool:
        """Touched and in place, though perhaps still moving."""
        self.update(state)
        return self._was_touched and self._is_in_place(state)

    def _is_in_place(self, state: WorldState) -> bool:
        actor = self.objects[0]
        if state.ever_grasped[actor]:
            return False
        dot = abs(float(state.quats_wxyz[actor] @ self._quat))
        is_turned = 2.0 * math.acos(min(1.0, dot)) >= AT_POSE_RAD
        return math.dist(state.positions[actor], self._position) < DISPLACED_M and not is_turned
