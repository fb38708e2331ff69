# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which episodes the bridge starts by itself, and how they went."""

from __future__ import annotations

from collections import Counter

from c2a_core.task_names import split_task_names

NO_END = 0
NONE = -1


class EpisodeSchedule:
    """Tasks take turns; after each round the seed counts up.

    Args:
        tasks: comma separated names.
        seed: seed of the first round.
        episodes: how many; `NO_END` or `NONE` for the special cases.
    """

    def __init__(self, tasks: str, seed: int, episodes: int) -> None:
        self.tasks = tuple(split_task_names(tasks))
        if not self.tasks:
            raise ValueError(f'task is {tasks!r}, expected at least one name, e.g. PlaceNextTo')
        self._seed = seed
        self._episodes = episodes
        self._started = 0
        self._running: int | None = None
        self.reasons: Counter[str] = Counter()
        self.successes = 0

    @property
    def has_next(self) -> bool:
        """Whether another episode is to be started."""
        return self._episodes == NO_END or self._started < self._episodes

    @property
    def is_over(self) -> bool:
        """Whether the last of a fixed number of episodes has ended."""
        return self._episodes > 0 and self.finished >= self._episodes

    @property
    def finished(self) -> int:
        """Scheduled episodes that have ended."""
        return sum(self.reasons.values())

    def start_next(self) -> tuple[str, int]:
        """Task and seed of the next episode."""
        number = self._started
        self._started += 1
        return self.tasks[number % len(self.tasks)], self._seed + number // len(self.tasks)

    def expect(self, episode_id: int) -> None:
        """Remember that the episode just started is one of the schedule."""
        self._running = episode_id

    def record(self, episode_id: int, success: bool, reason: str) -> None:
        """Take note of an episode's end; episodes that others started do not count."""
        if episode_id != self._running:
            return
        self._running = None
        self.successes += success
        self.reasons[reason] += 1

    @property
    def all_succeeded(self) -> bool:
        """The verdict: all that were asked for ran and succeeded."""
        return self.is_over and self.successes == self._episodes

    def tally(self) -> str:
        """One line: how many succeeded, and how the others ended."""
        others = {k: n for k, n in self.reasons.items() if k != 'success'}
        why = ''.join(f', {reason}: {n}' for reason, n in sorted(others.items()))
        return f'{self.successes} of {self.finished} episodes succeeded{why}'
