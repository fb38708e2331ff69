# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Who touches whom, and how hard: the engine's contacts as arrays over the objects.

A knock may last for one physics step only, so contacts are looked at in each of a control step's
physics steps; but only while something may meet, because that costs as much as the physics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import sapien

from c2a_core.spaces import CONTROL_DT
from c2a_sim_bridge.sim.objects import ObjectKind, ObjectSpec
from c2a_sim_bridge.sim.state import WorldState

GROUND, ROBOT, FRAME = -1, -2, -3
"""Owners of bodies that are no objects; a frame is what a fixture consists of besides parts."""

_CONTACT_IMPULSE = 1e-5  # N·s, below it a contact is only a neighbourhood
_TOUCH_REACH_M = 0.12  # gripper's radius, one control step and a margin
_MEET_SPEED = 0.02  # m/s: slower objects that meet are still together at the step's end
_MEET_MARGIN_M = 0.03


class Contacts:
    """Contacts of one world.

    Attributes:
        touched: (N,) bool, the arm has touched the object in this control step.
        met: (N, N) bool, symmetric, the objects have touched in this control step.
    """

    def __init__(
        self,
        physics: sapien.physx.PhysxCpuSystem,
        owners: dict[sapien.physx.PhysxBaseComponent, int],
        specs: Sequence[ObjectSpec],
    ) -> None:
        """Begin with no contact.

        Args:
            physics: the engine.
            owners: an object's index, or one of the constants above, for every body.
            specs: the objects.
        """
        self._physics = physics
        self._owners = owners
        count = len(specs)
        self.touched = np.zeros(count, dtype=bool)
        self.met = np.zeros((count, count), dtype=bool)
        self._spheres = np.array([math.hypot(spec.radius, 0.5 * spec.height) for spec in specs])
        self._touch_reach_squared = (self._spheres + _TOUCH_REACH_M) ** 2
        # Obstacles in the air are touched by any link of the arm, not only by the gripper.
        self._has_obstacles = any(spec.kind == ObjectKind.FIXED for spec in specs)
        self._solid = np.array([spec.is_solid for spec in specs], dtype=bool)
        self._is_watching = False

    def begin_step(self, state: WorldState, held: int) -> None:
        """Forget the last control step and see whether anything may meet in the next one.

        Args:
            state: the state before the step.
            held: index of the held object, or -1.
        """
        self.touched[:] = False
        self.met[:] = False
        self._is_watching = (
            self._has_obstacles or self._is_arm_near(state, held) or self._may_objects_meet(state)
        )

    def note(self) -> None:
        """Remember who touches whom now, after a physics step."""
        if not self._is_watching:
            return
        for contact in self._physics.get_contacts():
            first, second = sorted(self._owners[body] for body in contact.bodies)
            if second < 0 or first in (GROUND, FRAME):
                continue
            is_known = self.touched[second] if first == ROBOT else self.met[first, second]
            if not is_known and _is_contact(_impulse(contact)):
                self._remember(first, second)

    def forces(self, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """Forces [N] of the last physics step of `dt` s: table (N,) and pairs (N, N), upwards.

        What touches then counts as touched in the control step.
        """
        count = len(self.touched)
        ground, pairs = np.zeros(count), np.zeros((count, count))
        for contact in self._physics.get_contacts():
            first, second = (self._owners[body] for body in contact.bodies)
            if first < 0 and second < 0:
                continue
            impulse = _impulse(contact)
            if not _is_contact(impulse):
                continue
            up = float(impulse[2]) / dt  # on the first body
            if first >= 0 and second >= 0:
                pairs[first, second] += up
                pairs[second, first] -= up
            elif second == GROUND:
                ground[first] += up
            elif first == GROUND:
                ground[second] -= up
            self._remember(min(first, second), max(first, second))
        return np.maximum(ground, 0.0), np.maximum(pairs, 0.0)

    def _remember(self, first: int, second: int) -> None:
        if first == ROBOT:
            self.touched[second] = True
        elif first >= 0:
            self.met[first, second] = self.met[second, first] = True

    def _is_arm_near(self, state: WorldState, held: int) -> bool:
        """Whether the gripper may touch something in this control step, the held object aside."""
        offset = state.positions - state.ee_position
        near = (offset * offset).sum(axis=1) < self._touch_reach_squared
        if held >= 0:
            near[held] = False
        return bool(near.any())

    def _may_objects_meet(self, state: WorldState) -> bool:
        """Whether a moving object may touch another one in this control step."""
        speeds = np.sqrt((state.linear_velocities**2).sum(axis=1))
        for index in np.flatnonzero(speeds > _MEET_SPEED):
            offset = state.positions - state.positions[index]
            reach = self._spheres + (
                self._spheres[index] + 2.0 * speeds[index] * CONTROL_DT + _MEET_MARGIN_M
            )
            near = ((offset * offset).sum(axis=1) < reach * reach) & self._solid
            near[index] = False
            if near.any():
                return True
        return False


def _impulse(contact: sapien.physx.PhysxContact) -> np.ndarray:
    """Impulse (3,) in N·s on the first body of a contact, world."""
    return sum(point.impulse for point in contact.points)


def _is_contact(impulse: np.ndarray) -> bool:
    return bool(np.abs(impulse).sum() >= _CONTACT_IMPULSE)
