# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""StackSorted: one stack of each colour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import COLORS, SHAPES, ObjectSpec
from c2a_sim_bridge.sim.placement import place_objects
from c2a_sim_bridge.sim.predicates import Set, Settling
from c2a_sim_bridge.sim.predicates_stack import Stacked
from c2a_sim_bridge.sim.skills.plan import PlanStep, Stage, pick_place_on, settle_stage
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.stack import BOTTOM_WORKSPACE, MARGIN, WORKSPACE
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance

MAX_ACTORS = 6
MAX_COLORS = 3


@dataclass(frozen=True)
class StackSorted(Task):
    """Stack the objects of each colour; the objects of one colour follow each other in the scene.

    No shape twice in a colour, so that every name is unique.

    Attributes:
        num_actors: how many objects, more than colours.
        num_areas: how many colours, ClevrSkills' name for it.
        sample_num_actors: draw one more than colours to `num_actors` objects instead.
    """

    name = 'StackSorted'
    order = 51
    level = 2
    tables = ('table2',)
    oracle_p95_steps = 64
    paper_rows = 'Table 2 Stack sorted'
    arguments = '`SortStack`, num_actors 4 (3 to 4 are drawn), num_areas 2'
    success = '`Set(Stacked(colour), …)`: n-1 of the n objects of a colour rest on another of them'
    max_objects = 4
    phrasings = (
        'stack identically textured objects',
        'stack the objects of the same colour',
        'put all objects of one colour on each other',
        'build a stack of each colour',
    )

    num_actors: int = 4
    num_areas: int = 2
    sample_num_actors: bool = True

    def __post_init__(self) -> None:
        """Refuse counts that give nothing to stack, or stacks that are too high."""
        check_count(self.name, 'num_areas', self.num_areas, 1, MAX_COLORS)
        most = min(MAX_ACTORS, self.num_areas + len(SHAPES) - 1)
        check_count(self.name, 'num_actors', self.num_actors, self.num_areas + 1, most)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw objects, at least two of one colour."""
        count = draw_count(
            rng, self.num_actors, least=self.num_areas + 1, is_sampled=self.sample_num_actors
        )
        sizes = _draw_sizes(rng, count, self.num_areas)
        specs, goals, areas = [], [], []
        for color, size in zip(rng.permutation(list(COLORS)), sizes, strict=False):
            goals.append(Stacked(tuple(range(len(specs), len(specs) + size))))
            specs += [ObjectSpec(str(color), s) for s in _draw_shapes(rng, pool, color, size)]
            areas += [BOTTOM_WORKSPACE] + [WORKSPACE] * (size - 1)
        objects = place_objects(rng, specs, areas, MARGIN)
        goal = Set(*goals)
        stages = [
            Stage(Settling(g).update, partial(_steps, g)) for g in goals if len(g.objects) > 1
        ]
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng),
            goal=goal,
            stages=(*stages, settle_stage(goal.update)),
        )


def _draw_sizes(rng: np.random.Generator, count: int, colors: int) -> list[int]:
    """How many objects each colour has: at least one."""
    extra = rng.integers(colors, size=count - colors)
    return [1 + int((extra == color).sum()) for color in range(colors)]


def _draw_shapes(rng: np.random.Generator, pool: ObjectPool, color: str, count: int) -> list[str]:
    """Shapes without repetition; those outside the pool only where it has not enough."""
    shapes = [str(shape) for shape in rng.permutation(SHAPES)]
    shapes.sort(key=lambda shape: (color, shape) not in pool.looks)
    return shapes[:count]


def _steps(goal: Stacked, state: WorldState, _assigned: frozenset[str]) -> tuple[PlanStep, ...]:
    """The next object onto the highest part of a stack there is; the first object if none."""
    below = dict(goal.relations(state))
    bottoms = [k for k in goal.objects if k not in below]
    stacks = [_stack_from(bottom, below) for bottom in bottoms if bottom != state.grasped]
    stack = max(stacks, key=len)
    waiting = [k for k in goal.objects if k not in stack]
    # The top of another stack first: nothing stands on it.
    actor = state.grasped if state.grasped in waiting else max(waiting, key=state.top_z)
    return pick_place_on(actor, stack[-1], is_held=state.grasped == actor)


def _stack_from(bottom: int, below: dict[int, int]) -> list[int]:
    """Objects on each other from the bottom up, given what is directly below each."""
    above = {lower: upper for upper, lower in below.items()}
    stack = [bottom]
    while stack[-1] in above:
        stack.append(above[stack[-1]])
    return stack


TASKS = (StackSorted(),)
