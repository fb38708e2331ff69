# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Two results compared episode by episode: the same task and seed is the same scene in both.

Pairs say more than two intervals: most of the spread of success is that of the scenes, and it
falls out of the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from c2a_training.evaluation.comparison import Result
from c2a_training.seeds import parse_seeds
from c2a_training.statistics import mcnemar_p

RESAMPLES = 10_000
_BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class PairedTask:
    """The pairs of one task.

    Attributes:
        task: its name.
        first: (n,) bool, success in the first result.
        second: (n,) bool, success of the same seeds in the second.
    """

    task: str
    first: np.ndarray
    second: np.ndarray

    @property
    def n(self) -> int:
        """Number of pairs."""
        return len(self.first)

    @property
    def only_first(self) -> int:
        """Pairs of which only the first succeeded."""
        return int((self.first & ~self.second).sum())

    @property
    def only_second(self) -> int:
        """Pairs of which only the second succeeded."""
        return int((self.second & ~self.first).sum())

    @property
    def difference(self) -> float:
        """Success rate of the first less that of the second."""
        return float(self.first.mean() - self.second.mean())


def pair_results(first: Result, second: Result) -> list[PairedTask]:
    """The episodes that two results share.

    Raises:
        ValueError: if they share none, or one does not say which seeds failed.
    """
    pairs = []
    for task, cell in first.cells.items():
        if task not in second.cells:
            continue
        one, two = _outcomes(cell, first.title), _outcomes(second.cells[task], second.title)
        seeds = [seed for seed in one if seed in two]
        if seeds:
            columns = (np.array([outcome[seed] for seed in seeds]) for outcome in (one, two))
            pairs.append(PairedTask(task, *columns))
    if not pairs:
        raise ValueError(
            f'{first.title!r} and {second.title!r} have no task and seed in common: evaluate both '
            'on the same --tasks and --seeds'
        )
    return pairs


def bootstrap_interval(pairs: Sequence[PairedTask]) -> tuple[float, float]:
    """95 % interval of the difference of mean success over the tasks.

    Pairs are drawn again within each task, so that each task counts the same, as in the mean.
    The generator is seeded: the same results give the same interval.
    """
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    total = np.zeros(RESAMPLES)
    for pair in pairs:
        difference = pair.first.astype(float) - pair.second
        drawn = rng.integers(pair.n, size=(RESAMPLES, pair.n))
        total += difference[drawn].mean(axis=1)
    low, high = np.percentile(total / len(pairs), [2.5, 97.5])
    return float(low), float(high)


def make_paired_markdown(first: Result, second: Result) -> str:
    """A table with one row a task: who succeeded where the other failed.

    Raises:
        ValueError: if the two cannot be paired.
    """
    pairs = pair_results(first, second)
    heads = ['task', 'pairs', first.title, second.title, 'only the first', 'only the second']
    heads += ['difference', 'McNemar p']
    lines = [_line(heads), _line(['---'] * len(heads)), *(_row(pair) for pair in pairs)]
    low, high = bootstrap_interval(pairs)
    counts = [sum(getattr(pair, name) for pair in pairs) for name in ('only_first', 'only_second')]
    means = [np.mean([getattr(p, name).mean() for p in pairs]) for name in ('first', 'second')]
    interval = f'{100 * low:+.1f} to {100 * high:+.1f}'
    lines.append(
        _line(
            [
                '**mean**',
                str(sum(pair.n for pair in pairs)),
                *(f'**{100 * mean:.1f}**' for mean in means),
                *map(str, counts),
                f'**{100 * (means[0] - means[1]):+.1f}** ({interval})',
                _p(mcnemar_p(*counts)),
            ]
        )
    )
    note = (
        f'Differences in points of success; in brackets the 95 % interval of {RESAMPLES} paired '
        "resamples within the tasks. McNemar's test is exact and two-sided; of all tasks "
        'together in the last row.'
    )
    return '\n'.join([*lines, '', note, ''])


def _outcomes(cell: Mapping[str, object], title: str) -> dict[int, bool]:
    """Seed -> success."""
    if 'seeds' not in cell or 'failed_seeds' not in cell:
        raise ValueError(
            f'{title!r} does not say which seeds failed, an older version wrote it: give its '
            'command once more, it writes the file anew from the journal'
        )
    failed = set(parse_seeds(cell['failed_seeds'])) if cell['failed_seeds'] else set()
    return {seed: seed not in failed for seed in parse_seeds(cell['seeds'])}


def _row(pair: PairedTask) -> str:
    return _line(
        [
            pair.task,
            str(pair.n),
            f'{100 * pair.first.mean():.1f}',
            f'{100 * pair.second.mean():.1f}',
            str(pair.only_first),
            str(pair.only_second),
            f'{100 * pair.difference:+.1f}',
            _p(mcnemar_p(pair.only_first, pair.only_second)),
        ]
    )


def _p(value: float) -> str:
    return '< 0.0001' if value < 0.0001 else f'{value:.4f}'


def _line(cells: Sequence[str]) -> str:
    return f'| {" | ".join(cells)} |'
