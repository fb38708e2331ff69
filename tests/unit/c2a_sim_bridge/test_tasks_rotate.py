# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import re

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import held, make_state, place, with_object
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_sim_bridge.sim.picture_layout import SAME_NAME_DISTANCE_M
from c2a_sim_bridge.sim.polygons import polygon_distance
from c2a_sim_bridge.sim.predicates import Order
from c2a_sim_bridge.sim.predicates_pose import Rotated
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode

NAMES = ('Rotate', 'RotateAndRestore', 'RotateSymmetry')
CUBE = place('red cube', -0.1, 0.1, yaw=0.3)


def turned(state, actor: int, start, degrees: float, position=None):
    """The state with an object at rest, turned from its start."""
    vector = (0.0, 0.0, start.yaw + math.radians(degrees))
    where = start.position if position is None else position
    return with_object(state, actor, position=where, rotation_vector=vector)


@pytest.mark.parametrize(
    ('degrees', 'expected'),
    [(60.0, True), (60.0 + 17.0, True), (60.0 - 17.0, True), (60.0 + 19.0, False), (-60.0, False)],
)
def test_rotated_allows_eighteen_degrees(degrees: float, expected: bool):
    state = turned(make_state([CUBE]), 0, CUBE, degrees)

    assert Rotated(0, CUBE, 60.0).update(state) == expected


def test_rotated_wants_the_object_on_the_table_in_its_place_at_rest_and_let_go():
    goal = Rotated(0, CUBE, 60.0)
    state = turned(make_state([CUBE]), 0, CUBE, 60.0)
    aside = turned(state, 0, CUBE, 60.0, position=CUBE.position + [0.0, 0.06, 0.0])
    moving = with_object(state, 0, spin=(0.0, 0.0, 0.1))

    assert goal.update(state)
    assert not goal.update(aside)
    assert not goal.update(moving)
    assert not goal.update(with_object(state, 0, ground_force=0.0))
    assert not goal.update(held(state, 0, bottom_z=0.0))


def test_a_cube_turned_by_a_quarter_has_turned_although_it_looks_the_same():
    state = make_state([CUBE])

    assert not Rotated(0, CUBE, 90.0).update(state)
    assert Rotated(0, CUBE, 90.0).update(turned(state, 0, CUBE, 90.0))


def test_an_order_counts_its_parts_and_forgets_none():
    goal = Order(Rotated(0, CUBE, 60.0), Rotated(0, CUBE, 0.0))
    state = make_state([CUBE])

    assert not goal.update(state)
    assert not goal.has_passed(1, state)
    state = turned(state, 0, CUBE, 60.0)
    assert not goal.update(state)
    assert goal.has_passed(1, state)
    state = turned(state, 0, CUBE, 0.0)
    assert goal.update(state)
    assert goal.has_passed(2, state)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('split', ['simple', 'test'])
def test_text_says_which_object_how_far_and_which_way(name: str, split: str):
    senses = set()
    for seed in range(40):
        instance = sample_episode(name, seed, split)
        first = instance.objects[0]
        text = instance.instruction
        state = make_state(instance)

        assert not instance.goal.update(state)
        assert instance.task == name
        degrees = int(re.search(r'\b(30|60|90|120|150) degrees', text).group(1))
        sense = 1 if 'anti-clockwise' in text else -1
        assert 'clockwise' in text
        senses.add((degrees, sense))
        if name == 'RotateSymmetry':
            colors = [placed.spec.color for placed in instance.objects]
            assert colors[0] == colors[1]
            assert colors.count(colors[0]) == 2
        else:
            assert f'he {first.name}' in text
            names = [placed.name for placed in instance.objects]
            assert len(set(names)) == len(names)
        for child, placed in zip(instance.goal.children[:1], instance.objects, strict=False):
            assert child.update(turned(state, 0, placed, sense * degrees))
            assert not child.update(turned(state, 0, placed, -sense * degrees))
    assert len(senses) > 7


@pytest.mark.parametrize('name', ['Rotate:num_actors=4', 'RotateSymmetry:num_actors=4'])
def test_others_leave_room_to_turn_and_namesakes_are_apart(name: str):
    for seed in range(30):
        objects = sample_episode(name, seed, 'test').objects
        for actor in range(2 if 'Symmetry' in name else 1):
            for other in objects:
                if other is objects[actor]:
                    continue
                for yaw in np.linspace(0.0, math.pi, 7):
                    at_yaw = place(objects[actor].name, *objects[actor].position[:2], yaw=yaw)
                    assert polygon_distance(at_yaw.footprint, other.footprint) >= 0.015
                distance = math.dist(other.position, objects[actor].position)
                assert other.name != objects[actor].name or distance >= SAME_NAME_DISTANCE_M


def test_counts_are_sampled_or_exact_and_checked():
    counts = {len(sample_episode('RotateAndRestore', seed).objects) for seed in range(30)}
    assert counts == {1, 2, 3}
    exact = sample_episode('RotateAndRestore:num_actors=2,sample_num_actors=false', 0)
    assert len(exact.objects) == 2
    with pytest.raises(ValueError, match='RotateSymmetry: num_actors must be 2 to 6, got 1'):
        get_task('RotateSymmetry:num_actors=1')


def test_restore_as_an_argument_is_the_task_with_that_name():
    task = get_task('Rotate:restore=true')

    assert task.phrasings == get_task('RotateAndRestore').phrasings
    assert len(sample_episode('Rotate:restore=true', 0).goal.children) == 2


@pytest.fixture(scope='module')
def simulator() -> Simulator:
    return Simulator(SimConfig(render=False))


def test_oracle_turns_and_turns_back_with_poses_from_memory(simulator: Simulator):
    codes = run_oracle(simulator, 'RotateAndRestore', 0)
    name = simulator.state.specs[0].name

    assert simulator.success
    assert re.fullmatch(
        rf"pose_dict\['start'\] = get_pose\(actor=get_actor\('{name}', \(\d, \d\)\)\)\n"
        rf"pose_dict\['target'\] = rotate_z\(pose_dict\['start'\], -?\d+\.0\)\n"
        rf"move3d\(actor=get_actor\('{name}', \(\d, \d\)\)\)",
        codes[0],
    )
    assert codes[2] == "move3d(target_pose=pose_dict['target'], match_ori=True)"
    assert codes[6] == "move3d(target_pose=pose_dict['start'], match_ori=True)"
    assert len(codes) == 8
    assert 'pose_dict[' not in codes[4]


@pytest.mark.parametrize('seed', [2, 4])
def test_oracle_turns_both_of_one_colour(simulator: Simulator, seed: int):
    codes = run_oracle(simulator, 'RotateSymmetry', seed)

    assert simulator.success
    assert "pose_dict['target 2'] = rotate_z(get_pose(actor=" in codes[4]


def test_oracle_picks_up_again_what_fell_out_of_the_turn(simulator: Simulator):
    def drop(simulator: Simulator, action: np.ndarray) -> np.ndarray:
        action = action.copy()
        if simulator.state.step == 17:
            action[6] = -1.0
        return action

    codes = run_oracle(simulator, 'Rotate', 0, disturb=drop)

    assert simulator.success
    assert len(codes) > 4
    assert sum(code.startswith("pose_dict['target'] =") for code in codes) == 1
