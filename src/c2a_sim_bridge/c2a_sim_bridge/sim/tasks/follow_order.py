# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""FollowOrder and FollowOrderAndRestore: put an object on one area after another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import AREA_HEIGHT_M, PlacedObject
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import Order
from c2a_sim_bridge.sim.predicates_pose import Inside2d
from c2a_sim_bridge.sim.skills.plan import (
    Assignments,
    PlanStep,
    get_pose,
    pick_place_at,
    pick_place_on,
)
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.areas import area_spec
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.ordered import Steps, order_stages
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

WORKSPACE = Workspace(x=(-0.35, 0.05), y=(-0.25, 0.25))
AREA_M = 0.18
MARGIN_M = 0.02
MAX_AREAS = 4
START_KEY = 'start'


@dataclass(frozen=True)
class FollowOrder(Task):
    """Put object 0 on areas 2, 3, … in turn; it starts on area 1.

    Attributes:
        num_areas: how many areas.
        num_predicates: how many of them are to be visited, at most all but the first.
        sample_num_actors: draw both numbers, areas from 2, visits from 1 on.
        restore: finally put the object back where it was.
    """

    num_areas: int = 3
    num_predicates: int = 3
    sample_num_actors: bool = True
    restore: bool = False

    name = 'FollowOrder'
    order = 33
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 50
    paper_rows = 'Table 2 Follow order'
    arguments = '`FollowOrder`, num_areas 3, num_predicates 3, sampled'
    success = (
        '`Order(Inside2d(0, 2), …)`: rested on one area after the other, nothing sticking out'
    )
    max_objects = 4

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_areas', self.num_areas, 2, MAX_AREAS)
        check_count(self.name, 'num_predicates', self.num_predicates, 1, MAX_AREAS)

    @property
    def phrasings(self) -> tuple[str, ...]:
        """One area after another, and back if that is asked for."""
        texts = (
            'put {x} on {areas}',
            'place {x} on {areas}',
            'set {x} on {areas}',
        )
        endings = (' and then restore', ', then put it back', ', and finally where it was')
        if not self.restore:
            return texts
        return tuple(text + ending for text, ending in zip(texts, endings, strict=True))

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw an object, areas of other colours, and how many are visited."""
        is_sampled = self.sample_num_actors
        count = draw_count(rng, self.num_areas, least=2, is_sampled=is_sampled)
        visits = min(draw_count(rng, self.num_predicates, is_sampled=is_sampled), count - 1)
        spec, *others = draw_specs(rng, 1 + count, pool=pool)
        slabs = [area_spec(other.color, AREA_M) for other in others]
        areas = place_objects(rng, slabs, WORKSPACE, MARGIN_M)
        start = [*areas[0].position[:2], AREA_HEIGHT_M + spec.height / 2]
        moved = PlacedObject(spec, np.array(start), float(rng.uniform(-np.pi, np.pi)))
        targets = range(2, 2 + visits)
        goals = [Inside2d(0, area) for area in targets]
        steps: list[Steps] = [partial(_visit_steps, area, self.restore) for area in targets]
        if self.restore:
            goals.append(Inside2d(0, 1))
            steps.append(_restore_steps)
        goal = Order(*goals)
        objects = (moved, *areas)
        order = ', then on '.join(the(objects[area]) for area in targets)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(moved), areas=order),
            goal=goal,
            stages=order_stages(goal, steps),
        )


@dataclass(frozen=True)
class FollowOrderAndRestore(FollowOrder):
    """FollowOrder, and then back to where the object was, which has to be remembered."""

    restore: bool = True

    name = 'FollowOrderAndRestore'
    order = 34
    oracle_p95_steps = 72
    paper_rows = 'Table 2 Follow order and restore'
    arguments = '`FollowOrder`, num_areas 3, num_predicates 3, sampled, restore'
    success = '`Order(Inside2d(0, 2), …, Inside2d(0, 1))`'


def _visit_steps(
    area: int, has_restore: bool, state: WorldState, assigned: frozenset[str]
) -> tuple[PlanStep, ...]:
    """Put object 0 on an area; where it began is stored first, if it has to go back there."""
    steps = pick_place_on(0, area, is_held=state.grasped == 0)
    if not has_restore or START_KEY in assigned:
        return steps
    assignments: Assignments = ((START_KEY, get_pose(0)),)
    return (PlanStep(steps[0].call, steps[0].args, assignments), *steps[1:])


def _restore_steps(state: WorldState, _assigned: frozenset[str]) -> tuple[PlanStep, ...]:
    """Put object 0 back to the pose that was stored first."""
    return pick_place_at(0, START_KEY, is_held=state.grasped == 0)


TASKS = (FollowOrder(), FollowOrderAndRestore())
