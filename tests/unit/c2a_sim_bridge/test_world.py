# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The physical world: how true a step is, and how objects rest, hang, fall and slide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import place

from c2a_core.geometry import rotation_matrix_from_quat_wxyz
from c2a_core.spaces import CONTROL_DT, clip_action, hold_action, make_action
from c2a_sim_bridge.sim.objects import SHAPES, TALL_SIZE, PlacedObject
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.state import GRAVITY
from c2a_sim_bridge.sim.world import World

# All over the workspace, away from the border of the arm's reach.
PLACES = [
    (-0.3, -0.2, 0.10),
    (-0.3, 0.2, 0.25),
    (-0.1, 0.0, 0.06),
    (0.0, -0.25, 0.15),
    (0.05, 0.2, 0.1),
]


def move(world: World, way, vacuum: bool = False) -> np.ndarray:
    """One step by `way` (3,) in the world; returns what came of it."""
    before = world.state.ee_position
    rotation = rotation_matrix_from_quat_wxyz(world.state.ee_quat_wxyz)
    world.step(make_action(np.asarray(way) @ rotation, np.zeros(3), vacuum))
    return world.state.ee_position - before


def go_to(world: World, position, vacuum: bool = False, step_m: float = 0.045) -> None:
    """Straight to a place, then rest."""
    for _ in range(60):
        way = np.asarray(position) - world.state.ee_position
        distance = np.linalg.norm(way)
        if distance < 5e-4:
            break
        move(world, way * min(1.0, step_m / distance), vacuum)
    hold(world, 3, vacuum)


def hold(world: World, steps: int, vacuum: bool = False) -> None:
    for _ in range(steps):
        world.step(hold_action(vacuum))


def grip(world: World, index: int = 0) -> None:
    """Take object `index` by its top and lift it clear of the table."""
    x, y, _ = world.state.positions[index]
    top = world.state.top_z(index)
    go_to(world, (x, y, top + 0.03))
    for _ in range(40):
        if world.state.grasped == index:
            break
        move(world, (0, 0, -0.002), vacuum=True)
    assert world.state.grasped == index
    go_to(world, (x, y, top + 0.1), vacuum=True)


def in_gripper(world: World, index: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Where the held object is relative to the end effector: position and rotation."""
    state = world.state
    rotation = rotation_matrix_from_quat_wxyz(state.ee_quat_wxyz)
    return (state.positions[index] - state.ee_position) @ rotation, rotation.T @ state.rotations[
        index
    ]


@pytest.mark.parametrize('position', PLACES, ids=str)
def test_semantics_11_a_longest_step_is_realised_to_95_percent(position):
    world = World(())
    rng = np.random.default_rng(0)
    for direction in rng.normal(size=(6, 3)):
        go_to(world, position)
        way = 0.05 * direction / np.linalg.norm(direction)
        moved = move(world, way)
        assert moved @ way >= 0.95 * 0.05**2
        assert np.linalg.norm(moved - way) < 0.05 * 0.05


def test_semantics_11_steps_in_a_row_and_a_reversal_are_realised_too():
    world = World(())
    go_to(world, (-0.3, -0.25, 0.15))
    for sign in (1, 1, 1, 1, -1, -1, 1, -1):
        moved = move(world, (0.0, 0.05 * sign, 0.0))
        assert moved[1] * sign >= 0.95 * 0.05


@pytest.mark.parametrize('axis', range(3))
def test_semantics_11_a_largest_turn_is_realised_in_the_tools_frame(axis):
    world = World(())
    go_to(world, (-0.2, 0.05, 0.2))
    before = rotation_matrix_from_quat_wxyz(world.state.ee_quat_wxyz)
    position = world.state.ee_position
    turn = np.zeros(3)
    turn[axis] = 0.25
    world.step(make_action(np.zeros(3), turn, False))
    relative = before.T @ rotation_matrix_from_quat_wxyz(world.state.ee_quat_wxyz)
    angle = math.acos((np.trace(relative) - 1) / 2)
    assert 0.95 * 0.25 < angle < 1.01 * 0.25
    np.testing.assert_allclose(relative[:, axis], np.eye(3)[axis], atol=1e-3)
    assert np.linalg.norm(world.state.ee_position - position) < 1e-3


def test_semantics_11_an_action_is_expressed_in_the_tools_frame():
    world = World(())
    go_to(world, (-0.2, 0.0, 0.2))
    before = world.state.ee_position
    world.step(make_action((0.0, 0.02, 0.03), np.zeros(3), False))
    # Tool down: its y is the world's -y, its z the world's -z.
    np.testing.assert_allclose(world.state.ee_position - before, [0.0, -0.02, -0.03], atol=5e-4)


def test_semantics_11_a_zero_action_keeps_the_last_target():
    world = World(())
    move(world, (0.03, 0.03, -0.02))
    target = world.state.ee_position
    hold(world, 5)
    settled = world.state.ee_position
    assert np.linalg.norm(settled - target) < 1e-3
    hold(world, 100)
    assert np.linalg.norm(world.state.ee_position - settled) < 1e-4


def test_semantics_11_a_zero_action_keeps_the_target_not_the_measured_place():
    world = World(())
    go_to(world, (-0.2, 0.05, 0.2))
    target = world.state.ee_position
    world.robot.set_qpos(world.robot.get_qpos() + np.float32(0.03))  # something pushed the arm
    hold(world, 10)
    assert np.linalg.norm(world.state.ee_position - target) < 1e-3


def test_an_action_near_the_border_of_reach_does_not_fling_the_arm_away():
    world = World(())
    go_to(world, (-0.36, 0.0, 0.2))
    rng = np.random.default_rng(1)
    for direction in rng.normal(size=(40, 3)):
        before = world.state.ee_position
        move(world, 0.05 * direction / np.linalg.norm(direction) - [0.02, 0.0, 0.0])
        assert np.linalg.norm(world.state.ee_position - before) < 0.1


@pytest.mark.parametrize('shape', SHAPES)
def test_the_table_carries_each_object_with_its_weight(shape):
    world = World((place(f'red {shape}', -0.1, 0.1, yaw=0.7),))
    hold(world, 10)
    weight = world.specs[0].mass * GRAVITY
    assert world.state.ground_force[0] == pytest.approx(weight, rel=0.01)
    assert world.state.positions[0, 2] == pytest.approx(0.025, abs=1e-4)
    assert world.state.tilt_rad(0) < 1e-3


def stack_of_three() -> tuple[PlacedObject, ...]:
    names = ('red cube', 'blue cylinder', 'green hexagon')
    return tuple(
        PlacedObject(place(name, 0, 0).spec, np.array([-0.1, 0.0, 0.025 + 0.05 * k]), 0.4 * k)
        for k, name in enumerate(names)
    )


def test_a_stack_of_three_stands_still():
    world = World(stack_of_three())
    start = world.state.positions
    hold(world, 5)
    for _ in range(100):
        world.step(hold_action(False))
        assert all(world.state.is_static(k) for k in range(3))
    assert np.abs(world.state.positions - start).max() < 5e-4


def test_in_a_stack_each_carries_what_is_above_it():
    world = World(stack_of_three())
    hold(world, 20)
    weights = [spec.mass * GRAVITY for spec in world.specs]
    state = world.state
    np.testing.assert_allclose(state.ground_force, [sum(weights), 0.0, 0.0], rtol=0.02)
    assert state.pair_force[1, 0] == pytest.approx(weights[1] + weights[2], rel=0.02)
    assert state.pair_force[2, 1] == pytest.approx(weights[2], rel=0.02)
    assert state.pair_force[0].sum() == 0.0  # nothing holds the lowest but the table


def test_the_arm_at_rest_touches_nothing():
    world = World((place('red cube', -0.1, 0.0),))
    hold(world, 3)
    assert not world.state.ee_contact.any()


def test_the_arm_pushes_an_object():
    world = World((place('red cube', -0.1, 0.0), place('blue cube', -0.1, 0.25)))
    start = world.state.positions
    go_to(world, (-0.23, 0.0, 0.02))
    touched = False
    for _ in range(6):
        move(world, (0.02, 0.0, 0.0))
        touched |= bool(world.state.ee_contact[0])
    assert touched
    assert world.state.positions[0, 0] - start[0, 0] > 0.03
    assert not world.state.ee_contact[1]
    np.testing.assert_allclose(world.state.positions[1], start[1], atol=1e-4)


@pytest.mark.parametrize('gap', [0.005, 0.010, 0.015, 0.020, 0.025, 0.030])
def test_a_knock_is_noticed_in_whichever_physics_step_it_falls(gap):
    world = World((place('red cube', -0.15, 0.0, size=TALL_SIZE),))
    go_to(world, (-0.175 - 0.037 - gap, 0.0, 0.185))
    assert not world.state.ee_contact.any()
    touched = False
    for way in (0.05, -0.05, -0.05):
        move(world, (way, 0.0, 0.0))
        touched |= bool(world.state.ee_contact[0])
    assert world.state.tilt_rad(0) > 0.01
    assert touched


def test_the_arm_topples_a_tall_object():
    world = World((place('red cube', -0.15, 0.0, size=TALL_SIZE),))
    go_to(world, (-0.26, 0.0, 0.185))
    for _ in range(6):
        move(world, (0.04, 0.0, 0.0))
    hold(world, 10)
    assert world.state.tilt_rad(0) > math.radians(80)


@pytest.mark.parametrize('shape', SHAPES)
def test_a_held_object_does_not_slip_on_a_fast_path(shape):
    world = World((place(f'red {shape}', -0.15, 0.0),))
    grip(world)
    position, rotation = in_gripper(world)
    for step in range(20):
        angle = 0.5 * step
        move(world, (0.045 * math.cos(angle), 0.045 * math.sin(angle), 0.0), vacuum=True)
        now, turned = in_gripper(world)
        assert np.linalg.norm(now - position) < 1e-4
        assert math.acos(min(1.0, (np.trace(rotation.T @ turned) - 1) / 2)) < math.radians(0.2)
    assert world.state.grasped == 0


def test_a_held_object_is_off_the_table_and_says_so():
    world = World((place('red cube', -0.15, 0.0), place('blue cube', 0.0, 0.2)))
    assert not world.state.ever_grasped.any()
    grip(world)
    state = world.state
    assert state.vacuum_on
    assert state.vacuum_ready
    assert state.ground_force[0] == 0.0
    assert state.bottom_z(0) > 0.05
    np.testing.assert_array_equal(state.ever_grasped, [True, False])


def test_release_lets_the_object_fall_at_once():
    world = World((place('red cube', -0.15, 0.0),))
    grip(world)
    height = world.state.positions[0, 2]
    world.step(hold_action(False))
    assert world.state.grasped == -1
    assert height - world.state.positions[0, 2] == pytest.approx(
        0.5 * GRAVITY * CONTROL_DT**2, rel=0.2
    )
    hold(world, 15)
    assert world.state.positions[0, 2] == pytest.approx(0.025, abs=1e-3)
    assert world.state.ever_grasped[0]


def test_the_vacuum_grips_only_when_it_is_on():
    world = World((place('red cube', -0.15, 0.0),))
    go_to(world, (-0.15, 0.0, 0.08))
    go_to(world, (-0.15, 0.0, 0.051), step_m=0.005)
    assert world.state.vacuum_ready
    assert world.state.grasped == -1
    world.step(hold_action(True))
    assert world.state.grasped == 0


def test_an_object_under_a_stack_is_not_lifted_by_the_one_on_top():
    world = World(stack_of_three())
    go_to(world, (-0.1, 0.0, 0.2))
    for _ in range(30):
        if world.state.grasped >= 0:
            break
        move(world, (0, 0, -0.002), vacuum=True)
    assert world.state.grasped == 2
    go_to(world, (-0.1, 0.0, 0.3), vacuum=True)
    assert world.state.bottom_z(2) > 0.2
    assert world.state.top_z(1) < 0.11


def test_an_object_pressed_hard_against_the_table_is_torn_off_and_stays_above_it():
    world = World((place('red cube', -0.15, 0.0),))
    grip(world)
    for _ in range(6):
        move(world, (0.0, 0.0, -0.04), vacuum=True)
        assert world.state.positions[0, 2] > 0.02
    assert world.state.grasped == -1
    hold(world, 20)
    assert world.state.is_static(0)


def test_stop_ends_all_motion():
    world = World(())
    go_to(world, (-0.3, -0.2, 0.2))
    for _ in range(4):
        move(world, (0.03, 0.04, 0.0))
    world.stop()
    stopped = world.state.ee_position
    for _ in range(20):
        world.step(hold_action(False))
        assert np.linalg.norm(world.state.ee_position - stopped) < 1e-3
    assert np.abs(world.state.joint_velocities).max() < 1e-3


def test_stop_gives_up_a_target_that_was_not_reached():
    world = World(())
    go_to(world, (-0.2, 0.05, 0.2))
    world.robot.set_qpos(world.robot.get_qpos() + np.float32(0.03))  # something holds the arm off
    world.stop()
    world.step(hold_action(False))
    stopped = world.state.ee_position
    assert np.linalg.norm(stopped - [-0.2, 0.05, 0.2]) > 0.01
    hold(world, 10)
    assert np.linalg.norm(world.state.ee_position - stopped) < 1e-3


def test_velocities_are_those_of_the_last_step():
    world = World((place('red cube', -0.15, 0.0),))
    assert not world.state.linear_velocities.any()
    grip(world)
    for _ in range(3):
        moved = move(world, (0.0, 0.03, 0.0), vacuum=True)
    np.testing.assert_allclose(world.state.linear_velocities[0], moved / CONTROL_DT, atol=1e-3)


def test_angular_velocity_is_that_of_the_last_step():
    world = World((place('red cube', -0.15, 0.0),))
    grip(world)
    for _ in range(3):
        world.step(make_action(np.zeros(3), (0.0, 0.0, 0.2), True))
    # Tool down: a turn about its own z is one about the world's -z.
    np.testing.assert_allclose(
        world.state.angular_velocities[0], [0.0, 0.0, -0.2 / CONTROL_DT], atol=0.05
    )


def test_step_and_time_count_control_steps():
    world = World(())
    hold(world, 7)
    assert world.state.step == 7
    assert world.state.time_s == pytest.approx(0.35)


def test_the_digest_tells_states_apart_and_equal_ones_together():
    worlds = [World((place('red cube', -0.15, 0.0),)) for _ in range(2)]
    digests = {world.digest() for world in worlds}
    assert len(digests) == 1
    worlds[0].step(hold_action(True))
    worlds[1].step(hold_action(False))
    assert worlds[0].digest() != worlds[1].digest()  # the vacuum is part of the state


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize('index', [0, 5, 6])
def test_a_number_that_is_not_finite_is_refused_and_the_world_stands_still(bad, index):
    simulator = Simulator(SimConfig(render=False))
    simulator.reset('Pick', 0)
    before, action = simulator.state_digest(), hold_action(False)
    action[index] = bad
    with pytest.raises(ValueError, match='not finite'):
        simulator.step(action)
    assert simulator.state_digest() == before
    assert simulator.state.step == 0


def test_a_longer_action_is_clipped_to_the_same_direction():
    world = World(())
    go_to(world, (-0.2, 0.0, 0.2))
    before = world.state.ee_position
    world.step(clip_action(np.array([0.3, 0.4, 0.0, 0.0, 0.0, 0.0, -1.0])))
    np.testing.assert_allclose(world.state.ee_position - before, [0.03, -0.04, 0.0], atol=1e-3)
