# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Each skill from its natural start, and its done test when something else moves the arm."""

from __future__ import annotations

import math

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import place
from unit.c2a_sim_bridge.worlds import Table

from c2a_core.geometry import yaw_from_quat_wxyz
from c2a_core.skill_api import parse_key_step
from c2a_core.spaces import MAX_ROTATION_RAD, MAX_TRANSLATION_M
from c2a_sim_bridge.sim.objects import SHAPES, TALL_SIZE
from c2a_sim_bridge.sim.skills.motion import world_action

RED = "get_actor('red cube', (0, 0))"
BLUE = "get_actor('blue cylinder', (0, 0))"
ABOVE, PICK = f'move3d(actor={RED})', f'pick(actor={RED})'


@pytest.fixture
def table() -> Table:
    return Table(place('red cube', -0.2, -0.1, yaw=0.4), place('blue cylinder', -0.1, 0.15))


@pytest.fixture
def holding(table: Table) -> Table:
    """The red cube is in the gripper."""
    assert table.run(ABOVE) >= 0
    assert table.run(PICK) >= 0
    return table


def test_move_above_ends_above_with_the_vacuum_off(table: Table):
    assert 0 < table.run(ABOVE) <= 12
    state = table.state
    np.testing.assert_allclose(state.ee_position[:2], state.positions[0, :2], atol=0.011)
    assert state.ee_position[2] == pytest.approx(state.top_z(0) + 0.03, abs=0.011)
    assert not state.vacuum_on


def test_move_above_is_done_where_the_object_is_held_already(table: Table):
    skill = table.start(ABOVE)
    assert not skill.is_done(table.state)
    # Whatever else hangs on the cups has to go first.
    assert table.run(f'pick(actor={BLUE})') >= 0
    assert not skill.is_done(table.state)
    other = Table(place('red cube', -0.2, -0.1, yaw=0.4))
    assert other.run(PICK) >= 0
    assert other.start(ABOVE).is_done(other.state)


@pytest.mark.parametrize('shape', SHAPES)
def test_pick_holds_and_lifts(shape: str):
    table = Table(place(f'red {shape}', -0.2, -0.1, yaw=1.0))
    actor = f"get_actor('red {shape}', (0, 0))"
    assert table.run(f'move3d(actor={actor})') >= 0
    assert 0 < table.run(f'pick(actor={actor})') <= 12
    assert table.state.grasped == 0
    assert table.state.bottom_z(0) >= 0.03


def test_pick_works_from_far_away_too(table: Table):
    assert 0 < table.run(PICK) <= 30
    assert table.state.grasped == 0


def test_carry_to_an_object_ends_above_it(holding: Table):
    assert 0 < holding.run(f'move3d(target_actor={BLUE})') <= 20
    state = holding.state
    assert state.planar_distance(0, 1) < 0.012
    assert state.bottom_z(0) == pytest.approx(state.top_z(1) + 0.03, abs=0.011)


def test_place_on_an_object_leaves_it_there_and_the_cups_clear(holding: Table):
    assert holding.run(f'move3d(target_actor={BLUE})') >= 0
    assert 0 < holding.run(f'place(actor={RED}, target_actor={BLUE})') <= 15
    state = holding.state
    assert state.grasped == -1
    assert state.pair_force[0, 1] > 0.0
    assert state.planar_distance(0, 1) < 0.012
    assert state.ee_position[2] > state.top_z(0) + 0.02


def test_carry_and_place_at_a_stored_pose(table: Table):
    store = f"pose_dict['k'] = towards(actor={RED}, target_actor={BLUE})\n"
    assert table.run(store + ABOVE) >= 0
    assert table.run(PICK) >= 0
    assert 0 < table.run("move3d(target_pose=pose_dict['k'])") <= 20
    assert 0 < table.run(f"place(actor={RED}, target_pose=pose_dict['k'])") <= 15
    np.testing.assert_allclose(table.state.positions[0], [-0.15, 0.025, 0.025], atol=0.012)
    # Set down, not dropped: the heading stays.
    assert table.state.yaw(0) == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize('degrees', [60, -45, 90])
def test_match_ori_turns_the_object(table: Table, degrees: int):
    target = (
        f"pose_dict['k'] = rotate_z(towards(actor={RED}, target_actor={BLUE}), {degrees})\n"
        + ABOVE
    )
    assert table.run(target) >= 0
    assert table.run(PICK) >= 0
    assert table.run("move3d(target_pose=pose_dict['k'], match_ori=True)") >= 0
    assert table.run(f"place(actor={RED}, target_pose=pose_dict['k'], match_ori=True)") >= 0
    wanted = yaw_from_quat_wxyz(table.interpreter.pose_dict['k'].quat_wxyz)
    difference = math.remainder(table.state.yaw(0) - wanted, 2 * math.pi)
    assert abs(difference) < math.radians(4)


def test_push_moves_away_from_the_robot(table: Table):
    start = table.state.positions[0].copy()
    assert 0 < table.run(f'move3d(push_actor={RED})') <= 20
    assert 0 < table.run(f'push(actor={RED})') <= 20
    moved = table.state.positions[0] - start
    assert np.linalg.norm(moved) > 0.15
    away = start[:2] - [-0.65, 0.0]
    assert moved[:2] @ away > 0.95 * np.linalg.norm(moved) * np.linalg.norm(away)
    assert table.state.tilt_rad(0) < 0.05
    assert 0 < table.run(f'move3d(retreat_from={RED})') <= 8


def test_push_to_a_pose_ends_there(table: Table):
    target = f"pose_dict['k'] = towards(actor={RED}, target_actor={BLUE})\n"
    assert table.run(target + f"move3d(push_actor={RED}, target_pose=pose_dict['k'])") > 0
    assert 0 < table.run(f"push(actor={RED}, target_pose=pose_dict['k'])") <= 20
    goal = table.interpreter.pose_dict['k'].position
    assert np.linalg.norm(table.state.positions[0, :2] - goal[:2]) < 0.03


def test_topple_lays_a_tall_object_down():
    table = Table(place('red cube', -0.2, 0.1, size=TALL_SIZE))
    assert 0 < table.run(f'move3d(topple_actor={RED})') <= 20
    assert 0 < table.run(f'topple(actor={RED})') <= 12
    assert 0 < table.run(f'move3d(retreat_from={RED})') <= 12
    table.hold(15)
    assert table.state.tilt_rad(0) > math.radians(80)


def test_touch_ends_in_contact_and_hardly_moves_the_object(table: Table):
    start = table.state.positions[0].copy()
    assert 0 < table.run(f'move3d(touch_actor={RED})') <= 20
    assert not table.state.ee_contact.any()
    assert 0 < table.run(f'touch(actor={RED})') <= 10
    assert table.state.ee_contact[0]
    assert np.linalg.norm(table.state.positions[0] - start) < 0.03


def test_done_holds_and_never_ends(table: Table):
    before = table.state.ee_position
    skill = table.start('done()')
    for _ in range(5):
        table.world.step(skill.act(table.state))
        assert not skill.is_done(table.state)
    assert np.linalg.norm(table.state.ee_position - before) < 1e-4


# Done tests look at the state alone: whoever moved the arm.


def test_semantics_6_an_onlooker_agrees_with_the_skill_that_acts(table: Table):
    for code in (ABOVE, PICK, f'move3d(target_actor={BLUE})'):
        actor = table.start(code)
        # Begun at the same state, never asked to act.
        onlooker = table.new_interpreter().start(parse_key_step(code), table.state)
        for _ in range(40):
            assert actor.is_done(table.state) == onlooker.is_done(table.state)
            if actor.is_done(table.state):
                break
            table.world.step(actor.act(table.state))
        else:
            pytest.fail(f'{code} did not end')


def test_semantics_6_done_tests_do_not_depend_on_how_often_they_are_asked(table: Table):
    skill = table.start(PICK)
    answers = [skill.is_done(table.state) for _ in range(5)]
    assert answers == [False] * 5
    table.drive(skill, skill)
    assert all(skill.is_done(table.state) for _ in range(5))


def test_semantics_6_pick_is_done_by_hand_made_actions(table: Table):
    judge = table.start(PICK)
    x, y, _ = table.state.positions[0]
    for _ in range(60):
        way = np.array([x, y, 0.055]) - table.state.ee_position
        if np.linalg.norm(way) < 1e-3:
            break
        table.move(way * min(1.0, 0.03 / np.linalg.norm(way)))
    assert not judge.is_done(table.state)
    for _ in range(5):
        table.move((0, 0, -0.0015), vacuum=True)
    assert table.state.grasped == 0
    assert not judge.is_done(table.state)  # held, not lifted
    for _ in range(3):
        table.move((0, 0, 0.02), vacuum=True)
    assert judge.is_done(table.state)
    table.move((0, 0, 0), vacuum=False)
    assert not judge.is_done(table.state)  # dropped again


def test_semantics_6_move_above_is_done_by_hand_made_actions(table: Table):
    judge = table.start(ABOVE)
    for _ in range(60):
        goal = table.state.positions[0] + [0, 0, 0.025 + 0.03]
        way = goal - table.state.ee_position
        if judge.is_done(table.state):
            break
        table.move(way * min(1.0, 0.02 / np.linalg.norm(way)))
    assert judge.is_done(table.state)
    table.move((0, 0.04, 0))
    assert not judge.is_done(table.state)


def test_semantics_6_push_is_done_when_something_else_pushed(table: Table):
    judge = table.start(f'push(actor={RED})')
    assert not judge.is_done(table.state)
    other = Table(place('red cube', -0.02, -0.03), place('blue cylinder', -0.1, 0.15))
    assert judge.is_done(other.state)  # 0.18 m away from where it was


def test_carry_is_lost_when_the_object_falls(holding: Table):
    skill = holding.start(f'move3d(target_actor={BLUE})')
    assert not skill.is_lost(holding.state)
    holding.hold(2, vacuum=False)
    assert skill.is_lost(holding.state)
    assert not skill.is_done(holding.state)


def test_place_is_lost_when_the_object_is_let_go_far_from_its_goal(holding: Table):
    skill = holding.start(f'place(actor={RED}, target_actor={BLUE})')
    assert not skill.is_lost(holding.state)
    holding.hold(2, vacuum=False)
    assert skill.is_lost(holding.state)


def test_pick_is_lost_with_another_object_on_the_cups(holding: Table):
    skill = holding.start(f'pick(actor={BLUE})')
    assert skill.is_lost(holding.state)


def test_all_actions_of_all_skills_are_float32_within_bounds(table: Table):
    codes = [
        *(ABOVE, PICK, f'move3d(target_actor={BLUE})', f'place(actor={RED}, target_actor={BLUE})'),
        *(f'move3d(push_actor={BLUE})', f'push(actor={BLUE})', f'move3d(retreat_from={BLUE})'),
    ]
    for code in codes:
        skill = table.start(code)
        for _ in range(40):
            if skill.is_done(table.state):
                break
            action = skill.act(table.state)
            assert action.dtype == np.float32
            assert action.shape == (7,)
            assert np.linalg.norm(action[:3]) <= MAX_TRANSLATION_M * (1 + 1e-6)
            assert np.linalg.norm(action[3:6]) <= MAX_ROTATION_RAD * (1 + 1e-6)
            table.world.step(action)


def test_paths_lead_over_what_stands_in_the_way():
    table = Table(
        place('blue cylinder', -0.2, -0.2),
        place('green cube', -0.2, 0.0, size=TALL_SIZE),
        place('red cube', -0.2, 0.2),
    )
    for code in (f'move3d(actor={BLUE})', f'pick(actor={BLUE})', f'move3d(target_actor={RED})'):
        assert table.run(code) >= 0
    np.testing.assert_allclose(table.state.positions[1], [-0.2, 0.0, 0.1], atol=2e-3)
    assert table.state.tilt_rad(1) < 0.01


def test_motion_speeds_up_and_slows_down_gently(table: Table):
    skill, lengths = table.start(ABOVE), []
    while not skill.is_done(table.state):
        action = skill.act(table.state)
        lengths.append(float(np.linalg.norm(action[:3])))
        table.world.step(action)
        assert len(lengths) < 40
    assert lengths[0] <= 0.0151
    assert max(np.diff(lengths)) <= 0.0151
    assert max(lengths) > 0.03
    assert lengths[-1] < 0.8 * max(lengths)


def test_world_action_turns_a_world_step_into_the_tools_frame(table: Table):
    action = world_action(table.state, np.array([0.01, 0.02, 0.03]), vacuum=True)
    np.testing.assert_allclose(action[:3], [0.01, -0.02, -0.03], atol=1e-6)
    assert action[6] == 1.0
