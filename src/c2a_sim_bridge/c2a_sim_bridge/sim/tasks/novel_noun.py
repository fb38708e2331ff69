# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""NovelNoun: put one object on another, both called by words that the text introduces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import SHAPES
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import OnTop
from c2a_sim_bridge.sim.skills.plan import settle_stage
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.place import on_top_stage
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs

WORKSPACE = Workspace(x=(-0.4, 0.05))
WORDS = ('dax', 'blicket', 'wug', 'zup')
MAX_OBJECTS = 7


@dataclass(frozen=True)
class NovelNoun(Task):
    """Put object 0 on the first base; the bases are the last objects of the layout.

    The words stand for shapes. Up to three shapes differ within each role, and the two that are
    named occur only once in the scene, so that the text says which objects are meant.

    Attributes:
        num_actors: how many objects besides the bases.
        num_areas: how many bases.
        sample_num_actors: draw both numbers from 1 on.
    """

    num_actors: int = 3
    num_areas: int = 3
    sample_num_actors: bool = False

    name = 'NovelNoun'
    order = 9
    level = 1
    tables = ('table1', 'table2')
    oracle_p95_steps = 34
    paper_rows = 'Table 1 NovelNoun (unseen in L0+L1); Table 2 NovelNoun'
    arguments = '`NovelNoun`, num_actors 3, num_areas 3, exact'
    success = '`OnTop(0, first base)`'
    max_objects = 6
    phrasings = (
        '{s} is {p} and {t} is {q}. Put {p} on {q}',
        'a {s} is a {p} and a {t} is a {q}. Put the {p} on the {q}',
        'we call a {s} {p}, and a {t} {q}. Pick and place the {p} on the {q}',
    )

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_actors', self.num_actors, 1, MAX_OBJECTS - 1)
        most = MAX_OBJECTS - self.num_actors
        check_count(self.name, 'num_areas', self.num_areas, 1, most)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw shapes, words and objects."""
        first = draw_count(rng, self.num_actors, is_sampled=self.sample_num_actors)
        areas = draw_count(rng, self.num_areas, is_sampled=self.sample_num_actors)
        moved, base, *both = (str(shape) for shape in rng.permutation(SHAPES))
        words = [str(word) for word in rng.permutation(WORDS)[:2]]
        others = both * MAX_OBJECTS
        shapes = (moved, *others[: first - 1], base, *others[: areas - 1])
        specs = draw_specs(rng, len(shapes), shapes=shapes, pool=pool)
        objects = place_objects(rng, specs, WORKSPACE)
        goal = OnTop(0, first)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, s=moved, p=words[0], t=base, q=words[1]),
            goal=goal,
            stages=(on_top_stage(0, first), settle_stage(goal.update)),
        )


TASKS = (NovelNoun(),)
