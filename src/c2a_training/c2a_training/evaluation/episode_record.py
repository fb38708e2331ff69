# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What is kept of an evaluated episode: plain values that travel between processes and into JSON.

The verdict, and each key step that the planner wrote beside what the ground-truth follower said at
the same observation, with the cells of the objects it named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from c2a_training.evaluation.chunk_facts import ChunkFacts, facts_from_json

Cell = tuple[int, int]


@dataclass(frozen=True)
class NamedObject:
    """An object that a key step names.

    Attributes:
        name: colour and shape.
        cell: (column, row) that the planner wrote.
        true_cell: where the nearest object of that name is, None if there is none (semantics 5).
    """

    name: str
    cell: Cell
    true_cell: Cell | None

    @property
    def error(self) -> int | None:
        """Cells between the two, the larger of columns and rows; None without an object."""
        if self.true_cell is None:
            return None
        return max(abs(a - b) for a, b in zip(self.cell, self.true_cell, strict=True))


@dataclass(frozen=True)
class Answer:
    """One answer of the planner that was a key step or was meant to be one.

    Attributes:
        step: control step of the observation it was asked about.
        status: `ReplyStatus.KEY_STEP`, `REPEATED` or `INVALID`.
        text: the key step, canonical; the reply as it was where it is invalid.
        oracle: what the ground-truth follower said at this observation.
        deviation: how the key step differs from it, see `deviation.py`; empty if it does not.
        reason: why the reply is invalid.
        objects: the objects that it names, each once.
        tokens: length of the reply, None where the backend does not count.
    """

    step: int
    status: str
    text: str
    oracle: str
    deviation: str = ''
    reason: str = ''
    objects: tuple[NamedObject, ...] = ()
    tokens: int | None = None


@dataclass(frozen=True)
class EpisodeRecord:
    """One evaluated episode.

    Attributes:
        task: task name.
        seed: seed of the scene.
        success: the predicates held at the end.
        reason: how it ended, see `EpisodeResult.reason`; begins with ``error:`` if it crashed.
        failure: one of `failure_class.FAILURES`; empty for a success.
        steps: control steps.
        calls: skill calls.
        max_steps: the time-out in control steps.
        answers: of the planner, in order.
        skill_failures: why skills of the low level failed, each reason once.
        wall: wall times [s] and counts of decisions, which no other run repeats. With a policy
            `chunk_s` and `reaction_ms` are lists: of each chunk [s], of each key step [ms].
        chunks: low level policy: what its action chunks were like.
    """

    task: str
    seed: int
    success: bool
    reason: str
    failure: str = ''
    steps: int = 0
    calls: int = 0
    max_steps: int = 0
    answers: tuple[Answer, ...] = ()
    skill_failures: tuple[str, ...] = ()
    wall: Mapping[str, float | list[float]] = field(default_factory=dict)
    chunks: ChunkFacts | None = None

    @property
    def is_crash(self) -> bool:
        """Whether it ended by an exception."""
        return self.reason.startswith('error:')

    def as_json(self) -> dict[str, object]:
        """The record as JSON values."""
        return asdict(self)


def record_from_json(value: Mapping[str, object]) -> EpisodeRecord:
    """The inverse of `EpisodeRecord.as_json`, also after JSON made lists of tuples.

    Raises:
        KeyError, TypeError: if the value is not such a record.
    """
    fields = dict(value)
    fields['answers'] = tuple(_answer(answer) for answer in fields.get('answers', ()))
    fields['skill_failures'] = tuple(fields.get('skill_failures', ()))
    fields['chunks'] = facts_from_json(fields.get('chunks'))
    return EpisodeRecord(**fields)


def _answer(value: Mapping[str, object]) -> Answer:
    objects = tuple(
        NamedObject(entry['name'], _cell(entry['cell']), _cell(entry['true_cell']))
        for entry in value['objects']
    )
    return Answer(**{**value, 'objects': objects})


def _cell(value: list[int] | None) -> Cell | None:
    return None if value is None else (value[0], value[1])
