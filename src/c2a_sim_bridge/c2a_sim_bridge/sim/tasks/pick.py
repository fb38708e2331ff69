# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Pick: lift one of three objects."""

from __future__ import annotations

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import Picked
from c2a_sim_bridge.sim.skills.plan import Stage, pick_steps
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

WORKSPACE = Workspace(x=(-0.35, 0.1))


class Pick(Task):
    """Hold object 0, clear of everything else."""

    name = 'Pick'
    order = 0
    level = 0
    tables = ('table1',)
    oracle_p95_steps = 14
    paper_rows = 'Table 1 Pick (unseen in L0+L1); Table 2 Pick'
    arguments = '`Pick`, num_actors 3, exact'
    success = '`Picked(0)`: held, 2 cm clear of the table and of every other object'
    max_objects = 3
    phrasings = (
        'pick up {x}',
        'grab {x}',
        'lift {x}',
        'take {x} off the table',
    )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw three objects; the first is to be picked."""
        objects = place_objects(rng, draw_specs(rng, 3, pool=pool), WORKSPACE)
        goal = Picked(0)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=the(objects[0])),
            goal=goal,
            stages=(Stage(goal.update, lambda _state, _assigned: pick_steps(0)),),
        )


TASKS = (Pick(),)
