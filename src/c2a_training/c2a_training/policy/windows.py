# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Rows that a policy learns from, each with its text and the actions from there on.

    windows = PolicyWindows(datasets, WindowSettings(pred_horizon=16))
    numbers = windows.draw(rng, 64)
    actions, mask = windows.actions(numbers)

Of an episode of 5 actions, the window at row 3 with a horizon of 4 (the last row has no action):

    row       0    1    2    3    4    5
    action    a0   a1   a2   a3   a4   -
    window                   a3   a4   hold hold
    mask                     1    1    0    0

Actions run past the borders of sub-tasks as recorded (the paper's), or are masked from there on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from c2a_core.spaces import ACTION_DIM, VACUUM
from c2a_core.types import FloatArray
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.planner.examples import is_held_out
from c2a_training.policy.row_labels import LabelText, RowLabels, check_strategy, label_rows


class NoWindowsError(ValueError):
    """There is nothing to learn from."""


@dataclass(frozen=True)
class WindowSettings:
    """What is learned from which rows.

    Attributes:
        labels: which code and cache info: recorded, oracle, shift:N, relabel or rollout.
        flat: the instruction in place of the code, no cache info.
        mask_past_border: chunks are learned up to the next border only.
        balance: `rows`: each row is drawn as often as any other; `tasks`: each task is.
        weights: `TASK=W` or `DATASET=W`: rows of that task, or of the dataset with that directory
            name, are drawn W times as often; 0 leaves them out.
        successes_only: leave out episodes that failed.
        validation_share: share of the episodes that is held out, by a hash of their names.
    """

    labels: str = 'recorded'
    flat: bool = False
    mask_past_border: bool = False
    balance: Literal['rows', 'tasks'] = 'rows'
    weights: tuple[str, ...] = ()
    successes_only: bool = True
    validation_share: float = 0.03

    def __post_init__(self) -> None:
        check_strategy(self.labels)
        if not 0 <= self.validation_share < 1:
            raise ValueError(
                f'validation_share is {self.validation_share}, expected at least 0 and under 1'
            )
        self.weight_of()

    def weight_of(self) -> dict[str, float]:
        """The weights by name.

        Raises:
            ValueError: for what is no weight.
        """
        found = {}
        for text in self.weights:
            name, equals, value = text.partition('=')
            try:
                weight = float(value)
            except ValueError:
                weight = -1.0
            if not equals or not name or not 0 <= weight < float('inf'):
                raise ValueError(f'weight {text!r}: expected NAME=W with W at least 0')
            found[name] = weight
        return found


class PolicyWindows:
    """Windows of one or more datasets, numbered through.

    Attributes:
        rows: (N, 2) int64, dataset and row of each window's first step, sorted by both.
        group_of: (N,) int32, number of dataset and task in `groups`.
        groups: (dataset's directory name, task) of each group.
        shares: (G,) how often each group is drawn.
        texts: code and cache info that occur.

    Args:
        datasets: with pictures in every row.
        settings: what is learned.
        pred_horizon: actions of a window.
        seed: of shifted borders.
        held_out: the episodes for validation instead of those for training.

    Raises:
        NoWindowsError: if no row is left.
    """

    def __init__(
        self,
        datasets: Sequence[EpisodeDataset],
        settings: WindowSettings,
        *,
        pred_horizon: int,
        seed: int = 0,
        held_out: bool = False,
    ) -> None:
        self.datasets = tuple(datasets)
        self.settings = settings
        self.pred_horizon = pred_horizon
        self._labels = [
            label_rows(dataset, settings.labels, flat=settings.flat, seed=seed)
            for dataset in self.datasets
        ]
        self._ends = [_action_ends(dataset) for dataset in self.datasets]
        self._choose_rows(held_out)
        self._number_texts()
        self._starts, self._counts = _runs(self.group_of, len(self.groups))
        self.shares = self._group_shares()

    def __len__(self) -> int:
        return len(self.rows)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Numbers (count,) of windows, drawn by the weights with replacement."""
        group = np.searchsorted(np.cumsum(self.shares), rng.random(count), side='right')
        # Sums of shares may end a hair under 1.
        group = np.minimum(group, len(self.groups) - 1)
        within = (rng.random(count) * self._counts[group]).astype(np.int64)
        return self._starts[group] + np.minimum(within, self._counts[group] - 1)

    def spread(self, count: int) -> np.ndarray:
        """Numbers of up to so many windows, at equal distances through all of them."""
        count = min(count, len(self))
        return np.linspace(0, len(self) - 1, count).astype(np.int64) if count else np.zeros(0, int)

    def actions(self, numbers: np.ndarray) -> tuple[FloatArray, np.ndarray]:
        """Actions of windows.

        Args:
            numbers: (B,) of windows.

        Returns:
            Actions (B, H, 7) float32 as recorded; after the end the robot holds, its vacuum as
            it was. Mask (B, H) bool: which of them are to be learned.
        """
        actions = np.zeros((len(numbers), self.pred_horizon, ACTION_DIM), np.float32)
        mask = np.zeros((len(numbers), self.pred_horizon), bool)
        for index, at in self._by_dataset(numbers):
            dataset, ends = self.datasets[index], self._ends[index]
            first = self.rows[numbers[at], 1]
            rows = first[:, None] + np.arange(self.pred_horizon)  # (b, H)
            is_there = rows < ends[first][:, None]
            known = np.minimum(rows, ends[first][:, None] - 1)
            chunk = dataset.actions[known]
            chunk[~is_there, :VACUUM] = 0.0
            actions[at] = chunk
            if self.settings.mask_past_border:
                subtask = self._labels[index].subtask
                is_there &= subtask[known] == subtask[first][:, None]
            mask[at] = is_there
        return actions, mask

    def proprioception(self, numbers: np.ndarray) -> FloatArray:
        """State (B, 24) float32 at the first row of each window."""
        out = [np.empty(0)] * len(numbers)
        for index, at in self._by_dataset(numbers):
            states = self.datasets[index].proprioception[self.rows[numbers[at], 1]]
            for place, state in zip(at.tolist(), states, strict=True):
                out[place] = state
        return np.stack(out)

    def text(self, numbers: np.ndarray) -> np.ndarray:
        """Number (B,) in `texts` of each window's text."""
        return self._text[numbers]

    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks."""
        return tuple(sorted({task for _, task in self.groups}))

    def _by_dataset(self, numbers: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Places of the windows of each dataset."""
        owner = self.rows[numbers, 0]
        return [(index, np.nonzero(owner == index)[0]) for index in np.unique(owner).tolist()]

    def _choose_rows(self, held_out: bool) -> None:
        rows, group_of, self.groups = [], [], []
        settings, weights = self.settings, self._known_weights()
        for index, (dataset, labels) in enumerate(zip(self.datasets, self._labels, strict=True)):
            chosen = _usable_rows(dataset, labels, settings, held_out)
            task = np.array([episode.task for episode in dataset.episodes])
            task_of = task[dataset.episode_of(chosen)]
            # Windows of a group lie side by side.
            for name in np.unique(task_of).tolist():
                group = (dataset.directory.name, name)
                if not _weight(weights, group):
                    continue
                own = chosen[task_of == name]
                rows.append(np.stack([np.full(len(own), index), own], axis=1))
                group_of.append(np.full(len(own), len(self.groups), np.int32))
                self.groups.append(group)
        if not rows:
            what = 'validation' if held_out else 'training'
            raise NoWindowsError(
                f'the data have no rows with both pictures, an action and a weight over 0 for '
                f'{what}: generate more episodes, with --pictures all'
            )
        self.rows = np.concatenate(rows).astype(np.int64)
        self.group_of = np.concatenate(group_of)

    def _number_texts(self) -> None:
        numbers: dict[LabelText, int] = {}
        self._text = np.empty(len(self.rows), np.int32)
        for index, labels in enumerate(self._labels):
            mine = self.rows[:, 0] == index
            own = labels.text[self.rows[mine, 1]]
            used = np.unique(own)
            new = {at: numbers.setdefault(labels.texts[at], len(numbers)) for at in used.tolist()}
            lookup = np.zeros(len(labels.texts), np.int32)
            lookup[used] = [new[at] for at in used.tolist()]
            self._text[mine] = lookup[own]
        self.texts = tuple(numbers)

    def _known_weights(self) -> dict[str, float]:
        """The weights, all of them of tasks and datasets that there are.

        Raises:
            ValueError: for a name that is none.
        """
        weights = self.settings.weight_of()
        known = {dataset.directory.name for dataset in self.datasets}
        known |= {episode.task for dataset in self.datasets for episode in dataset.episodes}
        unknown = sorted(weights.keys() - known)
        if unknown:
            raise ValueError(
                f'no task and no dataset is named {unknown[0]}: the data have '
                f'{", ".join(sorted(known))}'
            )
        return weights

    def _group_shares(self) -> np.ndarray:
        weights = self._known_weights()
        shares = self._counts.astype(float)
        if self.settings.balance == 'tasks':
            tasks = np.array([task for _, task in self.groups])
            shares /= np.array([shares[tasks == task].sum() for task in tasks])
        shares *= [_weight(weights, group) for group in self.groups]
        return shares / shares.sum()


def _weight(weights: dict[str, float], group: tuple[str, str]) -> float:
    """Of a dataset's rows of a task."""
    dataset, task = group
    return weights.get(dataset, 1.0) * weights.get(task, 1.0)


def _usable_rows(
    dataset: EpisodeDataset, labels: RowLabels, settings: WindowSettings, held_out: bool
) -> np.ndarray:
    """Rows of a dataset at which windows begin."""
    share = settings.validation_share
    is_mine = np.array(
        [
            is_held_out(episode.episode, share) == held_out
            and (episode.success or not settings.successes_only)
            for episode in dataset.episodes
        ]
    )
    is_usable = is_mine[dataset.episode_of(np.arange(len(dataset)))] & labels.is_target
    is_usable &= dataset.has_base_picture & dataset.has_wrist_picture
    return np.nonzero(is_usable)[0]


def _action_ends(dataset: EpisodeDataset) -> np.ndarray:
    """Row (N,) after the last action of each row's episode."""
    counts = np.diff(dataset.episode_starts)
    # The last row of an episode has no action.
    return np.repeat(dataset.episode_starts[1:] - 1, counts)


def _runs(group_of: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each group begins, and how many windows it has."""
    counts = np.bincount(group_of, minlength=groups)
    return np.concatenate([[0], np.cumsum(counts)[:-1]]), counts
