# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""MoveWithoutHitting: bring the gripper to a goal, past obstacles that float in the air."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import NOMINAL_SIZE, ObjectKind, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.placement import HOME_EE_POSITION
from c2a_sim_bridge.sim.predicates import Order
from c2a_sim_bridge.sim.predicates_goal import EEAtPosition, WithoutHitting
from c2a_sim_bridge.sim.tasks.goals import (
    are_seen,
    can_visit,
    draw_goal_position,
    in_turn,
    sphere_goal,
    visit_stages,
)
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance

OBSTACLE_SIZE = tuple(0.5 * side for side in NOMINAL_SIZE)
OBSTACLE_X, OBSTACLE_Y, OBSTACLE_Z = (-0.35, 0.1), (-0.3, 0.3), (0.06, 0.4)
ROOM_M = 0.13
"""Between an obstacle and the gripper at the start, or at a goal."""

APART_M = 0.1
ON_THE_WAY = (0.4, 0.6)
"""Part of the straight way to the first goal at which the first obstacle floats."""

ASIDE_M = 0.03

_MAX_TRIES = 500
_POSITION_TRIES = 50


@dataclass(frozen=True)
class MoveWithoutHitting(Task):
    """Goals 0..n-1 in order; then obstacles, the first of them in the straight way.

    Attributes:
        ngoals: how many places there are to go to.
        num_distractions: obstacles in the air.
    """

    ngoals: int = 1
    num_distractions: int = 5

    name = 'MoveWithoutHitting'
    order = 61
    level = 0
    tables = ('image',)
    oracle_p95_steps = 16
    paper_rows = 'none: image prompts'
    arguments = '`MoveWithoutHitting`, ngoals 1, num_distractions 5'
    success = (
        '`WithoutHitting(Order(EEAtPosition(0)), obstacles)`: within 5 cm of the goal, and the '
        'arm has touched no obstacle'
    )
    max_objects = 6
    phrasings = (
        'move to {goals} without hitting any of the objects',
        'move the gripper to {goals} and do not touch any object',
        'go to {goals} without a collision',
    )

    @property
    def max_steps(self) -> int:
        """As for the preset, times the number of goals."""
        return super().max_steps * self.ngoals

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw goals and obstacles between which the arm finds a way."""
        looks = pool.draw(rng, self.ngoals + self.num_distractions)
        specs = [
            ObjectSpec(*look, OBSTACLE_SIZE, kind=ObjectKind.FIXED)
            for look in looks[self.ngoals :]
        ]
        for _ in range(_MAX_TRIES):
            goals = [
                PlacedObject(sphere_goal(color), draw_goal_position(rng), 0.0)
                for color, _ in looks[: self.ngoals]
            ]
            others = _place_obstacles(rng, specs, goals)
            if others is not None and are_seen(goals, others) and can_visit(goals, others):
                break
        else:
            raise RuntimeError(f'no way past {len(specs)} obstacles in {_MAX_TRIES} tries')
        reached = [EEAtPosition(index, goal.position) for index, goal in enumerate(goals)]
        obstacles = range(self.ngoals, self.ngoals + len(others))
        return TaskInstance(
            task=self.name,
            objects=(*goals, *others),
            instruction=self.instruct(rng, goals=in_turn(goals)),
            goal=WithoutHitting(Order(*reached), obstacles),
            stages=visit_stages(reached),
        )


def _place_obstacles(
    rng: np.random.Generator, specs: list[ObjectSpec], goals: list[PlacedObject]
) -> tuple[PlacedObject, ...] | None:
    """Obstacles apart from each other, from gripper and goals, and in view; None without room."""
    home = np.array(HOME_EE_POSITION)
    free = [home, *(goal.position for goal in goals)]
    placed: list[PlacedObject] = []
    for index, spec in enumerate(specs):
        for _ in range(_POSITION_TRIES):
            if index == 0:
                part = rng.uniform(*ON_THE_WAY)
                position = home + part * (goals[0].position - home)
                position = position + rng.uniform(-ASIDE_M, ASIDE_M, 3)
            else:
                axes = (OBSTACLE_X, OBSTACLE_Y, OBSTACLE_Z)
                position = np.array([rng.uniform(*axis) for axis in axes])
            obstacle = PlacedObject(spec, position, float(rng.uniform(-math.pi, math.pi)))
            if (
                all(math.dist(position, point) >= ROOM_M for point in free)
                and all(math.dist(position, other.position) >= APART_M for other in placed)
                and are_seen([obstacle], [])
            ):
                placed.append(obstacle)
                break
        else:
            return None
    return tuple(placed)


TASKS = (MoveWithoutHitting(),)
