# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Swap: exchange two objects, which needs a free place and a memory of both poses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from c2a_sim_bridge.sim import predicates
from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.placement import FREE_MARGIN, Workspace, place_objects
from c2a_sim_bridge.sim.polygons import points_polygon_distance
from c2a_sim_bridge.sim.predicates import AtPosition, Settling
from c2a_sim_bridge.sim.skills.plan import (
    Assignments,
    PlanStep,
    PoseTemplate,
    Stage,
    free_space,
    get_pose,
    pick_place_at,
    settle_stage,
)
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

WORKSPACE = Workspace(x=(-0.35, 0.0))
MARGIN = 0.04
FREE_KEY = 'free'

MAX_ACTORS = 4

_MAX_TRIES = 400


@dataclass(frozen=True)
class Swap(Task):
    """Object 0 to the place of object 1 and the other way round.

    Attributes:
        num_actors: how many objects; those from the third on are left alone.
        sample_num_actors: draw their number from 2 to `num_actors`.
    """

    num_actors: int = 2
    sample_num_actors: bool = False

    name = 'Swap'
    order = 10
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 95
    paper_rows = 'Figure 4 swap study; Table 2 Swap'
    arguments = '`Swap`, num_actors 2'
    success = '`Swap(0, 1)`: both rest within 5 cm of where the other one stood'
    max_objects = 2
    phrasings = (
        'swap positions of {x} and {y}',
        'swap the positions of {x} and {y}',
        'exchange {x} and {y}',
        'put {x} where {y} is, and {y} where {x} was',
    )

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_actors', self.num_actors, 2, MAX_ACTORS)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw the objects and a free place for the one that is moved out of the way."""
        count = draw_count(rng, self.num_actors, least=2, is_sampled=self.sample_num_actors)
        objects, free = place_with_buffer(rng, draw_specs(rng, count, pool=pool))
        goal = predicates.Swap(0, 1, objects)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(objects[0]), y=the(objects[1])),
            goal=goal,
            stages=(
                Stage(Settling(goal).update, partial(_steps, objects)),
                settle_stage(goal.update),
            ),
            free_pose={0: free, 1: free},
        )


def place_with_buffer(
    rng: np.random.Generator, specs: tuple[ObjectSpec, ...]
) -> tuple[tuple[PlacedObject, ...], np.ndarray]:
    """Layout and free place: three places, each with room for objects 0 and 1 at any yaw."""
    room = specs[0].radius + specs[1].radius + FREE_MARGIN
    for _ in range(_MAX_TRIES):
        objects = place_objects(rng, specs, WORKSPACE, MARGIN)
        free = WORKSPACE.sample(rng)
        places = np.array([objects[0].position[:2], objects[1].position[:2], free])
        gaps = np.linalg.norm(places - np.roll(places, 1, axis=0), axis=1)
        radius = max(spec.radius for spec in specs[:2]) + FREE_MARGIN
        is_clear = all(
            points_polygon_distance(places, other.footprint).min() >= radius
            for other in objects[2:]
        )
        if gaps.min() >= room and is_clear:
            return objects, np.array([free[0], free[1], specs[0].height / 2])
    raise RuntimeError(
        f'no free place beside {[spec.name for spec in specs]} in {WORKSPACE} after'
        f' {_MAX_TRIES} tries: take a larger workspace'
    )


def _steps(
    layout: tuple[PlacedObject, ...], state: WorldState, assigned: frozenset[str]
) -> tuple[PlanStep, ...]:
    """What is left of: first out of the way, second to first's place, first to second's.

    Which object is where decides, so a lost object is fetched and nothing is done twice.
    """
    first, second = (placed.name for placed in layout[:2])
    if AtPosition(1, layout[0].position).is_near(state):
        return pick_place_at(0, second, is_held=state.grasped == 0)
    if AtPosition(0, layout[1].position).is_near(state):
        return pick_place_at(1, first, is_held=state.grasped == 1)
    steps: tuple[PlanStep, ...] = ()
    if is_in_the_way(layout, state):
        keys = unassigned(assigned, (first, get_pose(0)), (FREE_KEY, free_space(0)))
        steps = pick_place_at(0, FREE_KEY, keys, is_held=state.grasped == 0)
    keys = unassigned(assigned, (second, get_pose(1)))
    return (
        *steps,
        *pick_place_at(1, first, keys, is_held=state.grasped == 1),
        *pick_place_at(0, second),
    )


def is_in_the_way(layout: tuple[PlacedObject, ...], state: WorldState) -> bool:
    """Whether object 0 is held or leaves no room for object 1 at its own first place."""
    distance = np.hypot(*(state.positions[0, :2] - layout[0].position[:2]))
    room = layout[0].spec.radius + layout[1].spec.radius + FREE_MARGIN / 2
    return state.grasped == 0 or bool(distance < room)


def unassigned(assigned: frozenset[str], *assignments: tuple[str, PoseTemplate]) -> Assignments:
    """Those assignments whose key has no value yet."""
    return tuple(pair for pair in assignments if pair[0] not in assigned)


TASKS = (Swap(),)
