# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Where the cameras are and what they see: numbers of the task suite, and the framed view."""

from __future__ import annotations

import math

import numpy as np
import pytest

from c2a_core import spaces
from c2a_sim_bridge.sim import cameras, kinematics
from c2a_sim_bridge.sim.objects import ObjectSpec
from c2a_sim_bridge.sim.robot import BASE_POSITION

# Measured in the task suite, 256 px: (x, y) of a cube that rests on the table, its centre's pixel.
ORIGINAL_PIXELS = [
    ((0.0, 0.0), (135.7, 162.8)),
    ((-0.35, -0.3), (58.1, 126.7)),
    ((-0.35, 0.3), (166.1, 116.4)),
    ((-0.2, 0.0), (122.6, 133.6)),
    ((0.05, 0.0), (140.9, 174.6)),
    ((-0.15, 0.15), (158.1, 134.9)),
    ((-0.15, -0.15), (87.8, 143.9)),
    ((0.1, 0.3), (241.8, 168.4)),
]
WORKSPACE_CORNERS = np.array(
    [[x, y, z] for x in (-0.4, 0.1) for y in (-0.3, 0.3) for z in (0.0, 0.15)]
)
CUBE = ObjectSpec('red', 'cube')


def cube_at(x: float, y: float) -> np.ndarray:
    return CUBE.vertices + [x, y, CUBE.height / 2]


def pose_world_gripper_at_home() -> np.ndarray:
    pose = kinematics.forward(kinematics.HOME_JOINTS)
    pose[:3, 3] += BASE_POSITION - pose[:3, 2] * kinematics.TOOL_LENGTH_M
    return pose


@pytest.mark.parametrize(('position', 'pixel'), ORIGINAL_PIXELS)
def test_original_base_camera_projects_as_the_task_suites(position, pixel):
    camera = cameras.base_camera('original', 256)
    u, v, depth = camera.project(np.array([[*position, 0.025]]))[0]
    assert (u, v) == pytest.approx(pixel, abs=0.06)
    assert depth > 0.0


@pytest.mark.parametrize(
    ('position', 'cell'),
    # The task suite's cells, rounded there and floored here: from its measured boxes.
    [((0.0, 0.0), (5, 6)), ((-0.2, 0.0), (4, 5)), ((-0.15, 0.15), (6, 5)), ((0.1, 0.3), (9, 6))],
)
def test_cells_of_the_original_base_camera(position, cell):
    assert cameras.grid_cell(cameras.base_camera('original', 256), cube_at(*position)) == cell


def test_original_base_cameras_extrinsics_are_the_task_suites():
    world_to_camera = np.linalg.inv(cameras.base_camera('original').optical_pose)
    expected = [
        [0.2425, 0.9701, 0.0, 0.0243],
        [0.4234, -0.1059, -0.8997, 0.1323],
        [-0.8729, 0.2182, -0.4364, 0.4146],
    ]
    np.testing.assert_allclose(world_to_camera[:3], expected, atol=1e-4)


def test_original_wrist_camera_at_home_is_the_task_suites():
    camera = cameras.wrist_camera('original', 128)
    assert camera.focal_px == pytest.approx(64.05, abs=0.01)
    assert camera.parent_frame == 'vacuum_base_link'
    pose = pose_world_gripper_at_home() @ camera.optical_pose
    np.testing.assert_allclose(pose[:3, 3], [-0.0592, 0.0200, 0.3855], atol=1e-4)
    np.testing.assert_allclose(pose[:3, 2], [0, 0, -1], atol=1e-6)  # looks straight down
    np.testing.assert_allclose(pose[:3, 0], [0, -1, 0], atol=1e-6)  # right in the picture
    np.testing.assert_allclose(pose[:3, 1], [-1, 0, 0], atol=1e-6)  # down in the picture


def test_framed_wrist_camera_sees_the_cups_and_below_them():
    camera = cameras.wrist_camera('framed', 128)
    gripper = pose_world_gripper_at_home()
    below = np.array([[0, 0, kinematics.TOOL_LENGTH_M + down, 1.0] for down in (0.0, 0.05, 0.2)])
    u, v, depth = camera.project((below @ gripper.T)[:, :3], gripper).T
    assert (depth > 0.0).all()
    assert ((u > 0) & (u < 128) & (v > 0) & (v < 128)).all()
    np.testing.assert_allclose(u, 64.0, atol=1e-6)


@pytest.mark.parametrize('size', [64, 128, 256])
def test_framed_view_contains_the_whole_workspace(size):
    u, v, depth = cameras.base_camera('framed', size).project(WORKSPACE_CORNERS).T
    assert (depth > 0.0).all()
    assert u.min() >= 0.0
    assert v.min() >= 0.0
    assert u.max() <= size
    assert v.max() <= size
    # The rest of the height is for the arm above the table.
    assert np.ptp(u) > 0.8 * size
    assert np.ptp(v) > 0.5 * size


@pytest.mark.parametrize('pose', cameras.POSES)
def test_robots_left_is_on_the_pictures_right_and_away_from_it_is_down(pose):
    camera = cameras.base_camera(pose)
    centre, left, away = camera.project(
        np.array([[-0.15, 0.0, 0.025], [-0.15, 0.1, 0.025], [-0.05, 0.0, 0.025]])
    )
    assert left[0] > centre[0] + 5.0
    assert away[1] > centre[1] + 5.0


def test_look_at_gives_a_right_handed_upright_frame():
    pose = cameras.look_at((0.9, 0.0, 1.1), (-0.2, 0.0, 0.0))
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)
    assert pose[2, 1] < 0.0  # down in the picture is down in the world
    assert pose[2, 0] == pytest.approx(0.0)


def test_intrinsics_project_like_the_camera():
    camera = cameras.base_camera('framed', 200)
    local = camera.intrinsics @ (np.linalg.inv(camera.optical_pose) @ [-0.1, 0.2, 0.05, 1.0])[:3]
    u, v, _ = camera.project(np.array([[-0.1, 0.2, 0.05]]))[0]
    np.testing.assert_allclose(local[:2] / local[2], [u, v])


def test_bounding_box_is_clipped_to_the_picture():
    camera = cameras.base_camera('original', 256)
    box = cameras.bounding_box(camera, cube_at(0.1, 0.3))
    assert box[2] == 256.0
    assert camera.project(cube_at(0.1, 0.3))[:, 0].max() > 256.0
    assert 0.0 < box[0] < box[2]
    assert 0.0 < box[1] < box[3] < 256.0


def test_bounding_box_of_what_is_behind_the_camera_says_so():
    np.testing.assert_array_equal(
        cameras.bounding_box(cameras.base_camera('original'), cube_at(2.0, 0.0)), [-1.0] * 4
    )


@pytest.mark.parametrize(
    ('position', 'column'),
    [((-0.1, 3.0), 9), ((-0.1, -3.0), 0)],
    ids=['beyond the right border', 'beyond the left border'],
)
def test_semantics_5_cells_are_clipped_to_the_grid(position, column):
    assert cameras.grid_cell(cameras.base_camera(), cube_at(*position))[0] == column


def test_semantics_5_cell_is_the_floor_of_the_box_centre():
    camera = cameras.base_camera('framed', 128)
    seen = set()
    for y in np.linspace(-0.3, 0.3, 61):
        for x in (-0.4, -0.2, 0.0):
            box = cameras.bounding_box(camera, cube_at(x, y))
            centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            expected = tuple(math.floor(10 * c / 128) for c in centre)
            assert cameras.grid_cell(camera, cube_at(x, y)) == expected
            assert spaces.grid_cell(*centre, 128, 128) == expected  # the core's, for everyone else
            seen.add(expected)
    assert len(seen) > 15


@pytest.mark.parametrize('make', [cameras.base_camera, cameras.wrist_camera])
def test_unknown_pose_is_refused_with_the_known_ones(make):
    with pytest.raises(ValueError, match='framed, original'):
        make('artistic')
