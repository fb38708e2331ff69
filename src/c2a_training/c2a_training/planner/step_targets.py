# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which key step should be running at each row of a dataset.

Rows of a learned planner hold its own code, mistakes included: there the ground truth counts and
nothing else. Two things are forgiven, or the planner would learn to go back and forth.

* A key step that came early was no mistake that has to be taken back if the ground truth says it,
  too, before the planner goes on, or if both go on to what never was before. The row at which it
  came early stays wrong.
* While a skill makes contact (picks, places, topples, pushes) the ground truth goes back to the
  move before it as soon as the arm is not where that move ends. A policy gets there on its own.
"""

from __future__ import annotations

import re

import numpy as np

from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.rollout_rows import DONE_CODE

_CELL = re.compile(r'\((\d), (\d)\)')
_MOVE = 'move3d('
# So many cells an object may have moved without having to be approached anew.
_NEAR_CELLS = 1


def find_targets(dataset: EpisodeDataset) -> list[str]:
    """The key step for each of N rows, empty where nobody knows it."""
    rows = np.arange(len(dataset))
    codes, truth = dataset.texts('code', rows), dataset.texts('oracle_code', rows)
    if not any(truth):
        return codes  # recorded without the ground truth
    targets = list(truth)
    for start, end in zip(dataset.episode_starts, dataset.episode_starts[1:], strict=False):
        subtask = dataset.subtask_id[start:end]
        begins = start + np.nonzero(np.diff(subtask, prepend=subtask[0] - 1))[0]
        _forgive(targets, codes, truth, [*begins.tolist(), int(end)])
    return targets


def _forgive(targets: list[str], codes: list[str], truth: list[str], borders: list[int]) -> None:
    """Correct the targets of an episode.

    Args:
        targets: of all rows; becomes what is right.
        codes: what the planner said.
        truth: what the ground truth said.
        borders: rows of the episode at which the planner said something new, and the row after
            the episode.
    """
    said: set[str] = set()
    before, last = '', ''
    for begin, after in zip(borders, borders[1:], strict=False):
        # At its first row a key step is a reply; only later rows remember it.
        if _goes_back(truth[begin], last, before):
            targets[begin] = last
        before, last = last, codes[begin]
        said.add(_without_cells(last))
        for row in range(begin + 1, after):
            if _goes_back(truth[row], last, before):
                targets[row] = last
        for row in _forgiven(codes, truth, begin, after, borders[-1], said):
            targets[row] = last


def _goes_back(truth: str, last: str, before: str) -> bool:
    """Whether the ground truth goes back from contact to the move before it.

    Args:
        truth: what it says.
        last: the last key step.
        before: the one before that.
    """
    if _MOVE not in before or _MOVE in last or last in ('', DONE_CODE):
        return False
    if _without_cells(truth) != _without_cells(before):
        return False
    cells = zip(_CELL.findall(truth), _CELL.findall(before), strict=True)
    return all(
        abs(int(a) - int(b)) <= _NEAR_CELLS
        for cell, other in cells
        for a, b in zip(cell, other, strict=True)
    )


def _forgiven(
    codes: list[str], truth: list[str], begin: int, after: int, end: int, said: set[str]
) -> list[int]:
    """Rows at which a key step that came early may stand.

    Args:
        codes: what the planner said.
        truth: the same of the ground truth.
        begin: row at which the planner said it; only later rows remember it.
        after: row at which it said another.
        end: row after the episode.
        said: what it has said in the episode so far, without cells.
    """
    code, rows = codes[begin], range(begin + 1, after)
    if truth[begin] == code:
        return []
    caught_up = [row for row in rows if truth[row] == code]
    if caught_up:
        return [row for row in range(begin + 1, caught_up[-1]) if truth[row]]
    if after < end and truth[after] == codes[after] and _without_cells(codes[after]) not in said:
        early = _without_cells(truth[begin])
        return [row for row in rows if _without_cells(truth[row]) == early]
    return []


def _without_cells(code: str) -> str:
    return _CELL.sub('', code)
