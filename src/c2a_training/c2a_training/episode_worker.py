# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Runs oracle episodes in this process: one simulator, many (task, seed) jobs.

Everything here crosses process borders, so values are small and plain. An episode depends on its
task and seed alone, never on the process or on the jobs before it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from c2a_core.episode_file import RecordedEpisode, write_episode
from c2a_core.spaces import CONTROL_DT
from c2a_training.rollout import EpisodeResult, OracleLowLevel, run_episode

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpisodeJob:
    """One episode to run."""

    task: str
    seed: int


@dataclass(frozen=True)
class WorkerSettings:
    """What is the same for all episodes of a run.

    Attributes:
        images: render both cameras at every step.
        image_size: side of the square camera pictures [px].
        robot: ``low_poly`` or ``detailed``.
        split: objects to draw from, see `c2a_sim_bridge.sim.object_pool`.
        video_dir: where to write ``<Task>_<seed>.mp4`` and its contact sheet, None for no video.
        save_dir: where to write ``<Task>_<seed>.npz``, None for no episode files.
    """

    images: bool = False
    image_size: int = 128
    robot: str = 'low_poly'
    split: str = 'simple'
    video_dir: Path | None = None
    save_dir: Path | None = None


@dataclass(frozen=True)
class EpisodeSummary:
    """What is left of an episode for the tables; `reason` begins with ``error:`` if it crashed."""

    task: str
    seed: int
    success: bool
    reason: str
    steps: int
    skill_calls: int
    loop_s: float
    reset_s: float


class OracleRunner:
    """Owns the simulator and the oracle planner of one process."""

    def __init__(self, settings: WorkerSettings) -> None:
        # Imported late: the command line must be able to refuse bad arguments without loading a
        # simulator.
        from c2a_planner.oracle_backend import OracleBackend
        from c2a_planner.planner import Planner
        from c2a_sim_bridge.sim.simulator import SimConfig, Simulator

        self._settings = settings
        config = SimConfig(
            image_size=settings.image_size,
            render=settings.images,
            robot=settings.robot,
            split=settings.split,
        )
        self._simulator = Simulator(config)
        self._planner = Planner(OracleBackend(), CONTROL_DT)
        self._low_level = OracleLowLevel(self._simulator)

    def run(self, job: EpisodeJob) -> EpisodeSummary:
        """Run one episode; a crash becomes a summary, so that the others still run."""
        try:
            result = self._run_episode(job)
        except Exception as err:
            logger.exception('episode %s seed %d crashed', job.task, job.seed)
            reason = f'error: {type(err).__name__}: {err}'
            return EpisodeSummary(job.task, job.seed, False, reason, 0, 0, 0.0, 0.0)
        reason = result.reason
        if not result.success and self._low_level.failures:
            reason = f'{reason} (skill failed: {self._low_level.failures[-1]})'
        return EpisodeSummary(
            task=job.task,
            seed=job.seed,
            success=result.success,
            reason=reason,
            steps=result.steps,
            skill_calls=result.skill_calls,
            loop_s=result.loop_s,
            reset_s=result.reset_s,
        )

    def _run_episode(self, job: EpisodeJob) -> EpisodeResult:
        if self._settings.video_dir is None:
            result = run_episode(
                self._simulator, self._planner, self._low_level, task=job.task, seed=job.seed
            )
        else:
            result = self._run_with_video(job, self._settings.video_dir)
        if self._settings.save_dir is not None:
            self._save(result, self._settings.save_dir)
        return result

    def _run_with_video(self, job: EpisodeJob, folder: Path) -> EpisodeResult:
        from c2a_training.video import EpisodeVideo

        video = EpisodeVideo(folder / f'{job.task}_{job.seed}.mp4', task=job.task, seed=job.seed)
        try:
            result = run_episode(
                self._simulator,
                self._planner,
                self._low_level,
                task=job.task,
                seed=job.seed,
                on_reset=video.begin,
                on_step=video.add,
            )
        except BaseException:
            video.abort()
            raise
        video.finish(result.reason)
        video.write_sheet(folder / f'{job.task}_{job.seed}.png')
        return result

    def _save(self, result: EpisodeResult, folder: Path) -> None:
        write_episode(
            folder,
            RecordedEpisode(
                task=result.task,
                seed=result.seed,
                instruction=result.instruction,
                success=result.success,
                actions=result.actions,
                code=result.codes,
                state_digest=self._simulator.state_digest(),
            ),
        )


_runner: OracleRunner | None = None


def start_worker(settings: WorkerSettings) -> None:
    """Initialise a worker process."""
    global _runner  # noqa: PLW0603 - the pool gives a worker no other place to keep its simulator
    _runner = OracleRunner(settings)


def run_job(job: EpisodeJob) -> EpisodeSummary:
    """Run one job in an initialised worker process."""
    if _runner is None:
        raise RuntimeError('worker has no simulator: call start_worker first')
    return _runner.run(job)
