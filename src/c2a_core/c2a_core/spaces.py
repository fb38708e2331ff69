# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Layout of actions, proprioception, cameras, grid and frames: names, order, units, bounds.

Everything that reads or writes an action, a node or a training script, takes its convention from
here. An action is a motion of the end effector expressed in its own frame and composed on the
right of the *measured* pose, plus the vacuum:

    pose_world_target = pose_world_ee . delta

A delta of six exact zeros means "keep the last target", so that a robot that is told to stay does
not sag after its own measurement.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from c2a_core.types import FloatArray, Observation

CONTROL_RATE_HZ = 20.0
CONTROL_DT = 1.0 / CONTROL_RATE_HZ
CONTROL_DT_NS = round(1e9 / CONTROL_RATE_HZ)

# The most that one control step realises to 95 % and better: 1 m/s and 5 rad/s.
MAX_TRANSLATION_M = 0.05
MAX_ROTATION_RAD = 0.25

# Side of the grid over the base camera's picture in which get_actor's cells count.
GRID_SIZE = 10

CAMERAS = ('base', 'wrist')

JOINT_NAMES = tuple(f'panda_joint{i}' for i in range(1, 8))

FRAME_WORLD = 'world'
FRAME_ROBOT_BASE = 'panda_link0'
FRAME_EE = 'ee'
FRAME_BASE_CAMERA = 'camera_base_optical_frame'
FRAME_WRIST_CAMERA = 'camera_wrist_optical_frame'

FRAMES = {
    FRAME_WORLD: 'fixed frame, z up, origin on the table top',
    FRAME_ROBOT_BASE: 'foot of the arm, x towards the table',
    FRAME_EE: 'end effector, origin at the lip of the suction cup, z out of the cup',
    FRAME_BASE_CAMERA: 'base camera, z into the scene, x right, y down in the picture',
    FRAME_WRIST_CAMERA: 'wrist camera, z into the scene, x right, y down in the picture',
}


class Component(NamedTuple):
    """One number of an action or of the proprioception vector.

    Attributes:
        name: unique name.
        unit: SI unit, empty for flags and quaternions.
        frame: tf frame in which it is expressed, empty for joints and flags.
    """

    name: str
    unit: str
    frame: str


ACTION = (
    Component('dx', 'm', FRAME_EE),
    Component('dy', 'm', FRAME_EE),
    Component('dz', 'm', FRAME_EE),
    Component('rx', 'rad', FRAME_EE),
    Component('ry', 'rad', FRAME_EE),
    Component('rz', 'rad', FRAME_EE),
    Component('vacuum', '', ''),
)
ACTION_NAMES = tuple(component.name for component in ACTION)
ACTION_DIM = len(ACTION)
TRANSLATION = slice(0, 3)
ROTATION = slice(3, 6)
MOTION = slice(0, 6)
VACUUM = 6

PROPRIO = (
    *(Component(f'q_{name}', 'rad', '') for name in JOINT_NAMES),
    *(Component(f'v_{name}', 'rad/s', '') for name in JOINT_NAMES),
    *(Component(f'ee_{axis}', 'm', FRAME_WORLD) for axis in 'xyz'),
    *(Component(f'ee_q{axis}', '', FRAME_WORLD) for axis in 'xyzw'),
    *(Component(f'vacuum_{flag}', '', '') for flag in ('on', 'grasping', 'ready')),
)
PROPRIO_NAMES = tuple(component.name for component in PROPRIO)
PROPRIO_DIM = len(PROPRIO)

# Float32 rounding may leave a clipped vector a hair over its bound; clipping it again must not
# change a bit, or a replayed action would differ from the recorded one.
_CLIP_TOLERANCE = 1.0 + 1e-6


def make_action(translation: npt.ArrayLike, rotation: npt.ArrayLike, vacuum: bool) -> FloatArray:
    """Build an action within bounds.

    Args:
        translation: (3,) motion of the end effector in its own frame [m].
        rotation: (3,) rotation vector in the same frame [rad].
        vacuum: whether the vacuum shall be on.

    Returns:
        Action (7,) float32, layout of `ACTION`, clipped by `clip_action`.
    """
    action = np.empty(ACTION_DIM, dtype=np.float32)
    action[TRANSLATION] = translation
    action[ROTATION] = rotation
    action[VACUUM] = 1.0 if vacuum else -1.0
    return clip_action(action)


def hold_action(vacuum: bool) -> FloatArray:
    """Action (7,) that keeps the last target and sets the vacuum."""
    action = np.zeros(ACTION_DIM, dtype=np.float32)
    action[VACUUM] = 1.0 if vacuum else -1.0
    return action


def is_hold(action: FloatArray) -> bool:
    """Whether the motion part of an action (7,) is exactly zero: keep the last target."""
    return not np.any(action[MOTION])


def clip_action(action: npt.ArrayLike) -> FloatArray:
    """Scale an action's translation and rotation into their bounds; directions are kept.

    Args:
        action: (7,) in the layout of `ACTION`.

    Returns:
        A new array (7,) float32. What is within the bounds comes back bit for bit.

    Raises:
        ValueError: for a wrong shape, or a number that is not finite.
    """
    clipped = np.array(action, dtype=np.float32)
    if clipped.shape != (ACTION_DIM,):
        raise ValueError(
            f'action has shape {clipped.shape}, expected ({ACTION_DIM},): '
            + ', '.join(ACTION_NAMES)
        )
    dx, dy, dz, rx, ry, rz, vacuum = clipped.tolist()
    translation = math.sqrt(dx * dx + dy * dy + dz * dz)
    rotation = math.sqrt(rx * rx + ry * ry + rz * rz)
    if not math.isfinite(translation + rotation + vacuum):
        raise ValueError(f'action is not finite: {clipped.tolist()}')
    if translation > MAX_TRANSLATION_M * _CLIP_TOLERANCE:
        clipped[TRANSLATION] *= MAX_TRANSLATION_M / translation
    if rotation > MAX_ROTATION_RAD * _CLIP_TOLERANCE:
        clipped[ROTATION] *= MAX_ROTATION_RAD / rotation
    return clipped


def proprioception(observation: Observation) -> FloatArray:
    """Proprioception vector (P,) float32 of an observation, layout of `PROPRIO`."""
    flags = (observation.vacuum_on, observation.vacuum_grasping, observation.vacuum_ready)
    return np.concatenate(
        (
            observation.joint_positions,
            observation.joint_velocities,
            observation.ee_pose,
            np.array(flags, dtype=np.float32),
        )
    )


def grid_cell(u: float, v: float, width: int, height: int) -> tuple[int, int]:
    """Cell of a point in the base camera's picture (semantics 5).

    Args:
        u: column of the point [pixel], from the left.
        v: row of the point [pixel], from the top.
        width: width of the picture [pixel].
        height: height of the picture [pixel].

    Returns:
        (column, row), each in 0..9: the point's tenth of the picture, clipped at its border.

    Raises:
        ValueError: for a point that is not finite or a picture without size.
    """
    if not (math.isfinite(u) and math.isfinite(v) and width > 0 and height > 0):
        raise ValueError(f'no cell for point ({u}, {v}) in a picture of {width} x {height} pixels')
    last = GRID_SIZE - 1
    column = math.floor(GRID_SIZE * u / width)
    row = math.floor(GRID_SIZE * v / height)
    return min(max(column, 0), last), min(max(row, 0), last)
