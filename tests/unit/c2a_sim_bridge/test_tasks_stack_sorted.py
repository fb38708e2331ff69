# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from unit.c2a_sim_bridge.states import make_state, stacked, with_object
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_sim_bridge.sim.predicates_stack import Stacked
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.skills.plan import Obj
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode


@pytest.mark.parametrize('split', ['simple', 'train', 'test'])
def test_two_colours_with_something_to_stack_and_unique_names(split):
    for seed in range(60):
        specs = [placed.spec for placed in sample_episode('StackSorted', seed, split).objects]
        colors = [spec.color for spec in specs]

        assert 3 <= len(specs) <= 4
        assert len(set(colors)) == 2
        assert len({spec.name for spec in specs}) == len(specs)
        assert colors == sorted(colors, key=colors.index)


def test_more_colours_make_no_stack_higher_than_four():
    name = 'StackSorted:num_actors=6,num_areas=3'
    for seed in range(60):
        colors = [placed.spec.color for placed in sample_episode(name, seed).objects]

        assert len(set(colors)) == 3
        assert max(map(colors.count, colors)) <= 4
    with pytest.raises(ValueError, match='num_actors must be 4 to 6, got 3'):
        get_task('StackSorted:num_actors=3,num_areas=3')


def four_of_two_colours():
    """An episode with three objects of the first or the second colour, its goal's larger part."""
    for seed in range(50):
        instance = sample_episode('StackSorted', seed)
        largest = max(instance.goal.children, key=lambda child: len(child.objects))
        if len(largest.objects) == 3:
            return instance, largest.objects
    raise AssertionError('no such episode')


def test_any_order_will_do_but_one_stack_it_must_be():
    instance, (a, b, c) = four_of_two_colours()
    start = make_state(instance)

    for bottom, middle, top in ((a, b, c), (c, a, b)):
        state = stacked(stacked(start, middle, bottom), top, middle)
        assert Stacked((a, b, c)).update(state)
        assert not Stacked((a, b, c)).update(stacked(start, middle, bottom))
        moving = with_object(state, top, velocity=(0.1, 0.0, 0.0))
        assert not Stacked((a, b, c)).update(moving)
        assert Stacked((a, b, c)).is_near(moving)
    assert Stacked((a,)).update(start)


def test_what_is_stacked_already_is_gone_on_with():
    instance, (a, b, c) = four_of_two_colours()
    stage = next(s for s in instance.stages if not s.goal(make_state(instance)))
    state = stacked(make_state(instance), a, c)

    steps = stage.steps(state, frozenset())

    assert dict(steps[0].args) == {'actor': Obj(b)}
    assert dict(steps[2].args) == {'target_actor': Obj(a)}


@pytest.mark.parametrize('seed', [0, 1])
def test_oracle_solves_it(seed):
    simulator = Simulator(SimConfig(render=False))

    run_oracle(simulator, 'StackSorted', seed)

    assert simulator.success
