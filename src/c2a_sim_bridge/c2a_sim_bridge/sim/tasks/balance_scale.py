# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""BalanceScale: blocks of several heights on the two plates of a scale, equally heavy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from c2a_sim_bridge.sim.fixtures.balance_scale import BalanceScale as Scale
from c2a_sim_bridge.sim.fixtures.balance_scale import scale_plates
from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import ObjectSpec
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates_balance import ScaleBalanced, is_equal
from c2a_sim_bridge.sim.skills.plan import (
    PlanStep,
    Stage,
    free_space,
    pick_place_at,
    pick_place_on,
)
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.supports import standing_on
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance

WORKSPACE = Workspace(x=(-0.45, -0.22))
"""Between the robot and the plates, with room for the gripper beside a loaded plate."""

SHAPES = ('cube', 'cylinder')
BLOCK_DENSITY = 300.0
SLICE_MM = (5.0, 15.0)
"""Heights are multiples of one slice, so that different blocks can be equally heavy together."""
BLOCK_MM = (21.0, 80.0)
TOWER_MM = 150.0
MAX_ACTORS = 4
FREE_KEY = 'free'

_MAX_DRAWS = 1000


@dataclass(frozen=True)
class BalanceScale(Task):
    """Put objects 0..n-1 on the plates n (left) and n+1 (right).

    Attributes:
        num_actors: how many blocks, 2 to 4.
        sample_num_actors: draw 2 to `num_actors` of them instead.
    """

    name = 'BalanceScale'
    order = 50
    level = 2
    tables = ('table2',)
    oracle_p95_steps = 230
    paper_rows = 'Table 2 Balance'
    arguments = '`BalanceScale`, num_actors 4, sampled'
    success = (
        '`ScaleBalanced(plates, blocks)`: all blocks on the plates, equally heavy on both, the '
        'beam more than 1° from its stops and slower than 1°/s'
    )
    max_objects = MAX_ACTORS + 2
    phrasings = (
        'place all the {blocks} on the scale while keeping it in balance',
        'put all the {blocks} on the two plates so that the scale is balanced',
        'distribute all the {blocks} over the scale such that both sides are equally heavy',
        'balance the scale with all the {blocks}',
    )

    num_actors: int = MAX_ACTORS
    sample_num_actors: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be balanced."""
        if not 2 <= self.num_actors <= MAX_ACTORS:
            raise ValueError(
                f'{self.name}: num_actors is {self.num_actors}, expected 2 to {MAX_ACTORS}'
            )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw blocks that can be balanced, all of one shape."""
        count = self.num_actors
        if self.sample_num_actors:
            count = int(rng.integers(2, self.num_actors + 1))
        shape = SHAPES[int(rng.integers(len(SHAPES)))]
        looks = pool.draw(rng, count, [shape] * count)
        specs = [
            ObjectSpec(color, shape, (0.1, 0.1, height), BLOCK_DENSITY)
            for (color, _), height in zip(looks, draw_heights(rng, count), strict=True)
        ]
        blocks = place_objects(rng, specs, WORKSPACE)
        plates = (count, count + 1)
        goal = ScaleBalanced(plates, tuple(range(count)))
        return TaskInstance(
            task=self.name,
            objects=(*blocks, *scale_plates()),
            instruction=self.instruct(rng, blocks=f'{shape}s'),
            goal=goal,
            stages=(Stage(goal.update, partial(_steps, goal, plates)),),
            fixture=Scale(plates),
        )


def draw_heights(rng: np.random.Generator, count: int) -> list[float]:
    """Heights in metres of blocks that make two towers of the same height, in drawn order."""
    left_count = 1 + int(rng.integers(count - 1))
    sides = [left_count, count - left_count]
    for _ in range(_MAX_DRAWS):
        slice_mm = float(rng.uniform(*SLICE_MM))
        low, high = math.ceil(BLOCK_MM[0] / slice_mm), math.floor(BLOCK_MM[1] / slice_mm)
        highest = min(math.floor(TOWER_MM / slice_mm), min(sides) * high)
        # The lowest neighbours leave this much of the tower for one block.
        most = [min(high, highest - (blocks - 1) * low) for blocks in sides for _ in range(blocks)]
        if min(most) < low:
            continue
        slices = rng.integers(low, np.array(most) + 1)
        # The last block of the right tower makes the towers equal.
        slices[-1] += slices[:left_count].sum() - slices[left_count:].sum()
        if low <= slices[-1] <= high and slices[:left_count].sum() <= highest:
            heights = slices * (slice_mm / 1000.0)
            return [float(height) for height in rng.permutation(heights)]
    raise RuntimeError(f'no two equal towers of {count} blocks after {_MAX_DRAWS} draws')


def _steps(
    goal: ScaleBalanced, plates: tuple[int, int], state: WorldState, _assigned: frozenset[str]
) -> tuple[PlanStep, ...]:
    """The next block onto a plate where the rest can still be balanced.

    What blocks that, because it stands on the wrong plate, comes down to the table first.
    """
    blocks = goal.objects
    loads = [[k for k in standing_on(state, plate) if k in blocks] for plate in plates]
    held = state.grasped if state.grasped in blocks else None
    if not _fitting(state, blocks, loads):
        block = _topmost(state, loads) if held is None else held
        return pick_place_at(block, FREE_KEY, ((FREE_KEY, free_space(block)),), held is not None)
    waiting = [k for k in blocks if k not in loads[0] and k not in loads[1]]
    if not waiting:
        return ()  # the beam swings out
    block = held if held is not None else min(waiting, key=partial(_distance, state))
    sides = [
        side
        for side in (0, 1)
        if _fitting(state, blocks, [[*loads[k], *([block] * (k == side))] for k in (0, 1)])
    ]
    plate = min((plates[side] for side in sides), key=partial(state.planar_distance, block))
    return pick_place_on(block, plate, is_held=held is not None)


def _fitting(state: WorldState, blocks: Sequence[int], loads: Sequence[Sequence[int]]) -> bool:
    """Whether the blocks that are on no plate yet can be added so that both are equally heavy."""
    masses = {block: state.specs[block].mass for block in blocks}
    left, right = (sum(masses[k] for k in load) for load in loads)
    rest = [masses[k] for k in blocks if k not in loads[0] and k not in loads[1]]
    return any(
        is_equal(
            left + sum(itertools.compress(rest, choice)),
            right + sum(rest) - sum(itertools.compress(rest, choice)),
        )
        for choice in itertools.product((0, 1), repeat=len(rest))
    )


def _topmost(state: WorldState, loads: Sequence[Sequence[int]]) -> int:
    """The highest block on either plate: nothing stands on it."""
    return max((k for load in loads for k in load), key=lambda k: state.positions[k, 2])


def _distance(state: WorldState, block: int) -> float:
    """From the gripper, along the table, m."""
    return float(np.hypot(*(state.positions[block, :2] - state.ee_position[:2])))


TASKS = (BalanceScale(),)
