# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""NovelAdjective: a made-up comparative, explained by pairs of objects that stand in the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import NOMINAL_SIZE, SHAPES, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.picture_layout import are_cells_apart
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import OnTop
from c2a_sim_bridge.sim.skills.plan import settle_stage
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.place import on_top_stage
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

WORKSPACE = Workspace(x=(-0.4, 0.05))
SCALES = (0.3, 0.5, 0.75, 1.5)
"""Size of the target over its twin's, and of the first of an example pair over the second's."""

WORDS = ('daxer', 'blicker', 'modier', 'kobar')
MAX_EXAMPLES = 2


@dataclass(frozen=True)
class NovelAdjective(Task):
    """Put object 0 on object 2. Object 1 is its twin of ordinary size, with the same name.

    From object 3 on stand the examples in pairs: of each the first is to the second as object 0
    is to object 1. So the text tells which way the word goes, and the picture which object it is.

    Attributes:
        num_examples: how many example pairs.
        sample_num_examples: draw 1 to `num_examples` of them instead.
    """

    name = 'NovelAdjective'
    order = 38
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 34
    paper_rows = 'Table 2 NovelAdjective'
    arguments = '`NovelAdjective`, with the example pairs in the scene'
    success = '`OnTop(0, 2)`'
    max_objects = 3 + 2 * MAX_EXAMPLES
    phrasings = (
        '{examples}. Put the {word} {x} on {y}',
        '{examples}. Pick and place the {word} {x} on {y}',
        'given that {examples}, put the {word} {x} on {y}',
    )

    num_examples: int = MAX_EXAMPLES
    sample_num_examples: bool = True

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_examples', self.num_examples, 1, MAX_EXAMPLES)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw shapes, a scale, a word and the layout."""
        count = draw_count(rng, self.num_examples, is_sampled=self.sample_num_examples)
        moved, base, *examples = (str(shape) for shape in rng.choice(SHAPES, size=2 + count))
        # The two of a pair are of one shape: only their sizes are to be compared.
        shapes = (moved, base, *(shape for shape in examples for _ in range(2)))
        twin, support, *pairs = draw_specs(rng, len(shapes), shapes=shapes, pool=pool)
        scale = float(rng.choice(SCALES))
        word = str(rng.choice(WORDS))
        specs = [scaled(twin, scale), twin, support]
        for first, second in zip(pairs[::2], pairs[1::2], strict=True):
            specs += [scaled(first, scale), second]
        objects = place_objects(rng, specs, WORKSPACE, accept=are_cells_apart)
        goal = OnTop(0, 2)
        words = {'word': word, 'x': objects[0].name, 'y': the(objects[2])}
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, examples=comparison(word, objects[3:]), **words),
            goal=goal,
            stages=(on_top_stage(0, 2), settle_stage(goal.update)),
        )


def scaled(spec: ObjectSpec, scale: float) -> ObjectSpec:
    """The object in another size."""
    width, depth, height = (round(scale * side, 6) for side in NOMINAL_SIZE)
    return replace(spec, size=(width, depth, height))


def comparison(word: str, examples: Sequence[PlacedObject]) -> str:
    """'the red cube is daxer than the blue cube', for pairs that follow each other."""
    return ' and '.join(
        f'{the(first)} is {word} than {the(second)}'
        for first, second in zip(examples[::2], examples[1::2], strict=True)
    )


TASKS = (NovelAdjective(),)
