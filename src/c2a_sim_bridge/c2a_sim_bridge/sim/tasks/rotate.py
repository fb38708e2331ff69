# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Rotate, RotateAndRestore and RotateSymmetry: turn objects where they stand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from c2a_core.skill_api import PoseRead
from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.picture_layout import SAME_NAME_DISTANCE_M
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.polygons import points_polygon_distance
from c2a_sim_bridge.sim.predicates import Order
from c2a_sim_bridge.sim.predicates_pose import Rotated
from c2a_sim_bridge.sim.skills.plan import Assignments, PlanStep, get_pose, pick_place_at, rotate_z
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.ordered import order_stages
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

WORKSPACE = Workspace(x=(-0.35, 0.1))
ANGLES = (30, 60, 90, 120, 150)
SIDES = {'anti-clockwise': 1, 'clockwise': -1}
"""Words for the sense of turning, seen from above, to the sign of the angle."""

TURN_MARGIN_M = 0.02
"""Smallest gap between an object that is turned, at any yaw, and the others."""

START_KEY = 'start'
TARGET_KEY = 'target'
MAX_ACTORS = 6


@dataclass(frozen=True)
class Rotate(Task):
    """Turn object 0 about its own axis; the others are in the scene only.

    Attributes:
        num_actors: how many objects.
        sample_num_actors: draw their number from 1 to `num_actors`.
        restore: afterwards turn it back.
    """

    num_actors: int = 1
    sample_num_actors: bool = False
    restore: bool = False

    name = 'Rotate'
    order = 23
    level = 0
    tables = ('table2',)
    oracle_p95_steps = 30
    paper_rows = 'Table 2 Rotate'
    arguments = '`Rotate`, num_actors 1'
    success = '`Order(Rotated(0))`: rests within 5 cm of its place, turned as told up to 18°'
    max_objects = 1

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_actors', self.num_actors, 1, MAX_ACTORS)

    @property
    def phrasings(self) -> tuple[str, ...]:
        """Turn it, and then turn it back if that is asked for."""
        texts = (
            'rotate {x} {degrees} degrees {side}',
            'turn {x} {side} by {degrees} degrees',
            'turn {x} {degrees} degrees {side} without moving it elsewhere',
        )
        endings = (' and then restore', ', then turn it back', ', and then undo that')
        if not self.restore:
            return texts
        return tuple(text + ending for text, ending in zip(texts, endings, strict=True))

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw objects with room for the first to turn, an angle and a sense."""
        count = draw_count(rng, self.num_actors, is_sampled=self.sample_num_actors)
        specs = draw_specs(rng, count, pool=pool)
        objects = place_objects(rng, specs, WORKSPACE, accept=partial(_can_turn, turned=(0,)))
        degrees, side = _draw_turn(rng)
        turns = [Rotated(0, objects[0], SIDES[side] * degrees)]
        steps = [partial(_turn_steps, 0, TARGET_KEY, SIDES[side] * degrees, self.restore)]
        if self.restore:
            turns.append(Rotated(0, objects[0], 0.0))
            steps.append(_restore_steps)
        goal = Order(*turns)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(objects[0]), degrees=str(degrees), side=side),
            goal=goal,
            stages=order_stages(goal, steps),
        )


@dataclass(frozen=True)
class RotateAndRestore(Rotate):
    """Turn object 0, then back to where it began: its first pose has to be remembered."""

    num_actors: int = 3
    sample_num_actors: bool = True
    restore: bool = True

    name = 'RotateAndRestore'
    order = 36
    level = 1
    oracle_p95_steps = 61
    paper_rows = 'Table 2 Rotate and restore'
    arguments = '`Rotate`, num_actors 3, sampled, restore'
    success = '`Order(Rotated(0, angle), Rotated(0, 0))`'
    max_objects = 3


@dataclass(frozen=True)
class RotateSymmetry(Task):
    """Turn the two objects of one colour, 0 and 1, both by the same angle.

    Attributes:
        num_actors: how many objects; those from the third on have colours of their own.
        sample_num_actors: draw their number from 2 to `num_actors`.
    """

    num_actors: int = 2
    sample_num_actors: bool = False

    name = 'RotateSymmetry'
    order = 37
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 64
    paper_rows = 'Table 2 Rotate symmetry'
    arguments = '`RotateSymmetry`, num_actors 2'
    success = '`Order(Rotated(0), Rotated(1))`'
    max_objects = 2
    phrasings = (
        'rotate objects with {color} texture {degrees} degrees {side}',
        'rotate identically textured objects {degrees} degrees {side}',
        'rotate the two {color} objects {degrees} degrees {side}',
        'turn both {color} objects {side} by {degrees} degrees',
        'turn the objects of the same colour {degrees} degrees {side}',
    )

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_actors', self.num_actors, 2, MAX_ACTORS)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw two objects of one colour, others of other colours, an angle and a sense."""
        count = draw_count(rng, self.num_actors, least=2, is_sampled=self.sample_num_actors)
        first, *others = draw_specs(rng, count - 1, pool=pool)
        twin = ObjectSpec(first.color, pool.draw_shape(rng, first.color), first.size)
        accept = partial(_can_turn, turned=(0, 1))
        objects = place_objects(rng, (first, twin, *others), WORKSPACE, accept=accept)
        degrees, side = _draw_turn(rng)
        angle = SIDES[side] * degrees
        goal = Order(*(Rotated(actor, objects[actor], angle) for actor in (0, 1)))
        keys = (TARGET_KEY, f'{TARGET_KEY} 2')
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, color=first.color, degrees=str(degrees), side=side),
            goal=goal,
            stages=order_stages(
                goal,
                [partial(_turn_steps, actor, keys[actor], angle, False) for actor in (0, 1)],
            ),
        )


def _draw_turn(rng: np.random.Generator) -> tuple[int, str]:
    """Degrees and the word for the sense."""
    degrees = ANGLES[int(rng.integers(len(ANGLES)))]
    return degrees, tuple(SIDES)[int(rng.integers(len(SIDES)))]


def _can_turn(layout: tuple[PlacedObject, ...], turned: tuple[int, ...]) -> bool:
    """Whether those objects can turn without touching the others, and names are not confused."""
    for index in turned:
        placed = layout[index]
        for k, other in enumerate(layout):
            if k == index:
                continue
            distance = math.dist(other.position[:2], placed.position[:2])
            if other.name == placed.name and distance < SAME_NAME_DISTANCE_M:
                return False
            gap = distance - other.spec.radius
            if k not in turned:  # that one keeps its yaw
                gap = points_polygon_distance(placed.position[None, :2], other.footprint)[0]
            if gap < placed.spec.radius + TURN_MARGIN_M:
                return False
    return True


def _turn_steps(
    actor: int,
    key: str,
    angle: float,
    has_restore: bool,
    state: WorldState,
    assigned: frozenset[str],
) -> tuple[PlanStep, ...]:
    """Store the turned pose, unless that is done, and place the object at it."""
    assignments: Assignments = ((key, rotate_z(get_pose(actor), angle)),)
    if has_restore:
        assignments = (
            (START_KEY, get_pose(actor)),
            (key, rotate_z(PoseRead(START_KEY), angle)),
        )
    if key in assigned:
        assignments = ()
    is_held = state.grasped == actor
    return pick_place_at(actor, key, assignments, is_held=is_held, match_ori=True)


def _restore_steps(state: WorldState, _assigned: frozenset[str]) -> tuple[PlanStep, ...]:
    """Place object 0 at the pose that was stored first."""
    return pick_place_at(0, START_KEY, is_held=state.grasped == 0, match_ori=True)


TASKS = (Rotate(), RotateAndRestore(), RotateSymmetry())
