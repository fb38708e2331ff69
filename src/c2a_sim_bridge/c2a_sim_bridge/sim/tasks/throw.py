# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""ThrowAt, ThrowToTopple and ThrowOnto: hit something that is out of reach."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from c2a_sim_bridge.sim.cameras import base_camera
from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import ObjectKind, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.placement import (
    DEFAULT_MARGIN,
    MAX_REACH,
    MIN_REACH,
    ROBOT_BASE_XY,
    Workspace,
    hold_object,
    place_objects,
)
from c2a_sim_bridge.sim.polygons import polygon_distance
from c2a_sim_bridge.sim.predicates import Predicate
from c2a_sim_bridge.sim.predicates_throw import Hit, HitFromAbove, HitPosition
from c2a_sim_bridge.sim.skills.plan import Obj, PlanStep, Stage, pick_steps
from c2a_sim_bridge.sim.skills.throw import beside_point
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

THROWN_SIZE = (0.125, 0.125, 0.025)
STANDING_SIZE = (0.05, 0.05, 0.15)
TOPPLED_SIZE = (0.05, 0.05, 0.25)
FLAT_SIZE = (0.2, 0.2, 0.01)
TARGET_DENSITY = 100.0

THROWN_WORKSPACE = Workspace(x=(-0.3, 0.0), y=(-0.2, 0.2))
DISTRACTOR_WORKSPACE = Workspace(x=(-0.4, 0.05))

TARGET_REACH = (0.75, 0.85)
"""Distance of a target from the robot's base in metres: no hand reaches it."""

BESIDE_REACH = (0.65, 0.75)
"""The same where the object lands beside the target, which may be nearer or farther."""

BEARING_RAD = math.pi / 4

NORTH, WEST = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
COMPASS: dict[str, tuple[float, float, float]] = {
    'north': NORTH,
    'south': (-1.0, 0.0, 0.0),
    'west': WEST,
    'east': (0.0, -1.0, 0.0),
}
"""Compass words, north being away from the robot, to unit vectors in the world frame."""

ANY = 'any'
_MAX_TRIES = 1000
_FLYING_SPEED = 0.02  # m/s
_PICTURE = base_camera()


@dataclass(frozen=True)
class Throw(Task):
    """Throw object 0 at object 1; what else there is lies in the way of nothing.

    Attributes:
        spawn_at_gripper: the object is held when the episode begins.
        target_2d: flying over the target is enough.
        topple_target: the target stands, and has to fall.
        direction: a compass word, or `any`: throw beside a standing target instead of at it.
        num_distractors: objects that are not needed.
    """

    spawn_at_gripper: bool = True
    target_2d: bool = False
    topple_target: bool = False
    direction: str = ''
    num_distractors: int = 0

    direction_phrasings = (
        'throw {x} to the {side} of {y}',
        'throw {x} so that it lands {side} of {y}',
        'toss {x} to the {side} of {y}',
    )

    def __post_init__(self) -> None:
        """Refuse a direction that is none, and combinations that mean nothing."""
        if self.direction and self.direction not in (*COMPASS, ANY):
            raise ValueError(
                f'{self.name}: direction must be one of {", ".join(COMPASS)} or {ANY}, got'
                f' {self.direction!r}'
            )
        if self.direction and (self.topple_target or self.target_2d):
            raise ValueError(f'{self.name}: with a direction the target is not to be hit')

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw the thrown object, its target, and where both are."""
        thrown, look, *others = draw_specs(rng, 2 + self.num_distractors, pool=pool)
        thrown = replace(thrown, size=THROWN_SIZE)
        side = self._draw_side(rng)
        target = self._place_target(rng, self._target_spec(rng, look), thrown, side)
        objects = (*self._place_thrown(rng, thrown, others, target),)
        objects = (objects[0], target, *objects[1:])
        goal = self._goal(objects, side)
        args = _throw_args(target_2d=self.target_2d, side=side)
        words = {'x': the(objects[0]), 'y': the(target), 'side': side}
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, **words),
            goal=goal,
            stages=(throw_stage(goal, 0, 1, args),),
            held=0 if self.spawn_at_gripper else None,
        )

    def instruct(self, rng: np.random.Generator, **words: str) -> str:
        """A phrasing; one of its own where the object goes beside the target."""
        if not self.direction:
            return super().instruct(rng, **words)
        phrasings = self.direction_phrasings
        text = phrasings[int(rng.integers(len(phrasings)))].format(**words)
        return text[0].upper() + text[1:]

    def _draw_side(self, rng: np.random.Generator) -> str:
        """A compass word, or none."""
        if self.direction != ANY:
            return self.direction
        return str(rng.choice(list(COMPASS)))

    def _target_spec(self, rng: np.random.Generator, look: ObjectSpec) -> ObjectSpec:
        """What is thrown at: half of them lie, half of them stand."""
        if self.topple_target:
            return replace(look, size=TOPPLED_SIZE, density=TARGET_DENSITY)
        if self.direction or rng.random() < 0.5:
            return replace(look, size=STANDING_SIZE, density=TARGET_DENSITY)
        return replace(look, size=FLAT_SIZE, kind=ObjectKind.AREA)

    def _place_target(
        self, rng: np.random.Generator, spec: ObjectSpec, thrown: ObjectSpec, side: str
    ) -> PlacedObject:
        """Out of reach, and in the picture with all that matters."""
        for _ in range(_MAX_TRIES):
            target = draw_far(rng, spec, BESIDE_REACH if side else TARGET_REACH)
            seen = [target]
            if side:
                landing = beside_point(target.position, spec, COMPASS[side], thrown)
                seen.append(PlacedObject(thrown, landing, 0.0))
            if all(is_in_picture(placed) for placed in seen):
                return target
        raise RuntimeError(f'no place in the picture for the {spec.name}, {side or "to be hit"}')

    def _place_thrown(
        self,
        rng: np.random.Generator,
        thrown: ObjectSpec,
        others: Sequence[ObjectSpec],
        target: PlacedObject,
    ) -> tuple[PlacedObject, ...]:
        """The thrown object first, then what else there is."""

        def accept(layout: tuple[PlacedObject, ...]) -> bool:
            return are_apart(layout, (target,))

        areas = [DISTRACTOR_WORKSPACE] * len(others)
        if self.spawn_at_gripper:
            held = hold_object(rng, thrown)
            return (held, *place_objects(rng, others, areas, accept=accept))
        areas = [THROWN_WORKSPACE, *areas]
        return place_objects(rng, (thrown, *others), areas, accept=accept)

    def _goal(self, objects: tuple[PlacedObject, ...], side: str) -> Predicate:
        if side:
            thrown, target = objects[0].spec, objects[1]
            return HitPosition(
                0, beside_point(target.position, target.spec, COMPASS[side], thrown)
            )
        if self.target_2d:
            return HitFromAbove(0, 1, topple=self.topple_target)
        return Hit(0, 1, topple=self.topple_target)


@dataclass(frozen=True)
class ThrowAt(Throw):
    """Throw what the gripper holds at a flat or a standing target."""

    name = 'ThrowAt'
    order = 24
    level = 0
    tables = ('table2',)
    oracle_p95_steps = 17
    paper_rows = 'Table 2 Throw at'
    arguments = '`Throw`, spawn_at_gripper, 3-D'
    success = '`Hit(0, 1)`: let go, it has touched the target'
    max_objects = 2
    phrasings = (
        'throw {x} to {y}',
        'throw {x} at {y}',
        'hit {y} with {x}',
    )


@dataclass(frozen=True)
class ThrowToTopple(Throw):
    """Throw what the gripper holds at a tall target so that it falls."""

    topple_target: bool = True

    name = 'ThrowToTopple'
    order = 25
    level = 0
    tables = ('table2',)
    oracle_p95_steps = 19
    paper_rows = 'Table 2 Throw to topple'
    arguments = '`Throw`, spawn_at_gripper, 3-D, topple_target'
    success = '`Hit(0, 1, topple)`: let go, it has touched the target, which is tilted over 45°'
    max_objects = 2
    phrasings = (
        'throw {x} to {y} such that {y} falls over',
        'hit {y} with {x} such that {y} falls over',
        'throw {x} at {y} and make it fall over',
        'knock over {y} by throwing {x} at it',
    )


@dataclass(frozen=True)
class ThrowOnto(Throw):
    """Pick an object and throw it over a target."""

    spawn_at_gripper: bool = False
    target_2d: bool = True

    name = 'ThrowOnto'
    order = 42
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 31
    paper_rows = 'Table 2 Throw onto'
    arguments = (
        '`Throw`, target_2d, spawn_at_gripper false (`ThrowOnto:spawn_at_gripper=true` too)'
    )
    success = "`HitFromAbove(0, 1)`: let go, its outline has met the target's, seen from above"
    max_objects = 2
    phrasings = (
        'throw {x} to {y}',
        'throw {x} onto {y}',
        'toss {x} onto {y}',
    )


def throw_stage(
    goal: Predicate, actor: int, target: int, args: Sequence[tuple[str, object]] = ()
) -> Stage:
    """Throw `actor` at `target` until the goal holds; again if it missed and can be reached."""

    def remaining(state: WorldState, _assigned: frozenset[str]) -> tuple[PlanStep, ...]:
        steps = throw_steps(actor, target, args)
        if state.grasped == actor:
            return steps
        return (*pick_steps(actor), *steps) if is_within_reach(state, actor) else ()

    return Stage(goal.update, remaining)


def throw_steps(
    actor: int, target: int, args: Sequence[tuple[str, object]] = ()
) -> tuple[PlanStep, ...]:
    """Wind up and throw what is held."""
    windup = tuple(pair for pair in args if pair[0] == 'direction')
    return (
        PlanStep('move3d', (('throw_at', Obj(target)), *windup)),
        PlanStep('throw', (('actor', Obj(actor)), ('target_actor', Obj(target)), *args)),
    )


def is_within_reach(state: WorldState, actor: int) -> bool:
    """Whether an object has come to rest where the gripper can pick it."""
    speed = float(np.linalg.norm(state.linear_velocities[actor]))
    distance = math.dist(state.positions[actor, :2], ROBOT_BASE_XY)
    return speed < _FLYING_SPEED and MIN_REACH <= distance <= MAX_REACH


def draw_far(
    rng: np.random.Generator,
    spec: ObjectSpec,
    reach: tuple[float, float],
    bearing_rad: float = BEARING_RAD,
) -> PlacedObject:
    """The object at a distance from the robot's base, within ± a bearing, not turned."""
    distance, bearing = rng.uniform(*reach), rng.uniform(-bearing_rad, bearing_rad)
    x = ROBOT_BASE_XY[0] + distance * math.cos(bearing)
    y = ROBOT_BASE_XY[1] + distance * math.sin(bearing)
    return PlacedObject(spec, np.array([x, y, 0.5 * spec.height]), 0.0)


def is_in_picture(placed: PlacedObject) -> bool:
    """Whether the base camera sees the whole of an upright object."""
    low = np.column_stack([placed.footprint, np.full(len(placed.footprint), 0.0)])
    high = low + [0.0, 0.0, placed.spec.height]
    pixels = _PICTURE.project(np.concatenate([low, high]))[:, :2]
    return bool((pixels >= 0.0).all() and (pixels <= _PICTURE.size).all())


def are_apart(
    layout: Sequence[PlacedObject],
    others: Sequence[PlacedObject],
    margin: float = DEFAULT_MARGIN,
) -> bool:
    """Whether all outlines of the one lot keep a margin [m] from those of the other."""
    return all(
        polygon_distance(first.footprint, second.footprint) >= margin
        for first in layout
        for second in others
    )


def _throw_args(*, target_2d: bool, side: str) -> tuple[tuple[str, object], ...]:
    flag = (('target_2d', True),) if target_2d else ()
    return (*flag, *((('direction', COMPASS[side]),) if side else ()))


TASKS = (ThrowAt(), ThrowToTopple(), ThrowOnto())
