# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""MatchPose: bring the gripper into the pose that a goal shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import Order
from c2a_sim_bridge.sim.predicates_goal import EEAtPose
from c2a_sim_bridge.sim.tasks.goals import (
    are_seen,
    can_visit,
    draw_goal_position,
    gripper_goal,
    in_turn,
    visit_stages,
)
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance

WORKSPACE = Workspace(x=(-0.4, 0.05))
TURN_RAD = (math.pi / 2, 3 * math.pi / 2)
"""About world x; half a turn is straight down."""

_MAX_TRIES = 300


@dataclass(frozen=True)
class MatchPose(Task):
    """Goals 0..n-1 in order; then objects that are not needed.

    Attributes:
        ngoals: how many poses there are.
        num_distractions: objects on the table.
    """

    ngoals: int = 1
    num_distractions: int = 1

    name = 'MatchPose'
    order = 60
    level = 0
    tables = ('image',)
    oracle_p95_steps = 6
    paper_rows = 'none: image prompts'
    arguments = '`MatchPose`, ngoals 1'
    success = '`Order(EEAtPose(0))`: distance in metres plus that of the quaternions under 0.15'
    max_objects = 2
    phrasings = (
        'match the pose of {goals}',
        'bring the gripper into the pose of {goals}',
        'move to {goals} and turn the gripper the same way',
    )

    @property
    def max_steps(self) -> int:
        """As for the preset, times the number of goals."""
        return super().max_steps * self.ngoals

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw poses that the arm can take."""
        looks = pool.draw(rng, self.ngoals + self.num_distractions)
        specs = [ObjectSpec(*look) for look in looks[self.ngoals :]]
        for _ in range(_MAX_TRIES):
            goals = [_draw_goal(rng, color) for color, _ in looks[: self.ngoals]]
            others = place_objects(rng, specs, WORKSPACE)
            if are_seen(goals, others) and can_visit(goals, others, match_ori=True):
                break
        else:
            raise RuntimeError(f'no pose that the arm can take in {_MAX_TRIES} tries')
        reached = [
            EEAtPose(index, goal.position, goal.quat_wxyz) for index, goal in enumerate(goals)
        ]
        return TaskInstance(
            task=self.name,
            objects=(*goals, *others),
            instruction=self.instruct(rng, goals=in_turn(goals)),
            goal=Order(*reached),
            stages=visit_stages(reached, match_ori=True),
        )


def _draw_goal(rng: np.random.Generator, color: str) -> PlacedObject:
    turn = rng.uniform(*TURN_RAD)
    tilt = (math.cos(turn / 2), math.sin(turn / 2), 0.0, 0.0)
    return PlacedObject(gripper_goal(color), draw_goal_position(rng), 0.0, tilt)


TASKS = (MatchPose(),)
