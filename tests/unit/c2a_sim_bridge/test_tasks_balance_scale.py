# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import changed, held, make_state, with_object
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_core.spaces import hold_action
from c2a_sim_bridge.sim.fixtures.balance_scale import LIMIT_RAD, BalanceScale, scale_plates
from c2a_sim_bridge.sim.objects import ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.predicates_balance import ScaleBalanced, beam_motion
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.skills.plan import Obj
from c2a_sim_bridge.sim.state import GRAVITY, WorldState
from c2a_sim_bridge.sim.supports import loads_of, standing_on, support_top
from c2a_sim_bridge.sim.tasks.balance_scale import draw_heights
from c2a_sim_bridge.sim.tasks.registry import sample_episode
from c2a_sim_bridge.sim.world import World

NOTHING: frozenset[str] = frozenset()


def block(color: str, height: float, x: float, y: float, z: float = 0.0) -> PlacedObject:
    spec = ObjectSpec(color, 'cube', (0.1, 0.1, height), 300.0)
    return PlacedObject(spec, np.array([x, y, z + height / 2]), 0.0)


def layout(*heights: float) -> tuple[PlacedObject, ...]:
    """Blocks on the table and, last, the plates."""
    colors = ('red', 'green', 'blue', 'white')
    blocks = [
        block(color, height, -0.3, 0.15 * k - 0.2)
        for k, (color, height) in enumerate(zip(colors, heights, strict=False))
    ]
    return (*blocks, *scale_plates())


def loaded(state: WorldState, index: int, below: int) -> WorldState:
    """The next step's state with an object resting on a plate or on another object."""
    position = state.positions[below].copy()
    position[2] = state.top_z(below) + state.specs[index].height / 2
    state = with_object(state, index, position=position, ground_force=0.0)
    pair_force = state.pair_force.copy()
    pair_force[index] = 0.0
    pair_force[index, below] = state.specs[index].mass * GRAVITY
    return changed(state, pair_force=pair_force)


def test_blocks_make_two_equal_towers():
    for seed in range(300):
        count = 2 + seed % 3
        heights = draw_heights(np.random.default_rng(seed), count)
        total = sum(heights)

        assert len(heights) == count
        assert all(0.021 <= height <= 0.08 for height in heights)
        assert total / 2 <= 0.15
        sums = {
            round(sum(h for k, h in enumerate(heights) if mask >> k & 1), 9)
            for mask in range(2**count)
        }
        assert round(total / 2, 9) in sums


def test_blocks_are_of_one_shape_that_the_text_names():
    counts = set()
    for seed in range(60):
        instance = sample_episode('BalanceScale', seed)
        *blocks, left, right = instance.objects
        (shape,) = {placed.spec.shape for placed in blocks}
        counts.add(len(blocks))

        assert f'all the {shape}s' in instance.instruction
        assert len({placed.name for placed in blocks}) == len(blocks)
        assert (left.name, right.name) == ('left plate', 'right plate')
    assert counts == {2, 3, 4}


class TestPredicate:
    """Blocks of 4, 2 and 2 cm: the first on one plate, the others on the other."""

    start = make_state(layout(0.04, 0.02, 0.02))
    goal = staticmethod(lambda: ScaleBalanced((3, 4), (0, 1, 2)))

    def balanced(self) -> WorldState:
        return loaded(loaded(loaded(self.start, 0, 3), 1, 4), 2, 1)

    def test_equal_loads_count(self):
        assert self.goal().update(self.balanced())

    def test_mirrored_too(self):
        state = loaded(loaded(loaded(self.start, 0, 4), 1, 3), 2, 1)
        assert self.goal().update(state)

    def test_what_is_not_placed_does_not(self):
        assert not self.goal().update(self.start)
        assert not self.goal().update(loaded(loaded(self.start, 1, 3), 2, 4))

    def test_what_is_held_does_not(self):
        state = held(self.balanced(), 2)
        assert not self.goal().update(state)

    def test_unequal_loads_do_not(self):
        state = loaded(loaded(loaded(self.start, 0, 3), 1, 0), 2, 4)
        assert not self.goal().update(state)

    def tilted(self, degrees: float, rate: float = 0.0) -> WorldState:
        state = self.balanced()
        for plate, side in ((3, 1.0), (4, -1.0)):
            rise = side * 0.25 * math.sin(math.radians(degrees))
            state.positions[plate, 2] += rise
            state.positions[plate, 1] = side * 0.25 * math.cos(math.radians(degrees))
            state.linear_velocities[plate, 2] = side * 0.25 * math.radians(rate)
        return state

    @pytest.mark.parametrize(
        ('degrees', 'rate', 'holds'),
        [
            (0.0, 0.0, True),
            (18.9, 0.0, True),
            (-18.9, 0.0, True),
            (19.1, 0.0, False),
            (-19.1, 0.0, False),
            (0.0, 0.9, True),
            (0.0, 1.1, False),
            (0.0, -1.1, False),
        ],
    )
    def test_beam_is_off_its_stops_and_slow(self, degrees, rate, holds):
        state = self.tilted(degrees, rate)

        angle, found = beam_motion(state, (3, 4))
        assert math.degrees(angle) == pytest.approx(degrees)
        assert math.degrees(found) == pytest.approx(rate * math.cos(math.radians(degrees)))
        assert self.goal().update(state) is holds
        assert self.goal().is_near(state)


class TestSupports:
    start = make_state(layout(0.04, 0.02, 0.02))

    def test_plate_is_as_high_as_what_is_on_it(self):
        state = loaded(self.start, 0, 3)
        assert support_top(self.start, 3) == pytest.approx(0.11)
        assert support_top(state, 3) == pytest.approx(0.15)
        assert support_top(state, 4) == pytest.approx(0.11)
        assert support_top(state, 1) == pytest.approx(0.02)

    def test_loads_are_stacks(self):
        state = loaded(loaded(self.start, 0, 3), 1, 0)
        assert loads_of(state, 3) == (0, 1)
        assert loads_of(state, 4) == ()
        assert standing_on(state, 3) == [0, 1]

    def test_what_hangs_in_the_gripper_is_no_load(self):
        state = held(loaded(self.start, 0, 3), 0)
        assert loads_of(state, 3) == ()
        assert standing_on(state, 3) == []


class TestPlan:
    """Blocks of 4, 2 and 2 cm."""

    def steps(self, change):
        instance = sample_episode('BalanceScale:num_actors=3,sample_num_actors=false', 0)
        (stage,) = instance.stages
        state = change(make_state(layout(0.04, 0.02, 0.02)))
        return [(step.call, dict(step.args)) for step in stage.steps(state, NOTHING)]

    def test_second_small_block_joins_the_first_one(self):
        steps = self.steps(lambda state: loaded(loaded(state, 0, 4), 1, 3))
        assert steps[0] == ('move3d', {'actor': Obj(2)})
        assert steps[3] == ('place', {'actor': Obj(2), 'target_actor': Obj(3)})

    def test_high_block_goes_where_no_small_one_is(self):
        steps = self.steps(lambda state: held(loaded(state, 1, 3), 0))
        assert steps == [
            ('move3d', {'target_actor': Obj(4)}),
            ('place', {'actor': Obj(0), 'target_actor': Obj(4)}),
        ]

    def test_what_spoils_the_balance_comes_down_first(self):
        steps = self.steps(lambda state: loaded(loaded(state, 0, 3), 1, 0))
        assert steps[0] == ('move3d', {'actor': Obj(1)})
        assert steps[3][1].keys() == {'actor', 'target_pose'}

    def test_nothing_is_left_while_the_beam_swings(self):
        assert self.steps(lambda state: loaded(loaded(loaded(state, 0, 3), 1, 4), 2, 1)) == []


class TestPhysics:
    def world(self, *objects: PlacedObject) -> World:
        count = len(objects)
        return World((*objects, *scale_plates()), fixture=BalanceScale((count, count + 1)))

    def angle(self, world: World) -> float:
        count = len(world.specs)
        return beam_motion(world.state, (count - 2, count - 1))[0]

    def test_empty_scale_is_level_from_the_start_and_stays(self):
        world = self.world()
        first = world.state.positions.copy()
        for _ in range(10):
            world.step(hold_action(False))

        level = np.array([[-0.05, 0.25, 0.1], [-0.05, -0.25, 0.1]])
        assert first == pytest.approx(level, abs=1e-5)
        assert world.state.positions == pytest.approx(first, abs=1e-4)

    @pytest.mark.parametrize('side', [1, -1])
    def test_load_on_one_side_pulls_it_down_to_the_stop(self, side):
        world = self.world(block('red', 0.03, -0.05, 0.25 * side, z=0.111))
        for _ in range(60):
            world.step(hold_action(False))

        assert self.angle(world) == pytest.approx(-side * LIMIT_RAD, abs=0.01)
        # The load stays on its plate all the way.
        assert loads_of(world.state, 1 if side > 0 else 2) == (0,)

    def test_equal_loads_keep_it_level(self):
        red, blue = (
            block(c, 0.03, -0.05, y, z=0.111) for c, y in (('red', 0.25), ('blue', -0.26))
        )
        world = self.world(red, blue)
        for _ in range(60):
            world.step(hold_action(False))

        assert abs(self.angle(world)) < math.radians(1.0)
        assert ScaleBalanced((2, 3), (0, 1)).update(world.state)

    def test_two_worlds_swing_alike_bit_for_bit(self):
        digests = []
        for _ in range(2):
            world = self.world(block('red', 0.03, -0.05, 0.25, z=0.111))
            for _ in range(20):
                world.step(hold_action(False))
            digests.append(world.digest())

        assert digests[0] == digests[1]


@pytest.mark.parametrize('seed', [0, 1])
def test_oracle_solves_it(seed):
    simulator = Simulator(SimConfig(render=False))

    run_oracle(simulator, 'BalanceScale', seed, max_steps=400)

    assert simulator.success
