# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Where a chunk begins that took time to make, if another chunk has moved the arm meanwhile.

A chunk is a path of relative motions from the pose of its observation. The chunk before it has led
the arm along a path of its own since: further, less far, or just as far as this one would have.
"""

from __future__ import annotations

import numpy as np

from c2a_core.geometry import (
    Pose,
    angle_between_quats_wxyz,
    quat_wxyz_from_rotation_vector,
    quat_wxyz_from_xyzw,
)
from c2a_core.spaces import ROTATION, TRANSLATION
from c2a_core.types import FloatArray

LATE_CHUNK = ('pose', 'time')
"""`pose`: begin at the row whose start is nearest to the arm; `time`: at the row of this step."""

_TURN_LEVER_M = 0.1
"""A turn counts as the way that it moves a point this far from the cup [m per rad]."""

_SAME_M = 1e-4
"""Distances less than this apart are the same [m]: of equal rows the latest begins."""


def nearest_row(
    actions: FloatArray, pose_world_made: FloatArray, pose_world_now: FloatArray, last_row: int
) -> int:
    """The row of a chunk whose start is nearest to where the arm is now.

    Args:
        actions: (Tp, 7), layout of `c2a_core.spaces.ACTION`.
        pose_world_made: (7,) end-effector pose of the chunk's observation, x y z [m] and the
            quaternion x y z w.
        pose_world_now: (7,) the pose now, the same layout.
        last_row: the row that its time says; none after it is chosen.

    Returns:
        A row from 0 to `last_row`; that one if a pose is not finite.
    """
    if not (np.isfinite(pose_world_made).all() and np.isfinite(pose_world_now).all()):
        return last_row
    now = _pose(pose_world_now)
    start = _pose(pose_world_made)
    distances = []
    for action in actions[: last_row + 1].astype(np.float64):
        turn = angle_between_quats_wxyz(start.quat_wxyz, now.quat_wxyz)
        distances.append(np.linalg.norm(start.position - now.position) + _TURN_LEVER_M * turn)
        delta = quat_wxyz_from_rotation_vector(action[ROTATION])
        start = start.compose(Pose(action[TRANSLATION], delta))
    near = np.flatnonzero(np.array(distances) <= min(distances) + _SAME_M)
    return int(near[-1])


def _pose(pose: FloatArray) -> Pose:
    values = np.asarray(pose, dtype=np.float64)
    return Pose(values[:3], quat_wxyz_from_xyzw(values[3:]))
