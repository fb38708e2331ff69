# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import re

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import changed, make_state
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_sim_bridge.sim.cameras import base_camera
from c2a_sim_bridge.sim.object_pool import HELD_OUT
from c2a_sim_bridge.sim.objects import ObjectKind
from c2a_sim_bridge.sim.placement import MAX_REACH, ROBOT_BASE_XY
from c2a_sim_bridge.sim.polygons import polygon_distance
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode
from c2a_sim_bridge.sim.tasks.throw import COMPASS

THROWS = ('ThrowAt', 'ThrowToTopple', 'ThrowOnto')
NAMES = (*THROWS, 'ThrowAndSort')


def targets(instance):
    """Far objects: an area or what stands."""
    size = {'ThrowAndSort': slice(-2, None)}.get(instance.task, slice(1, 2))
    return instance.objects[size]


@pytest.mark.parametrize('name', NAMES)
def test_targets_are_out_of_reach_and_wholly_in_the_picture(name):
    camera = base_camera()
    for seed in range(100):
        for placed in targets(sample_episode(name, seed)):
            assert math.dist(placed.position[:2], ROBOT_BASE_XY) >= min(MAX_REACH, 0.75)
            corners = placed.spec.vertices + placed.position
            pixels = camera.project(corners)[:, :2]
            assert pixels.min() >= 0.0
            assert pixels.max() <= camera.size


@pytest.mark.parametrize('name', NAMES)
def test_nothing_overlaps_and_nothing_is_done_at_the_start(name):
    for seed in range(100):
        instance = sample_episode(name, seed)
        lying = [p for k, p in enumerate(instance.objects) if k != instance.held]
        for index, first in enumerate(lying):
            for second in lying[index + 1 :]:
                assert polygon_distance(first.footprint, second.footprint) >= 0.015
        assert not instance.goal.update(make_state(instance))


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('seed', [0, 1])
def test_oracle_solves_it(name, seed):
    simulator = Simulator(SimConfig(render=False))
    run_oracle(simulator, name, seed, max_steps=get_task(name).max_steps)
    assert simulator.success


def test_thrown_object_is_held_at_the_start_unless_it_is_to_be_picked():
    for name, is_held in (('ThrowAt', True), ('ThrowToTopple', True), ('ThrowOnto', False)):
        assert (sample_episode(name, 0).held == 0) == is_held
    assert sample_episode('ThrowOnto:spawn_at_gripper=true', 0).held == 0


def test_half_of_the_targets_lie_and_half_stand():
    kinds = [sample_episode('ThrowAt', seed).objects[1].spec.kind for seed in range(200)]
    assert 70 < kinds.count(ObjectKind.AREA) < 130
    heights = {sample_episode('ThrowToTopple', s).objects[1].spec.height for s in range(20)}
    assert heights == {0.25}


def test_direction_gives_a_place_beside_the_target_by_the_compass():
    words = set()
    for seed in range(30):
        instance = sample_episode('ThrowAt:direction=any', seed)
        word = re.search('|'.join(COMPASS), instance.instruction)[0]
        words.add(word)
        place = instance.goal.goal_positions(make_state(instance))[0]
        way = place[:2] - instance.objects[1].position[:2]
        np.testing.assert_allclose(way, 0.15 * np.array(COMPASS[word][:2]), atol=0.01)
    assert words == set(COMPASS)
    north = sample_episode('ThrowAt:direction=north', 0).instruction
    assert 'north' in north


@pytest.mark.parametrize(
    ('name', 'why'),
    [
        ('ThrowAt:direction=up', 'north, south, west, east or any'),
        ('ThrowOnto:direction=north', 'not to be hit'),
        ('ThrowAndSort:num_areas=3', 'num_areas must be 1 or 2'),
    ],
)
def test_impossible_arguments_are_refused(name, why):
    with pytest.raises(ValueError, match=why):
        get_task(name)


def test_direction_variant_is_solved_by_the_oracle():
    simulator = Simulator(SimConfig(render=False))
    codes = run_oracle(simulator, 'ThrowAt:direction=any', 3)
    assert simulator.success
    assert all('direction=[' in code for code in codes)


@pytest.mark.parametrize('split', ['simple', 'train', 'test'])
def test_sorting_matches_colours_and_names_each_object_once(split):
    for seed in range(60):
        instance = sample_episode('ThrowAndSort', seed, split)
        names = [placed.name for placed in instance.objects]
        assert len(set(names)) == len(names)
        for hit in instance.goal.children:
            actor, area = (instance.objects[index].spec for index in hit.objects)
            assert actor.color == area.color
            assert area.name == f'{area.color} area'


def test_both_objects_may_belong_to_one_area():
    children = [sample_episode('ThrowAndSort', seed).goal.children for seed in range(40)]
    shared = [first.objects[1] == second.objects[1] for first, second in children]
    assert 5 < sum(shared) < 35


def test_sorting_needs_each_object_to_hit_its_own_area():
    instance = sample_episode('ThrowAndSort', 0)
    first, second = (child.objects for child in instance.goal.children)
    state = make_state(instance)
    contact = state.pair_contact.copy()
    contact[first] = contact[first[::-1]] = True
    assert not instance.goal.update(changed(state, pair_contact=contact))
    contact = contact.copy()
    contact[second] = contact[second[::-1]] = True
    assert instance.goal.update(changed(changed(state), pair_contact=contact))


@pytest.mark.parametrize('name', NAMES)
def test_held_out_objects_are_only_in_test_scenes(name):
    for seed in range(20):
        looks = {
            split: {
                (p.spec.color, p.spec.shape) for p in sample_episode(name, seed, split).objects
            }
            for split in ('train', 'test')
        }
        assert not looks['train'] & HELD_OUT
        if name != 'ThrowAndSort':  # which may need a second shape of a colour
            assert looks['test'] <= HELD_OUT
