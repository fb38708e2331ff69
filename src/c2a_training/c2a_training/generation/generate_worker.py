# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Processes that make episodes: one maker in each, one thread for each, gone with their parent."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from pathlib import Path

from c2a_training.episode_worker import EpisodeJob
from c2a_training.generation.episode_maker import EpisodeMaker, MadeEpisode
from c2a_training.generation.generate_settings import GenerateSettings

# One thread for each of these: workers that each start a thread per core get into each other's
# way. The drawing threads of Mesa's llvmpipe are among them.
THREAD_VARIABLES = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'LP_NUM_THREADS')

_maker: EpisodeMaker | None = None


def start_worker(settings: GenerateSettings, directory: Path | None) -> None:
    """Initialise a worker process."""
    global _maker  # noqa: PLW0603 - the pool gives a worker no other place to keep its simulator
    die_with_parent()
    _maker = EpisodeMaker(settings, directory)


def run_job(job: EpisodeJob) -> MadeEpisode:
    """Make one episode in an initialised worker process."""
    if _maker is None:
        raise RuntimeError('worker has no simulator: call start_worker first')
    return _maker.make(job)


def limit_threads() -> None:
    """Let the processes started from here use one thread each, unless the user said otherwise."""
    for name in THREAD_VARIABLES:
        os.environ.setdefault(name, '1')


def die_with_parent() -> None:
    """End this process as soon as its parent is gone, even by kill -9.

    A pool's worker waits for its next job on a pipe that it holds both ends of, so it would wait
    for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
