# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import changed, held, make_state, place, stacked, with_object

from c2a_sim_bridge.sim.objects import TALL_SIZE
from c2a_sim_bridge.sim.placement import DIRECTIONS
from c2a_sim_bridge.sim.predicates import (
    AtPosition,
    DirectionPushed,
    NextTo,
    Once,
    OnTop,
    Order,
    Picked,
    Predicate,
    Pushed,
    Sequence,
    Set,
    Settling,
    Swap,
    Toppled,
    ToppleStructure,
    clearance,
    gripper_clearance,
)
from c2a_sim_bridge.sim.state import WorldState


class Scripted(Predicate):
    """Answers from a list, one a step."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)

    def _evaluate(self, state: WorldState) -> bool:
        return self.answers[state.step]


def steps(count: int) -> list[WorldState]:
    """So many states of a single object."""
    state = make_state([place('red cube', -0.2, 0.0)])
    states = [state]
    while len(states) < count:
        states.append(changed(states[-1]))
    return states


def two() -> WorldState:
    return make_state([place('red cube', -0.2, 0.0), place('blue cube', -0.2, 0.2)])


def test_picked_means_held_and_clear():
    state = two()

    assert Picked(0).update(held(state, 0))
    assert not Picked(0).update(state)
    assert not Picked(1).update(held(state, 0))


def test_picked_needs_two_centimetres_above_the_table():
    assert not Picked(0).update(held(two(), 0, bottom_z=0.019))
    assert Picked(0).update(held(two(), 0, bottom_z=0.021))


def test_picked_needs_two_centimetres_to_every_other_object():
    near = make_state([place('red cube', -0.2, 0.0), place('blue cube', -0.2, 0.115)])

    assert not Picked(0).update(held(near, 0, bottom_z=0.03))
    assert not Picked(0).update(held(near, 0, bottom_z=0.06))
    assert Picked(0).update(held(near, 0, bottom_z=0.071))
    apart = make_state([place('red cube', -0.2, 0.0), place('blue cube', -0.2, 0.121)])
    assert Picked(0).update(held(apart, 0, bottom_z=0.03))


def test_clearance_is_exact_for_upright_prisms():
    state = with_object(
        make_state([place('red cube', 0.0, 0.0), place('blue cube', 0.0, 0.11)]),
        0,
        position=(0.0, 0.0, 0.085),
    )

    assert clearance(state, 0, 1) == pytest.approx(math.hypot(0.01, 0.01))
    assert clearance(two(), 0, 0) == 0.0


def test_on_top_is_resting_on_the_other_and_off_the_table():
    state = stacked(two(), 0, 1)

    assert OnTop(0, 1).update(state)
    assert not OnTop(1, 0).update(state)
    assert not OnTop(0, 1).update(two())


@pytest.mark.parametrize(
    'spoil',
    [
        pytest.param(lambda s: changed(s, grasped=0), id='top is held'),
        pytest.param(lambda s: changed(s, grasped=1), id='support is held'),
        pytest.param(lambda s: with_object(s, 0, ground_force=0.01), id='leans on the table'),
        pytest.param(lambda s: with_object(s, 0, velocity=(0.0, 0.0, -0.002)), id='top moves'),
        pytest.param(lambda s: with_object(s, 1, spin=(0.0, 0.0, 0.02)), id='support turns'),
        pytest.param(lambda s: changed(s, pair_force=0.49 * s.pair_force), id='half carried'),
    ],
)
def test_on_top_is_not_fooled(spoil):
    assert not OnTop(0, 1).update(spoil(stacked(two(), 0, 1)))


def test_on_top_is_near_while_the_released_object_falls():
    over = two().positions[1] + [0.02, 0.02, 0.08]
    falling = with_object(two(), 0, position=over, velocity=(0, 0, -0.5), ground_force=0.0)

    assert OnTop(0, 1).is_near(falling)
    assert not OnTop(0, 1).update(falling)
    assert not OnTop(0, 1).is_near(changed(falling, grasped=0))
    assert not OnTop(0, 1).is_near(two())


def test_at_position_is_resting_within_five_centimetres():
    state = two()

    assert AtPosition(0, np.array([-0.2, 0.049])).update(state)
    assert not AtPosition(0, np.array([-0.2, 0.051])).update(state)
    assert not AtPosition(0, np.array([-0.2, 0.0])).update(held(state, 0))
    assert not AtPosition(0, np.array([-0.2, 0.2])).update(stacked(state, 0, 1))
    moving = with_object(state, 0, velocity=(0.002, 0.0, 0.0))
    assert not AtPosition(0, np.array([-0.2, 0.0])).update(moving)


@pytest.mark.parametrize(
    ('position', 'expected'),
    [
        pytest.param((-0.2, 0.35), True, id='straight'),
        pytest.param((-0.2, 0.499), True, id='at the far end'),
        pytest.param((-0.2, 0.501), False, id='too far'),
        pytest.param((-0.102, 0.4), True, id='aside'),
        pytest.param((-0.098, 0.4), False, id='too far aside'),
        pytest.param((-0.2, 0.05), False, id='other side'),
        pytest.param((-0.05, 0.2), False, id='in front instead'),
    ],
)
def test_next_to_is_resting_near_the_wedge(position, expected):
    state = with_object(two(), 0, position=(*position, 0.025))

    assert NextTo(0, 1, DIRECTIONS['left of']).update(state) is expected


def test_next_to_needs_rest_on_the_table_and_follows_the_other():
    state = with_object(two(), 0, position=(-0.2, 0.35, 0.025))
    goal = NextTo(0, 1, DIRECTIONS['left of'])

    assert goal.update(state)
    assert not goal.update(held(state, 0))
    assert not goal.update(with_object(state, 0, velocity=(0.0, 0.0, -0.1)))
    assert not goal.update(with_object(state, 0, ground_force=0.0))
    assert not goal.update(with_object(state, 1, position=(-0.2, 0.0, 0.025)))


def test_pushed_needs_touch_displacement_and_rest_upright():
    start = place('red cube', -0.2, 0.0)
    state = make_state([start])
    touching = with_object(state, 0, position=(-0.15, 0.0, 0.025), touched=True)

    def final(x: float, **fields: object) -> WorldState:
        return with_object(touching, 0, position=(x, 0.0, 0.025), touched=False, **fields)

    goal = Pushed(0, start)
    assert not goal.update(final(-0.09)), 'never touched'
    assert not goal.update(touching)
    assert not goal.update(final(-0.101))
    assert not goal.update(final(-0.09, velocity=(0.1, 0.0, 0.0)))
    assert not goal.update(final(-0.09, rotation_vector=(0.0, math.radians(46), 0.0)))
    assert goal.update(final(-0.09)), 'the touch is remembered'
    assert goal.update(final(-0.09, rotation_vector=(0.0, math.radians(44), 0.0)))


def test_toppled_needs_touch_displacement_and_tilt():
    start = place('red cube', -0.2, 0.0, size=TALL_SIZE)
    state = make_state([start])
    flat = {'position': (-0.08, 0.0, 0.025), 'rotation_vector': (0.0, math.pi / 2, 0.0)}
    goal = Toppled(0, start)

    assert not goal.update(with_object(state, 0, **flat)), 'never touched'
    assert not goal.update(with_object(state, 0, touched=True))
    assert not goal.update(with_object(state, 0, position=(-0.05, 0.0, 0.1)))
    tilted = {'position': (-0.08, 0.0, 0.1), 'rotation_vector': (0.0, math.radians(44), 0.0)}
    assert not goal.update(with_object(state, 0, **tilted))
    assert not goal.update(with_object(state, 0, **flat, spin=(0.0, 1.0, 0.0)))
    assert goal.update(with_object(state, 0, **flat))


def test_direction_pushed_needs_a_good_part_of_the_way_and_no_hand_on_it():
    start, target = np.array([-0.3, -0.1]), np.array([-0.1, -0.1])
    state = make_state([place('red cube', *start)])

    def after(x: float, y: float = -0.1, **fields: object) -> WorldState:
        return with_object(state, 0, position=(x, y, 0.025), **fields)

    def goal() -> DirectionPushed:
        return DirectionPushed(0, start, target)

    assert goal().update(after(-0.2))
    assert not goal().update(state)
    assert not goal().update(after(-0.245)), 'not far enough'
    assert goal().update(after(-0.235)), 'far enough'
    assert not goal().update(after(-0.2, touched=True))
    assert not goal().update(after(-0.2, velocity=(0.1, 0.0, 0.0)))
    assert not goal().update(changed(after(-0.2), ever_grasped=np.array([True])))


def test_direction_pushed_implies_clevrskills_sixty_degrees():
    state = make_state([place('red cube', 0.0, 0.0)])
    goal = DirectionPushed(0, np.zeros(2), np.array([1.0, 0.0]))
    for angle in np.linspace(0.0, 2 * np.pi, 73):
        for part in np.linspace(0.1, 1.7, 17):
            x, y = part * math.cos(angle), part * math.sin(angle)
            if goal.is_near(with_object(state, 0, position=(x, y, 0.025))):
                assert math.cos(angle) >= 0.5


def test_direction_pushed_needs_the_gripper_off_the_object():
    start, target = np.array([-0.3, 0.0]), np.array([-0.1, 0.0])
    state = with_object(make_state([place('red cube', *start)]), 0, position=(-0.15, 0.0, 0.025))
    touching = changed(state, ee_position=np.array([-0.15 - 0.05 - 0.033, 0.0, 0.03]))
    clear = changed(state, ee_position=np.array([-0.15 - 0.05 - 0.035, 0.0, 0.03]))

    assert gripper_clearance(clear, 0) == pytest.approx(0.002)
    assert DirectionPushed(0, start, target).update(clear)
    assert not DirectionPushed(0, start, target).update(touching)


def test_topple_structure_needs_every_object_on_the_table():
    state = two()

    assert ToppleStructure((0, 1)).update(state)
    assert not ToppleStructure((0, 1)).update(stacked(state, 0, 1))
    assert not ToppleStructure((0, 1)).update(with_object(state, 1, ground_force=0.04))


def test_swap_needs_both_objects_in_each_others_place_now():
    layout = [place('red cube', -0.2, 0.0), place('blue cube', -0.2, 0.2)]
    state = make_state(layout)
    goal = Swap(0, 1, layout)
    half = with_object(state, 0, position=(-0.2, 0.21, 0.025))
    both = with_object(half, 1, position=(-0.21, 0.0, 0.025))

    assert not goal.update(state)
    assert not goal.update(half)
    assert goal.update(both)
    assert not goal.update(with_object(both, 0, position=(-0.2, 0.1, 0.025)))


@pytest.mark.parametrize('kind', [Set, Sequence])
def test_set_and_sequence_hold_while_all_children_hold(kind):
    goal = kind(Scripted(True, False, True), Scripted(False, True, True))

    assert [goal.update(state) for state in steps(3)] == [False, False, True]


def test_order_remembers_children_in_order():
    goal = Order(Scripted(False, True, False, False), Scripted(True, False, False, True))

    assert [goal.update(state) for state in steps(4)] == [False, False, False, True]


def test_once_remembers():
    goal = Once(Scripted(False, True, False))

    assert [goal.update(state) for state in steps(3)] == [False, True, True]


def test_children_that_latch_see_every_state():
    goal = Set(Scripted(False, False, True), Once(Scripted(True, False, False)))

    assert [goal.update(state) for state in steps(3)] == [False, False, True]


def test_settling_waits_for_an_object_in_place_but_not_for_ever():
    state = with_object(two(), 0, position=(-0.2, 0.0, 0.05), ground_force=0.0)
    goal = Settling(AtPosition(0, np.array([-0.2, 0.0])), patience_steps=2)
    answers = [goal.update(state)]
    for _ in range(3):
        state = changed(state)
        answers.append(goal.update(state))

    assert answers == [True, True, False, False]
    assert goal.update(with_object(state, 0, position=(-0.2, 0.0, 0.025), ground_force=5.0))
    away = with_object(state, 0, position=(-0.2, 0.1, 0.025), ground_force=5.0)
    assert not goal.update(away)


def test_asking_twice_about_a_state_counts_once():
    state = with_object(two(), 0, position=(-0.2, 0.0, 0.05), ground_force=0.0)
    goal = Settling(AtPosition(0, np.array([-0.2, 0.0])), patience_steps=1)

    assert [goal.update(state) for _ in range(5)] == [True] * 5
