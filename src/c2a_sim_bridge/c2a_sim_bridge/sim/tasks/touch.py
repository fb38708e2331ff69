# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Touch, Push and Topple: go against objects from the robot's side."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from c2a_sim_bridge.sim import predicates
from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import NOMINAL_SIZE, TALL_SIZE, PlacedObject
from c2a_sim_bridge.sim.placement import ROBOT_BASE_XY, Workspace, place_objects
from c2a_sim_bridge.sim.polygons import polygon_distance
from c2a_sim_bridge.sim.predicates import Predicate, Pushed, Toppled, gripper_clearance
from c2a_sim_bridge.sim.predicates_pose import OnlyTouched
from c2a_sim_bridge.sim.skills.plan import (
    PlanStep,
    Stage,
    push_steps,
    retreat_steps,
    topple_steps,
    touch_steps,
)
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

# The tool starts up to 0.14 m nearer to the robot than the object, and the object ends up to
# 0.18 m farther away: both must be within reach, and in the picture.
PUSH_WORKSPACE = Workspace(x=(-0.35, 0.0), y=(-0.2, 0.2), reach=(0.46, 0.54))
# Of several objects two may stand further aside.
PUSH_WORKSPACE_WIDE = Workspace(x=(-0.4, 0.0), y=(-0.3, 0.3), reach=(0.45, 0.55))
TOUCH_WORKSPACE = Workspace(x=(-0.35, 0.0), reach=(0.45, 0.7))

BACKED_OFF_M = 0.03
TOOL_REACH_M = 0.13  # towards the robot from an object's edge: the tool and its approach
TOOL_RADIUS_M = 0.04
ROOM_M = 0.02  # beside the lane of tool and object
FURTHER_M = {'touch': 0.02, 'push': 0.19, 'topple': 0.27}
"""How far an object may get away from the robot."""

Layout = tuple[PlacedObject, ...]


@dataclass(frozen=True)
class Touch(Task):
    """Touch all objects, one after the other; push or topple them if asked to.

    Attributes:
        num_actors: how many objects.
        sample_num_actors: draw their number from 1 to `num_actors`.
        push: push each object away.
        topple: knock over each object; they are tall.
    """

    num_actors: int = 1
    sample_num_actors: bool = False
    push: bool = False
    topple: bool = False

    name = 'Touch'
    order = 26
    level = 0
    tables = ('table2',)
    oracle_p95_steps = 16
    paper_rows = 'Table 2 Touch'
    arguments = '`Touch`, num_actors 1'
    success = '`OnlyTouched(0)`: touched, never grasped, moved less than 0.1 m and 18°, at rest'
    max_objects = 1

    def __post_init__(self) -> None:
        """Refuse what no scene can have."""
        check_count(self.name, 'num_actors', self.num_actors, 1, 3 if self.mode != 'touch' else 4)
        if self.push and self.topple:
            raise ValueError(f'{self.name}: push and topple exclude each other, got both')

    @property
    def mode(self) -> str:
        """'touch', 'push' or 'topple'."""
        if self.topple:
            return 'topple'
        return 'push' if self.push else 'touch'

    @property
    def max_steps(self) -> int:
        """The time limit for one object, for each."""
        return self.num_actors * super().max_steps

    @property
    def phrasings(self) -> tuple[str, ...]:
        """What is to be done; several objects are listed."""
        return _PHRASINGS[self.mode]

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw objects, each with room for tool and object on its line from the robot."""
        count = draw_count(rng, self.num_actors, is_sampled=self.sample_num_actors)
        size = TALL_SIZE if self.topple else NOMINAL_SIZE
        workspace = PUSH_WORKSPACE if count == 1 else PUSH_WORKSPACE_WIDE
        if self.mode == 'touch':
            workspace = TOUCH_WORKSPACE
        accept = None if count == 1 else partial(_have_room, FURTHER_M[self.mode])
        specs = draw_specs(rng, count, size=size, pool=pool)
        objects = place_objects(rng, specs, workspace, accept=accept)
        kind, steps = _MODES[self.mode]
        goals = [kind(index, placed) for index, placed in enumerate(objects)]
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=', '.join(the(placed) for placed in objects)),
            goal=goals[0] if count == 1 else predicates.Set(*goals),
            stages=tuple(
                contact_stage(goal, _always(steps(index))) for index, goal in enumerate(goals)
            ),
        )


@dataclass(frozen=True)
class Topple(Touch):
    """Knock over the only object, which is tall."""

    topple: bool = True

    name = 'Topple'
    order = 3
    tables = ('table1', 'table2')
    oracle_p95_steps = 23
    paper_rows = 'Table 1 Topple (L0); Table 2 Topple'
    arguments = '`Touch`, num_actors 1, topple'
    success = '`Toppled(0)`: touched, moved 0.1 m, tilted 45° or more, at rest'


@dataclass(frozen=True)
class Push(Touch):
    """Push the only object."""

    push: bool = True

    name = 'Push'
    order = 4
    tables = ('table1', 'table2')
    oracle_p95_steps = 21
    paper_rows = 'Table 1 Push (L0); Table 2 Push'
    arguments = '`Touch`, num_actors 1, push'
    success = '`Pushed(0)`: touched, moved 0.1 m, tilted less than 45°, at rest'


def contact_stage(
    goal: Predicate, steps: Callable[[frozenset[str]], tuple[PlanStep, ...]]
) -> Stage:
    """Work on the goal's object by contact; once it is where it should be, only back off."""
    actor = goal.objects[0]

    def remaining(state: WorldState, assigned: frozenset[str]) -> tuple[PlanStep, ...]:
        if not goal.is_near(state):
            return steps(assigned)
        is_clear = gripper_clearance(state, actor) >= BACKED_OFF_M
        return () if is_clear else retreat_steps(actor)

    return Stage(goal.update, remaining)


def _always(
    steps: tuple[PlanStep, ...],
) -> Callable[[frozenset[str]], tuple[PlanStep, ...]]:
    """Those steps whatever is stored."""
    return lambda _assigned: steps


def _have_room(further: float, layout: Layout) -> bool:
    """Whether each object's lane, from the tool's first place to its own last, is free."""
    for placed in layout:
        lane = _lane(placed, further)
        others = (other for other in layout if other is not placed)
        if any(polygon_distance(lane, other.footprint) < ROOM_M for other in others):
            return False
    return True


def _lane(placed: PlacedObject, further: float) -> np.ndarray:
    """Rectangle (4, 2) along the line from the robot through the object, counter-clockwise."""
    away = placed.position[:2] - np.array(ROBOT_BASE_XY)
    away = away / math.hypot(*away)
    radius = placed.spec.radius
    begin = placed.position[:2] - away * (radius + TOOL_REACH_M)
    end = placed.position[:2] + away * (radius + further)
    aside = max(radius, TOOL_RADIUS_M) * np.array([-away[1], away[0]])
    return np.array([begin - aside, end - aside, end + aside, begin + aside])


_MODES: dict[
    str,
    tuple[
        Callable[[int, PlacedObject], Predicate],
        Callable[[int], tuple[PlanStep, ...]],
    ],
] = {
    'touch': (OnlyTouched, touch_steps),
    'push': (Pushed, push_steps),
    'topple': (Toppled, topple_steps),
}

_PHRASINGS = {
    'touch': (
        'touch {x}',
        'tap {x}',
        'make contact with {x}',
        'touch {x} without picking anything up',
    ),
    'topple': (
        'touch and topple {x}',
        'topple {x}',
        'knock over {x}',
        'make {x} fall over',
    ),
    'push': (
        'touch and push {x}',
        'push {x}',
        'push {x} away',
        'give {x} a push',
    ),
}

TASKS = (Touch(), Topple(), Push())
