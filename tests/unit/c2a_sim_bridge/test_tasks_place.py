# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""PickOne and the variants of PlaceOnTop and PlaceNextTo, also with the object held at first."""

from __future__ import annotations

import re

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import make_state, stacked
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_core.spaces import hold_action
from c2a_sim_bridge.sim.placement import DIRECTIONS, layout_next_to_points
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode

HELD = ('PlaceOnTopHeld', 'PlaceNextToHeld')
NAMES = ('PickOne', 'PickAndPlaceNextTo', 'PickAndPlaceOnTop', *HELD)


@pytest.mark.parametrize('split', ['simple', 'train', 'test'])
@pytest.mark.parametrize('name', NAMES)
def test_names_are_unique_and_in_the_text_and_nothing_holds_yet(name: str, split: str):
    for seed in range(15):
        instance = sample_episode(name, seed, split)
        names = [placed.name for placed in instance.objects]

        assert len(set(names)) == len(names) <= get_task(name).max_objects
        assert not instance.goal.update(make_state(instance))
        for index in instance.goal.objects:
            assert f'he {names[index]}' in instance.instruction


def test_number_of_objects():
    assert {len(sample_episode('PickOne', seed).objects) for seed in range(9)} == {1}
    assert {len(sample_episode('PickAndPlaceNextTo', seed).objects) for seed in range(9)} == {2}
    many = [sample_episode('PickAndPlaceOnTop', seed) for seed in range(60)]
    counts = {(i.goal.objects[1], len(i.objects) - i.goal.objects[1]) for i in many}
    assert counts == {(a, b) for a in (1, 2, 3) for b in (1, 2, 3)}


@pytest.mark.parametrize('name', HELD)
def test_held_object_hangs_at_the_cups_and_is_not_to_be_picked(name: str):
    for seed in range(20):
        instance = sample_episode(name, seed)
        held = instance.objects[0]

        assert instance.held == 0
        assert len(instance.objects) == 2
        assert held.position[2] > 0.25
        assert not re.search(r'\bpick\b', instance.instruction.lower())


def test_side_of_the_held_object_has_room():
    for seed in range(40):
        instance = sample_episode('PlaceNextToHeld', seed)
        (word,) = [word for word in DIRECTIONS if f' {word} the ' in instance.instruction]

        assert len(layout_next_to_points(instance.objects, 0, 1, DIRECTIONS[word]))


@pytest.mark.parametrize('name', HELD)
def test_letting_the_held_object_go_does_not_solve_it(simulator: Simulator, name: str):
    # It did in every fifth layout of PlaceNextToHeld: the side's place was right below.
    for seed in (5, 7, 13, 15, 27, 81):
        simulator.reset(name, seed)
        for _ in range(20):
            simulator.step(hold_action(False))
            assert not simulator.success


def test_object_on_the_base_that_is_named_solves_it_and_on_another_does_not():
    instance = sample_episode('PickAndPlaceOnTop:sample_num_actors=false', 0)
    state = make_state(instance)

    assert instance.goal.objects == (0, 3)
    assert not instance.goal.update(stacked(state, 0, 4))
    assert instance.goal.update(stacked(state, 0, 3))


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('Pick:num_actors=0', 'Pick: num_actors must be 1 to 6, got 0'),
        ('PlaceNextTo:num_actors=1', 'PlaceNextTo: num_actors must be 2 to 7, got 1'),
        ('PlaceOnTop:num_actors=5,num_areas=3', 'PlaceOnTop: num_areas must be 1 to 2, got 3'),
        ('NovelNoun:num_areas=5', 'NovelNoun: num_areas must be 1 to 4, got 5'),
        ('Swap:num_actors=1', 'Swap: num_actors must be 2 to 4, got 1'),
        ('PushToTarget:num_actors=9', 'PushToTarget: num_actors must be 2 to 4, got 9'),
    ],
)
def test_impossible_counts_are_refused(name: str, message: str):
    with pytest.raises(ValueError, match=message):
        get_task(name)


@pytest.mark.parametrize(
    'name',
    [
        'Pick:num_actors=6',
        'PlaceNextTo:num_actors=6',
        'NovelNoun:num_areas=4',
        'Swap:num_actors=4',
    ],
)
def test_variants_with_more_objects_have_layouts(name: str):
    for seed in range(5):
        objects = sample_episode(name, seed).objects
        assert len({placed.name for placed in objects}) == len(objects)


@pytest.fixture(scope='module')
def simulator() -> Simulator:
    return Simulator(SimConfig(render=False))


@pytest.mark.parametrize(
    ('name', 'calls'),
    [
        ('PickOne', ['move3d', 'pick']),
        ('PickAndPlaceNextTo', ['move3d', 'pick', 'move3d', 'place']),
        ('PickAndPlaceOnTop', ['move3d', 'pick', 'move3d', 'place']),
        ('PlaceOnTopHeld', ['move3d', 'place']),
        ('PlaceNextToHeld', ['move3d', 'place']),
    ],
)
def test_oracle_solves_it(simulator: Simulator, name: str, calls: list[str]):
    codes = run_oracle(simulator, name, 1)

    assert simulator.success
    assert [code.split('\n')[-1].split('(')[0] for code in codes] == calls


def test_held_object_that_falls_is_picked_up(simulator: Simulator):
    def drop(simulator: Simulator, action: np.ndarray) -> np.ndarray:
        action = action.copy()
        if simulator.state.step == 2:
            action[6] = -1.0
        return action

    codes = run_oracle(simulator, 'PlaceOnTopHeld', 1, disturb=drop)

    assert simulator.success
    assert any(code.startswith('pick(') for code in codes)
