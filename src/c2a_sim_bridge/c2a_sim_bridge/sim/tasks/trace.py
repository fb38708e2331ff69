# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Trace: visit goals in the air in the order that the instruction gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.placement import HOME_EE_POSITION, Workspace, place_objects
from c2a_sim_bridge.sim.predicates import Order
from c2a_sim_bridge.sim.predicates_goal import EEAtPosition
from c2a_sim_bridge.sim.tasks.goals import (
    are_seen,
    can_visit,
    draw_goal_position,
    in_turn,
    sphere_goal,
    visit_stages,
)
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance

WORKSPACE = Workspace(x=(-0.4, 0.05))
APART_M = 0.12
"""Between goals, and between the first goal and the arm at the start: no goal is reached in
passing by another."""

_MAX_TRIES = 300


@dataclass(frozen=True)
class Trace(Task):
    """Goals 0..n-1 in order; then objects that are not needed.

    Attributes:
        ngoals: how many there are.
        num_distractions: objects on the table.
    """

    ngoals: int = 3
    num_distractions: int = 1

    name = 'Trace'
    order = 62
    level = 0
    tables = ('image',)
    oracle_p95_steps = 28
    paper_rows = 'none: image prompts'
    arguments = '`Trace`, ngoals 3'
    success = '`Order(EEAtPosition(0), …)`: within 5 cm of one after the other'
    max_objects = 4
    phrasings = (
        'trace the sequence of goals: {goals}',
        'move to {goals}',
        'visit {goals}',
        'touch these goals in order: {goals}',
    )

    @property
    def max_steps(self) -> int:
        """As for the preset, times the number of goals in threes."""
        return super().max_steps * math.ceil(self.ngoals / 3)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw goals and their order."""
        looks = pool.draw(rng, self.ngoals + self.num_distractions)
        specs = [ObjectSpec(*look) for look in looks[self.ngoals :]]
        for _ in range(_MAX_TRIES):
            goals = [
                PlacedObject(sphere_goal(color), draw_goal_position(rng), 0.0)
                for color, _ in looks[: self.ngoals]
            ]
            others = place_objects(rng, specs, WORKSPACE)
            if _are_apart(goals) and are_seen(goals, others) and can_visit(goals, others):
                break
        else:
            raise RuntimeError(f'no room for {self.ngoals} goals in {_MAX_TRIES} tries')
        reached = [EEAtPosition(index, goal.position) for index, goal in enumerate(goals)]
        return TaskInstance(
            task=self.name,
            objects=(*goals, *others),
            instruction=self.instruct(rng, goals=in_turn(goals)),
            goal=Order(*reached),
            stages=visit_stages(reached),
        )


def _are_apart(goals: list[PlacedObject]) -> bool:
    points = [np.array(HOME_EE_POSITION), *(goal.position for goal in goals)]
    return all(math.dist(a, b) >= APART_M for a, b in combinations(points, 2))


TASKS = (Trace(),)
