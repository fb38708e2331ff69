# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which key step should be running at each row of a dataset.

Rows of a learned planner hold its own code, mistakes included: there the ground truth counts and
nothing else. One thing is forgiven. A key step that came early was no mistake that has to be taken
back if the ground truth says it, too, before the planner goes on, or if both go on to what never
was before. To go on is right then, or the planner would learn to go back and forth at every
border. The row at which it came early stays wrong.
"""

from __future__ import annotations

import re

import numpy as np

from c2a_training.dataset.episode_dataset import EpisodeDataset

_CELL = re.compile(r'\(\d, \d\)')


def find_targets(dataset: EpisodeDataset) -> list[str]:
    """The key step for each of N rows, empty where nobody knows it."""
    rows = np.arange(len(dataset))
    codes, truth = dataset.texts('code', rows), dataset.texts('oracle_code', rows)
    if not any(truth):
        return codes  # recorded without the ground truth
    return _forgive_early(dataset, codes, truth)


def _forgive_early(dataset: EpisodeDataset, codes: list[str], truth: list[str]) -> list[str]:
    targets = list(truth)
    for start, end in zip(dataset.episode_starts, dataset.episode_starts[1:], strict=False):
        subtask = dataset.subtask_id[start:end]
        begins = start + np.nonzero(np.diff(subtask, prepend=subtask[0] - 1))[0]
        stands = zip(begins.tolist(), [*begins[1:].tolist(), int(end)], strict=True)
        said: set[str] = set()
        for begin, after in stands:
            said.add(_without_cells(codes[begin]))
            for row in _forgiven(codes, truth, begin, after, int(end), said):
                targets[row] = codes[row]
    return targets


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
