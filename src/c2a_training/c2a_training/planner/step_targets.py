# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which key step should be running at each row of a dataset.

Rows of a learned planner hold its own code, mistakes included: there the ground truth counts and
nothing else. One thing is forgiven. A key step that came early, and that the ground truth says
itself before the planner says another, was no mistake that has to be taken back: to go on is
right, or the planner would learn to go back and forth at every border. The row at which it came
early stays wrong.
"""

from __future__ import annotations

import numpy as np

from c2a_training.dataset.episode_dataset import EpisodeDataset


def find_targets(dataset: EpisodeDataset) -> list[str]:
    """The key step for each of N rows, empty where nobody knows it."""
    rows = np.arange(len(dataset))
    codes, truth = dataset.texts('code', rows), dataset.texts('oracle_code', rows)
    if not any(truth):
        return codes  # recorded without the ground truth
    return _forgive_early(dataset, codes, truth)


def _forgive_early(dataset: EpisodeDataset, codes: list[str], truth: list[str]) -> list[str]:
    targets = list(truth)
    subtask = dataset.subtask_id
    starts = {*dataset.episode_starts[:-1].tolist()}
    catches_up = False
    for row in range(len(codes) - 1, -1, -1):
        is_said_again = targets[row] == codes[row]
        begins = row in starts or subtask[row] != subtask[row - 1]
        if begins:  # at this row the key step is the planner's reply, not what it remembers
            catches_up = False
        elif is_said_again:
            catches_up = True
        elif catches_up and truth[row]:
            targets[row] = codes[row]
    return targets
