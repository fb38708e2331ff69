# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How a planner's labels differ from the demonstrator's: borders that moved, other key steps.

Two key steps are the same call if they differ in cells alone; they are matched in order.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from c2a_core.skill_api import SkillCodeError, parse_key_step
from c2a_training.rollout_rows import DONE_CODE
from c2a_training.statistics import percentile

_CELL = re.compile(r"(get_actor\('[^']*', )\(\d+, \d+\)")


@dataclass(frozen=True)
class Labels:
    """Labels of an episode's rows but the last.

    Attributes:
        code: running key step of each row.
        is_key_step: whether it begins there.
    """

    code: Sequence[str]
    is_key_step: Sequence[bool]

    def borders(self) -> list[tuple[int, str]]:
        """Row and text of each key step, without ``done()``."""
        pairs = zip(self.code, self.is_key_step, strict=True)
        return [
            (row, code) for row, (code, begins) in enumerate(pairs) if begins and code != DONE_CODE
        ]


@dataclass(frozen=True)
class Comparison:
    """One episode's labels against those that were there before.

    Attributes:
        rows: with an action.
        differing: rows whose call is another one.
        shifts: of each matched border but the first: rows later, negative for earlier.
        cell_errors: of each object that a matched key step names: cells between the two.
        missed: key steps of the demonstrator that the planner never wrote.
        added: key steps of the planner that the demonstrator has not.
        early_done: rows at which the planner had said ``done()``.
    """

    rows: int
    differing: int
    shifts: tuple[int, ...]
    cell_errors: tuple[int, ...]
    missed: int
    added: int
    early_done: int


def compare_labels(before: Labels, after: Labels) -> Comparison:
    """Compare two labellings of one episode."""
    ours, theirs = after.borders(), before.borders()
    matcher = difflib.SequenceMatcher(
        None, [without_cells(c) for _, c in theirs], [without_cells(c) for _, c in ours], False
    )
    pairs = [
        (theirs[block.a + i], ours[block.b + i])
        for block in matcher.get_matching_blocks()
        for i in range(block.size)
    ]
    rows = list(zip(before.code, after.code, strict=True))
    return Comparison(
        rows=len(rows),
        differing=sum(without_cells(one) != without_cells(two) for one, two in rows),
        shifts=tuple(two[0] - one[0] for one, two in pairs if one[0] > 0 or two[0] > 0),
        cell_errors=tuple(e for one, two in pairs for e in _cell_errors(one[1], two[1])),
        missed=len(theirs) - len(pairs),
        added=len(ours) - len(pairs),
        early_done=sum(two == DONE_CODE != one for one, two in rows),
    )


def without_cells(code: str) -> str:
    """A key step with the cells of its objects blanked."""
    return _CELL.sub(r'\1…', code)


def summarize_comparisons(comparisons: Sequence[Comparison]) -> dict[str, object]:
    """The comparisons of many episodes, as JSON values."""
    shifts = [shift for entry in comparisons for shift in entry.shifts]
    errors = [error for entry in comparisons for error in entry.cell_errors]
    rows = sum(entry.rows for entry in comparisons)
    return {
        'episodes': len(comparisons),
        'rows': rows,
        'rows_differing': _share(sum(entry.differing for entry in comparisons), rows),
        'borders': len(shifts),
        'borders_moved': _share(sum(shift != 0 for shift in shifts), len(shifts)),
        'shift_median': percentile(shifts, 50),
        'shift_p5': percentile(shifts, 5),
        'shift_p95': percentile(shifts, 95),
        'missed': sum(entry.missed for entry in comparisons),
        'added': sum(entry.added for entry in comparisons),
        'early_done_rows': sum(entry.early_done for entry in comparisons),
        'cells_exact': _share(sum(error == 0 for error in errors), len(errors)),
        'cells_within_one': _share(sum(error <= 1 for error in errors), len(errors)),
    }


def _cell_errors(one: str, two: str) -> list[int]:
    try:
        pairs = zip(parse_key_step(one).actors(), parse_key_step(two).actors(), strict=True)
        return [
            max(abs(a - b) for a, b in zip(mine.cell, yours.cell, strict=True))
            for mine, yours in pairs
        ]
    except SkillCodeError:
        return []


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
