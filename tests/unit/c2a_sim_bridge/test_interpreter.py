# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""From code to a skill: actors, poses, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import held, make_state, place, with_object

from c2a_core.geometry import yaw_from_quat_wxyz
from c2a_core.skill_api import ActorRef, SkillCodeError, parse_key_step
from c2a_sim_bridge.sim.placement import TABLE
from c2a_sim_bridge.sim.skills.interpreter import Interpreter
from c2a_sim_bridge.sim.skills.skill import SkillFailedError

CELLS = {0: (2, 3), 1: (6, 3), 2: (5, 7)}
RED = "get_actor('red cube', (2, 3))"
BLUE = "get_actor('blue cylinder', (6, 3))"


@pytest.fixture
def state():
    return make_state(
        [
            place('red cube', -0.2, -0.1, yaw=0.3),
            place('blue cylinder', -0.1, 0.1),
            place('green triangle', 0.0, -0.1),
        ]
    )


@pytest.fixture
def interpreter() -> Interpreter:
    return Interpreter(CELLS.__getitem__, {})


def start(interpreter: Interpreter, state, code: str):
    return interpreter.start(parse_key_step(code), state)


def twins():
    """Two red cubes, in cells (2, 3) and (6, 3)."""
    return make_state([place('red cube', -0.2, -0.1), place('red cube', -0.1, 0.1)])


@pytest.mark.parametrize('cell', [(2, 3), (9, 9), (6, 3)])
def test_semantics_5_a_unique_name_is_found_whatever_its_cell(interpreter, state, cell):
    assert interpreter.resolve(ActorRef('red cube', cell), state) == 0


def test_semantics_5_an_unknown_name_is_an_error_that_lists_the_scene(interpreter, state):
    with pytest.raises(SkillFailedError, match='no object.*pink cube.*blue cylinder.*red cube'):
        interpreter.resolve(ActorRef('pink cube', (2, 3)), state)


@pytest.mark.parametrize(
    ('cell', 'index'),
    [((2, 3), 0), ((3, 3), 0), ((5, 3), 1), ((6, 3), 1), ((9, 3), 1), ((3, 9), 0)],
)
def test_semantics_5_among_equal_names_the_nearest_cell_wins(interpreter, cell, index):
    assert interpreter.resolve(ActorRef('red cube', cell), twins()) == index


@pytest.mark.parametrize('cell', [(4, 3), (4, 0)])
def test_semantics_5_a_tie_is_an_error_that_names_the_cells(interpreter, cell):
    with pytest.raises(SkillFailedError, match=r'equally well.*\(2, 3\), \(6, 3\)'):
        interpreter.resolve(ActorRef('red cube', cell), twins())


def test_reading_an_unset_pose_is_refused(interpreter, state):
    with pytest.raises(SkillCodeError, match='target'):
        start(interpreter, held(state, 0), "move3d(target_pose=pose_dict['target'])")


def test_semantics_2_a_step_may_read_what_its_own_lines_store(interpreter, state):
    code = (
        f"pose_dict['a'] = get_pose(actor={RED})\npose_dict['b'] = rotate_z(pose_dict['a'], 90)\n"
    )
    start(interpreter, state, code + f'pick(actor={RED})')
    assert set(interpreter.pose_dict) == {'a', 'b'}


@pytest.mark.parametrize(
    'call',
    [
        "move3d(actor=get_actor('pink cube', (0, 0)))",
        f'place(actor={RED}, target_actor={BLUE})',  # nothing is held
        f'throw(actor={RED}, target_actor={BLUE})',
        f'move3d(throw_at={BLUE})',
    ],
)
def test_semantics_2_a_key_step_is_one_unit_nothing_is_stored_when_its_call_fails(
    interpreter, state, call
):
    with pytest.raises(SkillFailedError):
        start(interpreter, state, f"pose_dict['a'] = get_pose(actor={RED})\n{call}")
    assert interpreter.pose_dict == {}


def test_semantics_2_a_failed_later_assignment_keeps_the_old_poses(interpreter, state):
    start(interpreter, state, f"pose_dict['a'] = get_pose(actor={RED})\npick(actor={RED})")
    before = interpreter.pose_dict['a']
    code = (
        f"pose_dict['a'] = get_pose(actor={BLUE})\n"
        "pose_dict['b'] = get_pose(actor=get_actor('pink cube', (0, 0)))\n"
        f'pick(actor={RED})'
    )
    with pytest.raises(SkillFailedError, match='pink cube'):
        start(interpreter, state, code)
    assert interpreter.pose_dict == {'a': before}


@pytest.mark.parametrize(
    ('code', 'why'),
    [
        (f'place(actor={RED}, target_actor={BLUE})', "'red cube' in the gripper"),
        (f'move3d(target_actor={BLUE})', 'gripper is empty'),
        (f'throw(actor={RED}, target_actor={BLUE})', "'red cube' in the gripper"),
        (f'move3d(throw_at={BLUE})', 'nothing is held'),
    ],
)
def test_carrying_with_an_empty_gripper_fails_with_a_sentence(interpreter, state, code, why):
    with pytest.raises(SkillFailedError, match=why):
        start(interpreter, state, code)


def test_placing_another_object_than_the_held_one_fails(interpreter, state):
    with pytest.raises(SkillFailedError, match='red cube'):
        start(interpreter, held(state, 1), f'place(actor={RED}, target_actor={BLUE})')


def stored(interpreter: Interpreter, state, expression: str):
    start(interpreter, state, f"pose_dict['k'] = {expression}\npick(actor={RED})")
    return interpreter.pose_dict['k']


def test_get_pose_is_where_the_object_is(interpreter, state):
    pose = stored(interpreter, state, f'get_pose(actor={RED})')
    np.testing.assert_allclose(pose.position, state.positions[0])
    assert yaw_from_quat_wxyz(pose.quat_wxyz) == pytest.approx(0.3)


def test_semantics_2_a_stored_pose_does_not_follow_the_object(interpreter, state):
    pose = stored(interpreter, state, f'get_pose(actor={RED})')
    moved = with_object(state, 0, position=(0.0, 0.2, 0.025))
    start(interpreter, moved, f'pick(actor={RED})')
    np.testing.assert_array_equal(interpreter.pose_dict['k'].position, pose.position)
    np.testing.assert_allclose(pose.position, [-0.2, -0.1, 0.025])


def test_towards_is_half_way_at_the_actors_height(interpreter, state):
    pose = stored(interpreter, state, f'towards(actor={RED}, target_actor={BLUE})')
    np.testing.assert_allclose(pose.position, [-0.15, 0.0, 0.025])


def test_rotate_z_turns_anticlockwise_in_degrees_about_the_same_place(interpreter, state):
    pose = stored(interpreter, state, f'rotate_z(get_pose(actor={RED}), 90)')
    np.testing.assert_allclose(pose.position, state.positions[0])
    assert yaw_from_quat_wxyz(pose.quat_wxyz) == pytest.approx(0.3 + np.pi / 2)


def test_pose_joins_the_position_of_one_with_the_heading_of_another(interpreter, state):
    pose = stored(interpreter, state, f'Pose(get_pose(actor={BLUE}).p, get_pose(actor={RED}).q)')
    np.testing.assert_allclose(pose.position, state.positions[1])
    assert yaw_from_quat_wxyz(pose.quat_wxyz) == pytest.approx(0.3)


def test_free_space_next_to_is_on_the_side_named(interpreter, state):
    pose = stored(
        interpreter,
        state,
        f'free_space_next_to(actor={RED}, next_to_actor={BLUE}, direction=[0.0, 1.0, 0.0], '
        'description="left of")',
    )
    assert pose.position[1] > state.positions[1, 1] + 0.05
    assert abs(pose.position[0] - state.positions[1, 0]) < 0.1


def test_free_space_takes_the_place_set_aside_by_the_task(state):
    buffer = np.array([-0.2, 0.25, 0.025])
    pose = stored(Interpreter(CELLS.__getitem__, {0: buffer}), state, f'free_space(actor={RED})')
    np.testing.assert_array_equal(pose.position, buffer)


def test_free_space_without_one_is_free(interpreter, state):
    pose = stored(interpreter, state, f'free_space(actor={RED})')
    assert TABLE.contains(pose.position[:2])
    for other in range(3):
        assert np.linalg.norm(pose.position[:2] - state.positions[other, :2]) > 0.1
