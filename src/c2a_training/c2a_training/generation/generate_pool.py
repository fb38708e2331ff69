# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Where demonstrations are made: in this process, or in processes on this machine.

A cluster is in `ray_pool.py`. A pool is a context manager; leaving it cancels what has not begun.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from c2a_training.episode_worker import EpisodeJob
from c2a_training.generation.episode_maker import EpisodeMaker, MadeEpisode
from c2a_training.generation.generate_settings import GenerateSettings
from c2a_training.generation.generate_worker import limit_threads, run_job, start_worker


class EpisodePool(Protocol):
    """Makes episodes somewhere."""

    @property
    def size(self) -> int:
        """Episodes made at a time."""

    def submit(self, job: EpisodeJob) -> Future[MadeEpisode]:
        """Make an episode; the future raises what broke the pool, never an episode's own error."""

    def __enter__(self) -> EpisodePool:
        """Start."""

    def __exit__(self, *error: object) -> None:
        """Stop: what runs may end, what has not begun is cancelled."""


class InProcessPool:
    """Makes each episode when it is submitted, in this process: for one worker, and for tests."""

    size = 1

    def __init__(self, make: Callable[[EpisodeJob], MadeEpisode]) -> None:
        self._make = make

    @classmethod
    def with_oracle(cls, settings: GenerateSettings, directory: Path) -> InProcessPool:
        """A pool that makes real episodes."""
        limit_threads()
        return cls(EpisodeMaker(settings, directory).make)

    def submit(self, job: EpisodeJob) -> Future[MadeEpisode]:
        """Make the episode now."""
        future: Future[MadeEpisode] = Future()
        future.set_result(self._make(job))
        return future

    def __enter__(self) -> InProcessPool:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing runs between calls."""


class ProcessPool:
    """Makes episodes in processes of this machine, one simulator each."""

    def __init__(self, settings: GenerateSettings, directory: Path, workers: int) -> None:
        """Prepare a pool; its processes start with the first jobs."""
        self.size = workers
        limit_threads()
        self._executor = concurrent.futures.ProcessPoolExecutor(
            workers,
            # Spawned, not forked: a renderer's and PhysX's threads do not survive a fork.
            mp_context=multiprocessing.get_context('spawn'),
            initializer=start_worker,
            initargs=(settings, directory),
        )

    def submit(self, job: EpisodeJob) -> Future[MadeEpisode]:
        """Queue an episode."""
        # Processes may start here. They must not hear a Ctrl-C, which reaches the whole process
        # group: what to do about it is this process's decision.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return self._executor.submit(run_job, job)
        finally:
            signal.signal(signal.SIGINT, before)

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(self, *error: object) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)
