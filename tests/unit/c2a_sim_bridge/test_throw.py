# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The skill `throw`, its predicates, and the contacts that they read."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import changed, held, make_state, place, with_object
from unit.c2a_sim_bridge.worlds import Table, run_oracle

from c2a_sim_bridge.sim.objects import ObjectKind, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.predicates_throw import Hit, HitFromAbove, HitPosition
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.skills.throw import Throw, aim_point, beside_point
from c2a_sim_bridge.sim.world import World

RED = "get_actor('red cube', (3, 5))"
BLUE = "get_actor('blue cube', (5, 8))"
AREA = "get_actor('blue area', (5, 8))"
THROWN = (0.125, 0.125, 0.025)
STANDING = (0.05, 0.05, 0.15)
TALL = (0.05, 0.05, 0.25)


def hanging(name: str = 'red cube', size=THROWN, yaw: float = 0.4) -> PlacedObject:
    """An object at the cups of the arm at home."""
    color, shape = name.split()
    position = np.array([-0.105696, 0.0, 0.295447 - size[2] / 2 - 5e-4])
    return PlacedObject(ObjectSpec(color, shape, size), position, yaw)


def target(distance: float, bearing: float, size, kind: str = ObjectKind.OBJECT) -> PlacedObject:
    spec = ObjectSpec('blue', 'cube', size, 100.0, kind)
    x, y = -0.65 + distance * math.cos(bearing), distance * math.sin(bearing)
    return PlacedObject(spec, np.array([x, y, size[2] / 2]), 0.0)


def thrower(*objects: PlacedObject) -> Table:
    """A table whose arm holds the first object."""
    table = Table(*objects)
    table.world = World(objects, held=0)
    return table


def touching(state, first: int, second: int):
    contact = state.pair_contact.copy()
    contact[first, second] = contact[second, first] = True
    return changed(state, pair_contact=contact)


@pytest.fixture
def state():
    return make_state([place('red cube', -0.2, 0.0), place('blue cube', 0.1, 0.1, size=TALL)])


def test_a_hit_is_a_contact_while_let_go_and_lasts(state):
    goal = Hit(0, 1)
    assert not goal.update(state)
    assert not goal.update(touching(held(state, 0), 0, 1))
    assert goal.update(touching(state, 0, 1))
    assert goal.update(changed(state))


@pytest.mark.parametrize(('degrees', 'is_toppled'), [(44.0, False), (46.0, True)])
def test_a_topple_needs_the_hit_and_the_fall(state, degrees, is_toppled):
    goal, never_hit = Hit(0, 1, topple=True), Hit(0, 1, topple=True)
    assert not goal.update(touching(state, 0, 1))
    fallen = with_object(state, 1, rotation_vector=(0.0, math.radians(degrees), 0.0))
    assert goal.update(fallen) == is_toppled
    assert not never_hit.update(fallen)


@pytest.mark.parametrize(('gap', 'is_over'), [(0.001, False), (-0.001, True)])
def test_seen_from_above_outlines_have_to_meet_at_any_height(gap, is_over):
    layout = [place('red cube', 0.0, 0.0), place('blue cube', 0.1 + gap, 0.0)]
    state = make_state(layout)
    flying = with_object(state, 0, position=(0.0, 0.0, 0.4))
    goal = HitFromAbove(0, 1)
    assert not goal.update(changed(flying, grasped=0))
    assert goal.update(changed(flying)) == is_over
    away = with_object(state, 0, position=(-0.3, 0.0, 0.4))
    assert goal.update(away) == is_over  # it lasts


@pytest.mark.parametrize(('extra', 'is_there'), [(-0.002, True), (0.002, False)])
def test_a_place_is_hit_on_the_table_within_reach_of_the_outline(state, extra, is_there):
    radius = math.hypot(state.specs[0].radius, 0.025)
    point = np.array([-0.2 + 0.1 + radius + extra, 0.0, 0.025])
    assert HitPosition(0, point).update(state) == is_there
    assert not HitPosition(0, point).update(with_object(state, 0, ground_force=0.0))
    assert not HitPosition(0, point).update(held(state, 0, bottom_z=0.0))


@pytest.mark.parametrize(
    ('size', 'kind'),
    [
        (STANDING, ObjectKind.OBJECT),
        (TALL, ObjectKind.OBJECT),
        ((0.2, 0.2, 0.01), ObjectKind.AREA),
    ],
    ids=['standing', 'tall', 'area'],
)
@pytest.mark.parametrize(('distance', 'bearing'), [(0.6, 0.5), (0.75, -0.3), (0.85, 0.1)])
def test_throw_hits_near_and_far(size, kind, distance, bearing):
    table = thrower(hanging(), target(distance, bearing, size, kind))
    goal = Hit(0, 1)
    name = AREA if kind == ObjectKind.AREA else BLUE
    assert table.run(f'move3d(throw_at={name})') > 0
    skill = table.start(f'throw(actor={RED}, target_actor={name})')
    for _ in range(25):
        table.world.step(skill.act(table.state))
        if goal.update(table.state):
            break
    assert goal.update(table.state)
    assert table.state.ever_grasped.tolist() == [True, False]


@pytest.mark.parametrize('direction', [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)])
def test_throw_beside_lands_there_and_not_on_the_target(direction):
    way = f'direction=[{direction[0]}, {direction[1]}, 0.0]'
    table = thrower(hanging(), target(0.68, 0.1, STANDING))
    start = table.state.positions[1].copy()
    point = beside_point(start, table.state.specs[1], (*direction, 0.0), table.state.specs[0])
    table.run(f'move3d(throw_at={BLUE}, {way})')
    skill = table.start(f'throw(actor={RED}, target_actor={BLUE}, {way})')
    for _ in range(30):
        table.world.step(skill.act(table.state))
    assert math.dist(table.state.positions[0, :2], point[:2]) < 0.06
    np.testing.assert_allclose(table.state.positions[1], start, atol=1e-3)


def test_throw_mends_a_start_that_was_not_wound_up():
    table = thrower(hanging(), target(0.8, 0.2, (0.2, 0.2, 0.01), ObjectKind.AREA))
    table.move((-0.04, -0.04, 0.02), vacuum=True)
    skill = table.start(f'throw(actor={RED}, target_actor={AREA})')
    goal = Hit(0, 1)
    for _ in range(25):
        table.world.step(skill.act(table.state))
        goal.update(table.state)
    assert goal.update(table.state)


def test_throw_is_done_by_the_state_alone_once_away_whoever_let_go():
    table = thrower(hanging(), target(0.8, 0.0, STANDING))
    judge = table.start(f'throw(actor={RED}, target_actor={BLUE})')
    assert not judge.is_done(table.state)
    table.hold(1, vacuum=False)
    assert not judge.is_done(table.state)  # let go, but still at the gripper
    table.hold(4, vacuum=False)
    assert judge.is_done(table.state)
    assert not judge.is_lost(table.state)


def test_throw_is_lost_where_it_is_held_past_the_aim():
    state = make_state([place('red cube', 0.1, 0.0), place('blue cube', 0.0, 0.0, size=STANDING)])
    state = held(state, 0, bottom_z=0.3)
    assert Throw(state, 0, 1).is_lost(state)
    near = with_object(state, 0, position=(-0.3, 0.0, 0.3))
    assert not Throw(near, 0, 1).is_lost(near)


def test_a_second_throw_at_an_area_spares_what_lies_there():
    area = PlacedObject(
        ObjectSpec('blue', 'cube', (0.26, 0.26, 0.01), kind=ObjectKind.AREA),
        np.array([0.1, 0.0, 0.005]),
        0.0,
    )
    layout = [place('red cube', -0.2, 0.0), area, place('green cube', 0.1, 0.0)]
    state = make_state(layout)
    aim = aim_point(state, 0, 1)
    assert math.dist(aim[:2], layout[2].position[:2]) > 0.13
    assert (np.abs(aim[:2] - [0.1, 0.0]) <= 0.131).all()
    gone = with_object(state, 2, position=(-0.3, 0.2, 0.025))
    np.testing.assert_allclose(aim_point(gone, 0, 1)[:2], [0.1, 0.0])


def test_a_knock_within_a_control_step_is_a_contact_of_both_and_is_forgotten():
    layout = [hanging(size=(0.1, 0.1, 0.05)), place('blue cube', -0.105, 0.0)]
    table = thrower(*layout)
    assert not table.state.pair_contact.any()
    met = []
    for _ in range(12):
        table.hold(1, vacuum=False)
        met.append(bool(table.state.pair_contact[0, 1]))
        assert (table.state.pair_contact == table.state.pair_contact.T).all()
    assert not met[0]
    assert met[-1]  # it lies on the other one
    state = replace(table.state, step=-1)
    assert state.pair_force[0, 1] > 0.0


def test_an_object_that_is_dropped_early_is_picked_again_and_thrown():
    simulator = Simulator(SimConfig(render=False))
    dropped = []

    def drop(simulator: Simulator, action: np.ndarray) -> np.ndarray:
        is_up = simulator.state.grasped == 0 and simulator.state.bottom_z(0) > 0.05
        if is_up and len(dropped) < 2:
            dropped.append(simulator.state.step)
        if dropped and simulator.state.step < dropped[0] + 2:
            action = action.copy()
            action[6] = -1.0
        return action

    codes = run_oracle(simulator, 'ThrowOnto', 1, disturb=drop)
    assert dropped
    assert simulator.success
    assert sum(code.startswith('pick') for code in codes) == 2


def test_a_miss_out_of_reach_is_lost_and_nothing_is_done():
    simulator = Simulator(SimConfig(render=False))
    simulator.reset('ThrowOnto', 1)
    stage, state = simulator.instance.stages[0], simulator.state
    assert stage.steps(state, frozenset())
    flying = with_object(state, 0, velocity=(0.5, 0.0, 0.0))
    assert stage.steps(flying, frozenset()) == ()
    lost = with_object(state, 0, position=(0.15, -0.3, 0.0125))
    assert stage.steps(lost, frozenset()) == ()
