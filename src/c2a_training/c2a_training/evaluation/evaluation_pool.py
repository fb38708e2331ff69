# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Evaluates many episodes, in this process or in several; records come as they end."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import signal
from collections.abc import Iterator, Sequence

from c2a_training.episode_worker import EpisodeJob
from c2a_training.evaluation.episode_record import EpisodeRecord
from c2a_training.evaluation.evaluation_settings import EvaluationSettings
from c2a_training.evaluation.evaluation_worker import EpisodeEvaluator, run_job, start_worker
from c2a_training.generation.generate_worker import limit_threads

# A seed may crash by itself; so many in a row mean that nothing works here: a server is gone.
MAX_CRASHES_IN_A_ROW = 5


def evaluate_jobs(
    settings: EvaluationSettings, jobs: Sequence[EpisodeJob], workers: int
) -> Iterator[EpisodeRecord]:
    """Evaluate episodes; with several workers their order is that in which they end.

    Closing the iterator, as an exception in the loop does, cancels what has not begun.

    Raises:
        ValueError: if planner or low level cannot be made.
        RuntimeError: if nothing but crashes comes back.
    """
    limit_threads()
    workers = min(workers, len(jobs))
    records = _in_processes(settings, jobs, workers) if workers > 1 else _here(settings, jobs)
    crashes = 0
    try:
        for record in records:
            crashes = crashes + 1 if record.is_crash else 0
            yield record
            if crashes >= MAX_CRASHES_IN_A_ROW:
                raise RuntimeError(
                    f'{crashes} episodes in a row crashed, the last: {record.reason}'
                )
    finally:
        records.close()


def _here(settings: EvaluationSettings, jobs: Sequence[EpisodeJob]) -> Iterator[EpisodeRecord]:
    if not jobs:
        return
    evaluator = EpisodeEvaluator(settings)
    for job in jobs:
        yield evaluator.evaluate(job)


def _in_processes(
    settings: EvaluationSettings, jobs: Sequence[EpisodeJob], workers: int
) -> Iterator[EpisodeRecord]:
    with concurrent.futures.ProcessPoolExecutor(
        workers,
        # Spawned, not forked: a renderer's and PhysX's threads do not survive a fork.
        mp_context=multiprocessing.get_context('spawn'),
        initializer=start_worker,
        initargs=(settings,),
    ) as pool:
        # Processes start here. They must not hear a Ctrl-C, which reaches the whole process
        # group: what to do about it is this process's decision.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            futures = [pool.submit(run_job, job) for job in jobs]
        finally:
            signal.signal(signal.SIGINT, before)
        try:
            for future in concurrent.futures.as_completed(futures):
                yield future.result()
        finally:
            # After Ctrl-C the running episodes end first, a second or so each.
            pool.shutdown(wait=True, cancel_futures=True)
