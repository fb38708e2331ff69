# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""PlaceNextTo and PlaceOnTop: pick one object, put it beside or on another."""

from __future__ import annotations

from functools import partial

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import PlacedObject
from c2a_sim_bridge.sim.placement import (
    DIRECTIONS,
    Workspace,
    layout_next_to_points,
    next_to_area,
    place_objects,
)
from c2a_sim_bridge.sim.predicates import AT_POSITION_M, NextTo, OnTop, Settling
from c2a_sim_bridge.sim.skills.plan import (
    PlanStep,
    Stage,
    free_space_next_to,
    pick_place_at,
    pick_place_on,
    settle_stage,
)
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

WORKSPACE = Workspace(x=(-0.4, 0.05))


class PlaceNextTo(Task):
    """Put object 0 on one side of object 1; object 2 is in the way."""

    name = 'PlaceNextTo'
    order = 1
    level = 0
    tables = ('table1',)
    oracle_p95_steps = 35
    paper_rows = 'Table 1 PlaceNextTo (L0); Table 2 Pick and place next to'
    arguments = '`PlaceNextTo`, num_actors 3, exact'
    success = '`NextTo(0, 1, side)`: rests on the table within 5 cm of the area on that side'
    max_objects = 3
    phrasings = (
        'pick and place {x} {side} {y}',
        'pick up {x} and put it {side} {y}',
        'place {x} {side} {y}',
        'move {x} so that it is {side} {y}',
    )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw three objects and a side of object 1 that is free and reachable."""
        objects = place_objects(
            rng,
            draw_specs(rng, 3, pool=pool),
            WORKSPACE,
            accept=lambda layout: bool(feasible_sides(layout)),
        )
        sides = feasible_sides(objects)
        side = sides[int(rng.integers(len(sides)))]
        goal = NextTo(0, 1, DIRECTIONS[side])
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(objects[0]), side=side, y=the(objects[1])),
            goal=goal,
            stages=(
                Stage(Settling(goal).update, partial(_next_to_steps, side)),
                settle_stage(goal.update),
            ),
        )


class PlaceOnTop(Task):
    """Put object 0 on object 2; object 1 is not needed."""

    name = 'PlaceOnTop'
    order = 2
    level = 0
    tables = ('table1',)
    oracle_p95_steps = 33
    paper_rows = 'Table 1 PlaceOnTop (L0); Table 2 Pick and place on top'
    arguments = '`PlaceOnTop`, num_actors 2, num_areas 1, exact'
    success = '`OnTop(0, 2)`: at rest, carried by the base, off the table'
    max_objects = 3
    phrasings = (
        'pick and place {x} on {y}',
        'pick up {x} and put it on {y}',
        'place {x} on top of {y}',
        'place {x} on {y}',
    )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw two movable objects and a base."""
        objects = place_objects(rng, draw_specs(rng, 3, pool=pool), WORKSPACE)
        goal = OnTop(0, 2)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(objects[0]), y=the(objects[2])),
            goal=goal,
            stages=(on_top_stage(0, 2), settle_stage(goal.update)),
        )


def on_top_stage(top: int, bottom: int) -> Stage:
    """Pick `top` and place it on `bottom`."""
    return Stage(
        Settling(OnTop(top, bottom)).update,
        lambda state, _assigned: pick_place_on(top, bottom, is_held=state.grasped == top),
    )


def feasible_sides(layout: tuple[PlacedObject, ...]) -> list[str]:
    """Direction words that do not hold yet and have a free place."""
    return [
        side
        for side, direction in DIRECTIONS.items()
        if not _is_next_to(layout, direction)
        and len(layout_next_to_points(layout, 0, 1, direction))
    ]


def _is_next_to(layout: tuple[PlacedObject, ...], direction: tuple[float, float, float]) -> bool:
    """Whether object 0 stands on that side of object 1 already."""
    area = next_to_area(layout[0].spec, layout[1].spec, direction)
    offset = area - (layout[0].position[:2] - layout[1].position[:2])
    return bool(np.hypot(offset[:, 0], offset[:, 1]).min() < AT_POSITION_M)


def _next_to_steps(side: str, state: WorldState, assigned: frozenset[str]) -> tuple[PlanStep, ...]:
    """Store the target, unless that is done, and bring object 0 there."""
    target = ('target', free_space_next_to(0, 1, DIRECTIONS[side], side))
    assignments = () if 'target' in assigned else (target,)
    return pick_place_at(0, 'target', assignments, is_held=state.grasped == 0)


TASKS = (PlaceNextTo(), PlaceOnTop())
