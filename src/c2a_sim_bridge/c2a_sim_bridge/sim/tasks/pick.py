# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Pick and PickOne: lift one object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import Picked
from c2a_sim_bridge.sim.skills.plan import Stage, pick_steps
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

WORKSPACE = Workspace(x=(-0.35, 0.1))
MAX_ACTORS = 6


@dataclass(frozen=True)
class Pick(Task):
    """Hold object 0, clear of everything else.

    Attributes:
        num_actors: how many objects.
        sample_num_actors: draw their number from 1 to `num_actors`.
    """

    num_actors: int = 3
    sample_num_actors: bool = False

    name = 'Pick'
    order = 0
    level = 0
    tables = ('table1',)
    oracle_p95_steps = 14
    paper_rows = 'Table 1 Pick (unseen in L0+L1)'
    arguments = '`Pick`, num_actors 3, exact'
    success = '`Picked(0)`: held, 2 cm clear of the table and of every other object'
    max_objects = 3
    phrasings = (
        'pick up {x}',
        'grab {x}',
        'lift {x}',
        'take {x} off the table',
    )

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_actors', self.num_actors, 1, MAX_ACTORS)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw the objects; the first is to be picked."""
        count = draw_count(rng, self.num_actors, is_sampled=self.sample_num_actors)
        objects = place_objects(rng, draw_specs(rng, count, pool=pool), WORKSPACE)
        goal = Picked(0)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(objects[0])),
            goal=goal,
            stages=(Stage(goal.update, lambda _state, _assigned: pick_steps(0)),),
        )


@dataclass(frozen=True)
class PickOne(Pick):
    """Pick the only object."""

    num_actors: int = 1

    name = 'PickOne'
    order = 20
    tables = ('table2',)
    paper_rows = 'Table 2 Pick'
    arguments = '`Pick`, num_actors 1'
    max_objects = 1


TASKS = (Pick(), PickOne())
