# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""NovelNounAdjective: made-up nouns and a made-up comparative in one sentence."""

from __future__ import annotations

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import SHAPES
from c2a_sim_bridge.sim.picture_layout import are_cells_apart
from c2a_sim_bridge.sim.placement import place_objects
from c2a_sim_bridge.sim.predicates import OnTop
from c2a_sim_bridge.sim.skills.plan import settle_stage
from c2a_sim_bridge.sim.tasks.novel_adjective import (
    SCALES,
    WORDS,
    WORKSPACE,
    comparison,
    scaled,
)
from c2a_sim_bridge.sim.tasks.novel_noun import WORDS as NOUNS
from c2a_sim_bridge.sim.tasks.place import on_top_stage
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs


class NovelNounAdjective(Task):
    """Put object 0 on object 2. Object 1 is the twin of object 0 in ordinary size.

    The nouns stand for the shapes of objects 0 and 2. The examples 3 and 4 have a third shape, and
    object 5 the fourth: so the first noun fits objects 0 and 1, the second one object 2 only.
    """

    name = 'NovelNounAdjective'
    order = 39
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 34
    paper_rows = 'Table 2 NovelNounAdjective'
    arguments = '`NovelNounAdjective`, with the example pair in the scene'
    success = '`OnTop(0, 2)`'
    max_objects = 6
    phrasings = (
        'this is a {p}: a {s}. This is a {q}: a {t}. {Example}. Put the {word} {p} on the {q}',
        'a {s} is a {p} and a {t} is a {q}. {Example}. Put the {word} {p} on the {q}',
        'we call a {s} {p}, and a {t} {q}. {Example}. Pick and place the {word} {p} on the {q}',
    )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw shapes, words, a scale and the layout."""
        moved, base, example, other = (str(shape) for shape in rng.permutation(SHAPES))
        shapes = (moved, base, example, example, other)
        twin, support, first, second, last = draw_specs(rng, 5, shapes=shapes, pool=pool)
        scale = float(rng.choice(SCALES))
        specs = (scaled(twin, scale), twin, support, scaled(first, scale), second, last)
        objects = place_objects(rng, specs, WORKSPACE, accept=are_cells_apart)
        word = str(rng.choice(WORDS))
        nouns = [str(noun) for noun in rng.permutation(NOUNS)[:2]]
        text = comparison(word, objects[3:5])
        goal = OnTop(0, 2)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(
                rng,
                s=moved,
                p=nouns[0],
                t=base,
                q=nouns[1],
                word=word,
                Example=text[0].upper() + text[1:],
            ),
            goal=goal,
            stages=(on_top_stage(0, 2), settle_stage(goal.update)),
        )


TASKS = (NovelNounAdjective(),)
