# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""From (task, seed) pairs to a dataset: keeps a pool busy and puts what comes back in order.

No argument parsing, no output, no simulator: those are the command's, the caller's and the
pool's.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from c2a_training.dataset.episode_metadata import episode_name
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.dataset.pending_file import write_pending_bytes
from c2a_training.episode_worker import EpisodeJob
from c2a_training.generation.episode_maker import MadeEpisode
from c2a_training.generation.generate_plan import TaskPlan
from c2a_training.generation.generate_pool import EpisodePool

# Jobs per worker that wait or run: one more than runs, so that none idles while shards are made.
_JOBS_PER_WORKER = 3
# A seed may crash by itself; so many in a row mean that nothing works here.
_MAX_CRASHES_IN_A_ROW = 10


class Generation:
    """One run: plans of the tasks on one side, a dataset on the other."""

    def __init__(
        self, plans: Sequence[TaskPlan], writer: EpisodeWriter, split: str = 'simple'
    ) -> None:
        """Prepare a run; seeds that the dataset knows already are not run again.

        Args:
            plans: one per task, in the order in which tasks are begun.
            writer: the dataset.
            split: of the dataset.
        """
        self.plans = tuple(plans)
        self._writer = writer
        self._split = split
        self._crashes = 0
        self._waiting: dict[str, list[str]] = {plan.task: [] for plan in plans}

    def run(self, pool: EpisodePool, on_made: Callable[[MadeEpisode], None]) -> None:
        """Make all episodes of the plans.

        Interrupted by any exception, it leaves a dataset that another run continues.

        Args:
            pool: makes them.
            on_made: told of each one that has ended, kept or not.

        Raises:
            RuntimeError: if nothing but crashes comes back.
        """
        running: dict[Future[MadeEpisode], TaskPlan] = {}
        jobs = self._jobs()
        while True:
            room = _JOBS_PER_WORKER * pool.size - len(running)
            for _ in range(room):
                found = next(jobs)
                if found is None:
                    break
                plan, job = found
                running[pool.submit(job)] = plan
            self._make_shards()
            if not running:
                return
            done, _ = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in done:
                made = future.result()
                self._take(running.pop(future), made)
                on_made(made)

    def _jobs(self) -> Iterator[tuple[TaskPlan, EpisodeJob] | None]:
        """The next job, task by task; None while there is none."""
        while True:
            for plan in self.plans:
                seed = plan.next_seed(lambda seed, task=plan.task: self._is_known(task, seed))
                if seed is not None:
                    yield plan, EpisodeJob(plan.task, seed)
                    break
            else:
                yield None

    def _is_known(self, task: str, seed: int) -> bool | None:
        name = episode_name(task, seed, self._split)
        if self._writer.has(name):
            return True
        return False if name in self._writer.dropped else None

    def _take(self, plan: TaskPlan, made: MadeEpisode) -> None:
        """Close or drop an episode."""
        self._crashes = self._crashes + 1 if made.is_crash else 0
        if self._crashes >= _MAX_CRASHES_IN_A_ROW:
            raise RuntimeError(
                f'{self._crashes} episodes in a row crashed, the last: {made.reason}'
            )
        # A crash is not the seed's fault: the next run tries it again.
        if not made.kept and not made.is_crash:
            self._writer.drop(made.task, made.seed, made.reason, self._split)
        elif made.path is not None:
            self._writer.adopt(made.path)
        elif made.data is not None:
            name = episode_name(made.task, made.seed, self._split)
            path = write_pending_bytes(self._writer.directory, name, made.data)
            self._writer.adopt(path)
        plan.note(made.seed, made.kept)

    def _make_shards(self) -> None:
        """Put what has become certain into shards, in the order of the seeds."""
        for plan in self.plans:
            waiting = self._waiting[plan.task]
            names = (episode_name(plan.task, seed, self._split) for seed in plan.in_order())
            waiting.extend(name for name in names if name in self._writer.pending)
            if waiting:
                moved = self._writer.make_shards(plan.task, waiting, is_last=plan.is_complete)
                del waiting[:moved]
        if all(plan.is_complete for plan in self.plans):
            self._writer.save()
