# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""PlaceNextTo, PlaceOnTop and variants: put one object beside or on another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.placement import (
    DIRECTIONS,
    Workspace,
    hold_object,
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
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

WORKSPACE = Workspace(x=(-0.4, 0.05))
MAX_OBJECTS = 7

DROP_MARGIN_M = 0.02
"""An object that is let go where it hangs comes to rest so far away from there, if it tumbles."""

Layout = tuple[PlacedObject, ...]


@dataclass(frozen=True)
class PlaceNextTo(Task):
    """Put object 0 on one side of object 1; the others are in the way.

    Attributes:
        num_actors: how many objects.
        sample_num_actors: draw their number from 2 to `num_actors`.
        spawn_at_gripper: object 0 is in the gripper at the start.
    """

    num_actors: int = 3
    sample_num_actors: bool = False
    spawn_at_gripper: bool = False

    name = 'PlaceNextTo'
    order = 1
    level = 0
    tables = ('table1',)
    oracle_p95_steps = 35
    paper_rows = 'Table 1 PlaceNextTo (L0)'
    arguments = '`PlaceNextTo`, num_actors 3, exact'
    success = '`NextTo(0, 1, side)`: rests on the table within 5 cm of the area on that side'
    max_objects = 3

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_actors', self.num_actors, 2, MAX_OBJECTS)

    @property
    def phrasings(self) -> tuple[str, ...]:
        """With picking only where there is something to pick."""
        if self.spawn_at_gripper:
            return (
                'place {x} {side} {y}',
                'put {x} {side} {y}',
                'put down {x} {side} {y}',
                'set {x} down so that it is {side} {y}',
            )
        return (
            'pick and place {x} {side} {y}',
            'pick up {x} and put it {side} {y}',
            'place {x} {side} {y}',
            'move {x} so that it is {side} {y}',
        )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw objects and a side of object 1 that is free and reachable."""
        count = draw_count(rng, self.num_actors, least=2, is_sampled=self.sample_num_actors)
        objects = _place(
            rng,
            draw_specs(rng, count, pool=pool),
            is_held=self.spawn_at_gripper,
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
            held=0 if self.spawn_at_gripper else None,
        )


@dataclass(frozen=True)
class PickAndPlaceNextTo(PlaceNextTo):
    """PlaceNextTo with two objects."""

    num_actors: int = 2

    name = 'PickAndPlaceNextTo'
    order = 28
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 32
    paper_rows = 'Table 2 Pick and place next to'
    arguments = '`PlaceNextTo`, num_actors 2'
    max_objects = 2


@dataclass(frozen=True)
class PlaceNextToHeld(PlaceNextTo):
    """PlaceNextTo with two objects, one of them in the gripper already."""

    num_actors: int = 2
    spawn_at_gripper: bool = True

    name = 'PlaceNextToHeld'
    order = 22
    tables = ('table2',)
    oracle_p95_steps = 16
    paper_rows = 'Table 2 Place next to'
    arguments = '`PlaceNextTo`, num_actors 2, spawn_at_gripper'
    max_objects = 2


@dataclass(frozen=True)
class PlaceOnTop(Task):
    """Put object 0 on the first base; the other objects are not needed.

    Attributes:
        num_actors: how many objects besides the bases.
        num_areas: how many bases; they are the last objects of the layout.
        sample_num_actors: draw both numbers from 1 on.
        spawn_at_gripper: object 0 is in the gripper at the start.
    """

    num_actors: int = 2
    num_areas: int = 1
    sample_num_actors: bool = False
    spawn_at_gripper: bool = False

    name = 'PlaceOnTop'
    order = 2
    level = 0
    tables = ('table1',)
    oracle_p95_steps = 33
    paper_rows = 'Table 1 PlaceOnTop (L0)'
    arguments = '`PlaceOnTop`, num_actors 2, num_areas 1, exact'
    success = '`OnTop(0, 2)`: at rest, carried by the base, off the table'
    max_objects = 3

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_actors', self.num_actors, 1, MAX_OBJECTS - 1)
        most = MAX_OBJECTS - self.num_actors
        check_count(self.name, 'num_areas', self.num_areas, 1, most)

    @property
    def phrasings(self) -> tuple[str, ...]:
        """With picking only where there is something to pick."""
        if self.spawn_at_gripper:
            return (
                'place {x} on {y}',
                'put {x} on {y}',
                'put down {x} on top of {y}',
                'set {x} on top of {y}',
            )
        return (
            'pick and place {x} on {y}',
            'pick up {x} and put it on {y}',
            'place {x} on top of {y}',
            'place {x} on {y}',
        )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw movable objects and bases."""
        base = draw_count(rng, self.num_actors, is_sampled=self.sample_num_actors)
        count = base + draw_count(rng, self.num_areas, is_sampled=self.sample_num_actors)
        objects = _place(
            rng,
            draw_specs(rng, count, pool=pool),
            is_held=self.spawn_at_gripper,
            accept=partial(_is_aside, base) if self.spawn_at_gripper else None,
        )
        goal = OnTop(0, base)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(objects[0]), y=the(objects[base])),
            goal=goal,
            stages=(on_top_stage(0, base), settle_stage(goal.update)),
            held=0 if self.spawn_at_gripper else None,
        )


@dataclass(frozen=True)
class PickAndPlaceOnTop(PlaceOnTop):
    """PlaceOnTop with one to three objects and one to three bases."""

    num_actors: int = 3
    num_areas: int = 3
    sample_num_actors: bool = True

    name = 'PickAndPlaceOnTop'
    order = 27
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 34
    paper_rows = 'Table 2 Pick and place on top'
    arguments = '`PlaceOnTop`, num_actors 3, num_areas 3, sampled'
    success = '`OnTop(0, first base)`'
    max_objects = 6


@dataclass(frozen=True)
class PlaceOnTopHeld(PlaceOnTop):
    """Put the object that is in the gripper already on the only other one."""

    num_actors: int = 1
    num_areas: int = 1
    spawn_at_gripper: bool = True

    name = 'PlaceOnTopHeld'
    order = 21
    tables = ('table2',)
    oracle_p95_steps = 16
    paper_rows = 'Table 2 Place on top'
    arguments = '`PlaceOnTop`, num_actors 1, num_areas 1, spawn_at_gripper'
    success = '`OnTop(0, 1)`'
    max_objects = 2


def on_top_stage(top: int, bottom: int) -> Stage:
    """Pick `top` and place it on `bottom`."""
    return Stage(
        Settling(OnTop(top, bottom)).update,
        lambda state, _assigned: pick_place_on(top, bottom, is_held=state.grasped == top),
    )


def feasible_sides(layout: Layout) -> list[str]:
    """Direction words that do not hold yet and have a free place."""
    return [
        side
        for side, direction in DIRECTIONS.items()
        if not _is_next_to(layout, direction)
        and len(layout_next_to_points(layout, 0, 1, direction))
    ]


def _place(
    rng: np.random.Generator,
    specs: tuple[ObjectSpec, ...],
    *,
    is_held: bool,
    accept: Callable[[Layout], bool] | None = None,
) -> Layout:
    """A layout in which all objects stand on the table, or all but the first one."""
    if not is_held:
        return place_objects(rng, specs, WORKSPACE, accept=accept)
    held = hold_object(rng, specs[0])
    others = place_objects(
        rng,
        specs[1:],
        WORKSPACE,
        accept=None if accept is None else lambda layout: accept((held, *layout)),
    )
    return (held, *others)


def _is_next_to(layout: Layout, direction: tuple[float, float, float]) -> bool:
    """Whether object 0 stands on that side of object 1 already, or would if it were let go."""
    is_held = layout[0].position[2] > layout[0].spec.height
    reach = AT_POSITION_M + (DROP_MARGIN_M if is_held else 0.0)
    area = next_to_area(layout[0].spec, layout[1].spec, direction)
    offset = area - (layout[0].position[:2] - layout[1].position[:2])
    return bool(np.hypot(offset[:, 0], offset[:, 1]).min() < reach)


def _is_aside(base: int, layout: Layout) -> bool:
    """Whether object 0, if it were let go, would miss the base or fall off it."""
    offset = layout[base].position[:2] - layout[0].position[:2]
    return float(np.hypot(*offset)) > layout[base].spec.radius + DROP_MARGIN_M


def _next_to_steps(side: str, state: WorldState, assigned: frozenset[str]) -> tuple[PlanStep, ...]:
    """Store the target, unless that is done, and bring object 0 there."""
    target = ('target', free_space_next_to(0, 1, DIRECTIONS[side], side))
    assignments = () if 'target' in assigned else (target,)
    return pick_place_at(0, 'target', assignments, is_held=state.grasped == 0)


TASKS = (
    PlaceNextTo(),
    PickAndPlaceNextTo(),
    PlaceNextToHeld(),
    PlaceOnTop(),
    PickAndPlaceOnTop(),
    PlaceOnTopHeld(),
)
