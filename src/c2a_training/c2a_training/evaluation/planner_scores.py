# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Scores of single replies of a planner against the ground truth. Text only, no model."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from dataclasses import dataclass, field

from c2a_core.memory import KeyStepMemory
from c2a_core.skill_api import KeyStepCode, SkillCodeError, is_commented, parse_key_step
from c2a_core.types import ReplyStatus
from c2a_planner.replies import judge_reply
from c2a_training.evaluation.deviation import without_objects
from c2a_training.statistics import percentile

STEP, KEY_STEP, WHERE = 'step', 'key_step', 'where'
_CELL = re.compile(r'\((\d), (\d)\)')


@dataclass(frozen=True)
class Said:
    """One reply.

    Attributes:
        task: of the row.
        kind: `step`, `key_step`, or a kind of question.
        truth: the right reply.
        text: the reply.
        memory: key steps in the prompt.
    """

    task: str
    kind: str
    truth: str
    text: str
    memory: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Word for word."""
        return self.text == self.truth

    @property
    def is_border(self) -> bool:
        """Whether a new key step is due."""
        return not is_commented(self.truth)


@dataclass
class _Share:
    """So many of so many."""

    hits: int = 0
    n: int = 0

    def add(self, is_hit: bool) -> None:
        self.hits += is_hit
        self.n += 1

    def as_json(self) -> dict[str, float | int | None]:
        return {'share': round(self.hits / self.n, 4) if self.n else None, 'n': self.n}


_SHARES = ('exact', 'function', 'call', 'objects', 'invalid', 'goes_on')


@dataclass
class PlannerScores:
    """Counts over replies; `as_json` has the figures.

    Attributes:
        shares: name -> share: of key steps `exact` (word for word), `function`, `call` (all but
            the objects), `objects` (their names, in order), `invalid` (of all code replies) and
            `goes_on` (of rows inside a sub-task, the reply says so).
        questions: kind -> share of right answers.
        found, missed, early: borders that were noticed, that were not, and key steps that were
            written where none was due (the request without a choice of words).
        cell_errors: of the cells in key steps that name the right objects: count by size.
        where_errors: of the cells in answers to `where`: count by size.
        mistakes: (kind, truth, reply) without cells -> count.
    """

    shares: dict[str, _Share] = field(default_factory=lambda: {s: _Share() for s in _SHARES})
    questions: dict[str, _Share] = field(default_factory=dict)
    found: int = 0
    missed: int = 0
    early: int = 0
    cell_errors: Counter[int] = field(default_factory=Counter)
    where_errors: Counter[int] = field(default_factory=Counter)
    mistakes: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, said: Said) -> None:
        """Count one reply."""
        if said.kind in (STEP, KEY_STEP):
            self._add_code(said)
        else:
            self.questions.setdefault(said.kind, _Share()).add(said.is_right)
            if said.kind == WHERE:
                self.where_errors.update(_pair_errors(said.truth, said.text))
        if not said.is_right and _blank(said.truth) != _blank(said.text):
            self.mistakes[said.kind, _blank(said.truth), _blank(said.text)] += 1

    def _add_code(self, said: Said) -> None:
        judgement = judge_reply(
            said.text, said.memory, _known_keys(said.memory), said.kind == KEY_STEP
        )
        is_invalid = judgement.status == ReplyStatus.INVALID
        self.shares['invalid'].add(is_invalid)
        if said.kind == STEP:
            is_new = judgement.status == ReplyStatus.KEY_STEP
            self.found += said.is_border and is_new
            self.missed += said.is_border and not is_new
            self.early += is_new and not said.is_border
            if not said.is_border:
                self.shares['goes_on'].add(judgement.status == ReplyStatus.SAME)
            return
        self._compare(said)

    def _compare(self, said: Said) -> None:
        """Compare a key step that was asked for with the right one."""
        self.shares['exact'].add(said.is_right)
        truth, code = parse_key_step(said.truth), _parse(said.text)
        self.shares['function'].add(code is not None and code.call.function == truth.call.function)
        has_call = code is not None and without_objects(code.render()) == without_objects(
            truth.render()
        )
        self.shares['call'].add(has_call)
        if not truth.actors():
            return
        ours = () if code is None else code.actors()
        names = [actor.name for actor in truth.actors()]
        has_objects = [actor.name for actor in ours] == names
        self.shares['objects'].add(has_objects)
        if has_objects:
            pairs = zip(ours, truth.actors(), strict=True)
            self.cell_errors.update(_distance(a.cell, b.cell) for a, b in pairs)

    def as_json(self) -> dict[str, object]:
        """The figures as JSON values; shares are None where nothing was asked."""
        said_new = self.found + self.early
        due = self.found + self.missed
        return {
            **{name: share.as_json() for name, share in self.shares.items()},
            'key_step_precision': {'share': _ratio(self.found, said_new), 'n': said_new},
            'key_step_recall': {'share': _ratio(self.found, due), 'n': due},
            'cell_error': _errors_as_json(self.cell_errors),
            'questions': {kind: share.as_json() for kind, share in sorted(self.questions.items())},
            'where_error': _errors_as_json(self.where_errors),
        }


def _errors_as_json(counts: Counter[int]) -> dict[str, object]:
    n = counts.total()
    return {
        'n': n,
        'median': percentile(counts.elements(), 50),
        'exact': _ratio(counts[0], n),
        'within_one': _ratio(counts[0] + counts[1], n),
        'histogram': [counts[size] for size in range(10)],
    }


def _ratio(hits: int, n: int) -> float | None:
    return round(hits / n, 4) if n else None


def _pair_errors(truth: str, text: str) -> list[int]:
    """Errors of the cells in an answer that has as many as the right one, at least one."""
    ours, theirs = _cells(text), _cells(truth)
    if not theirs or len(ours) != len(theirs):
        return []
    return [_distance(a, b) for a, b in zip(ours, theirs, strict=True)]


def _cells(text: str) -> list[tuple[int, int]]:
    return [(int(column), int(row)) for column, row in _CELL.findall(text)]


def _distance(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Cells between two, the larger of columns and rows."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def _blank(text: str) -> str:
    """A reply without its cells."""
    return _CELL.sub('(·, ·)', text)


def _parse(text: str) -> KeyStepCode | None:
    try:
        return parse_key_step(text)
    except SkillCodeError:
        return None


def _known_keys(memory: tuple[str, ...]) -> tuple[str, ...]:
    """Keys of `pose_dict` that a memory has set; recorded memories may have odd steps."""
    remembered = KeyStepMemory()
    for step in memory:
        with contextlib.suppress(SkillCodeError):
            remembered.append(step)
    return remembered.keys()
