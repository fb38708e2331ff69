# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.c2a_sim_bridge.states import held, make_state, place

from c2a_sim_bridge.sim.objects import ObjectSpec
from c2a_sim_bridge.sim.placement import (
    DIRECTIONS,
    FREE_MARGIN,
    NEXT_TO_MARGIN,
    ROBOT_BASE_XY,
    TABLE,
    Workspace,
    find_free_space,
    free_space_next_to,
    next_to_area,
    next_to_points,
    place_objects,
)
from c2a_sim_bridge.sim.polygons import polygon_distance
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode, task_lists, task_names

BASE_RADIUS = 0.12


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(task_lists()['table1']), seed=st.integers(0, 2**32))
def test_every_start_layout_is_free_and_reachable(name, seed):
    """Where all objects stand on the table; the other families have tests of their own."""
    instance = sample_episode(name, seed)
    base = np.array(ROBOT_BASE_XY)

    for placed in instance.objects:
        distance = np.linalg.norm(placed.position[:2] - base)
        assert 0.30 <= distance <= 0.75
        assert np.linalg.norm(placed.footprint - base, axis=1).min() > BASE_RADIUS
        assert TABLE.contains(placed.position[:2])
        assert placed.position[2] == placed.spec.height / 2
    for first, second in itertools.combinations(instance.objects, 2):
        assert polygon_distance(first.footprint, second.footprint) >= 0.03


@pytest.mark.parametrize('name', task_names())
def test_there_is_room_for_every_seed(name):
    """Every twentieth of seeds 0-2000, of the tasks that look for a way every hundredth."""
    is_slow = 'image' in get_task(name).tables
    for seed in range(0, 2001, 100 if is_slow else 20):
        sample_episode(name, seed)


def test_layout_is_the_generators_and_nothing_elses():
    specs = [ObjectSpec('red', 'cube'), ObjectSpec('blue', 'triangle')]
    first = place_objects(np.random.default_rng(3), specs, TABLE)
    second = place_objects(np.random.default_rng(3), specs, TABLE)

    for a, b in zip(first, second, strict=True):
        assert a.position.tobytes() == b.position.tobytes()
        assert a.yaw == b.yaw


def test_too_crowded_a_workspace_is_an_error_that_says_so():
    specs = [ObjectSpec(color, 'cube') for color in ('red', 'green', 'blue')]
    corner = Workspace(x=(-0.2, -0.1), y=(0.0, 0.1))

    with pytest.raises(RuntimeError, match='no layout for .*red cube.* take fewer objects'):
        place_objects(np.random.default_rng(0), specs, corner)


def test_workspace_out_of_reach_is_an_error():
    with pytest.raises(ValueError, match='no reachable point'):
        Workspace(x=(0.5, 0.6)).sample(np.random.default_rng(0))


def test_free_space_is_near_and_clear_of_all_objects_at_any_yaw():
    state = make_state([place('red cube', -0.2, 0.0, 0.5), place('blue hexagon', -0.2, 0.15)])
    position = find_free_space(state, 0)
    radius = state.specs[0].radius
    directions = np.linspace(0, 2 * np.pi, 36)
    disc = position[:2] + radius * np.stack([np.cos(directions), np.sin(directions)], axis=1)

    assert position[2] == 0.025
    assert TABLE.contains(position[:2])
    for index in range(2):
        assert polygon_distance(disc, state.world_footprint(index)) >= FREE_MARGIN - 1e-3
    assert np.linalg.norm(position[:2] - state.positions[0, :2]) < 0.2
    assert find_free_space(state, 0).tobytes() == position.tobytes()


def test_free_space_of_a_held_object_may_be_below_it():
    state = held(make_state([place('red cube', -0.2, 0.0)]), 0)

    assert find_free_space(state, 0)[:2] == pytest.approx((-0.2, 0.0), abs=0.02)


def test_full_table_has_no_free_space():
    xs, ys = np.arange(-0.4, 0.15, 0.12), np.arange(-0.3, 0.35, 0.12)
    state = make_state([place('red cube', x, y) for x in xs for y in ys])

    with pytest.raises(RuntimeError, match='no free place for the red cube'):
        find_free_space(state, 0)


def test_next_to_area_is_clevrskills_wedge():
    cube, other = ObjectSpec('red', 'cube'), ObjectSpec('blue', 'cube')
    area = next_to_area(cube, other, DIRECTIONS['left of'])
    along, across = area[:, 1], area[:, 0]

    assert along.min() == pytest.approx(0.05)
    assert along.max() == pytest.approx(0.25)
    assert np.abs(across).max() == pytest.approx(0.05)
    assert (np.abs(across) <= 0.5 * along + 1e-9).all()
    assert np.diff(np.unique(along.round(9))).max() <= 0.0251


@pytest.mark.parametrize(
    ('word', 'sign', 'axis'),
    [('left of', 1, 1), ('right of', -1, 1), ('in front of', 1, 0), ('behind', -1, 0)],
)
def test_target_next_to_an_object_is_straight_on_the_side_named(word, sign, axis):
    state = make_state([place('red cube', -0.1, 0.28), place('blue cube', -0.2, 0.0)])
    target = free_space_next_to(state, 0, 1, DIRECTIONS[word])

    assert sign * (target[axis] - state.positions[1, axis]) == pytest.approx(0.15, abs=0.026)
    assert target[1 - axis] == pytest.approx(state.positions[1, 1 - axis])


def test_target_next_to_an_object_avoids_the_third():
    free = make_state([place('red cube', -0.1, -0.25), place('blue cube', -0.25, -0.05)])
    layout = [
        place('red cube', -0.1, -0.25),
        place('blue cube', -0.25, -0.05),
        place('white cylinder', -0.22, 0.08),
    ]
    state = make_state(layout)
    points = next_to_points(state, 0, 1, DIRECTIONS['left of'])
    outline = state.world_footprint(0) - state.positions[0, :2]

    assert len(points) < len(next_to_points(free, 0, 1, DIRECTIONS['left of']))
    for point in points:
        for other in (1, 2):
            gap = polygon_distance(outline + point, state.world_footprint(other))
            assert gap > NEXT_TO_MARGIN - 1e-9


def test_side_without_room_is_an_error_for_the_skill():
    state = make_state([place('red cube', -0.1, 0.0), place('blue cube', -0.2, 0.29)])

    assert not len(next_to_points(state, 0, 1, DIRECTIONS['left of']))
    with pytest.raises(RuntimeError, match='no free place for the red cube next to the blue cube'):
        free_space_next_to(state, 0, 1, DIRECTIONS['left of'])
