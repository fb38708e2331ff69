# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""PushToTarget: push one object half-way to another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import PlacedObject
from c2a_sim_bridge.sim.placement import MAX_REACH, Workspace, place_objects
from c2a_sim_bridge.sim.polygons import polygon_distance
from c2a_sim_bridge.sim.predicates import DirectionPushed
from c2a_sim_bridge.sim.skills.plan import PlanStep, push_steps, towards
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the
from c2a_sim_bridge.sim.tasks.touch import contact_stage

WORKSPACE = Workspace(x=(-0.35, 0.0))
TOOL_WORKSPACE = Workspace(x=(-0.45, 0.15), y=(-0.4, 0.4), reach=(0.31, MAX_REACH))

GAP_M = 0.02
"""Smallest gap between the pushed object and anything else, on its way and at the end."""

TOOL_DISTANCE_M = 0.075
"""From the object's edge to the tool's centre when the push begins."""

TOOL_RADIUS_M = 0.055
MAX_ACTORS = 4


@dataclass(frozen=True)
class PushToTarget(Task):
    """Push object 0 towards object 1; the others are beside the way.

    Attributes:
        num_actors: how many objects.
        sample_num_actors: draw their number from 2 to `num_actors`.
    """

    num_actors: int = 3
    sample_num_actors: bool = False

    name = 'PushToTarget'
    order = 7
    level = 1
    tables = ('table1',)
    oracle_p95_steps = 30
    paper_rows = 'Table 1 PushToTarget (L1)'
    arguments = '`Push`, num_actors 3, exact'
    success = (
        '`DirectionPushed(0, middle)`: never grasped, less than 70% of the way to the middle '
        'left, let alone, at rest'
    )
    max_objects = 3
    phrasings = (
        'push {x} towards {y}',
        'push {x} half of the way to {y}',
        'slide {x} in the direction of {y}',
    )

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_actors', self.num_actors, 2, MAX_ACTORS)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw objects such that the push has room."""
        count = draw_count(rng, self.num_actors, least=2, is_sampled=self.sample_num_actors)
        objects = place_objects(
            rng, draw_specs(rng, count, pool=pool), WORKSPACE, accept=_has_room
        )
        start = objects[0].position
        goal = DirectionPushed(0, start, (start + objects[1].position) / 2)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(objects[0]), y=the(objects[1])),
            goal=goal,
            stages=(contact_stage(goal, _steps),),
        )


def _steps(assigned: frozenset[str]) -> tuple[PlanStep, ...]:
    """Store the half-way pose, unless that is done, and push the object there."""
    assignments = () if 'target' in assigned else (('target', towards(0, 1)),)
    return push_steps(0, 'target', assignments)


def _has_room(layout: tuple[PlacedObject, ...]) -> bool:
    """Whether tool and object can go their way without touching a third object."""
    pushed, target, *others = layout
    start = pushed.position[:2]
    way = target.position[:2] - start
    distance = math.hypot(*way)
    if distance / 2 < pushed.spec.radius + target.spec.radius + GAP_M:
        return False
    forward = way / distance
    tool = start - (pushed.spec.radius + TOOL_DISTANCE_M) * forward
    if not TOOL_WORKSPACE.contains(tool):
        return False
    lane = _lane(
        tool - TOOL_RADIUS_M * forward,
        start + way / 2 + pushed.spec.radius * forward,
        max(pushed.spec.radius, TOOL_RADIUS_M),
    )
    return all(polygon_distance(lane, other.footprint) >= GAP_M for other in others)


def _lane(begin: np.ndarray, end: np.ndarray, half_width: float) -> np.ndarray:
    """Rectangle (4, 2) along a way, counter-clockwise."""
    forward = (end - begin) / math.dist(begin, end)
    aside = half_width * np.array([-forward[1], forward[0]])
    return np.array([begin - aside, end - aside, end + aside, begin + aside])


TASKS = (PushToTarget(),)
