# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the planner learns from: rows of demonstrations as prompts and replies.

One example is one base picture with everything that is asked about it:

* `step`: which code should be running? At a border (the ground truth is no longer the last key
  step in memory) the new key step, else the last one commented out;
* `key_step`: which key step comes next? Asked at borders (semantics 8);
* `where`, `presence`, `what`: auxiliary questions with negatives, from the simulator's labels.

The policy that will be driven reaches borders late, early and elsewhere than the oracle, and the
memory will hold the planner's own cells. Rows with noise, late borders and the planner's own
memory come from `./c2a generate`; here cells in the memory are moved by one now and then.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from c2a_core.skill_api import comment
from c2a_core.spaces import GRID_SIZE
from c2a_planner.prompt import KEY_STEP_REQUEST, STEP_REQUEST
from c2a_sim_bridge.sim.object_pool import HELD_OUT
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.llava_questions import make_questions
from c2a_training.planner.arm_heads import find_over
from c2a_training.planner.renaming import rename
from c2a_training.planner.step_targets import find_targets
from c2a_training.training.held_out import is_held_out
from c2a_training.training.weights import check_weights, read_weights, weight_of

CODE_KINDS = ('step', 'key_step')
QUESTION_KINDS = ('where', 'presence', 'what', 'which')
KINDS = CODE_KINDS + QUESTION_KINDS
# Finding the cube is learned far more slowly than finding what is red: colours are plain to see.
_KIND_WEIGHTS = {'where': 1.0, 'presence': 0.5, 'what': 0.5, 'which': 4.0}

_HELD_OUT_NAMES = tuple(f'{color} {shape}' for color, shape in HELD_OUT)
_CELL = re.compile(r'\((\d), (\d)\)')
_NAME = re.compile(r"get_actor\('([^']*)'")


class Turn(NamedTuple):
    """One request about a picture and the reply to it.

    `free_cells` are cells of the reply that nothing which is shown tells: nothing is learned from
    them.
    """

    kind: str
    request: str
    reply: str
    free_cells: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Example:
    """One picture with its turns.

    Attributes:
        row: number of the row in its dataset.
        dataset: index of the dataset.
        instruction: what the robot is asked to do.
        memory: key steps before the row.
        turns: what is asked, code first.
    """

    row: int
    dataset: int
    instruction: str
    memory: tuple[str, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class ExampleSettings:
    """What is asked how often.

    Attributes:
        border_share: share of examples at borders, where a new key step is due.
        new_name_weight: of border rows whose key step names what the memory does not: it has to
            be read or seen, all others can be copied from the memory.
        questions: auxiliary questions a picture, at most.
        memory_noise: probability that a cell in the memory is moved by one.
        validation_share: share of the episodes that is held out, by a hash of their names.
        weights: `TASK=W` or `DATASET=W`: rows of that task, or of the dataset with that directory
            name, are drawn so many times as often.
        rename_share: share of the examples whose objects get other names in all texts. With
            pictures, which do not show them, only where the texts alone tell every name; the cells
            are then nothing to learn from.
        has_pictures: False for prompts without: their cells are nothing to learn from.
    """

    border_share: float = 0.6
    new_name_weight: float = 2.5
    questions: int = 4
    memory_noise: float = 0.1
    validation_share: float = 0.03
    weights: tuple[str, ...] = ()
    rename_share: float = 0.0
    has_pictures: bool = True

    def __post_init__(self) -> None:
        """Refuse shares outside 0..1."""
        for name in ('border_share', 'memory_noise', 'validation_share', 'rename_share'):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f'{name} must be between 0 and 1, got {value}')
        if self.new_name_weight <= 0:
            raise ValueError(f'new_name_weight must be more than 0, got {self.new_name_weight}')
        if self.questions < 0:
            raise ValueError(f'questions must not be negative, got {self.questions}')
        read_weights(self.weights)


class PlannerExamples:
    """Examples of one or more datasets.

    Attributes:
        settings: what is asked.
        rows: (N, 2) int64, dataset and row of each example that can be drawn.
        is_border: (N,) bool.
        runs: (N,) bool, whether a key step runs already.
        is_over: of each dataset the rows, (rows,) bool, at which what runs is no longer right.

    Args:
        datasets: of `./c2a generate` or `./c2a data from-bag`.
        settings: what is asked.
        held_out: the episodes for validation instead of those for training.
    """

    def __init__(
        self,
        datasets: Sequence[EpisodeDataset],
        settings: ExampleSettings | None = None,
        *,
        held_out: bool = False,
    ) -> None:
        self.settings = settings or ExampleSettings()
        self._datasets = tuple(datasets)
        self._targets = tuple(map(find_targets, self._datasets))
        self._weights = read_weights(self.settings.weights)
        check_weights(self._weights, self._datasets)
        parts = [
            self._usable_rows(index, dataset, held_out)
            for index, dataset in enumerate(self._datasets)
        ]
        self.rows = np.concatenate([part.rows for part in parts])
        self.is_border = np.concatenate([part.is_border for part in parts])
        self.runs = np.concatenate([part.runs for part in parts])
        self.is_over = tuple(
            find_over(dataset, targets)
            for dataset, targets in zip(self._datasets, self._targets, strict=True)
        )
        tasks = np.concatenate([part.tasks for part in parts])
        is_new = np.concatenate([part.is_new for part in parts])
        if not len(self.rows):
            what = 'validation' if held_out else 'training'
            raise ValueError(
                f'the data have no rows with a base picture for {what}: generate more episodes'
            )
        weights = np.concatenate([part.weights for part in parts])
        weights *= np.where(is_new, self.settings.new_name_weight, 1.0)
        self._borders = _TaskDraw(np.nonzero(self.is_border)[0], tasks, weights)
        self._middles = _TaskDraw(np.nonzero(~self.is_border)[0], tasks, weights)

    def __len__(self) -> int:
        return len(self.rows)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw numbers (count,) of random examples.

        Borders and rows between them come by their share, tasks by the square root of their
        number of rows, and key steps that name something for the first time more often.
        """
        at_border = rng.random(count) < self.settings.border_share
        if not len(self._middles):
            at_border[:] = True
        elif not len(self._borders):
            at_border[:] = False
        return np.where(at_border, self._borders.draw(rng, count), self._middles.draw(rng, count))

    def example(self, number: int, rng: np.random.Generator, *, noise: bool = True) -> Example:
        """Make one example.

        Args:
            number: of `rows`.
            rng: chooses the questions and moves cells of the memory.
            noise: False leaves the memory as it was recorded, for validation.
        """
        index, row = self.rows[number].tolist()
        dataset = self._datasets[index]
        memory, target = dataset.memory(row), self._targets[index][row]
        instruction = dataset.texts('instruction', [row])[0]
        renames = noise and rng.random() < self.settings.rename_share
        if renames and (not self.settings.has_pictures or _is_told(target, instruction, memory)):
            instruction, target, *memory = rename((instruction, target, *memory), rng)
            hides_cells = True
        else:
            hides_cells = not self.settings.has_pictures
        probability = self.settings.memory_noise if noise else 0.0
        shown = tuple(_move_cells(step, probability, rng) for step in memory)
        if memory and target == memory[-1]:
            turns = [Turn('step', STEP_REQUEST, comment(shown[-1]))]
        else:
            free = _cells(target) - _cells(' '.join(shown)) if hides_cells else frozenset()
            turns = [
                Turn('step', STEP_REQUEST, target, free),
                Turn('key_step', KEY_STEP_REQUEST, target, free),
            ]
        return Example(
            row=row,
            dataset=index,
            instruction=instruction,
            memory=shown,
            turns=(*turns, *self._questions(dataset, row, rng)),
        )

    def _questions(
        self, dataset: EpisodeDataset, row: int, rng: np.random.Generator
    ) -> list[Turn]:
        labels = dataset.labels(row) if self.settings.questions else None
        if labels is None:
            return []
        split = dataset.episodes[int(dataset.episode_of(np.array([row]))[0])].split
        questions = [
            question
            for question in make_questions(labels, rng)
            if split != 'train' or not _denies_held_out(question.text, labels.names)
        ]
        count = min(self.settings.questions, len(questions))
        # Shares belong to kinds: there are far more cells to deny than names to find.
        by_kind = {kind: [q for q in questions if q.kind == kind] for kind in QUESTION_KINDS}
        weights = [_KIND_WEIGHTS[q.kind] / len(by_kind[q.kind]) for q in questions]
        chosen = (
            rng.choice(len(questions), count, replace=False, p=np.array(weights) / sum(weights))
            if count
            else []
        )
        return [Turn(questions[i].kind, questions[i].text, questions[i].answer) for i in chosen]

    def _usable_rows(self, index: int, dataset: EpisodeDataset, held_out: bool) -> _Rows:
        """Rows with a picture and a known answer."""
        share = self.settings.validation_share
        of_episode = np.array(
            [is_held_out(episode.episode, share) == held_out for episode in dataset.episodes]
        )
        candidates = np.nonzero(dataset.has_base_picture)[0]
        episodes = dataset.episode_of(candidates)
        candidates = candidates[of_episode[episodes]]
        targets = self._targets[index]
        known = [row for row in candidates.tolist() if targets[row]]
        memories = [dataset.memory(row) for row in known]
        border = [
            not memory or targets[row] != memory[-1]
            for row, memory in zip(known, memories, strict=True)
        ]
        is_new = [
            is_border and not _is_told(targets[row], '', memory)
            for row, memory, is_border in zip(known, memories, border, strict=True)
        ]
        rows = np.array([[index, row] for row in known], np.int64).reshape(-1, 2)
        runs = np.array([bool(memory) for memory in memories], bool)
        names = dataset.texts('task', known)
        tasks = np.array([zlib.crc32(name.encode()) for name in names], np.int64)
        folder = dataset.directory.name
        weights = np.array([weight_of(self._weights, folder, name) for name in names], float)
        return _Rows(rows, np.array(border, bool), np.array(is_new, bool), runs, tasks, weights)


class _Rows(NamedTuple):
    """Rows of a dataset: dataset and row (N, 2), at a border?, a new name?, …, tasks, weights."""

    rows: np.ndarray
    is_border: np.ndarray
    is_new: np.ndarray
    runs: np.ndarray
    tasks: np.ndarray
    weights: np.ndarray


class _TaskDraw:
    """Draws numbers by weight, so that large tasks do not crowd out small ones."""

    def __init__(self, numbers: np.ndarray, tasks: np.ndarray, weights: np.ndarray) -> None:
        self._numbers = numbers
        if len(numbers):
            _, group, counts = np.unique(tasks[numbers], return_inverse=True, return_counts=True)
            weights = weights[numbers] / np.sqrt(counts[group])
            self._cumulative = np.cumsum(weights / weights.sum())

    def __len__(self) -> int:
        return len(self._numbers)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Numbers (count,), zeros where there is nothing to draw."""
        chances = rng.random(count)
        if not len(self._numbers):
            return np.zeros(count, np.int64)
        found = np.searchsorted(self._cumulative, chances)
        return self._numbers[np.minimum(found, len(self._numbers) - 1)]


def _denies_held_out(question: str, names: Sequence[str]) -> bool:
    """Whether a question names a look that training scenes never have.

    Training scenes would teach that there is no such thing.
    """
    return any(name in question and name not in names for name in _HELD_OUT_NAMES)


def _is_told(target: str, instruction: str, memory: Sequence[str]) -> bool:
    """Whether instruction and memory have all the names of a key step."""
    told = ' '.join((instruction, *memory))
    return all(name in told for name in _NAME.findall(target))


def _cells(text: str) -> frozenset[str]:
    return frozenset(match[0] for match in _CELL.finditer(text))


def _move_cells(step: str, probability: float, rng: np.random.Generator) -> str:
    """A key step whose cells are off by one now and then, as the planner's own are."""
    if probability <= 0:
        return step

    def move(match: re.Match[str]) -> str:
        if rng.random() >= probability:
            return match[0]
        cell = np.array([int(match[1]), int(match[2])]) + rng.integers(-1, 2, 2)
        column, row = np.clip(cell, 0, GRID_SIZE - 1).tolist()
        return f'({column}, {row})'

    return _CELL.sub(move, step)
