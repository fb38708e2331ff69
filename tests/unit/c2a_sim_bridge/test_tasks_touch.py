# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
from unit.c2a_sim_bridge.states import changed, held, make_state, place, with_object
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_sim_bridge.sim.predicates_pose import OnlyTouched
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode

CUBE = place('red cube', -0.1, 0.1)


def test_touched_and_left_in_place_counts():
    goal = OnlyTouched(0, CUBE)
    state = make_state([CUBE])

    assert not goal.update(state)
    touched = with_object(state, 0, velocity=(0.1, 0.0, 0.0), touched=True)
    assert not goal.update(touched)
    assert goal.is_near(touched)
    assert goal.update(with_object(touched, 0, touched=False))


@pytest.mark.parametrize(
    ('position', 'yaw', 'expected'),
    [
        ((-0.01, 0.1, 0.025), 0.0, True),
        ((0.01, 0.1, 0.025), 0.0, False),
        ((-0.1, 0.1, 0.025), math.radians(17.0), True),
        ((-0.1, 0.1, 0.025), math.radians(19.0), False),
    ],
)
def test_an_object_that_was_shoved_or_turned_does_not_count(position, yaw, expected):
    state = with_object(make_state([CUBE]), 0, touched=True)
    state = with_object(state, 0, position=position, rotation_vector=(0.0, 0.0, yaw))

    assert OnlyTouched(0, CUBE).update(state) == expected


def test_an_object_that_was_grasped_does_not_count():
    state = held(with_object(make_state([CUBE]), 0, touched=True), 0)
    down = with_object(changed(state, grasped=-1), 0, position=CUBE.position, ground_force=4.0)

    assert not OnlyTouched(0, CUBE).update(with_object(down, 0, touched=True))


@pytest.mark.parametrize('name', ['Touch', 'Touch:num_actors=3', 'Topple:num_actors=3'])
def test_all_objects_are_named_and_none_is_done(name: str):
    for seed in range(15):
        instance = sample_episode(name, seed)

        assert instance.goal.objects == tuple(range(len(instance.objects)))
        assert not instance.goal.update(make_state(instance))
        assert all(f'he {placed.name}' in instance.instruction for placed in instance.objects)


def test_arguments_choose_what_is_done_with_an_object():
    assert get_task('Touch:push=true').phrasings == get_task('Push').phrasings
    assert get_task('Touch:topple=true').phrasings == get_task('Topple').phrasings
    assert get_task('Touch:num_actors=2').max_steps == 2 * get_task('Touch').max_steps
    with pytest.raises(ValueError, match='push and topple exclude each other'):
        get_task('Push:topple=true')
    with pytest.raises(ValueError, match='num_actors must be 1 to 3, got 4'):
        get_task('Push:num_actors=4')


@pytest.fixture(scope='module')
def simulator() -> Simulator:
    return Simulator(SimConfig(render=False))


@pytest.mark.parametrize('seed', [0, 1])
def test_oracle_touches(simulator: Simulator, seed: int):
    codes = run_oracle(simulator, 'Touch', seed)

    assert simulator.success
    assert [code.split('=')[0] for code in codes[:2]] == ['move3d(touch_actor', 'touch(actor']


@pytest.mark.parametrize('name', ['Touch:num_actors=2', 'Push:num_actors=2'])
def test_oracle_goes_from_one_object_to_the_next(simulator: Simulator, name: str):
    codes = run_oracle(simulator, name, 0)

    assert simulator.success
    assert len(codes) == 6
