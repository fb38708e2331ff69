# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Relabels episodes of a dataset, in this process or in several; they come back in order.

An episode's labels depend on its rows and the settings alone, never on the process or on the
episodes before it.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from c2a_core.spaces import CONTROL_DT
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.pending_file import write_pending
from c2a_training.generation.generate_worker import die_with_parent, limit_threads
from c2a_training.relabelling.relabel_episode import relabel_episode

if TYPE_CHECKING:
    from c2a_planner.backend import PlannerBackend

# Episodes that wait or run, for each worker: enough that none idles.
_JOBS_PER_WORKER = 4


@dataclass(frozen=True)
class RelabelSettings:
    """What is the same for all episodes of a run.

    Attributes:
        source: the dataset that is relabelled.
        directory: the dataset that is made.
        checkpoint: of the planner: a shipped name, a directory or a hub id.
        early_stop_chars: characters of a reply that decide that the sub-task goes on; 0 is off.
    """

    source: Path
    directory: Path
    checkpoint: str = 'tiny'
    early_stop_chars: int = 8


@dataclass(frozen=True)
class RelabelledEpisode:
    """What a worker says about one episode.

    Attributes:
        episode: its name.
        path: its pending file; None where the planner gave up.
        reason: why it did.
        decisions: observations it was asked about.
        invalid: replies that were none.
    """

    episode: str
    path: Path | None
    reason: str
    decisions: int
    invalid: int


class Relabeller:
    """Owns the planner of one process."""

    def __init__(self, settings: RelabelSettings, backend: PlannerBackend | None = None) -> None:
        """Load the planner.

        Args:
            settings: of the run.
            backend: takes the seat of the one in the settings.

        Raises:
            ValueError: if it cannot be made, or the dataset is damaged.
        """
        from c2a_planner.planner import DONE_CONFIRMATIONS, Planner

        self._settings = settings
        self._store = EpisodeStore(settings.source)
        self._planner = Planner(
            backend or _load_backend(settings), CONTROL_DT, done_confirmations=DONE_CONFIRMATIONS
        )

    def relabel(self, episode: str) -> RelabelledEpisode:
        """Relabel one episode and write it as a pending one."""
        done = relabel_episode(self._store.read(episode), self._planner)
        path = None
        if done.rows is not None:
            path = write_pending(self._settings.directory, done.rows)
        return RelabelledEpisode(episode, path, done.reason, done.decisions, done.invalid)


def relabel_episodes(
    settings: RelabelSettings, episodes: Sequence[str], workers: int
) -> Iterator[RelabelledEpisode]:
    """Relabel episodes; they come in the order of their names, whoever is quicker.

    Closing the iterator, as an exception in the loop does, cancels what has not begun.

    Raises:
        ValueError: if the planner cannot be made, or an episode lacks pictures.
    """
    limit_threads()
    workers = min(workers, len(episodes))
    if workers <= 1:
        if episodes:
            relabeller = Relabeller(settings)
            yield from map(relabeller.relabel, episodes)
        return
    yield from _in_processes(settings, episodes, workers)


def _in_processes(
    settings: RelabelSettings, episodes: Sequence[str], workers: int
) -> Iterator[RelabelledEpisode]:
    with concurrent.futures.ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context('spawn'),
        initializer=_start_worker,
        initargs=(settings,),
    ) as pool:
        waiting: deque[concurrent.futures.Future[RelabelledEpisode]] = deque()
        names = iter(episodes)
        try:
            while True:
                for name in names:
                    waiting.append(_submit(pool, name))
                    if len(waiting) >= _JOBS_PER_WORKER * workers:
                        break
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _submit(
    pool: concurrent.futures.ProcessPoolExecutor, episode: str
) -> concurrent.futures.Future[RelabelledEpisode]:
    # Processes may start here. They must not hear a Ctrl-C, which reaches the whole process
    # group: what to do about it is this process's decision.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return pool.submit(_run_job, episode)
    finally:
        signal.signal(signal.SIGINT, before)


_relabeller: Relabeller | None = None


def _start_worker(settings: RelabelSettings) -> None:
    global _relabeller  # noqa: PLW0603 - the pool gives a worker no other place to keep it
    die_with_parent()
    _relabeller = Relabeller(settings)


def _run_job(episode: str) -> RelabelledEpisode:
    if _relabeller is None:
        raise RuntimeError('worker has no planner: call _start_worker first')
    return _relabeller.relabel(episode)


def _load_backend(settings: RelabelSettings) -> PlannerBackend:
    from c2a_planner.backend import BackendOptions, make_backend

    # One thread: sums depend on their number in the last bits, and workers have a core each.
    return make_backend(
        'vlm',
        BackendOptions(
            checkpoint=settings.checkpoint,
            early_stop_chars=settings.early_stop_chars,
            threads=1,
        ),
    )
