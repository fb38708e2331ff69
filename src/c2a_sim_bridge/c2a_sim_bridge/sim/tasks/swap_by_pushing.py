# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""SwapByPushing: exchange two objects without picking them up."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import Set, gripper_clearance
from c2a_sim_bridge.sim.predicates_pushed import AtPositionPushed
from c2a_sim_bridge.sim.skills.plan import (
    Assignments,
    PlanStep,
    Stage,
    free_space,
    get_pose,
    push_steps,
    retreat_steps,
)
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.push_to_target import (
    GAP_M,
    TOOL_DISTANCE_M,
    TOOL_RADIUS_M,
    TOOL_WORKSPACE,
)
from c2a_sim_bridge.sim.tasks.swap import FREE_KEY, unassigned
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the
from c2a_sim_bridge.sim.tasks.touch import BACKED_OFF_M

WORKSPACE = Workspace(x=(-0.35, 0.05))
MARGIN = 0.06

RUNNING_GAP_M = 0.005
"""A lane that is narrower than this is blocked; layouts have `GAP_M`."""

_MAX_LAYOUTS = 400
_MAX_PLACES = 30


class SwapByPushing(Task):
    """Push object 0 to the place of object 1 and the other way round."""

    name = 'SwapByPushing'
    order = 53
    level = 2
    tables = ('table2',)
    oracle_p95_steps = 109
    paper_rows = 'Table 2 Swap by pushing'
    arguments = '`Swap`, num_actors 2, push'
    success = (
        '`Set(AtPositionPushed(1), AtPositionPushed(0))`: both rest within 3 cm of where the '
        'other one stood, never grasped, let alone'
    )
    max_objects = 2
    phrasings = (
        'swap positions of {x} and {y} by pushing',
        'exchange {x} and {y} by pushing them',
        'push {x} to where {y} is, and {y} to where {x} was',
        'swap {x} and {y} without picking them up',
    )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw two objects and a free place such that all three pushes have room."""
        objects, free = _place(rng, draw_specs(rng, 2, pool=pool))
        goals = (
            AtPositionPushed(1, objects[0].position),
            AtPositionPushed(0, objects[1].position),
        )
        goal = Set(*goals)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(objects[0]), y=the(objects[1])),
            goal=goal,
            stages=(Stage(goal.update, partial(_steps, objects, goals)),),
            free_pose={0: free, 1: free},
        )


def _steps(
    layout: tuple[PlacedObject, ...],
    goals: tuple[AtPositionPushed, AtPositionPushed],
    state: WorldState,
    assigned: frozenset[str],
) -> tuple[PlanStep, ...]:
    """What is left of: first aside, second to first's place, first to second's.

    Where the objects are decides, so a push that went wrong is done again.
    """
    first, second = (placed.name for placed in layout)
    is_there = [goal.is_near(state) for goal in goals]
    if all(is_there):
        close = [k for k in (0, 1) if gripper_clearance(state, k) < BACKED_OFF_M]
        return retreat_steps(close[0]) if close else ()
    if any(is_there):
        actor, key = (0, second) if is_there[0] else (1, first)
        aside = () if _can_push(state, actor, layout[1 - actor]) else _push_aside(actor, assigned)
        return (*aside, *push_steps(actor, key))
    steps: tuple[PlanStep, ...] = ()
    if not _can_push(state, 1, layout[0]):
        start = unassigned(assigned, (first, get_pose(0)))
        steps = _push_aside(0, assigned, start)
    keys = unassigned(assigned, (second, get_pose(1)))
    return (*steps, *push_steps(1, first, keys), *push_steps(0, second))


def _push_aside(
    actor: int, assigned: frozenset[str], assignments: Assignments = ()
) -> tuple[PlanStep, ...]:
    """Push an object to the free place, from where its own way and the other's are free."""
    free = unassigned(assigned, (FREE_KEY, free_space(actor)))
    return push_steps(actor, FREE_KEY, (*assignments, *free))


def _can_push(state: WorldState, actor: int, target: PlacedObject) -> bool:
    """Whether nothing is in the way to the target, and the tool can begin."""
    way = (state.positions[actor, :2], target.position[:2])
    spec, other = state.specs[actor], 1 - actor
    return bool(TOOL_WORKSPACE.contains(_tool_start(way, spec))) and is_lane_free(
        way, spec, state.positions[other, :2], state.specs[other]
    )


def is_lane_free(
    way: tuple[np.ndarray, np.ndarray],
    pushed: ObjectSpec,
    other_position: np.ndarray,
    other: ObjectSpec,
    gap: float = RUNNING_GAP_M,
) -> bool:
    """Whether tool and object can go a straight way beside another object, at any yaws.

    Args:
        way: where the pushed object is and where it goes, (2,) each, m.
        pushed: the object.
        other_position: of the object beside the way, (2,), m.
        other: that object.
        gap: what has to be between them, m.
    """
    begin, end = _tool_start(way, pushed), way[1]
    along = (other_position - begin) @ (end - begin) / math.dist(begin, end) ** 2
    nearest = begin + min(1.0, max(0.0, float(along))) * (end - begin)
    width = max(pushed.radius, TOOL_RADIUS_M)
    return math.dist(other_position, nearest) >= width + other.radius + gap


def _tool_start(way: tuple[np.ndarray, np.ndarray], pushed: ObjectSpec) -> np.ndarray:
    """Where (2,) the tool is when the push begins."""
    direction = (way[1] - way[0]) / math.dist(*way)
    return way[0] - (pushed.radius + TOOL_DISTANCE_M) * direction


def _place(
    rng: np.random.Generator, specs: tuple[ObjectSpec, ...]
) -> tuple[tuple[PlacedObject, ...], np.ndarray]:
    """Layout and free place (3,), with room for all three pushes."""
    for _ in range(_MAX_LAYOUTS):
        objects = place_objects(rng, specs, WORKSPACE, MARGIN)
        first, second = (placed.position[:2] for placed in objects)
        for _ in range(_MAX_PLACES):
            free = WORKSPACE.sample(rng)
            if _has_room(specs, first, second, free):
                return objects, np.array([free[0], free[1], specs[0].height / 2])
    raise RuntimeError(
        f'no room to push {[spec.name for spec in specs]} around each other in {WORKSPACE} after'
        f' {_MAX_LAYOUTS} layouts: take a larger workspace'
    )


def _has_room(
    specs: tuple[ObjectSpec, ...], first: np.ndarray, second: np.ndarray, free: np.ndarray
) -> bool:
    """Whether the tool reaches the start of each push and its lane is free."""
    pushes = (
        (0, (first, free), second),
        (1, (second, first), free),
        (0, (free, second), first),
    )
    return all(
        TOOL_WORKSPACE.contains(_tool_start(way, specs[actor]))
        and is_lane_free(way, specs[actor], other, specs[1 - actor], GAP_M)
        for actor, way, other in pushes
    )


TASKS = (SwapByPushing(),)
