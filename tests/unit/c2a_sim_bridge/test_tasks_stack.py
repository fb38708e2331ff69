# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import make_state, stacked
from unit.c2a_sim_bridge.worlds import Table, run_oracle

from c2a_core.geometry import quat_wxyz_from_rotation_vector
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode

SAMPLED = ('Stack', 'StackReversed', 'StackAndTopple')


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('SingleStack', ('d78fcad1db6a5a28', 'b577172e5732ee01', 'df27121d801b0eb3')),
        ('StackTopple', ('6cd467c3ee1cd053', 'bf19ed1187c3eb89', 'b21178a03e925145')),
        ('ReverseStack', ('0f197bd251489fd5', '4a36bd04e3ea6980', 'aa12c8b841ceaa87')),
    ],
)
def test_episodes_of_table_1_are_what_they_always_were(name, expected):
    found = []
    for seed in range(3):
        instance = sample_episode(name, seed)
        poses = np.array([(*placed.position, placed.yaw) for placed in instance.objects])
        names = [placed.name for placed in instance.objects]
        drawn = repr((names, poses.tobytes().hex(), instance.instruction))
        found.append(hashlib.sha256(drawn.encode()).hexdigest()[:16])

    assert tuple(found) == expected


@pytest.mark.parametrize('name', SAMPLED)
def test_two_to_four_objects_are_drawn(name):
    counts = {len(sample_episode(name, seed).objects) for seed in range(30)}

    assert counts == {2, 3, 4}


@pytest.mark.parametrize('count', [1, 5])
def test_stacks_that_cannot_be_built_are_refused(count):
    with pytest.raises(ValueError, match=f'num_actors is {count}, expected 2 to 4'):
        get_task(f'Stack:num_actors={count}')


@pytest.mark.parametrize(
    ('name', 'count', 'texts'),
    [
        (
            'Stack',
            4,
            {
                'Stack b on a, c on b, and d on c',
                'Put b on a, then put c on b, then put d on c',
                'Build a stack with a at the bottom, b on it, c on that, and d on top',
            },
        ),
        (
            'Stack',
            2,
            {'Stack b on a', 'Put b on a', 'Build a stack with a at the bottom and b on top'},
        ),
        (
            'StackReversed',
            2,
            {
                'Stack a, b in the reversed order',
                'Stack a and b in reverse order, so that the last one is at the bottom',
                'Take a, b and stack them in the reversed order',
            },
        ),
    ],
)
def test_every_object_is_named_in_order(name, count, texts):
    found = set()
    for seed in range(30):
        instance = sample_episode(f'{name}:num_actors={count},sample_num_actors=false', seed)
        text = instance.instruction
        for letter, placed in zip('abcd', instance.objects, strict=False):
            text = text.replace(f'the {placed.name}', letter)
        found.add(text)

    assert found == texts


@pytest.mark.parametrize('name', ['Stack', 'StackReversed'])
def test_the_stack_counts_when_all_of_it_stands_in_order(name):
    instance = sample_episode(f'{name}:num_actors=4,sample_num_actors=false', 0)
    chain = [3, 2, 1, 0] if name == 'StackReversed' else [0, 1, 2, 3]
    state = make_state(instance)
    for bottom, top in zip(chain, chain[1:], strict=False):
        assert not instance.goal.update(state)
        state = stacked(state, top, bottom)

    assert instance.goal.update(state)
    wrong = sample_episode(f'{name}:num_actors=4,sample_num_actors=false', 0)
    state = make_state(wrong)
    for bottom, top in zip(chain[::-1], chain[-2::-1], strict=False):
        state = stacked(state, top, bottom)
    assert not wrong.goal.update(state)


@pytest.mark.parametrize(
    ('task', 'seed'),
    # Regression, the last one: an object that leans on another is toppled too.
    [('Stack', 4), ('StackReversed', 1), ('StackAndTopple', 0), ('StackAndTopple', 85)],
)
def test_oracle_solves_it(task, seed):
    simulator = Simulator(SimConfig(render=False))

    run_oracle(simulator, task, seed)

    assert simulator.success


def test_an_object_that_leans_already_has_to_turn_on():
    table = Table(*sample_episode('Topple', 0).objects)
    lying = quat_wxyz_from_rotation_vector(np.array([0.0, math.pi / 2, 0.0]))
    body = table.world.entities[0]
    pose = body.pose
    pose.q, pose.p = lying, [pose.p[0], pose.p[1], 0.026]
    body.pose = pose
    table.hold(3)
    assert table.state.tilt_rad(0) > 1.5

    assert not table.start(
        "topple(actor=get_actor('" + table.state.specs[0].name + "', (5, 5)))"
    ).is_done(table.state)
