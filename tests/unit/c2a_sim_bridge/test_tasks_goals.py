# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""MatchPose, MoveWithoutHitting, Trace, Rearrange and RearrangeAndRestore."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import changed, make_state, with_object
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_core.skill_api import ActorRef
from c2a_sim_bridge.sim.cameras import base_camera
from c2a_sim_bridge.sim.object_pool import HELD_OUT
from c2a_sim_bridge.sim.objects import ObjectKind
from c2a_sim_bridge.sim.placement import HOME_EE_POSITION
from c2a_sim_bridge.sim.polygons import polygon_distance
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode, task_lists

NAMES = ('MatchPose', 'MoveWithoutHitting', 'Trace', 'Rearrange', 'RearrangeAndRestore')
IN_THE_AIR = NAMES[:3]


def goals(instance):
    return [placed for placed in instance.objects if placed.spec.kind == ObjectKind.MARK]


def first_codes(instance, state, assigned=frozenset()):
    stage = next(stage for stage in instance.stages if not stage.goal(state))
    refer = lambda index: ActorRef(instance.objects[index].name, (1, 2))  # noqa: E731
    return [step.to_code(refer).render() for step in stage.steps(state, assigned)]


def test_they_are_the_image_list():
    assert task_lists()['image'] == list(NAMES)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('seed', [0, 1])
def test_oracle_solves_it(name, seed):
    simulator = Simulator(SimConfig(render=False))
    run_oracle(simulator, name, seed, max_steps=get_task(name).max_steps)
    assert simulator.success


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('split', ['simple', 'train', 'test'])
def test_goals_have_a_name_of_their_own_that_the_instruction_says(name, split):
    camera = base_camera()
    for seed in range(8):
        instance = sample_episode(name, seed, split)
        names = [placed.name for placed in instance.objects]
        assert len(set(names)) == len(names)
        state = make_state(instance)
        assert not instance.goal.update(state)
        for index, placed in enumerate(instance.objects):
            look = (placed.spec.color, placed.spec.shape)
            if placed.spec.kind == ObjectKind.MARK:
                assert placed.name == f'{placed.spec.color} goal'
                assert f'the {placed.name}' in instance.instruction
                pixels = camera.project(state.world_vertices(index))[:, :2]
                assert pixels.min() >= 0.0
                assert pixels.max() <= camera.size
            elif split != 'simple':
                assert (look in HELD_OUT) == (split == 'test')


def test_poses_lean_to_both_sides_up_to_a_right_angle():
    leans = []
    for seed in range(60):
        (goal,) = goals(sample_episode('MatchPose', seed))
        w, x, y, z = goal.quat_wxyz
        assert y == z == 0.0
        leans.append(2.0 * math.atan2(x, w) - math.pi)
        assert 0.1 <= goal.position[2] <= 0.4
    assert max(np.abs(leans)) <= math.pi / 2
    assert min(leans) < -1.0
    assert max(leans) > 1.0


def test_trace_visits_in_the_order_of_the_instruction():
    for seed in range(20):
        instance = sample_episode('Trace', seed)
        words = re.findall(r'the (\w+ goal)', instance.instruction)
        assert words == [goal.name for goal in goals(instance)]


def test_trace_does_not_count_a_visit_out_of_order():
    instance = sample_episode('Trace', 0)
    state = make_state(instance)
    places = [goal.position for goal in goals(instance)]
    for index in (2, 1, 0, 2, 1):
        state = changed(state, ee_position=places[index])
        assert not instance.goal.update(state)
        assert not all([stage.goal(state) for stage in instance.stages])  # all see every state
    # Passed so far: 0, 1.
    assert first_codes(instance, state) == [
        f"move3d(goal=get_actor('{instance.objects[2].name}', (1, 2)))"
    ]
    assert instance.goal.update(changed(state, ee_position=places[2]))


def test_match_pose_asks_for_the_orientation():
    instance = sample_episode('MatchPose', 0)
    name = instance.objects[0].name
    codes = first_codes(instance, make_state(instance))
    assert codes == [f"move3d(goal=get_actor('{name}', (1, 2)), match_ori=True)"]


def test_an_obstacle_floats_in_the_straight_way_and_none_is_at_the_start_or_goal():
    home = np.array(HOME_EE_POSITION)
    for seed in range(12):
        instance = sample_episode('MoveWithoutHitting', seed)
        (goal,) = goals(instance)
        obstacles = instance.objects[1:]
        assert len(obstacles) == 5
        assert {placed.spec.kind for placed in obstacles} == {ObjectKind.FIXED}
        way = goal.position - home
        offset = obstacles[0].position - home
        part = float(offset @ way) / float(way @ way)
        assert 0.2 < part < 0.8
        assert np.linalg.norm(offset - part * way) < 0.06
        for placed in obstacles:
            assert math.dist(placed.position, home) >= 0.13
            assert math.dist(placed.position, goal.position) >= 0.13


def test_hitting_an_obstacle_loses_the_episode():
    simulator = Simulator(SimConfig(render=False))
    simulator.reset('MoveWithoutHitting', 0)
    obstacle = simulator.state.positions[1]
    was_hit = False
    for _ in range(30):
        way = obstacle - simulator.state.ee_position
        step = way * min(1.0, 0.04 / np.linalg.norm(way))
        simulator.step(np.array([step[0], -step[1], -step[2], 0, 0, 0, -1], np.float32))
        was_hit = was_hit or bool(simulator.state.ee_contact[1])
    assert was_hit
    for _ in range(40):
        step = simulator.oracle_key_step()
        if step.is_new or simulator._skill is None:
            simulator.start_skill(step.code)
        simulator.step(simulator.skill_action())
    at_goal = math.dist(simulator.state.ee_position, simulator.state.positions[0])
    assert at_goal < 0.05
    assert not simulator.success


@pytest.mark.parametrize('name', ['Rearrange', 'RearrangeAndRestore'])
def test_each_object_has_a_goal_of_its_outline_and_all_places_are_free(name):
    for seed in range(50):
        instance = sample_episode(name, seed)
        outlines = [placed.footprint for placed in instance.objects]
        for index, first in enumerate(outlines):
            for second in outlines[index + 1 :]:
                assert polygon_distance(first, second) >= 0.03
        for actor, goal in zip(instance.objects[:3], instance.objects[3:], strict=True):
            assert (actor.spec.color, actor.spec.shape) == (goal.spec.color, goal.spec.shape)
            assert f'{actor.name} on the {goal.name}' in instance.instruction


def on_goals(instance, state, actors=(0, 1, 2)):
    for actor in actors:
        x, y, _ = instance.objects[3 + actor].position
        state = with_object(state, actor, position=(x, y, 0.025), ground_force=5.0)
    return state


def test_rearranged_is_when_all_rest_on_their_goals():
    instance = sample_episode('Rearrange', 0)
    state = make_state(instance)
    assert not instance.goal.update(on_goals(instance, state, (0, 2)))
    assert instance.goal.update(on_goals(instance, state))


def test_rearranging_is_code_that_names_object_and_goal():
    instance = sample_episode('Rearrange', 0)
    actor, goal = instance.objects[0].name, instance.objects[3].name
    pose = f"get_pose(actor=get_actor('{goal}', (1, 2)))"
    assert first_codes(instance, make_state(instance)) == [
        f"move3d(actor=get_actor('{actor}', (1, 2)))",
        f"pick(actor=get_actor('{actor}', (1, 2)))",
        f'move3d(target_pose={pose})',
        f"place(actor=get_actor('{actor}', (1, 2)), target_pose={pose})",
    ]


def test_restoring_needs_the_way_there_and_stored_starts():
    instance = sample_episode('RearrangeAndRestore', 0)
    start = make_state(instance)
    actor = instance.objects[0].name
    stored = first_codes(instance, start)[0].split('\n')[0]
    assert stored == f"pose_dict['{actor}'] = get_pose(actor=get_actor('{actor}', (1, 2)))"
    assert not instance.goal.update(start)

    there = on_goals(instance, start)
    assert not instance.goal.update(there)
    keys = frozenset(placed.name for placed in instance.objects[:3])
    codes = first_codes(instance, there, keys)
    assert codes[-1].endswith(f"target_pose=pose_dict['{actor}'])")

    back = changed(there, positions=start.positions)
    assert instance.goal.update(back)


def test_time_limits_grow_with_the_number_of_goals():
    one, two = get_task('MatchPose').max_steps, get_task('MatchPose:ngoals=2').max_steps
    assert two == 2 * one
    assert len(goals(sample_episode('MatchPose:ngoals=2', 0))) == 2
