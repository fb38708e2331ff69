# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Rearrange and RearrangeAndRestore: put each object on the goal of its colour, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import ObjectKind, PlacedObject
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import AtPosition, Order, Predicate, Set, Settling
from c2a_sim_bridge.sim.skills.plan import (
    Obj,
    PlanStep,
    Stage,
    get_pose,
    pick_place_at,
    pick_steps,
    settle_stage,
)
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

WORKSPACE = Workspace(x=(-0.35, 0.1))
MARK_HEIGHT_M = 0.002


@dataclass(frozen=True)
class Rearrange(Task):
    """Objects 0..n-1 to the goals n..2n-1; with `restore` then back to where they stood."""

    num_actors: int = 3
    restore: bool = False

    name = 'Rearrange'
    order = 63
    level = 1
    tables = ('image',)
    oracle_p95_steps = 93
    paper_rows = 'none: image prompts'
    arguments = '`Rearrange`, num_actors 3, exact'
    success = '`Order(Set(AtPosition(k, goal of its colour) …))`'
    max_objects = 6
    phrasings = (
        'rearrange the objects: {pairs}',
        'put {pairs}',
        'move {pairs}',
    )

    @property
    def max_steps(self) -> int:
        """As for the preset, times the number of objects in threes."""
        return super().max_steps * math.ceil(self.num_actors / 3)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw objects, and for each a goal of its outline and colour at a free place."""
        count = self.num_actors
        specs = draw_specs(rng, count, pool=pool)
        # Goals take the room of an object while they are drawn: all places are free.
        layout = place_objects(rng, (*specs, *specs), WORKSPACE)
        objects = (*layout[:count], *map(_mark, layout[count:]))
        there = [AtPosition(k, layout[count + k].position) for k in range(count)]
        back = [AtPosition(k, layout[k].position) for k in range(count)] if self.restore else []
        goal = Order(*(Set(*part) for part in (there, back) if part))
        arrived = Set(*there)
        stages = (
            *(_to_goal(at, count + k, arrived if back else None) for k, at in enumerate(there)),
            *((Stage(Order(arrived).update, _wait),) if back else ()),
            *(_back(at, layout[k].name) for k, at in enumerate(back)),
            settle_stage(goal.update),
        )
        pairs = ', '.join(f'{the(layout[k])} on {the(objects[count + k])}' for k in range(count))
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, pairs=pairs),
            goal=goal,
            stages=stages,
        )


@dataclass(frozen=True)
class RearrangeAndRestore(Rearrange):
    """There and back."""

    restore: bool = True

    name = 'RearrangeAndRestore'
    order = 64
    oracle_p95_steps = 185
    arguments = '`Rearrange`, num_actors 3, exact, restore'
    success = '`Order(Set(AtPosition(k, goal) …), Set(AtPosition(k, own start) …))`'
    phrasings = (
        'rearrange the objects and then restore them: {pairs}',
        'put {pairs}, and then restore',
        'move {pairs}; then put everything back where it was',
    )


def _mark(place: PlacedObject) -> PlacedObject:
    """The flat outline of an object that would stand at a place."""
    size = (*place.spec.size[:2], MARK_HEIGHT_M)
    spec = replace(place.spec, size=size, kind=ObjectKind.MARK)
    position = np.array([*place.position[:2], 0.5 * MARK_HEIGHT_M])
    return PlacedObject(spec, position, place.yaw)


def _to_goal(at: AtPosition, mark: int, until: Predicate | None) -> Stage:
    """Bring an object to its goal, until all have been there if they are to come back."""
    settled = Settling(at)
    passed = None if until is None else Order(until)

    def goal(state: WorldState) -> bool:
        is_there = settled.update(state)
        return (passed is not None and passed.update(state)) or is_there

    return Stage(goal, partial(_to_goal_steps, at.objects[0], mark, until is not None))


def _to_goal_steps(
    actor: int, mark: int, is_stored: bool, state: WorldState, assigned: frozenset[str]
) -> tuple[PlanStep, ...]:
    """Store where the object stands, if it is to come back, and carry it to its goal."""
    key = state.specs[actor].name
    is_held = state.grasped == actor
    assignments = ((key, get_pose(actor)),) if is_stored and key not in assigned else ()
    target = ('target_pose', get_pose(mark))
    carry = (
        PlanStep('move3d', (target,)),
        PlanStep('place', (('actor', Obj(actor)), target)),
    )
    return carry if is_held else pick_steps(actor, assignments) + carry


def _back(at: AtPosition, key: str) -> Stage:
    """Bring an object back to where it stood."""
    actor = at.objects[0]

    def steps(state: WorldState, _assigned: frozenset[str]) -> tuple[PlanStep, ...]:
        return pick_place_at(actor, key, is_held=state.grasped == actor)

    return Stage(Settling(at).update, steps)


def _wait(_state: WorldState, _assigned: frozenset[str]) -> tuple[PlanStep, ...]:
    return ()


TASKS = (Rearrange(), RearrangeAndRestore())
