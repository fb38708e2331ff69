# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The arm's kinematics, held against the engine's own pose of the same chain."""

from __future__ import annotations

import numpy as np
import pytest
import sapien

from c2a_sim_bridge.sim import kinematics
from c2a_sim_bridge.sim.robot import BASE_POSITION, EE_LINK, load_robot

HOME = kinematics.HOME_JOINTS
LOWER, UPPER = kinematics.JOINT_LOWER, kinematics.JOINT_UPPER


def tool_down_at(position) -> np.ndarray:
    """Pose (4, 4) in the base frame with the tool square to the table."""
    pose = np.diag([1.0, -1.0, -1.0, 1.0])
    pose[:3, 3] = position
    return pose


def reachable_positions(count: int) -> np.ndarray:
    """Points (count, 3) over the table in the base frame, all over the workspace."""
    rng = np.random.default_rng(0)
    radius, angle = rng.uniform(0.32, 0.70, count), rng.uniform(-0.6, 0.6, count)
    height = rng.uniform(0.02, 0.30, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


def test_forward_equals_the_engines_pose_of_the_ee_link():
    scene = sapien.Scene([sapien.physx.PhysxCpuSystem()])  # kept: the robot dies with it
    robot = load_robot(scene, 'low_poly', with_visuals=False)
    ee = robot.find_link_by_name(EE_LINK).entity
    rng = np.random.default_rng(1)
    for joints in rng.uniform(LOWER, UPPER, (50, 7)):
        robot.set_qpos(joints.astype(np.float32))
        expected = ee.pose.to_transformation_matrix()
        expected[:3, 3] -= BASE_POSITION
        np.testing.assert_allclose(kinematics.forward(joints), expected, atol=1e-5)


def test_home_is_the_task_suites_home():
    pose = kinematics.forward(HOME)
    np.testing.assert_allclose(pose[:3, 3] + BASE_POSITION, [-0.1057, 0.0, 0.2955], atol=1e-4)
    np.testing.assert_allclose(pose[:3, :3], np.diag([1.0, -1.0, -1.0]), atol=1e-9)


def test_jacobian_is_the_derivative_of_forward():
    joints = HOME + np.array([0.3, -0.2, 0.1, 0.2, -0.3, 0.1, 0.4])
    pose, jacobian = kinematics._chain(joints)
    for axis in range(7):
        moved = joints.copy()
        moved[axis] += 1e-6
        other = kinematics.forward(moved)
        np.testing.assert_allclose(
            (other[:3, 3] - pose[:3, 3]) / 1e-6, jacobian[:3, axis], atol=1e-5
        )
        turn = (other[:3, :3] @ pose[:3, :3].T - np.eye(3)) / 1e-6
        np.testing.assert_allclose(
            [turn[2, 1], turn[0, 2], turn[1, 0]], jacobian[3:, axis], atol=1e-5
        )


def test_inverse_undoes_forward():
    rng = np.random.default_rng(2)
    for _ in range(50):
        joints = np.clip(HOME + rng.uniform(-0.4, 0.4, 7), LOWER + 0.05, UPPER - 0.05)
        target = kinematics.forward(joints)
        found, error = kinematics.inverse(target, HOME + rng.uniform(-0.3, 0.3, 7))
        assert error < 1e-5
        np.testing.assert_allclose(kinematics.forward(found), target, atol=2e-5)


def test_same_target_from_two_starts_gives_nearly_the_same_joints():
    rng = np.random.default_rng(3)
    for position in reachable_positions(50):
        target = tool_down_at(position)
        one, _ = kinematics.inverse(target, HOME + rng.uniform(-0.2, 0.2, 7))
        two, _ = kinematics.inverse(target, HOME + rng.uniform(-0.2, 0.2, 7))
        assert np.abs(one - two).max() < 0.06  # of starts that lie 0.4 rad apart


@pytest.mark.parametrize(
    'position', [(1.5, 0.0, 0.3), (0.2, 0.0, -0.5), (0.0, 0.0, 2.0), (0.05, 0.0, 0.1)]
)
def test_out_of_reach_gives_joints_within_their_limits_and_says_how_far_off(position):
    found, error = kinematics.inverse(tool_down_at(position), HOME)
    assert (found >= LOWER).all()
    assert (found <= UPPER).all()
    gap = np.linalg.norm(kinematics.forward(found)[:3, 3] - position)
    assert error >= gap > 0.0
    assert error > 0.01


@pytest.mark.parametrize('position', [(1.5, 0.0, 0.3), (1.0, 0.9, 0.3), (0.8, 0.3, 0.2)])
def test_out_of_reach_gives_the_closest_pose(position):
    target = tool_down_at(position)
    _, error = kinematics.inverse(target, HOME)
    _, other = kinematics.inverse(target, HOME + 0.3)
    found, _ = kinematics.inverse(target, HOME)
    _, better = kinematics.inverse(target, found, max_iterations=200)
    assert abs(error - other) < 0.01
    assert error - better < 0.01


def test_inverse_never_moves_away_from_a_target():
    # Pins: near the base the last iterate was taken, half a metre away from a target at 5 cm.
    rng = np.random.default_rng(4)
    start, _ = kinematics.inverse(tool_down_at((0.30, 0.0, 0.2)), HOME)
    for offset in rng.normal(size=(50, 3)):
        target = kinematics.forward(start)
        target[:3, 3] += 0.05 * offset / np.linalg.norm(offset) - [0.03, 0.0, 0.0]
        before = np.linalg.norm(target[:3, 3] - kinematics.forward(start)[:3, 3])
        _, error = kinematics.inverse(target, start)
        assert error <= before + 1e-9


def test_inverse_leaves_its_start_alone():
    start = HOME.copy()
    kinematics.inverse(tool_down_at((0.5, 0.1, 0.2)), start)
    np.testing.assert_array_equal(start, HOME)
