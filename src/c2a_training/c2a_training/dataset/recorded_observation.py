# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Recorded rows as the observations that they were."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from c2a_core.spaces import CAMERAS, PROPRIO_NAMES
from c2a_core.types import NUM_JOINTS, POSE_DIM, ImageArray, Observation
from c2a_training.dataset.episode_rows import EpisodeRows
from c2a_training.dataset.jpeg import decode_jpeg

_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)
_FLAGS = PROPRIO_NAMES.index('vacuum_on')


def recorded_observation(
    rows: EpisodeRows,
    row: int,
    *,
    cameras: Collection[str] = CAMERAS,
    missing: ImageArray = _NO_PICTURE,
) -> Observation:
    """The observation of a row.

    Args:
        rows: of the episode.
        row: its number, the control step.
        cameras: whose pictures are decoded.
        missing: stands in for a picture that was not taken, or is not wanted.
    """
    pictures = {
        camera: jpeg[row] if camera in cameras else None
        for camera, jpeg in zip(CAMERAS, (rows.base_jpeg, rows.wrist_jpeg), strict=True)
    }
    images = {
        camera: missing if data is None else decode_jpeg(data) for camera, data in pictures.items()
    }
    state = rows.proprioception[row]
    velocities, pose = NUM_JOINTS, 2 * NUM_JOINTS
    flags = state[_FLAGS:] > 0.5
    return Observation(
        episode_id=0,
        step=row,
        stamp_ns=int(rows.stamp_ns[row]),
        base_image=images['base'],
        wrist_image=images['wrist'],
        joint_positions=state[:velocities],
        joint_velocities=state[velocities:pose],
        ee_pose=state[pose : pose + POSE_DIM],
        vacuum_on=bool(flags[0]),
        vacuum_grasping=bool(flags[1]),
        vacuum_ready=bool(flags[2]),
    )
