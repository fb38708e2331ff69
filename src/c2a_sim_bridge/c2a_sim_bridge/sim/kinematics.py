# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Forward and inverse kinematics of the Panda arm with the vacuum gripper.

Plain numpy on one arm: a control step solves one small inverse problem, and the matrices are too
small for a library call to pay. Positions in metres in the robot's base frame `panda_link0`.
Knows nothing of the simulator; `robot.py` holds the same chain as a URDF and a test compares both.
"""

from __future__ import annotations

import math

import numpy as np

N_JOINTS = 7

# Joint origins of the Franka Panda: a translation along the parent's axes (m), then quarter turns
# about x; each joint then turns about its own z.
JOINT_QUARTER_TURNS = (0, -1, 1, 1, -1, 1, 1)
JOINT_OFFSETS_M = (
    (0.0, 0.0, 0.333),
    (0.0, 0.0, 0.0),
    (0.0, -0.316, 0.0),
    (0.0825, 0.0, 0.0),
    (-0.0825, 0.384, 0.0),
    (0.0, 0.0, 0.0),
    (0.088, 0.0, 0.0),
)
JOINT_LOWER = np.array([-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973])
JOINT_UPPER = np.array([2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973])
FLANGE_OFFSET_M = 0.107  # panda_link7 to panda_link8
TOOL_YAW_RAD = -math.pi / 4  # the gripper's mounting angle on the flange
TOOL_LENGTH_M = 0.126  # flange to the `ee` frame, the tip of the vacuum cups

# Home of the task suite: tool straight down at (-0.106, 0, 0.296) in the world.
HOME_JOINTS = np.array([0.0, 0.0, 0.0, -2 * math.pi / 3, 0.0, 2 * math.pi / 3, math.pi / 4])

_LIMIT_MARGIN_RAD = 0.02
_DAMPING = 1e-6  # of the least squares step at the target …
_DAMPING_PER_SQUARED_ERROR = 0.02  # … and far from it, where a stretched arm would overshoot
_POSTURE_GAIN = 0.3  # share of the way to the home posture that the free elbow takes per iteration
_TOOL_COS, _TOOL_SIN = math.cos(TOOL_YAW_RAD), math.sin(TOOL_YAW_RAD)


def forward(joints: np.ndarray) -> np.ndarray:
    """Pose of the `ee` frame in the base frame, a 4×4 matrix, for joint angles (7,) in rad."""
    return _chain(joints)[0]


def _chain(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the end effector's pose (4, 4) and its geometric Jacobian (6, 7), base frame.

    Scalars on purpose: seven quarter turns need no matrix products, and this runs several times
    in every control step (five times faster than with 4×4 arrays).
    """
    xx, xy, xz, yx, yy, yz, zx, zy, zz = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0
    px, py, pz = 0.0, 0.0, 0.0
    joint_axes = []
    for angle, turn, (ox, oy, oz) in zip(
        joints.tolist(), JOINT_QUARTER_TURNS, JOINT_OFFSETS_M, strict=True
    ):
        px += ox * xx + oy * yx + oz * zx
        py += ox * xy + oy * yy + oz * zy
        pz += ox * xz + oy * yz + oz * zz
        if turn > 0:
            yx, yy, yz, zx, zy, zz = zx, zy, zz, -yx, -yy, -yz
        elif turn < 0:
            yx, yy, yz, zx, zy, zz = -zx, -zy, -zz, yx, yy, yz
        c, s = math.cos(angle), math.sin(angle)
        xx, yx = c * xx + s * yx, c * yx - s * xx
        xy, yy = c * xy + s * yy, c * yy - s * xy
        xz, yz = c * xz + s * yz, c * yz - s * xz
        joint_axes.append((zx, zy, zz, px, py, pz))
    reach = FLANGE_OFFSET_M + TOOL_LENGTH_M
    px, py, pz = px + reach * zx, py + reach * zy, pz + reach * zz
    c, s = _TOOL_COS, _TOOL_SIN
    pose = np.array(
        [
            [c * xx + s * yx, c * yx - s * xx, zx, px],
            [c * xy + s * yy, c * yy - s * xy, zy, py],
            [c * xz + s * yz, c * yz - s * xz, zz, pz],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )
    columns = []
    for ax, ay, az, qx, qy, qz in joint_axes:
        rx, ry, rz = px - qx, py - qy, pz - qz
        columns.append((ay * rz - az * ry, az * rx - ax * rz, ax * ry - ay * rx, ax, ay, az))
    return pose, np.array(columns).T


def link_points(joints: np.ndarray) -> np.ndarray:
    """Origins (9, 3) of the seven joints, the flange and the end effector, base frame, m."""
    points = np.empty((N_JOINTS + 2, 3))
    position, rotation = np.zeros(3), np.eye(3)
    for index, (angle, turn, offset) in enumerate(
        zip(joints.tolist(), JOINT_QUARTER_TURNS, JOINT_OFFSETS_M, strict=True)
    ):
        position = position + rotation @ offset
        points[index] = position
        c, s = math.cos(angle), math.sin(angle)
        # About x by a quarter turn, then about the joint's own z.
        columns = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        if turn:
            columns = np.array([columns[0], -turn * columns[2], turn * columns[1]])
        rotation = rotation @ columns
    points[-2] = position + FLANGE_OFFSET_M * rotation[:, 2]
    points[-1] = points[-2] + TOOL_LENGTH_M * rotation[:, 2]
    return points


def _rotation_error(target: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Rotation vector (3,) in the base frame that turns `current` into `target` (3×3 each)."""
    r = target @ current.T
    axis = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    sine = math.sqrt(float(axis @ axis)) / 2.0
    cosine = (r[0, 0] + r[1, 1] + r[2, 2] - 1.0) / 2.0
    if sine < 1e-9:
        return axis / 2.0
    return axis * (math.atan2(sine, cosine) / (2.0 * sine))


def inverse(
    target: np.ndarray,
    start: np.ndarray,
    *,
    posture: np.ndarray = HOME_JOINTS,
    max_iterations: int = 20,
    tolerance: float = 1e-5,
) -> tuple[np.ndarray, float]:
    """Joint angles that put the end effector at a pose, near `start`, elbow drawn to `posture`.

    The same target reached from two sides gives nearly the same joints, because the redundant
    elbow is always drawn to the one posture: good for a learner that sees joint angles.

    Args:
        target: pose of `ee` in the base frame (4, 4).
        start: joint angles (7,) to start from, rad.
        posture: joint angles (7,) the null space is drawn to.
        max_iterations: bound on the work; a target out of reach gives the closest pose found.
        tolerance: on position (m) and rotation (rad) together.

    Returns:
        Joint angles (7,) within the limits, and the remaining error (m and rad, Euclidean).
    """
    joints = np.array(start, dtype=np.float64)
    lower, upper = JOINT_LOWER + _LIMIT_MARGIN_RAD, JOINT_UPPER - _LIMIT_MARGIN_RAD
    # Near the border of what is reachable the iteration may swing: the best is kept, so that the
    # arm never moves away from a target.
    best, best_error = joints, math.inf
    for iteration in range(max_iterations + 1):
        pose, jacobian = _chain(joints)
        twist = np.empty(6)
        twist[:3] = target[:3, 3] - pose[:3, 3]
        twist[3:] = _rotation_error(target[:3, :3], pose[:3, :3])
        error = math.sqrt(float(twist @ twist))
        if error < best_error:
            best, best_error = joints, error
        if error < tolerance or iteration == max_iterations:
            break
        if error > 0.3:  # a far target is approached in pieces, the linear step is wrong beyond
            twist *= 0.3 / error
        gram = jacobian @ jacobian.T
        gram.flat[::7] += _DAMPING + _DAMPING_PER_SQUARED_ERROR * error * error
        wish = _POSTURE_GAIN * (posture - joints)
        step = wish + jacobian.T @ np.linalg.solve(gram, twist - jacobian @ wish)
        joints = np.minimum(np.maximum(joints + step, lower), upper)
    return best, best_error
