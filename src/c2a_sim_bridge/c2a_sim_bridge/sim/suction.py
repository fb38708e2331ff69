# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The vacuum gripper's grip: when the cups seal on a face, and the constraint that then holds.

A sealed object is held by a drive with all six axes locked between the gripper's link and the
object. The drive exists only while something is held: two bodies with a drive between them do not
collide, not even when the drive is free.
"""

from __future__ import annotations

import numpy as np
import sapien

from c2a_sim_bridge.sim.objects import ObjectSpec

SEAL_DISTANCE_M = 0.0025  # the cups' compliance: 1 mm protruding, 1.5 mm stroke
SEAL_COS = 0.985  # the tool may lean 10° on the face
HOLD_SPRING = (1e5, 1e3, 1e5)  # N·m/rad, N·m·s/rad, N·m
BREAK_DISTANCE_M = 0.01  # a held object that is torn this far from its place is lost


def is_sealed(
    spec: ObjectSpec,
    position: np.ndarray,
    rotation: np.ndarray,
    ee_position: np.ndarray,
    tool_axis: np.ndarray,
) -> bool:
    """Whether the cups' centre lies on a face of the object, square to it.

    Args:
        spec: the object.
        position: its centre (3,), world, m.
        rotation: its orientation (3, 3), world.
        ee_position: the tip of the cups (3,), world, m.
        tool_axis: unit vector (3,) out of the cups, world.
    """
    offset = ee_position - position
    reach = spec.radius + spec.height
    if offset @ offset > reach * reach:
        return False
    distances = spec.face_normals @ (rotation.T @ offset) - spec.face_offsets
    face = int(np.argmax(distances))
    if abs(distances[face]) > SEAL_DISTANCE_M:
        return False
    return float(spec.face_normals[face] @ (rotation.T @ tool_axis)) < -SEAL_COS


class SuctionCup:
    """One object at a time, held rigidly at the pose in which it was caught."""

    def __init__(self, gripper: sapien.Entity, bodies: list[sapien.Entity], scene: sapien.Scene):
        """Prepare an empty cup.

        Args:
            gripper: entity of the gripper's link.
            bodies: the objects' entities.
            scene: the scene that they live in.
        """
        self._gripper = gripper
        self._bodies = bodies
        self._scene = scene
        self._drive: sapien.physx.PhysxDriveComponent | None = None
        self._anchor: sapien.Pose | None = None
        self.held = -1

    def grip(self, index: int) -> None:
        """Hold the object where it is now relative to the gripper."""
        body = self._bodies[index]
        self._anchor = self._gripper.pose.inv() * body.pose
        self._drive = self._scene.create_drive(self._gripper, self._anchor, body, sapien.Pose())
        for limit in (self._drive.set_limit_x, self._drive.set_limit_y, self._drive.set_limit_z):
            limit(0.0, 0.0)
        self._drive.set_limit_cone(0.0, 0.0)
        self._drive.set_limit_twist(0.0, 0.0)
        # The locked angles alone creep under way, a milliradian a step; this spring stops them.
        self._drive.set_drive_property_slerp(*HOLD_SPRING, mode='force')
        self.held = index

    def release(self) -> None:
        """Let go of whatever is held."""
        if self._drive is not None:
            self._bodies[self.held].remove_component(self._drive)
        self._drive = None
        self._anchor = None
        self.held = -1

    def is_torn(self) -> bool:
        """Whether the held object was pulled out of its place by more than the cups can follow."""
        if self._anchor is None:
            return False
        now = self._gripper.pose.inv() * self._bodies[self.held].pose
        gap = now.p - self._anchor.p
        return float(gap @ gap) > BREAK_DISTANCE_M**2
