# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""SingleStack, ReverseStack and StackTopple: three objects on each other."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from functools import partial

import numpy as np

from c2a_sim_bridge.sim import predicates
from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import PlacedObject
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import Once, OnTop, Predicate, ToppleStructure
from c2a_sim_bridge.sim.skills.plan import PlanStep, Stage, settle_stage, topple_steps
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.place import on_top_stage
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

WORKSPACE = Workspace(x=(-0.35, 0.1))
BOTTOM_WORKSPACE = Workspace(x=(-0.35, 0.1), reach=(0.36, 0.66))
"""The tool works three objects high above the bottom one."""
TOPPLE_WORKSPACE = Workspace(x=(-0.35, 0.0), y=(-0.2, 0.2), reach=(0.46, 0.56))
"""The tool stands between robot and stack, and the stack falls away from the robot."""

MARGIN = 0.06
"""Room in metres for the gripper's head between a stack and the next object."""

# Still falling or sliding: wait before toppling again.
_MOVING_SPEED = 0.02


class SingleStack(Task):
    """Object 1 on object 0, object 2 on object 1."""

    name = 'SingleStack'
    order = 5
    level = 1
    tables = ('table1',)
    oracle_p95_steps = 67
    paper_rows = 'Table 1 SingleStack (L1); Table 2 Stack'
    arguments = '`SingleStack`, num_actors 3, exact'
    success = '`Sequence(OnTop(1, 0), OnTop(2, 1))`'
    max_objects = 3
    phrasings = (
        'stack {y} on {x}, and {z} on {y}',
        'put {y} on {x}, then put {z} on {y}',
        'build a stack with {x} at the bottom, {y} on it, and {z} on top',
    )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw three objects, named from the bottom up."""
        objects = _place(rng, pool, bottom=0)
        chain = (0, 1, 2)
        goal = _on_top(chain)
        stages = (*_stages(chain), settle_stage(goal.update))
        return _instance(self, rng, objects, goal, stages)


class StackTopple(Task):
    """The same stack, and then all of it down on the table again."""

    name = 'StackTopple'
    order = 6
    level = 1
    tables = ('table1',)
    oracle_p95_steps = 77
    paper_rows = 'Table 1 StackTopple (L1); Table 2 Stack and topple'
    arguments = '`SingleStack`, num_actors 3, exact, topple'
    success = (
        '`Sequence(Once(stack), ToppleStructure(0, 1, 2))`: stacked once, then all touch the table'
    )
    max_objects = 3
    phrasings = tuple(f'{text} and then topple the stack' for text in SingleStack.phrasings)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw three objects, named from the bottom up."""
        objects = _place(rng, pool, bottom=0, bottom_workspace=TOPPLE_WORKSPACE)
        chain = (0, 1, 2)
        stacked = Once(_on_top(chain))
        toppled = ToppleStructure(chain)
        # Once stacked, the pairs need not hold any more; and toppling must not begin while
        # the last object is still settling.
        stages = (
            *(Stage(_either(stacked, stage), stage.steps) for stage in _stages(chain)),
            settle_stage(stacked.update),
            Stage(toppled.update, partial(_topple_steps, chain)),
        )
        goal = predicates.Sequence(stacked, toppled)
        return _instance(self, rng, objects, goal, stages)


class ReverseStack(Task):
    """Named from the top down: object 1 on object 2, object 0 on object 1."""

    name = 'ReverseStack'
    order = 8
    level = 1
    tables = ('table1',)
    oracle_p95_steps = 68
    paper_rows = 'Table 1 ReverseStack (unseen in L0+L1); Table 2 Stack in reversed order'
    arguments = '`SingleStack`, num_actors 3, exact, reverse'
    success = '`Sequence(OnTop(1, 2), OnTop(0, 1))`'
    max_objects = 3
    phrasings = (
        'stack {x}, {y}, {z} in the reversed order',
        'stack {x}, {y} and {z} in reverse order, so that the last one is at the bottom',
        'take {x}, {y}, {z} and stack them in the reversed order',
    )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw three objects, named from the top down."""
        objects = _place(rng, pool, bottom=2)
        chain = (2, 1, 0)
        goal = _on_top(chain)
        stages = (*_stages(chain), settle_stage(goal.update))
        return _instance(self, rng, objects, goal, stages)


def _place(
    rng: np.random.Generator,
    pool: ObjectPool,
    bottom: int,
    bottom_workspace: Workspace = BOTTOM_WORKSPACE,
) -> tuple[PlacedObject, ...]:
    """Three objects with room for the gripper around the stack."""
    areas = [WORKSPACE] * 3
    areas[bottom] = bottom_workspace
    return place_objects(rng, draw_specs(rng, 3, pool=pool), areas, MARGIN)


def _on_top(chain: SequenceOf[int]) -> predicates.Sequence:
    """Each of the chain on the one before it."""
    return predicates.Sequence(
        *(OnTop(top, bottom) for bottom, top in zip(chain, chain[1:], strict=False))
    )


def _stages(chain: SequenceOf[int]) -> tuple[Stage, ...]:
    """One placement after another, from the bottom up."""
    return tuple(on_top_stage(top, bottom) for bottom, top in zip(chain, chain[1:], strict=False))


def _either(latched: Predicate, stage: Stage) -> Callable[[WorldState], bool]:
    """The stage's goal, or the latched predicate."""

    def goal(state: WorldState) -> bool:
        is_stage_done = stage.goal(state)
        return latched.update(state) or is_stage_done

    return goal


def _topple_steps(
    chain: SequenceOf[int], state: WorldState, _assigned: frozenset[str]
) -> tuple[PlanStep, ...]:
    """Push at the lowest object that is off the table: what stands on it comes down too."""
    high = [actor for actor in chain if not state.is_grounded(actor)]
    speeds = np.linalg.norm(state.linear_velocities[high], axis=1)
    if not high or (speeds > _MOVING_SPEED).any():
        return ()
    return topple_steps(min(high, key=lambda actor: state.positions[actor, 2]))


def _instance(
    task: Task,
    rng: np.random.Generator,
    objects: tuple[PlacedObject, ...],
    goal: Predicate,
    stages: tuple[Stage, ...],
) -> TaskInstance:
    """Objects 0, 1, 2 are x, y, z in the instruction."""
    x, y, z = (the(placed) for placed in objects)
    return TaskInstance(
        task=task.name,
        objects=objects,
        instruction=task.instruct(rng, x=x, y=y, z=z),
        goal=goal,
        stages=stages,
    )


TASKS = (SingleStack(), StackTopple(), ReverseStack())
