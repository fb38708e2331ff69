# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Where the cameras are and what they see of an object: numbers only, no renderer.

One definition for the renderer, for `camera_info` and the static frames, and for the grid cells
that code names. Optical frames follow ROS: x right, y down, z forward. Pixels: u to the right,
v down, the centre of the top-left pixel at (0.5, 0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from c2a_core.spaces import GRID_SIZE

NEAR_M = 0.01
FAR_M = 10.0
POSES = ('framed', 'original')


@dataclass(frozen=True, eq=False)
class CameraModel:
    """A square pinhole camera.

    Attributes:
        name: 'base' or 'wrist'.
        size: pixels along each side.
        fov_rad: field of view along each side.
        optical_pose: pose (4, 4) of the optical frame in its parent frame, m.
        parent_frame: tf frame that carries the camera.
    """

    name: str
    size: int
    fov_rad: float
    optical_pose: np.ndarray
    parent_frame: str

    @property
    def focal_px(self) -> float:
        """Focal length in pixels, the same in u and v."""
        return 0.5 * self.size / math.tan(0.5 * self.fov_rad)

    @property
    def intrinsics(self) -> np.ndarray:
        """Camera matrix (3, 3)."""
        centre = 0.5 * self.size
        return np.array([[self.focal_px, 0, centre], [0, self.focal_px, centre], [0, 0, 1.0]])

    def project(
        self, points: np.ndarray, pose_world_parent: np.ndarray | None = None
    ) -> np.ndarray:
        """Project world points.

        Args:
            points: (P, 3), world, m.
            pose_world_parent: (4, 4) of the parent frame; None where the parent is the world.

        Returns:
            (P, 3): u and v in pixels, not clipped, and the depth in m (≤ 0 behind the camera).
        """
        pose = (
            self.optical_pose
            if pose_world_parent is None
            else pose_world_parent @ self.optical_pose
        )
        local = (points - pose[:3, 3]) @ pose[:3, :3]
        depth = local[:, 2]
        safe = np.where(depth > NEAR_M, depth, NEAR_M)
        pixels = local[:, :2] * (self.focal_px / safe)[:, None] + 0.5 * self.size
        return np.column_stack([pixels, depth])


def look_at(eye: tuple[float, float, float], target: tuple[float, float, float]) -> np.ndarray:
    """Optical pose (4, 4) of a camera at `eye` that looks at `target` with world z up (m)."""
    position = np.asarray(eye, dtype=np.float64)
    forward = np.asarray(target, dtype=np.float64) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = right, np.cross(forward, right), forward
    pose[:3, 3] = position
    return pose


def base_camera(pose: str = 'framed', size: int = 128) -> CameraModel:
    """The camera on the far side of the table that looks towards the robot.

    Args:
        pose: `framed` shows the workspace over the whole picture; `original` is the task suite's,
            whose upper half shows no table.
        size: pixels along each side.

    Raises:
        ValueError: for another pose name.
    """
    if pose == 'framed':
        return CameraModel(
            'base',
            size,
            math.radians(30.5),
            look_at((0.90, 0.0, 1.12), (-0.18, 0.0, 0.055)),
            'world',
        )
    if pose == 'original':
        return CameraModel(
            'base', size, math.radians(90.0), look_at((0.3, -0.1, 0.3), (-0.1, 0.0, 0.1)), 'world'
        )
    raise ValueError(f"unknown base camera pose '{pose}', expected one of {', '.join(POSES)}")


def wrist_camera(pose: str = 'framed', size: int = 128) -> CameraModel:
    """The camera on the gripper that looks along the tool.

    Args:
        pose: `framed` stands further out and leans inwards: it sees the cups and what is under
            them; `original` is the task suite's mount, where the gripper hides the centre.
        size: pixels along each side.

    Raises:
        ValueError: for another pose name.
    """
    # Image up is the tool's +x: x right is +y, y down is -x, z along the tool.
    upright = np.column_stack([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    mount = np.eye(4)
    if pose == 'original':
        mount[:3, :3] = upright
        mount[:3, 3] = (0.0464982, -0.0200011, 0.0360011)
        return CameraModel('wrist', size, 1.57, mount, 'vacuum_base_link')
    if pose == 'framed':
        lean = math.radians(26.0)
        turn = np.array(
            [[1, 0, 0], [0, math.cos(lean), math.sin(lean)], [0, -math.sin(lean), math.cos(lean)]]
        )
        mount[:3, :3] = upright @ turn
        mount[:3, 3] = (0.105, 0.0, 0.0)
        return CameraModel('wrist', size, math.radians(70.0), mount, 'vacuum_base_link')
    raise ValueError(f"unknown wrist camera pose '{pose}', expected one of {', '.join(POSES)}")


def bounding_box(camera: CameraModel, vertices: np.ndarray) -> np.ndarray:
    """Box of an object's projected corners, clipped to the picture.

    Args:
        camera: a camera fixed in the world.
        vertices: (V, 3), world, m.

    Returns:
        (4,) float64: u_min, v_min, u_max, v_max in pixels; all −1 if the object is behind.
    """
    projected = camera.project(vertices)
    if (projected[:, 2] <= NEAR_M).any():
        return np.full(4, -1.0)
    box = np.concatenate([projected[:, :2].min(axis=0), projected[:, :2].max(axis=0)])
    return np.clip(box, 0.0, camera.size)


def grid_cell(camera: CameraModel, vertices: np.ndarray) -> tuple[int, int]:
    """Cell (column, row) of an object in the grid over the picture, from its box's centre."""
    box = bounding_box(camera, vertices)
    column, row = (box[:2] + box[2:]) * (0.5 * GRID_SIZE / camera.size)
    return (
        min(max(math.floor(column), 0), GRID_SIZE - 1),
        min(max(math.floor(row), 0), GRID_SIZE - 1),
    )
