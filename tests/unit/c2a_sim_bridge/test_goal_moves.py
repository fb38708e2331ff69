# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`move3d(goal=…)`, its way around obstacles, and the predicates of the empty gripper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import changed, make_state, place
from unit.c2a_sim_bridge.worlds import Table

from c2a_core.geometry import quat_wxyz_from_rotation_vector
from c2a_sim_bridge.sim import kinematics
from c2a_sim_bridge.sim.objects import ObjectKind, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.predicates_goal import EEAtPose, EEAtPosition, WithoutHitting
from c2a_sim_bridge.sim.robot import BASE_POSITION
from c2a_sim_bridge.sim.skills.goal import CLEARANCE_M, arm_clearance, find_way, way_clearance
from c2a_sim_bridge.sim.skills.motion import TOOL_DOWN_WXYZ
from c2a_sim_bridge.sim.world import World

GOAL = "get_actor('red goal', (3, 5))"
HOME = np.array([-0.1057, 0.0, 0.2954])
NONE = np.zeros((0, 4))


def mark(position, angle: float = math.pi) -> PlacedObject:
    """A gripper mark, turned by `angle` about world x; half a turn is straight down."""
    spec = ObjectSpec('red', 'gripper', (0.09, 0.06, 0.126), kind=ObjectKind.MARK)
    tilt = (math.cos(angle / 2), math.sin(angle / 2), 0.0, 0.0)
    return PlacedObject(spec, np.array(position, dtype=float), 0.0, tilt)


def floater(position) -> PlacedObject:
    spec = ObjectSpec('blue', 'cube', (0.05, 0.05, 0.025), kind=ObjectKind.FIXED)
    return PlacedObject(spec, np.array(position, dtype=float), 0.3)


def at(position, quat=(0.0, 1.0, 0.0, 0.0)):
    state = make_state([place('red cube', 0.0, 0.2)])
    return changed(state, ee_position=np.array(position), ee_quat_wxyz=np.array(quat))


@pytest.mark.parametrize(('distance', 'is_there'), [(0.049, True), (0.051, False)])
def test_a_place_is_reached_within_five_centimetres(distance, is_there):
    goal = EEAtPosition(0, np.array([0.0, 0.0, 0.2]))
    assert goal.update(at([0.0, distance, 0.2])) == is_there


@pytest.mark.parametrize(('distance', 'is_there'), [(0.049, True), (0.051, False)])
@pytest.mark.parametrize('sign', [1.0, -1.0])
def test_a_pose_is_reached_by_distance_plus_that_of_the_nearer_quaternion(
    distance, is_there, sign
):
    # Quaternions of an angle apart are 2 sin(angle / 4) apart.
    turn = 4.0 * math.asin(0.05)
    goal = EEAtPose(0, np.array([0.0, 0.0, 0.2]), np.array([0.0, 1.0, 0.0, 0.0]))
    quat = sign * np.array([-math.sin(turn / 2), math.cos(turn / 2), 0.0, 0.0])
    assert goal.update(at([0.0, distance, 0.2], quat)) == is_there


def test_a_touched_obstacle_is_never_forgiven():
    goal = WithoutHitting(EEAtPosition(1, np.array([0.0, 0.0, 0.2])), [0])
    assert goal.update(at([0.0, 0.0, 0.2]))
    assert not goal.update(changed(at([0.0, 0.0, 0.2]), ee_contact=np.array([True])))
    assert not goal.update(at([0.0, 0.0, 0.2]))


def test_link_points_are_those_of_the_world():
    world = World(())
    links = {link.entity.name: link.entity.pose.p for link in world.robot.links}
    points = kinematics.link_points(world.state.joint_positions) + BASE_POSITION
    for index in range(7):
        np.testing.assert_allclose(points[index], links[f'panda_link{index + 1}'], atol=1e-5)
    np.testing.assert_allclose(points[8], world.state.ee_position, atol=1e-6)


@pytest.mark.parametrize('angle', [math.pi / 2, 2.2, math.pi, 3 * math.pi / 2])
def test_goal_is_reached_turned_as_it_shows(angle):
    table = Table(mark([-0.1, 0.15, 0.25], angle))
    assert 0 < table.run(f'move3d(goal={GOAL}, match_ori=True)') < 25
    state = table.state
    assert math.dist(state.ee_position, state.positions[0]) < 0.01
    assert EEAtPose(0, state.positions[0], state.quats_wxyz[0]).update(state)
    assert abs(float(state.ee_quat_wxyz @ state.quats_wxyz[0])) > math.cos(math.radians(1.5))


def test_without_match_ori_the_tool_points_down_at_the_goal():
    table = Table(mark([0.0, -0.2, 0.15], math.pi / 2))
    assert 0 < table.run(f'move3d(goal={GOAL})') < 25
    np.testing.assert_allclose(np.abs(table.state.ee_quat_wxyz), [0, 1, 0, 0], atol=0.03)


def test_a_goal_is_not_solid_and_cannot_be_gripped():
    table = Table(mark([-0.1, 0.0, 0.2]))
    skill = table.start(f'move3d(goal={GOAL})')
    for _ in range(12):
        action = skill.act(table.state)
        action[6] = 1.0
        table.world.step(action)
    assert skill.is_done(table.state)
    assert table.state.grasped == -1
    assert not table.state.ee_contact.any()


def test_it_goes_around_an_obstacle_that_a_straight_motion_hits():
    goal = [-0.1, 0.25, 0.28]
    layout = (mark(goal), floater([-0.1, 0.12, 0.3]))
    table = Table(*layout)
    judge = WithoutHitting(EEAtPosition(0, np.array(goal)), [1])
    skill = table.start(f'move3d(goal={GOAL})')
    for _ in range(40):
        if skill.is_done(table.state):
            break
        table.world.step(skill.act(table.state))
        assert not table.state.ee_contact.any()
        judge.update(table.state)
    assert judge.update(table.state)

    straight = Table(*layout)
    was_hit = False
    for _ in range(12):
        straight.move((0.0, 0.02, 0.0))
        was_hit = was_hit or bool(straight.state.ee_contact[1])
    assert was_hit


def test_an_obstacle_is_felt_by_the_forearm_too():
    # Beside the elbow at home, far away from the gripper.
    elbow = kinematics.link_points(kinematics.HOME_JOINTS)[4] + BASE_POSITION
    table = Table(mark([-0.1, 0.3, 0.3]), floater(elbow + [0.0, 0.13, 0.0]))
    was_hit = False
    for _ in range(10):
        table.move((0.0, 0.04, 0.0))
        was_hit = was_hit or bool(table.state.ee_contact[1])
    assert was_hit


def test_a_free_way_is_straight_and_a_blocked_one_keeps_its_distance():
    goal = np.array([-0.1, 0.25, 0.28])
    start = (kinematics.HOME_JOINTS, TOOL_DOWN_WXYZ)
    assert len(find_way(*start, goal, TOOL_DOWN_WXYZ, NONE)) == 1
    sphere = np.array([[-0.1, 0.12, 0.28, 0.04]])
    way = find_way(*start, goal, TOOL_DOWN_WXYZ, sphere)
    assert len(way) > 1
    assert way_clearance(*start, [goal], TOOL_DOWN_WXYZ, sphere)[0] < 0.0
    assert way_clearance(*start, way, TOOL_DOWN_WXYZ, sphere)[0] >= CLEARANCE_M
    again = find_way(*start, goal, TOOL_DOWN_WXYZ, sphere)
    np.testing.assert_array_equal(np.array(way), np.array(again))


def test_clearance_counts_from_the_gripper_and_from_the_table():
    beside = HOME + [0.0, 0.2, 0.05]
    gap = arm_clearance(kinematics.HOME_JOINTS, np.array([[*beside, 0.03]]))
    assert gap == pytest.approx(0.2 - 0.03 - 0.055, abs=0.005)
    assert arm_clearance(kinematics.HOME_JOINTS, NONE) > 0.2


def test_a_way_out_of_reach_says_so():
    clearance, _ = way_clearance(
        kinematics.HOME_JOINTS, TOOL_DOWN_WXYZ, [np.array([0.6, 0.0, 0.3])], TOOL_DOWN_WXYZ, NONE
    )
    assert clearance == -math.inf


def test_turning_in_place_is_a_way_too():
    quat = quat_wxyz_from_rotation_vector(np.array([math.pi / 2, 0.0, 0.0]))
    table = Table(mark(HOME, math.pi / 2))
    assert 0 < table.run(f'move3d(goal={GOAL}, match_ori=True)') < 15
    assert abs(float(table.state.ee_quat_wxyz @ quat)) > 0.999
