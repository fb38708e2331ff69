# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Stacks: up to some objects on each other, forwards or reversed, and toppled afterwards."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from functools import partial

import numpy as np

from c2a_sim_bridge.sim import predicates
from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import Once, OnTop, Predicate, ToppleStructure
from c2a_sim_bridge.sim.skills.plan import PlanStep, Stage, settle_stage, topple_steps
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.place import on_top_stage
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

WORKSPACE = Workspace(x=(-0.35, 0.1))
BOTTOM_WORKSPACE = Workspace(x=(-0.35, 0.1), reach=(0.36, 0.66))
"""The tool works a whole stack high above the bottom one."""
TOPPLE_WORKSPACE = Workspace(x=(-0.35, 0.0), y=(-0.2, 0.2), reach=(0.46, 0.56))
"""The tool stands between robot and stack, and the stack falls away from the robot."""
NEAR_TOPPLE_WORKSPACE = Workspace(x=(-0.35, 0.0), y=(-0.2, 0.2), reach=(0.44, 0.5))
"""The same for up to four objects, which fall farther: what lies on another stays in reach."""

MARGIN = 0.06
"""Room in metres for the gripper's head between a stack and the next object."""

MAX_ACTORS = 4
"""Above a higher stack the arm cannot point straight down everywhere."""

# Still falling or sliding: wait before toppling again.
_MOVING_SPEED = 0.02


@dataclass(frozen=True)
class StackTask(Task):
    """Base of the family. Arguments as in ClevrSkills' `SingleStack`.

    Attributes:
        num_actors: how many objects, 2 to 4.
        sample_num_actors: draw 2 to `num_actors` of them instead.
        reverse: the objects are named from the top down.
        topple: topple the stack at the end.
    """

    num_actors: int = 3
    sample_num_actors: bool = False
    reverse: bool = False
    topple: bool = False

    def __post_init__(self) -> None:
        """Refuse stacks that cannot be built."""
        if not 2 <= self.num_actors <= MAX_ACTORS:
            raise ValueError(
                f'{self.name}: num_actors is {self.num_actors}, expected 2 to {MAX_ACTORS}'
            )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw the objects; the instruction names them in the scene's order."""
        count = self.num_actors
        if self.sample_num_actors:
            count = int(rng.integers(2, self.num_actors + 1))
        chain = tuple(range(count))[:: -1 if self.reverse else 1]
        areas = [WORKSPACE] * count
        areas[chain[0]] = BOTTOM_WORKSPACE
        if self.topple:
            is_near = self.sample_num_actors or count == MAX_ACTORS
            areas[chain[0]] = NEAR_TOPPLE_WORKSPACE if is_near else TOPPLE_WORKSPACE
        objects = place_objects(rng, draw_specs(rng, count, pool=pool), areas, MARGIN)
        goal, stages = _topple(chain) if self.topple else _stack(chain)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, **_words([the(placed) for placed in objects])),
            goal=goal,
            stages=stages,
        )


class SingleStack(StackTask):
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
        'stack {pairs}',
        'put {moves}',
        'build a stack with {layers}',
    )


class StackTopple(StackTask):
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


class ReverseStack(StackTask):
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
        'stack {names} in the reversed order',
        'stack {names_and} in reverse order, so that the last one is at the bottom',
        'take {names} and stack them in the reversed order',
    )


class Stack(StackTask):
    """Two to four objects, each on the one before."""

    name = 'Stack'
    order = 30
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 95
    paper_rows = 'Table 2 Stack'
    arguments = '`SingleStack`, num_actors 4, sampled'
    success = '`Sequence(OnTop(1, 0), OnTop(2, 1), …)`'
    max_objects = MAX_ACTORS
    phrasings = SingleStack.phrasings


class StackReversed(StackTask):
    """Two to four objects, named from the top down."""

    name = 'StackReversed'
    order = 31
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 98
    paper_rows = 'Table 2 Stack in reversed order'
    arguments = '`SingleStack`, num_actors 4, sampled, reverse'
    success = '`Sequence(OnTop(n-2, n-1), …, OnTop(0, 1))`'
    max_objects = MAX_ACTORS
    phrasings = ReverseStack.phrasings


class StackAndTopple(StackTask):
    """Two to four objects on each other, and then all of them down again."""

    name = 'StackAndTopple'
    order = 52
    level = 2
    tables = ('table2',)
    oracle_p95_steps = 112
    paper_rows = 'Table 2 Stack and topple'
    arguments = '`SingleStack`, num_actors 4, sampled, topple'
    success = (
        '`Sequence(Once(stack), ToppleStructure(all))`: stacked once, then all touch the table'
    )
    max_objects = MAX_ACTORS
    phrasings = StackTopple.phrasings


def _stack(chain: SequenceOf[int]) -> tuple[Predicate, tuple[Stage, ...]]:
    """Goal and stages of a stack with these objects from the bottom up."""
    goal = _on_top(chain)
    return goal, (*_stages(chain), settle_stage(goal.update))


def _topple(chain: SequenceOf[int]) -> tuple[Predicate, tuple[Stage, ...]]:
    """Goal and stages of a stack that is toppled once it stands."""
    stacked = Once(_on_top(chain))
    toppled = ToppleStructure(sorted(chain))
    # Once stacked, the pairs need not hold any more; and toppling must not begin while
    # the last object is still settling.
    stages = (
        *(Stage(_either(stacked, stage), stage.steps) for stage in _stages(chain)),
        settle_stage(stacked.update),
        Stage(toppled.update, partial(_topple_steps, chain)),
    )
    return predicates.Sequence(stacked, toppled), stages


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


def _words(names: SequenceOf[str]) -> dict[str, str]:
    """What the phrasings' placeholders stand for; names in the scene's order."""
    pairs = [f'{top} on {bottom}' for bottom, top in zip(names, names[1:], strict=False)]
    upper = [*(f'{name} on {"it" if k == 0 else "that"}' for k, name in enumerate(names[1:-1]))]
    layers = [f'{names[0]} at the bottom', *upper, f'{names[-1]} on top']
    return {
        'pairs': _listed(pairs),
        'moves': ', then put '.join(pairs),
        'layers': _listed(layers) if upper else ' and '.join(layers),
        'names': ', '.join(names),
        'names_and': f'{", ".join(names[:-1])} and {names[-1]}',
    }


def _listed(items: SequenceOf[str]) -> str:
    """'a', 'a, and b', 'a, b, and c'."""
    return ', '.join([*items[:-1], f'and {items[-1]}']) if len(items) > 1 else items[0]


TASKS = (
    SingleStack(),
    StackTopple(topple=True),
    ReverseStack(reverse=True),
    Stack(num_actors=4, sample_num_actors=True),
    StackReversed(num_actors=4, sample_num_actors=True, reverse=True),
    StackAndTopple(num_actors=4, sample_num_actors=True, topple=True),
)
