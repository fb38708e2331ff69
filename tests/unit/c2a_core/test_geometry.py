# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp
from skill_strategies import PROPERTY

from c2a_core import geometry as g

vectors = stnp.arrays(np.float64, 3, elements=st.floats(-10, 10))
quats = stnp.arrays(np.float64, 4, elements=st.floats(-1, 1))


def _unit(quat):
    assume(np.linalg.norm(quat) > 0.1)
    return g.quat_normalize(quat)


def _same_rotation(a, b):
    return min(np.abs(a - b).max(), np.abs(a + b).max()) < 1e-9


def test_the_two_orders_differ_by_where_w_stands():
    np.testing.assert_array_equal(g.quat_xyzw_from_wxyz([1, 2, 3, 4]), [2, 3, 4, 1])
    np.testing.assert_array_equal(g.quat_wxyz_from_xyzw([2, 3, 4, 1]), [1, 2, 3, 4])
    many = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(g.quat_wxyz_from_xyzw(g.quat_xyzw_from_wxyz(many)), many)


def test_a_quarter_turn_about_z_takes_x_to_y():
    quat = g.quat_wxyz_from_yaw(math.pi / 2)
    np.testing.assert_allclose(g.quat_rotate(quat, [1, 0, 0]), [0, 1, 0], atol=1e-12)
    assert g.yaw_from_quat_wxyz(quat) == pytest.approx(math.pi / 2)


def test_the_tool_down_orientation_points_z_to_the_floor():
    rotation = g.rotation_matrix_from_quat_wxyz([0, 1, 0, 0])
    np.testing.assert_allclose(rotation, np.diag([1, -1, -1]))


@PROPERTY
@given(quats, vectors)
def test_matrix_and_quaternion_rotate_alike(quat, vector):
    quat = _unit(quat)
    matrix = g.rotation_matrix_from_quat_wxyz(quat)
    np.testing.assert_allclose(matrix @ vector, g.quat_rotate(quat, vector), atol=1e-9)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    assert _same_rotation(g.quat_wxyz_from_rotation_matrix(matrix), quat)


@PROPERTY
@given(quats)
def test_rotation_vector_and_quaternion_are_inverse(quat):
    quat = _unit(quat)
    vector = g.rotation_vector_from_quat_wxyz(quat)
    assert np.linalg.norm(vector) <= math.pi + 1e-12
    assert _same_rotation(g.quat_wxyz_from_rotation_vector(vector), quat)


@pytest.mark.parametrize('angle', [0.0, 1e-12, 1e-9, 1e-7, 1e-3, 1.0, math.pi])
def test_small_and_large_rotation_vectors_keep_their_digits(angle):
    vector = np.array([0.0, 0.6, 0.8]) * angle
    quat = g.quat_wxyz_from_rotation_vector(vector)
    np.testing.assert_allclose(g.rotation_vector_from_quat_wxyz(quat), vector, rtol=1e-12)


def test_matrices_of_many_quaternions_at_once():
    many = np.stack([g.quat_wxyz_from_yaw(yaw) for yaw in (0.1, 2.0, -3.0)])
    matrices = g.rotation_matrix_from_quat_wxyz(many)
    assert matrices.shape == (3, 3, 3)
    np.testing.assert_allclose(matrices[1], g.rotation_matrix_from_quat_wxyz(many[1]))


@PROPERTY
@given(quats, vectors, quats, vectors, vectors)
def test_poses_compose_like_their_transforms(quat_a, position_a, quat_b, position_b, point):
    pose_a, pose_b = g.Pose(position_a, _unit(quat_a)), g.Pose(position_b, _unit(quat_b))
    expected = pose_a.transform(pose_b.transform(point))
    np.testing.assert_allclose(pose_a.compose(pose_b).transform(point), expected, atol=1e-8)
    back = pose_a.inverse().transform(pose_a.transform(point))
    np.testing.assert_allclose(back, point, atol=1e-8)


def test_angles():
    a, b = g.quat_wxyz_from_yaw(0.3), -g.quat_wxyz_from_yaw(-0.2)
    assert g.angle_between_quats_wxyz(a, b) == pytest.approx(0.5)
    assert g.wrap_angle(3 * math.pi) == pytest.approx(math.pi)


def test_what_has_no_direction_or_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match='cannot be normalised'):
        g.quat_normalize([0, 0, 0, 0])
    with pytest.raises(ValueError, match=r'position of a pose has shape \(2,\)'):
        g.Pose([0, 0], [1, 0, 0, 0])
