# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Where a chunk that took time to make begins: at the row whose start the arm has reached.

A chunk is a path of relative motions from the pose of its observation. When it takes over some
steps later, the arm has gone on with the chunk before, or has held its place after a flush. Rows
that are dropped because their time is over are motion that nobody makes: an arm that held is then
short of the object by as much, and the rows that follow grasp beside it.
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

_ARM_M = 0.1
"""A turn counts as the way that it moves a point this far from the cup [m per rad]."""

_SAME_M = 1e-4
"""Distances less than this apart are the same [m]: of equal rows the latest begins."""


def nearest_row(
    actions: FloatArray, made_from: FloatArray, here: FloatArray, last_row: int
) -> int:
    """The row of a chunk whose start is nearest to where the arm is now.

    Args:
        actions: (Tp, 7), layout of `c2a_core.spaces.ACTION`.
        made_from: (7,) end-effector pose of the chunk's observation, frame 'world', x y z [m] and
            quaternion x y z w.
        here: (7,) the pose now, the same layout.
        last_row: the row that its time says; none after it is chosen.

    Returns:
        A row from 0 to `last_row`.
    """
    target = _pose(here)
    pose = _pose(made_from)
    distances = []
    for row in range(last_row + 1):
        turn = angle_between_quats_wxyz(pose.quat_wxyz, target.quat_wxyz)
        distances.append(np.linalg.norm(pose.position - target.position) + _ARM_M * turn)
        action = actions[row].astype(np.float64)
        delta = quat_wxyz_from_rotation_vector(action[ROTATION])
        pose = pose.compose(Pose(action[TRANSLATION], delta))
    near = np.flatnonzero(np.array(distances) <= min(distances) + _SAME_M)
    return int(near[-1])


def _pose(pose: FloatArray) -> Pose:
    values = np.asarray(pose, dtype=np.float64)
    return Pose(values[:3], quat_wxyz_from_xyzw(values[3:]))
