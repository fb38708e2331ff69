# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The world at one control step, in plain numpy.

Made once after each control step by `world.py`; predicates, skills and the follower read
nothing else. Helpers are cheap (a few microseconds): they run at every step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from c2a_sim_bridge.sim.objects import ObjectSpec
from c2a_sim_bridge.sim.polygons import convex_hull

GRAVITY = 9.81
"""m/s^2, along world -z."""

STATIC_SPEED = 1e-3
"""m/s: an object slower than this (and than `STATIC_RATE`) rests, as in ClevrSkills."""

STATIC_RATE = 1e-2
"""rad/s."""

CONTACT_FORCE_N = 5e-3
"""Smallest force that counts as contact: ClevrSkills' 1e-5 N s in a physics step of 2 ms."""

UPRIGHT_COS = math.cos(math.radians(2.0))
"""An object tilted less than this has its own ring as outline seen from above."""


@dataclass(slots=True, eq=False)
class WorldState:
    """Everything predicates and skills may know. All arrays float64, world frame, SI units.

    N objects, in the order of `TaskInstance.objects`.

    Attributes:
        step: control steps since the episode's start.
        time_s: robot time since the episode's start.
        ee_position: (3,) position of the end effector.
        ee_quat_wxyz: (4,) its orientation; the tool's z axis points out of the cups.
        joint_positions: (7,) rad.
        joint_velocities: (7,) rad/s.
        positions: (N, 3) centres.
        quats_wxyz: (N, 4).
        rotations: (N, 3, 3) the same orientations as matrices.
        linear_velocities: (N, 3) m/s, mean over the last control step.
        angular_velocities: (N, 3) rad/s, likewise; right up to half a turn a step.
        grasped: index of the object that the gripper holds, or -1.
        vacuum_on: the last command switched the vacuum on.
        vacuum_ready: the cups are sealed on something.
        ever_grasped: (N,) bool, since the episode's start.
        ee_contact: (N,) bool, arm or gripper touched the object during the last control step.
        ground_force: (N,) N, normal force of the table on the object, last physics step.
        pair_force: (N, N) N, [a, b] = upward force that b exerts on a, last physics step.
        pair_contact: (N, N) bool, symmetric: the two touched during the last control step.
        specs: the objects.
    """

    step: int
    time_s: float
    ee_position: np.ndarray
    ee_quat_wxyz: np.ndarray
    joint_positions: np.ndarray
    joint_velocities: np.ndarray
    positions: np.ndarray
    quats_wxyz: np.ndarray
    rotations: np.ndarray
    linear_velocities: np.ndarray
    angular_velocities: np.ndarray
    grasped: int
    vacuum_on: bool
    vacuum_ready: bool
    ever_grasped: np.ndarray
    ee_contact: np.ndarray
    ground_force: np.ndarray
    pair_force: np.ndarray
    pair_contact: np.ndarray
    specs: tuple[ObjectSpec, ...]

    def top_z(self, index: int) -> float:
        """Height in metres of the object's highest corner."""
        along_z = self.specs[index].vertices @ self.rotations[index, 2]
        return float(along_z.max() + self.positions[index, 2])

    def bottom_z(self, index: int) -> float:
        """Height in metres of the object's lowest corner."""
        along_z = self.specs[index].vertices @ self.rotations[index, 2]
        return float(along_z.min() + self.positions[index, 2])

    def up_axis(self, index: int) -> np.ndarray:
        """The object's own z axis (3,) in the world frame."""
        return self.rotations[index, :, 2]

    def tilt_rad(self, index: int) -> float:
        """Angle between the object's own z axis and world z."""
        return math.acos(min(1.0, max(-1.0, self.rotations[index, 2, 2])))

    def yaw(self, index: int) -> float:
        """Heading of the object's x axis about world z in radians; for upright objects."""
        rotation = self.rotations[index]
        return math.atan2(rotation[1, 0], rotation[0, 0])

    def planar_distance(self, first: int, second: int) -> float:
        """Horizontal distance of two centres in metres."""
        a, b = self.positions[first], self.positions[second]
        return math.hypot(a[0] - b[0], a[1] - b[1])

    def is_static(self, index: int) -> bool:
        """Whether the object rests at this instant."""
        vx, vy, vz = self.linear_velocities[index]
        if vx * vx + vy * vy + vz * vz > STATIC_SPEED * STATIC_SPEED:
            return False
        wx, wy, wz = self.angular_velocities[index]
        return bool(wx * wx + wy * wy + wz * wz <= STATIC_RATE * STATIC_RATE)

    def is_grounded(self, index: int) -> bool:
        """Whether the table presses on the object."""
        return bool(self.ground_force[index] > CONTACT_FORCE_N)

    def world_vertices(self, index: int) -> np.ndarray:
        """Corners (2n, 3) of the object in the world frame."""
        return self.specs[index].vertices @ self.rotations[index].T + self.positions[index]

    def world_footprint(self, index: int) -> np.ndarray:
        """Outline (n, 2) of the object seen from above, counter-clockwise, world frame."""
        rotation = self.rotations[index]
        if rotation[2, 2] >= UPRIGHT_COS:
            return self.specs[index].footprint @ rotation[:2, :2].T + self.positions[index, :2]
        return convex_hull(self.world_vertices(index)[:, :2])

    def index_of(self, name: str) -> int:
        """Index of the only object of that name."""
        found = [k for k, spec in enumerate(self.specs) if spec.name == name]
        if len(found) != 1:
            names = [spec.name for spec in self.specs]
            raise ValueError(f'expected one object named {name!r}, got {len(found)} among {names}')
        return found[0]
