# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Pose maths in float64 numpy, and the only place that knows both quaternion orders.

ROS writes quaternions x y z w, the simulator w x y z; every name here says its order. Quaternions
are unit Hamilton quaternions that rotate vectors from the child's frame into the parent's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

# Below this angle [rad] the sine is replaced by its argument: the error is under 1e-16.
_SMALL_ANGLE = 1e-8


@dataclass(frozen=True, slots=True)
class Pose:
    """Pose of a child frame in a parent frame.

    Attributes:
        position: (3,) float64, the child's origin in the parent [m].
        quat_wxyz: (4,) float64 unit quaternion, parent from child.
    """

    position: Vector
    quat_wxyz: Vector

    def __post_init__(self) -> None:
        """Check shapes and store float64."""
        for name, size in (('position', 3), ('quat_wxyz', 4)):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape != (size,):
                raise ValueError(f'{name} of a pose has shape {value.shape}, expected ({size},)')
            object.__setattr__(self, name, value)

    def compose(self, other: Pose) -> Pose:
        """Chain two poses: `pose_a_c = pose_a_b.compose(pose_b_c)`."""
        return Pose(
            self.position + quat_rotate(self.quat_wxyz, other.position),
            quat_multiply_wxyz(self.quat_wxyz, other.quat_wxyz),
        )

    def inverse(self) -> Pose:
        """Pose of the parent in the child."""
        inverse = quat_conjugate_wxyz(self.quat_wxyz)
        return Pose(-quat_rotate(inverse, self.position), inverse)

    def transform(self, points: npt.ArrayLike) -> Vector:
        """Points (..., 3) given in the child's frame, expressed in the parent's."""
        rotation = rotation_matrix_from_quat_wxyz(self.quat_wxyz)
        result: Vector = np.asarray(points, dtype=np.float64) @ rotation.T + self.position
        return result


def quat_xyzw_from_wxyz(quat_wxyz: npt.ArrayLike) -> Vector:
    """Reorder quaternions (..., 4) from the simulator's order to that of ROS."""
    return np.roll(np.asarray(quat_wxyz, dtype=np.float64), -1, axis=-1)


def quat_wxyz_from_xyzw(quat_xyzw: npt.ArrayLike) -> Vector:
    """Reorder quaternions (..., 4) from the order of ROS to the simulator's."""
    return np.roll(np.asarray(quat_xyzw, dtype=np.float64), 1, axis=-1)


def quat_multiply_wxyz(left: npt.ArrayLike, right: npt.ArrayLike) -> Vector:
    """Rotation `right` followed by `left`; both (4,), w x y z."""
    w1, x1, y1, z1 = np.asarray(left, dtype=np.float64).tolist()
    w2, x2, y2, z2 = np.asarray(right, dtype=np.float64).tolist()
    return np.array(
        (
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        )
    )


def quat_conjugate_wxyz(quat_wxyz: npt.ArrayLike) -> Vector:
    """Opposite rotation of a unit quaternion (4,)."""
    w, x, y, z = np.asarray(quat_wxyz, dtype=np.float64).tolist()
    return np.array((w, -x, -y, -z))


def quat_normalize(quat: npt.ArrayLike) -> Vector:
    """Unit quaternion (4,) of either order.

    Raises:
        ValueError: if it has no direction.
    """
    value = np.asarray(quat, dtype=np.float64)
    norm = math.sqrt(float(value @ value))
    if not 1e-12 < norm < math.inf:
        raise ValueError(f'quaternion {value.tolist()} cannot be normalised: its norm is {norm}')
    return value / norm


def quat_rotate(quat_wxyz: npt.ArrayLike, vector: npt.ArrayLike) -> Vector:
    """Rotate a vector (3,) by a unit quaternion (4,)."""
    w, x, y, z = np.asarray(quat_wxyz, dtype=np.float64).tolist()
    vx, vy, vz = np.asarray(vector, dtype=np.float64).tolist()
    tx = 2.0 * (y * vz - z * vy)
    ty = 2.0 * (z * vx - x * vz)
    tz = 2.0 * (x * vy - y * vx)
    return np.array(
        (
            vx + w * tx + y * tz - z * ty,
            vy + w * ty + z * tx - x * tz,
            vz + w * tz + x * ty - y * tx,
        )
    )


def rotation_matrix_from_quat_wxyz(quat_wxyz: npt.ArrayLike) -> Vector:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    w, x, y, z = np.moveaxis(np.asarray(quat_wxyz, dtype=np.float64), -1, 0)
    matrix = np.empty((*w.shape, 3, 3))
    matrix[..., 0, 0] = 1.0 - 2.0 * (y * y + z * z)
    matrix[..., 0, 1] = 2.0 * (x * y - w * z)
    matrix[..., 0, 2] = 2.0 * (x * z + w * y)
    matrix[..., 1, 0] = 2.0 * (x * y + w * z)
    matrix[..., 1, 1] = 1.0 - 2.0 * (x * x + z * z)
    matrix[..., 1, 2] = 2.0 * (y * z - w * x)
    matrix[..., 2, 0] = 2.0 * (x * z - w * y)
    matrix[..., 2, 1] = 2.0 * (y * z + w * x)
    matrix[..., 2, 2] = 1.0 - 2.0 * (x * x + y * y)
    return matrix


def quat_wxyz_from_rotation_matrix(matrix: npt.ArrayLike) -> Vector:
    """Unit quaternion (4,) with w >= 0 of a rotation matrix (3, 3)."""
    m = np.asarray(matrix, dtype=np.float64)
    # Take the square root of the largest component: dividing by a small one loses digits.
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    squares = (trace, m[0, 0], m[1, 1], m[2, 2])
    largest = int(np.argmax(squares))
    if largest == 0:
        quat = (1.0 + trace, m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1])
    else:
        i = largest - 1
        j, k = (i + 1) % 3, (i + 2) % 3
        vector = [0.0, 0.0, 0.0]
        vector[i] = 1.0 + m[i, i] - m[j, j] - m[k, k]
        vector[j] = m[i, j] + m[j, i]
        vector[k] = m[i, k] + m[k, i]
        quat = (m[k, j] - m[j, k], *vector)
    result = quat_normalize(quat)
    return -result if result[0] < 0.0 else result


def rotation_vector_from_quat_wxyz(quat_wxyz: npt.ArrayLike) -> Vector:
    """Rotation vector (3,) [rad], axis times angle in 0..pi, of a unit quaternion (4,)."""
    w, x, y, z = np.asarray(quat_wxyz, dtype=np.float64).tolist()
    if w < 0.0:
        w, x, y, z = -w, -x, -y, -z
    sine = math.sqrt(x * x + y * y + z * z)
    scale = 2.0 if sine < _SMALL_ANGLE else 2.0 * math.atan2(sine, w) / sine
    return np.array((x * scale, y * scale, z * scale))


def quat_wxyz_from_rotation_vector(rotation: npt.ArrayLike) -> Vector:
    """Unit quaternion (4,) of a rotation vector (3,) [rad]."""
    x, y, z = np.asarray(rotation, dtype=np.float64).tolist()
    angle = math.sqrt(x * x + y * y + z * z)
    scale = 0.5 if angle < _SMALL_ANGLE else math.sin(0.5 * angle) / angle
    return np.array((math.cos(0.5 * angle), x * scale, y * scale, z * scale))


def quat_wxyz_from_yaw(yaw_rad: float) -> Vector:
    """Unit quaternion (4,) of a turn about z [rad], anti-clockwise seen from above."""
    return np.array((math.cos(0.5 * yaw_rad), 0.0, 0.0, math.sin(0.5 * yaw_rad)))


def yaw_from_quat_wxyz(quat_wxyz: npt.ArrayLike) -> float:
    """Heading of the child's x axis in the parent's xy plane [rad], in -pi..pi."""
    w, x, y, z = np.asarray(quat_wxyz, dtype=np.float64).tolist()
    return math.atan2(2.0 * (x * y + w * z), 1.0 - 2.0 * (y * y + z * z))


def angle_between_quats_wxyz(left: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """Angle of the rotation that turns one orientation into the other [rad], 0..pi."""
    relative = quat_multiply_wxyz(quat_conjugate_wxyz(left), right)
    return float(np.linalg.norm(rotation_vector_from_quat_wxyz(relative)))


def wrap_angle(angle_rad: float) -> float:
    """The same angle in -pi..pi [rad]."""
    return math.atan2(math.sin(angle_rad), math.cos(angle_rad))
