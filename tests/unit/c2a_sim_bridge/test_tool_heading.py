# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The wrist's range: an object can be turned by any angle, wherever it stands."""

from __future__ import annotations

import math

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import changed, make_state, place
from unit.c2a_sim_bridge.worlds import Table

from c2a_core.geometry import Pose, quat_wxyz_from_yaw, wrap_angle
from c2a_sim_bridge.sim.skills.tool_heading import (
    MIDDLE_RAD,
    PLANNED_RANGE_RAD,
    heading_before_turn,
    kept_orientation,
    reachable_turn,
    tool_down,
    tool_heading,
)

PLACES = [(-0.3, 0.3), (-0.3, -0.3), (0.05, 0.0), (-0.1, 0.25)]


@pytest.mark.parametrize(('x', 'y'), PLACES)
@pytest.mark.parametrize('degrees', [-179, -150, -90, -30, 30, 120, 150, 179])
def test_heading_before_a_turn_leaves_room_for_it(x: float, y: float, degrees: float):
    layout = [place('red cube', x, y)]
    target = Pose(layout[0].position, quat_wxyz_from_yaw(math.radians(degrees)))

    heading = heading_before_turn(make_state(layout), 0, target)

    middle = math.atan2(y, x + 0.65) + MIDDLE_RAD
    assert abs(heading - middle) <= PLANNED_RANGE_RAD + 1e-9
    assert abs(heading + math.radians(degrees) - middle) <= PLANNED_RANGE_RAD + 1e-9


def test_heading_stays_zero_where_the_turn_fits_anyway():
    layout = [place('red cube', -0.1, 0.0)]
    target = Pose(layout[0].position, quat_wxyz_from_yaw(math.radians(60.0)))

    assert heading_before_turn(make_state(layout), 0, target) == 0.0


def test_unknown_turn_begins_in_the_middle_of_the_range():
    state = make_state([place('red cube', -0.15, 0.5)])

    assert heading_before_turn(state, 0, None) == pytest.approx(math.pi / 2)


def test_heading_is_read_back_and_kept():
    state = changed(make_state([]), ee_quat_wxyz=tool_down(0.7))
    nearly = changed(state, ee_quat_wxyz=tool_down(0.05))

    assert tool_heading(state) == pytest.approx(0.7)
    assert kept_orientation(state) == pytest.approx(tool_down(0.7))
    assert kept_orientation(nearly).tolist() == [0.0, 1.0, 0.0, 0.0]


def test_turn_goes_round_the_other_way_where_the_wrist_is_at_its_end():
    joints = np.zeros(7)
    joints[6] = -2.0  # at heading 2 rad from the middle, seen along x
    state = changed(
        make_state([]),
        ee_position=np.array([-0.1, 0.0, 0.2]),
        ee_quat_wxyz=tool_down(MIDDLE_RAD + 2.0),
        joint_positions=joints,
    )
    # The tool's z axis points down: a turn to the left is negative about it.
    left, right = np.array([0.0, 0.0, -2.0]), np.array([0.0, 0.0, 2.0])

    assert reachable_turn(state, right, None) == pytest.approx(right)
    assert reachable_turn(state, left, None) == pytest.approx([0.0, 0.0, 2 * math.pi - 2.0])


@pytest.mark.parametrize(('x', 'y', 'degrees'), [(-0.3, 0.3, -150.0), (0.0, -0.25, 170.0)])
def test_object_is_turned_in_a_world(x: float, y: float, degrees: float):
    table = Table(place('red cube', x, y))
    actor = "get_actor('red cube', (5, 5))"

    for code in (
        f"pose_dict['t'] = rotate_z(get_pose(actor={actor}), {degrees})\nmove3d(actor={actor})",
        f'pick(actor={actor})',
        "move3d(target_pose=pose_dict['t'], match_ori=True)",
        f"place(actor={actor}, target_pose=pose_dict['t'], match_ori=True)",
    ):
        assert table.run(code) >= 0

    assert abs(wrap_angle(table.state.yaw(0) - math.radians(degrees))) < 0.06
    assert math.dist(table.state.positions[0, :2], (x, y)) < 0.01
