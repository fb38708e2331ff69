# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Where the sub-task and the episode of each row begin and end, and where a push comes next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from c2a_training.dataset.dataset_manifest import POLICY_OPTION, read_manifest
from c2a_training.dataset.episode_dataset import EpisodeDataset

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class RowSpans:
    """Rows of a dataset, each (N,) int64 in rows of the dataset.

    Attributes:
        action_end: row after the last action of the episode.
        subtask_begin: first row of the sub-task.
        subtask_end: row after the last one of the sub-task that has an action.
        next_push: first row of the next disturbance of the episode that begins after the row, or
            `NEVER`; where a policy disturbed, the next row that it moved the arm in, or the row
            itself: what the skill wanted in a stretch are answers to the policy's steps, not one
            way.
    """

    action_end: np.ndarray
    subtask_begin: np.ndarray
    subtask_end: np.ndarray
    next_push: np.ndarray


def find_spans(dataset: EpisodeDataset, subtask: np.ndarray) -> RowSpans:
    """Spans of a dataset's rows.

    Args:
        dataset: with `is_disturbed`.
        subtask: (N,), equal in the rows of one sub-task of an episode, see `RowLabels`.
    """
    starts = dataset.episode_starts
    # The last row of an episode has no action.
    action_end = np.repeat(starts[1:] - 1, np.diff(starts))
    begins = np.nonzero(_first_rows(dataset, subtask))[0]
    own = np.searchsorted(begins, np.arange(len(dataset)), side='right')
    subtask_end = np.append(begins, len(dataset))[own]
    return RowSpans(
        action_end,
        begins[own - 1],
        np.minimum(subtask_end, action_end),
        _next_pushes(dataset, action_end),
    )


def _first_rows(dataset: EpisodeDataset, values: np.ndarray) -> np.ndarray:
    """Whether (N,) each row differs from the one before, or begins an episode."""
    is_first = np.ones(len(values), bool)
    is_first[1:] = values[1:] != values[:-1]
    is_first[dataset.episode_starts[:-1]] = True
    return is_first


def _next_pushes(dataset: EpisodeDataset, action_end: np.ndarray) -> np.ndarray:
    is_pushed = dataset.is_disturbed
    if POLICY_OPTION in read_manifest(dataset.directory).options:
        pushes, side = np.nonzero(is_pushed)[0], 'left'
    else:
        pushes, side = np.nonzero(is_pushed & _first_rows(dataset, is_pushed))[0], 'right'
    after = np.searchsorted(pushes, np.arange(len(dataset)), side=side)
    found = np.append(pushes, NEVER)[after]
    return np.where(found < action_end, found, NEVER)
