# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Makes demonstrations in this process: the oracle's episode, its rows, its pending file.

An episode depends on task, seed and settings alone, never on the process or on the episodes
before it. Pictures are taken while the world moves: taking them afterwards, of successful
episodes only, would save the pictures of the few that fail and cost a second simulation of all
the others (`benchmarks/generate_speed.py` measures both).
"""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.connection
import os
import threading
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from c2a_core.spaces import CONTROL_DT
from c2a_core.types import Command, KeyStep, Observation
from c2a_training.dataset.episode_rows import EpisodeRows, EpisodeRowsBuilder
from c2a_training.dataset.jpeg import JPEG_QUALITY
from c2a_training.dataset.pending_file import pending_bytes, write_pending
from c2a_training.episode_worker import EpisodeJob
from c2a_training.generation.perturbation import LatePlanner, NoisyLowLevel
from c2a_training.generation.picture_rule import PictureRule
from c2a_training.rollout import (
    EpisodeInfo,
    EpisodeResult,
    LowLevel,
    OracleLowLevel,
    OracleStep,
    Planner,
    run_episode,
)

logger = logging.getLogger(__name__)

# One thread for each of these: workers that each start a thread per core get into each other's
# way. The drawing threads of Mesa's llvmpipe are among them.
THREAD_VARIABLES = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'LP_NUM_THREADS')


@dataclass(frozen=True)
class GenerateSettings:
    """What is the same for all episodes of a dataset.

    Attributes:
        image_size: side of the square camera pictures [px].
        robot: ``low_poly`` or ``detailed``.
        split: objects to draw from, see `c2a_sim_bridge.sim.object_pool`.
        base_camera: ``framed`` or ``original``.
        wrist_camera: ``framed`` or ``original``.
        pictures: which rows get some, see `picture_rule`.
        noise_m: bursts of Gaussian noise on the actions, 0 for none [m].
        late: key steps come up to so many observations late.
    """

    image_size: int = 128
    robot: str = 'low_poly'
    split: str = 'simple'
    base_camera: str = 'framed'
    wrist_camera: str = 'framed'
    pictures: PictureRule = PictureRule()
    noise_m: float = 0.0
    late: int = 0

    def options(self) -> dict[str, str | int | float | bool]:
        """What a dataset remembers of them; a run with others is refused.

        What came with a later version is only there where it is not as it was before, so that
        older datasets can be merged with newer ones.
        """
        options: dict[str, str | int | float | bool] = {
            'generator': 'oracle',
            'image_size': self.image_size,
            'robot': self.robot,
            'split': self.split,
            'base_camera': self.base_camera,
            'wrist_camera': self.wrist_camera,
            'jpeg_quality': JPEG_QUALITY,
        }
        if not self.pictures.takes_all:
            options['pictures'] = str(self.pictures)
        if self.noise_m:
            options['noise_m'] = self.noise_m
        if self.late:
            options['late'] = self.late
        return options


@dataclass(frozen=True)
class MadeEpisode:
    """What a worker says about one seed.

    Attributes:
        task: task name.
        seed: seed of the scene.
        kept: it succeeded and its rows are in `path` or `data`.
        reason: why it was dropped; begins with ``error:`` if it crashed.
        steps: control steps.
        bytes: size of its rows.
        path: the pending file, where the worker shares the dataset's disk.
        data: the pending file's bytes, where it does not.
    """

    task: str
    seed: int
    kept: bool
    reason: str = ''
    steps: int = 0
    bytes: int = 0
    path: Path | None = None
    data: bytes | None = None

    @property
    def is_crash(self) -> bool:
        """Whether it ended by an exception."""
        return self.reason.startswith('error:')


class EpisodeMaker:
    """Owns the simulator and the oracle planner of one process."""

    def __init__(self, settings: GenerateSettings, directory: Path | None) -> None:
        """Load the simulator.

        Args:
            settings: of the dataset.
            directory: the dataset's, None to hand the rows over as bytes.
        """
        import cv2

        from c2a_planner.oracle_backend import OracleBackend
        from c2a_planner.planner import Planner
        from c2a_sim_bridge.sim.simulator import SimConfig, Simulator

        cv2.setNumThreads(1)
        self._settings = settings
        self._directory = directory
        self._simulator = Simulator(
            SimConfig(
                image_size=settings.image_size,
                robot=settings.robot,
                split=settings.split,
                base_camera=settings.base_camera,
                wrist_camera=settings.wrist_camera,
                cameras=settings.pictures.cameras,
            )
        )
        self._planner = Planner(OracleBackend(), CONTROL_DT)
        self._low_level = OracleLowLevel(self._simulator)

    def make(self, job: EpisodeJob) -> MadeEpisode:
        """Make one episode; a crash becomes a reason, so that the others still run."""
        try:
            rows, result = self.run(job)
        except Exception as err:
            logger.exception('episode %s seed %d crashed', job.task, job.seed)
            return MadeEpisode(job.task, job.seed, False, f'error: {type(err).__name__}: {err}')
        if not result.success:
            return MadeEpisode(job.task, job.seed, False, self._why(result), result.steps)
        made = MadeEpisode(job.task, job.seed, True, steps=result.steps)
        return self._store(made, rows)

    def run(self, job: EpisodeJob) -> tuple[EpisodeRows, EpisodeResult]:
        """Run one episode, successful or not."""
        simulator, rule = self._simulator, self._settings.pictures
        builders: list[EpisodeRowsBuilder] = []
        chance = self._generator(job, 'pictures')

        def begin(info: EpisodeInfo) -> None:
            builders.append(
                EpisodeRowsBuilder(
                    info.task,
                    info.seed,
                    info.instruction,
                    split=self._settings.split,
                    needs_pictures=rule.takes_all,
                )
            )

        def add(observation: Observation, key_step: KeyStep, command: Command | None) -> None:
            builders[0].add(
                observation,
                key_step,
                command,
                simulator.success,
                simulator.object_labels() if observation.base_image.size else None,
                simulator.oracle_key_step().code or None,
            )

        def look(oracle_step: OracleStep) -> bool:
            memory = self._planner.memory
            # Asked in every row: chance must not depend on what runs.
            is_chosen = rule.takes_by_chance(chance)
            return is_chosen or not memory or oracle_step.code != memory[-1]

        result = run_episode(
            simulator,
            self._make_planner(job),
            self._make_low_level(job),
            task=job.task,
            seed=job.seed,
            on_reset=begin,
            on_step=add,
            look=None if rule.takes_all else look,
        )
        return builders[0].finish(simulator.state_digest()), result

    def _make_planner(self, job: EpisodeJob) -> Planner:
        late = self._settings.late
        if not late:
            return self._planner
        return LatePlanner(self._planner, late, self._generator(job, 'late'))

    def _make_low_level(self, job: EpisodeJob) -> LowLevel:
        noise_m = self._settings.noise_m
        if not noise_m:
            return self._low_level
        return NoisyLowLevel(self._low_level, noise_m, self._generator(job, 'noise'))

    def _generator(self, job: EpisodeJob, purpose: str) -> np.random.Generator:
        """A generator that knows the episode and nothing else."""
        words = f'{job.task} {self._settings.split} {purpose}'
        return np.random.default_rng([zlib.crc32(words.encode()), job.seed])

    def _why(self, result: EpisodeResult) -> str:
        failures = self._low_level.failures
        return f'{result.reason} (skill failed: {failures[-1]})' if failures else result.reason

    def _store(self, made: MadeEpisode, rows: EpisodeRows) -> MadeEpisode:
        if self._directory is None:
            data = pending_bytes(rows)
            return replace(made, bytes=len(data), data=data)
        path = write_pending(self._directory, rows)
        return replace(made, bytes=path.stat().st_size, path=path)


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
