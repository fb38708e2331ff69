# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Topple and Push: move a single object by touching it, away from the robot."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import TALL_SIZE
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import Predicate, Pushed, Toppled, gripper_clearance
from c2a_sim_bridge.sim.skills.plan import (
    PlanStep,
    Stage,
    push_steps,
    retreat_steps,
    topple_steps,
)
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

# The tool starts up to 0.14 m nearer to the robot than the object, and the object ends up to
# 0.18 m farther away: both must be within reach, and in the picture.
PUSH_WORKSPACE = Workspace(x=(-0.35, 0.0), y=(-0.2, 0.2), reach=(0.46, 0.54))

BACKED_OFF_M = 0.03


class Topple(Task):
    """Knock over the only object, which is tall."""

    name = 'Topple'
    order = 3
    level = 0
    tables = ('table1', 'table2')
    oracle_p95_steps = 23
    paper_rows = 'Table 1 Topple (L0); Table 2 Topple'
    arguments = '`Touch`, num_actors 1, topple'
    success = '`Toppled(0)`: touched, moved 0.1 m, tilted 45° or more, at rest'
    max_objects = 1
    phrasings = (
        'touch and topple {x}',
        'topple {x}',
        'knock over {x}',
        'make {x} fall over',
    )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw one standing object."""
        objects = place_objects(rng, draw_specs(rng, 1, size=TALL_SIZE, pool=pool), PUSH_WORKSPACE)
        goal = Toppled(0, objects[0])
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(objects[0])),
            goal=goal,
            stages=(contact_stage(goal, lambda _assigned: topple_steps(0)),),
        )


class Push(Task):
    """Push the only object."""

    name = 'Push'
    order = 4
    level = 0
    tables = ('table1', 'table2')
    oracle_p95_steps = 21
    paper_rows = 'Table 1 Push (L0); Table 2 Push'
    arguments = '`Touch`, num_actors 1, push'
    success = '`Pushed(0)`: touched, moved 0.1 m, tilted less than 45°, at rest'
    max_objects = 1
    phrasings = (
        'touch and push {x}',
        'push {x}',
        'push {x} away',
        'give {x} a push',
    )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw one object."""
        objects = place_objects(rng, draw_specs(rng, 1, pool=pool), PUSH_WORKSPACE)
        goal = Pushed(0, objects[0])
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(objects[0])),
            goal=goal,
            stages=(contact_stage(goal, lambda _assigned: push_steps(0)),),
        )


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


TASKS = (Topple(), Push())
