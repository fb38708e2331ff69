# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which seeds of a task to run next, and which episodes are next in its shards.

The outcome depends on the seeds alone, never on the order in which episodes end: with a number of
episodes wanted, a seed is begun only while kept and running ones together are fewer than that. So
what is kept in the end are the first successful seeds, and none is made in vain.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

# A task whose oracle fails so often in a row is broken; better to stop than to search for ever.
MAX_FAILURES_IN_A_ROW = 100
FIRST_EVALUATION_SEED = 1_000_000


@dataclass(frozen=True)
class SeedRequest:
    """Which seeds of each task: all of a list, or the first successful ones from a start.

    Attributes:
        seeds: each of these, ascending; empty for the first `episodes` from `start`.
        episodes: how many successful ones, None with `seeds`.
        start: the first seed to try, with `episodes`.
    """

    seeds: tuple[int, ...] = ()
    episodes: int | None = None
    start: int = 0

    def __iter__(self) -> Iterator[int]:
        """Seeds in the order in which they are tried."""
        if self.episodes is None:
            return iter(sorted(self.seeds))
        return iter(range(self.start, FIRST_EVALUATION_SEED))

    @property
    def size(self) -> int:
        """Episodes that end up kept at most."""
        return len(self.seeds) if self.episodes is None else self.episodes


class TaskPlan:
    """Walks through the seeds of one task."""

    def __init__(self, task: str, request: SeedRequest) -> None:
        """Plan a task; nothing is known of its seeds yet."""
        self.task = task
        self.request = request
        self.kept: set[int] = set()
        self.failed: set[int] = set()
        self.running: set[int] = set()
        self._seeds = iter(request)
        self._order: list[int] = []
        self._passed = 0
        self._is_exhausted = False

    @property
    def is_complete(self) -> bool:
        """Whether no seed is running and none is wanted."""
        return not self.running and (self._is_exhausted or self._has_enough())

    @property
    def is_given_up(self) -> bool:
        """Whether the last `MAX_FAILURES_IN_A_ROW` seeds all failed, and more were wanted."""
        last = self._order[-MAX_FAILURES_IN_A_ROW:]
        return (
            self.request.episodes is not None
            and len(last) == MAX_FAILURES_IN_A_ROW
            and self.failed.issuperset(last)
        )

    def next_seed(self, is_known: Callable[[int], bool | None]) -> int | None:
        """The next seed to run, None if none is wanted now.

        Args:
            is_known: what is known of a seed from earlier runs: True if its episode was kept,
                False if it was dropped, None if it has not run yet.
        """
        while not self._is_exhausted and not self._has_enough():
            if self.is_given_up:
                self._is_exhausted = True
                return None
            seed = next(self._seeds, None)
            if seed is None:
                self._is_exhausted = True
                return None
            self._order.append(seed)
            known = is_known(seed)
            if known is None:
                self.running.add(seed)
                return seed
            (self.kept if known else self.failed).add(seed)
        return None

    def note(self, seed: int, kept: bool) -> None:
        """A running seed has ended."""
        self.running.remove(seed)
        (self.kept if kept else self.failed).add(seed)

    def in_order(self) -> Sequence[int]:
        """Kept seeds that have become certain: all before them have ended; each given once."""
        certain = list(
            itertools.takewhile(lambda seed: seed not in self.running, self._order[self._passed :])
        )
        self._passed += len(certain)
        return [seed for seed in certain if seed in self.kept]

    def _has_enough(self) -> bool:
        wanted = self.request.episodes
        return wanted is not None and len(self.kept) + len(self.running) >= wanted
