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

What is over rests, its vacuum as it was, and that is learned. Actions run past the borders of
sub-tasks as recorded (the paper's), or hold or are masked from there on. Where a recorded action
was disturbed on purpose, what was intended is learned. What comes after a push that a window's
first row could not foresee is not:

    row            0    1    2    3    4    5    6
    pushed         -    -    -    yes  yes  -    -
    window at 0    i0   i1   i2   i3   x    x    ...     drawn if 3 > undisturbed_rows, x masked
    window at 4                        i4   i5   i6      teaches recovery

Where a policy moved the arm in rows 3 and 4, only its first action could be learned from a window
in them: what the skill wanted there are answers to its steps. The window at 5 shows how the
skill went on from where the policy had led.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from c2a_core.geometry import quat_wxyz_from_xyzw, rotation_matrix_from_quat_wxyz
from c2a_core.spaces import ACTION_DIM, GRID_SIZE, PROPRIO_NAMES, VACUUM
from c2a_core.types import FloatArray
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.policy.row_labels import LabelText, check_strategy, label_rows
from c2a_training.policy.row_spans import NEVER, RowSpans, find_spans
from c2a_training.training.held_out import is_held_out
from c2a_training.training.weights import check_weights, read_weights

PAST_BORDER = ('next', 'mask', 'hold')
BORDER_ROWS = 2
"""Rows of a sub-task that count as its beginning: most chunks are asked for there."""

_EE_X, _EE_QX = PROPRIO_NAMES.index('ee_x'), PROPRIO_NAMES.index('ee_qx')
_EE_POSITION, _EE_QUATERNION = slice(_EE_X, _EE_X + 3), slice(_EE_QX, _EE_QX + 4)


class NoWindowsError(ValueError):
    """There is nothing to learn from."""


@dataclass(frozen=True)
class WindowSettings:
    """What is learned from which rows.

    Attributes:
        labels: which code and cache info: recorded, oracle, shift:N, relabel or rollout.
        flat: the instruction in place of the code, no cache info.
        past_border: what a chunk learns after the end of its sub-task: `next`, the actions that
            were recorded there; `hold`, to rest there; `mask`, nothing.
        undisturbed_rows: a window is left out if a push begins so many rows after its first one
            or less, as what follows could not be foreseen; 0 leaves out none.
        border_weight: the first rows of each sub-task are drawn so many times as often.
        balance: `rows`: each row is drawn as often as any other; `tasks`: each task is.
        weights: `TASK=W` or `DATASET=W`: rows of that task, or of the dataset with that directory
            name, are drawn W times as often; 0 leaves them out.
        successes_only: leave out episodes that failed.
        validation_share: share of the episodes that is held out, by a hash of their names.
    """

    labels: str = 'recorded'
    flat: bool = False
    past_border: Literal['next', 'mask', 'hold'] = 'next'
    undisturbed_rows: int = 8
    border_weight: float = 1.0
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
        if self.past_border not in PAST_BORDER:
            raise ValueError(
                f'past_border is {self.past_border!r}, expected one of {", ".join(PAST_BORDER)}'
            )
        if self.undisturbed_rows < 0 or not 0 < self.border_weight < float('inf'):
            raise ValueError(
                f'undisturbed_rows is {self.undisturbed_rows} and border_weight '
                f'{self.border_weight}, expected at least 0 and more than 0'
            )
        self.weight_of()

    def weight_of(self) -> dict[str, float]:
        """The weights by name.

        Raises:
            ValueError: for what is no weight.
        """
        return read_weights(self.weights)


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
        self._spans = [
            find_spans(dataset, labels.subtask)
            for dataset, labels in zip(self.datasets, self._labels, strict=True)
        ]
        self._ends = [_ends(spans, settings) for spans in self._spans]
        self._pushes = [
            np.where(spans.next_push < end, spans.next_push, NEVER)
            for spans, end in zip(self._spans, self._ends, strict=True)
        ]
        self._choose_rows(held_out)
        self._number_texts()
        self._weigh()

    def __len__(self) -> int:
        return len(self.rows)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Numbers (count,) of windows, drawn by the weights with replacement."""
        found = np.searchsorted(self._chances, rng.random(count) * self._chances[-1], 'right')
        return np.minimum(found, len(self) - 1)

    def spread(self, count: int) -> np.ndarray:
        """Numbers of up to so many windows, at equal distances through all of them."""
        count = min(count, len(self))
        return np.linspace(0, len(self) - 1, count).astype(np.int64) if count else np.zeros(0, int)

    def actions(self, numbers: np.ndarray) -> tuple[FloatArray, np.ndarray]:
        """Actions of windows.

        Args:
            numbers: (B,) of windows.

        Returns:
            Actions (B, H, 7) float32 as they were intended; after the end the robot holds, its
            vacuum as it was. Mask (B, H) bool: which of them are to be learned.
        """
        actions = np.zeros((len(numbers), self.pred_horizon, ACTION_DIM), np.float32)
        mask = np.zeros((len(numbers), self.pred_horizon), bool)
        for index, at in self._by_dataset(numbers):
            first = self.rows[numbers[at], 1]
            end = self._ends[index][first][:, None]
            rows = first[:, None] + np.arange(self.pred_horizon)  # (b, H)
            is_over = rows >= end
            chunk = self.datasets[index].intended_actions[np.minimum(rows, end - 1)]
            chunk[is_over, :VACUUM] = 0.0
            actions[at] = chunk
            mask[at] = rows <= self._pushes[index][first][:, None]
            if self.settings.past_border == 'mask':
                mask[at] &= ~is_over | (end == self._spans[index].action_end[first][:, None])
        return actions, mask

    def proprioception(self, numbers: np.ndarray) -> FloatArray:
        """State (B, 24) float32 at the first row of each window."""
        out = [np.empty(0)] * len(numbers)
        for index, at in self._by_dataset(numbers):
            states = self.datasets[index].proprioception[self.rows[numbers[at], 1]]
            for place, state in zip(at.tolist(), states, strict=True):
                out[place] = state
        return np.stack(out)

    def goals(self, numbers: np.ndarray) -> FloatArray:
        """Way (B, 3) float32 [m] to the last row of the sub-task, in the end effector's frame."""
        ways = np.empty((len(numbers), 3), np.float32)
        for index, at in self._by_dataset(numbers):
            first = self.rows[numbers[at], 1]
            states = self.datasets[index].proprioception
            last = states[self._spans[index].subtask_end[first] - 1, _EE_POSITION]
            rotation = rotation_matrix_from_quat_wxyz(
                quat_wxyz_from_xyzw(states[first, _EE_QUATERNION])
            )
            way = last - states[first, _EE_POSITION]
            ways[at] = np.einsum('bi,bij->bj', way, rotation)  # by the inverse rotation
        return ways

    def cell_labels(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Colours and shapes (B, 100) int64 of the base picture's cells; -1 where unknown."""
        found = np.full((2, len(numbers), GRID_SIZE**2), -1, np.int64)
        for index, at in self._by_dataset(numbers):
            dataset, rows = self.datasets[index], self.rows[numbers[at], 1]
            has = dataset.has_labels[rows]
            for grid, labels in zip(
                found, (dataset.cell_colors, dataset.cell_shapes), strict=True
            ):
                grid[at[has]] = labels(rows[has])
        return found[0], found[1]

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
        for index, dataset in enumerate(self.datasets):
            is_usable = self._labels[index].is_target & _is_usable(dataset, settings, held_out)
            if settings.undisturbed_rows:
                foreseen = np.arange(len(dataset)) + settings.undisturbed_rows
                is_usable &= self._pushes[index] > foreseen
            chosen = np.nonzero(is_usable)[0]
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
        check_weights(weights, self.datasets)
        return weights

    def _weigh(self) -> None:
        """How often each window is drawn, and each group."""
        weight = np.ones(len(self))
        for index, at in self._by_dataset(np.arange(len(self))):
            rows = self.rows[at, 1]
            is_beginning = rows - self._spans[index].subtask_begin[rows] < BORDER_ROWS
            weight[at[is_beginning]] = self.settings.border_weight
        sums = np.bincount(self.group_of, weight, len(self.groups))
        self.shares = self._group_shares(sums)
        self._chances = np.cumsum(weight * (self.shares / sums)[self.group_of])

    def _group_shares(self, sums: np.ndarray) -> np.ndarray:
        weights, shares = self._known_weights(), sums.copy()
        if self.settings.balance == 'tasks':
            tasks = np.array([task for _, task in self.groups])
            shares /= np.array([shares[tasks == task].sum() for task in tasks])
        shares *= [_weight(weights, group) for group in self.groups]
        return shares / shares.sum()


def _weight(weights: dict[str, float], group: tuple[str, str]) -> float:
    """Of a dataset's rows of a task."""
    dataset, task = group
    return weights.get(dataset, 1.0) * weights.get(task, 1.0)


def _is_usable(dataset: EpisodeDataset, settings: WindowSettings, held_out: bool) -> np.ndarray:
    """Whether (N,) a row has pictures and belongs to an episode that is learned from."""
    share = settings.validation_share
    is_mine = np.array(
        [
            is_held_out(episode.episode, share) == held_out
            and (episode.success or not settings.successes_only)
            for episode in dataset.episodes
        ]
    )
    has_pictures = dataset.has_base_picture & dataset.has_wrist_picture
    return is_mine[dataset.episode_of(np.arange(len(dataset)))] & has_pictures


def _ends(spans: RowSpans, settings: WindowSettings) -> np.ndarray:
    """Row (N,) from which on the chunk that begins at a row is not what was recorded."""
    return spans.action_end if settings.past_border == 'next' else spans.subtask_end
