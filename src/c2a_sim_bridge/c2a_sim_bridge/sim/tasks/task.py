# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a task is, and what the families share: drawing objects, phrasing, simple stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from c2a_sim_bridge.sim.fixture import Fixture
from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import NOMINAL_SIZE, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.predicates import Predicate
from c2a_sim_bridge.sim.skills.plan import Stage


@dataclass(frozen=True, eq=False)
class TaskInstance:
    """One episode of a task. For one use: goal and stages remember what they have seen.

    Attributes:
        task: the task's name.
        objects: start layout; indices everywhere are positions in this tuple.
        instruction: what the robot is told.
        goal: success, fed one state per control step.
        stages: what the oracle works through.
        free_pose: place (3,) in metres kept free for an object, by index; an object without
            one gets `find_free_space`.
        held: the object that the gripper holds at the start, see `placement.hold_object`.
        fixture: machinery that stands in the scene, e.g. a scale.
    """

    task: str
    objects: tuple[PlacedObject, ...]
    instruction: str
    goal: Predicate
    stages: tuple[Stage, ...]
    free_pose: dict[int, np.ndarray] = field(default_factory=dict)
    held: int | None = None
    fixture: Fixture | None = None


@dataclass(frozen=True)
class Task:
    """Base of all tasks; instances hold no state.

    A family's arguments are dataclass fields with ClevrSkills' names, so that
    `Name:argument=value` (see `registry.py`) makes a variant of a task. Subclasses with fields
    are frozen dataclasses too.

    Attributes:
        name: CamelCase, as in the paper's Table 1.
        order: place in lists of tasks.
        level: the paper's level; Table 1 for tasks that are in it.
        tables: which lists the task belongs to: `table1`, `table2`, `image`.
        oracle_p95_steps: 95th percentile of the oracle's steps on seeds 0-99, as printed by
            `c2a oracle`; the time limit follows from it.
        paper_rows: which rows of the paper's tables the task stands for.
        arguments: the ClevrSkills class and arguments it corresponds to.
        success: its predicate, indices as in `TaskInstance.objects`.
        max_objects: most objects in a scene.
        phrasings: instruction templates, ClevrSkills' own wordings among them.
    """

    name: ClassVar[str]
    order: ClassVar[int]
    level: ClassVar[int]
    tables: ClassVar[tuple[str, ...]]
    oracle_p95_steps: ClassVar[int]
    paper_rows: ClassVar[str]
    arguments: ClassVar[str]
    success: ClassVar[str]
    max_objects: ClassVar[int]
    phrasings: ClassVar[tuple[str, ...]]

    @property
    def max_steps(self) -> int:
        """Control steps after which an episode times out, the same whoever plans and moves.

        Three times the oracle's 95th percentile, rounded up to ten.
        """
        return 10 * math.ceil(3 * self.oracle_p95_steps / 10)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw an episode: objects, layout, instruction.

        Args:
            rng: the episode's generator.
            pool: which colours and shapes there may be.
        """
        raise NotImplementedError

    def instruct(self, rng: np.random.Generator, **words: str) -> str:
        """Fill the words into a phrasing drawn uniformly."""
        template = self.phrasings[int(rng.integers(len(self.phrasings)))]
        text = template.format(**words)
        return text[0].upper() + text[1:]


def draw_specs(
    rng: np.random.Generator,
    count: int,
    size: tuple[float, float, float] = NOMINAL_SIZE,
    shapes: Sequence[str] | None = None,
    pool: ObjectPool = SIMPLE,
) -> tuple[ObjectSpec, ...]:
    """Draw objects with names unique in the scene: no colour twice, shapes freely.

    Args:
        rng: the episode's generator.
        count: how many.
        size: of all of them, metres.
        shapes: one per object instead of drawn ones.
        pool: which combinations of colour and shape there may be.
    """
    looks = pool.draw(rng, count, shapes)
    return tuple(ObjectSpec(color, shape, size) for color, shape in looks)


def the(placed: PlacedObject) -> str:
    """The object in a sentence, e.g. 'the red cube'."""
    return f'the {placed.name}'
