# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What `c2a generate` shows: a progress bar with rates, and the table at the end."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from c2a_training.dataset.episode_metadata import EpisodeMetadata
from c2a_training.generation.episode_maker import MadeEpisode

_PARENTHESIS = re.compile(r' \(.*\)$')


@dataclass
class Tally:
    """What a run has made so far.

    Attributes:
        clock: steady clock [s].
        kept: episodes kept.
        steps: their control steps.
        bytes: size of their rows.
        dropped: reasons of those that were not, by task.
    """

    clock: Callable[[], float] = time.perf_counter
    kept: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    bytes: int = 0
    dropped: dict[str, Counter[str]] = field(default_factory=dict)
    _started: float | None = None

    def add(self, made: MadeEpisode) -> None:
        """Count an episode that has ended; the clock starts with the first."""
        if self._started is None:
            self._started = self.clock()
            self._first_kept, self._first_steps = int(made.kept), made.steps * made.kept
        if made.kept:
            self.kept[made.task] += 1
            self.steps += made.steps
            self.bytes += made.bytes
        else:
            self.dropped.setdefault(made.task, Counter())[short_reason(made.reason)] += 1

    @property
    def ended(self) -> int:
        """Episodes that have ended, kept or not."""
        return self.kept.total() + sum(reasons.total() for reasons in self.dropped.values())

    @property
    def crashes(self) -> int:
        """Episodes that ended by an exception."""
        return sum(
            count
            for reasons in self.dropped.values()
            for reason, count in reasons.items()
            if reason.startswith('error:')
        )

    def rates(self) -> tuple[float, float]:
        """Kept episodes a minute and their steps a second, start-up excluded."""
        # The first episode ends when the clock starts: it is start-up.
        seconds = self.clock() - self._started if self._started is not None else 0.0
        if seconds <= 0.0:
            return 0.0, 0.0
        episodes = self.kept.total() - self._first_kept
        return 60.0 * episodes / seconds, (self.steps - self._first_steps) / seconds

    def text(self) -> str:
        """The rates in words."""
        episodes, steps = self.rates()
        size = f'{self.bytes / 1e6:.1f} MB'
        # One episode has no rate yet: it is start-up.
        return f'{episodes:.0f} episodes/min, {steps:.0f} steps/s, {size}' if episodes else size


def short_reason(reason: str) -> str:
    """A reason without its details, to count by."""
    return _PARENTHESIS.sub('', reason.splitlines()[0] if reason else 'unknown')


def make_progress(console: Console) -> Progress:
    """A progress bar whose tasks have a field ``rate``."""
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('ETA'),
        TimeRemainingColumn(),
        TextColumn('{task.fields[rate]}'),
        console=console,
        transient=True,
    )


def make_table(
    tasks: Sequence[str],
    episodes: Sequence[EpisodeMetadata],
    tally: Tally,
    dropped: Sequence[tuple[str, str]],
) -> Table:
    """One row per task: what the dataset has of it, and what was dropped and why.

    Args:
        tasks: of this run, in order.
        episodes: in shards or waiting for one.
        tally: of this run.
        dropped: (task, reason) of everything that was ever dropped.
    """
    table = Table(title='demonstrations', title_justify='left', title_style='bold')
    table.add_column('task', no_wrap=True)
    for heading in ('episodes', 'new', 'steps', 'dropped'):
        table.add_column(heading, justify='right', no_wrap=True)
    table.add_column('why')
    for task in tasks:
        steps = [episode.n_steps for episode in episodes if episode.task == task]
        reasons = Counter(short_reason(reason) for name, reason in dropped if name == task)
        # Crashes are not written down: the next run tries their seeds again.
        crashes = tally.dropped.get(task, Counter())
        reasons.update({r: n for r, n in crashes.items() if r.startswith('error:')})
        table.add_row(
            task,
            str(len(steps)),
            str(tally.kept[task]),
            f'{sum(steps) / len(steps):.1f}' if steps else '-',
            str(reasons.total()),
            ', '.join(f'{reason} ({count})' for reason, count in reasons.most_common(3)),
            style='yellow' if reasons else '',
        )
    return table
