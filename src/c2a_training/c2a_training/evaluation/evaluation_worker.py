# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Evaluates episodes in this process: one simulator, one planner, many (task, seed) jobs.

An episode depends on its task, its seed and the settings alone, never on the process or on the
jobs before it: that is what makes results repeat and runs go on where they were.
"""

from __future__ import annotations

import hashlib
import logging
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from c2a_controller.chunk_executor import ChunkExecutor
from c2a_controller.policy import Policy
from c2a_core.delay import parse_delay
from c2a_core.spaces import CONTROL_DT
from c2a_planner.backend import PlannerBackend
from c2a_training.episode_worker import EpisodeJob
from c2a_training.evaluation.chunk_facts import ChunkFacts, chunk_facts
from c2a_training.evaluation.deviation import Scene
from c2a_training.evaluation.episode_record import EpisodeRecord
from c2a_training.evaluation.evaluation_settings import EvaluationSettings
from c2a_training.evaluation.failure_class import classify
from c2a_training.evaluation.watched_planner import WatchedBackend, WatchedPlanner
from c2a_training.rollout import (
    EpisodeResult,
    LowLevel,
    OnStep,
    OracleLowLevel,
    OracleStep,
    PolicyLowLevel,
    run_episode,
)

logger = logging.getLogger(__name__)

# Large enough for people to look at, where the planner does not see the pictures; else so many
# times the planner's: an odd number, so that it gets the same pixels (`PictureSettings.resize`).
VIDEO_IMAGE_SIZE, VIDEO_FACTOR = 512, 3


class EpisodeEvaluator:
    """Owns simulator, planner and low level of one process."""

    def __init__(
        self,
        settings: EvaluationSettings,
        *,
        for_video: bool = False,
        backend: PlannerBackend | None = None,
        policy: Policy | None = None,
    ) -> None:
        """Load everything.

        Args:
            settings: of the run.
            for_video: take all pictures of both cameras.
            backend: takes the seat of the one in the settings.
            policy: takes the seat of the one in the settings.

        Raises:
            ValueError: if planner or low level cannot be made.
        """
        from c2a_planner.planner import Planner
        from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
        from c2a_training.skillwise_planner import SkillwisePlanner

        self._settings = settings
        self._for_video = for_video
        size = settings.image_size
        if for_video:
            sees = settings.sees or settings.has_policy
            size = VIDEO_FACTOR * size if sees else VIDEO_IMAGE_SIZE
        self._simulator = Simulator(
            SimConfig(
                image_size=size,
                render=settings.sees or settings.has_policy or for_video,
                robot=settings.robot,
                split=settings.split,
                base_camera=settings.base_camera,
                cameras=('base', 'wrist') if for_video or settings.has_policy else ('base',),
            )
        )
        self._backend = watch_backend(settings, backend)
        planner = Planner(
            self._backend,
            CONTROL_DT,
            parse_delay(settings.planner_delay_s),
            done_confirmations=settings.done_confirmations,
        )
        self._memory = lambda: planner.memory
        self._low_level: LowLevel
        if settings.low_level == 'oracle':
            self._low_level = OracleLowLevel(self._simulator)
            self._skillwise = SkillwisePlanner(planner, self._low_level)
            self._planner = WatchedPlanner(self._skillwise, self._backend, self._scene)
        else:
            self._low_level = PolicyLowLevel(_make_executor(settings, policy))
            self._skillwise = None
            self._planner = WatchedPlanner(planner, self._backend, self._scene)

    @property
    def checkpoint(self) -> str:
        """Hash of the planner's checkpoint, or its name where it has none."""
        return self._backend.checkpoint

    def evaluate(self, job: EpisodeJob) -> EpisodeRecord:
        """Evaluate one episode; a crash becomes a record, so that the others still run."""
        try:
            return self._record(job, self._run(job))
        except Exception as err:
            logger.exception('episode %s seed %d crashed', job.task, job.seed)
            reason = f'error: {type(err).__name__}: {err}'
            failure = classify(reason, (), ())
            return EpisodeRecord(job.task, job.seed, False, reason, failure)

    def film(self, job: EpisodeJob, path: Path) -> EpisodeRecord:
        """Evaluate one episode once more and write its video.

        Raises:
            RuntimeError: if this evaluator was not made for videos.
        """
        from c2a_training.video import EpisodeVideo

        if not self._for_video:
            raise RuntimeError('this evaluator takes no pictures: make it with for_video=True')
        video = EpisodeVideo(path, task=job.task, seed=job.seed)
        try:
            result = self._run(job, on_reset=video.begin, on_step=video.add)
        except BaseException:
            video.abort()
            raise
        record = self._record(job, result)
        video.finish(record.failure or result.reason)
        return record

    def _run(self, job: EpisodeJob, on_reset=None, on_step: OnStep | None = None) -> EpisodeResult:
        reseed(job.task, job.seed)
        return run_episode(
            self._simulator,
            self._planner,
            self._low_level,
            task=job.task,
            seed=job.seed,
            on_reset=on_reset,
            on_step=on_step,
            look=None if self._for_video else self._looks,
        )

    def _looks(self, oracle_step: OracleStep) -> bool:
        """Whether the next observation's pictures may be seen by anybody."""
        settings = self._settings
        if self._simulator.success:
            return False
        if settings.sees and (self._skillwise is None or self._skillwise.looks(oracle_step)):
            return True
        return settings.has_policy and self._policy_looks(oracle_step)

    def _policy_looks(self, oracle_step: OracleStep) -> bool:
        """Whether the policy may be asked for a chunk at the next observation."""
        if self._settings.is_planner_late or self._low_level.looks(self._simulator.state.step):
            return True
        if self._settings.planner != 'oracle':
            # The flat baseline has one key step, the first; others see by themselves, or blindly
            # write one at any time.
            return self._settings.planner != 'none'
        memory = self._memory()
        return not memory or oracle_step.code != memory[-1]

    def _record(self, job: EpisodeJob, result: EpisodeResult) -> EpisodeRecord:
        answers = self._planner.answers()
        failures = tuple(getattr(self._low_level, 'failures', ()))
        backend = self._backend
        return EpisodeRecord(
            task=job.task,
            seed=job.seed,
            success=result.success,
            reason=result.reason,
            failure=classify(result.reason, answers, failures),
            steps=result.steps,
            calls=result.skill_calls,
            max_steps=result.max_steps,
            answers=answers,
            skill_failures=failures,
            chunks=self._chunks(),
            wall={
                'reset_s': round(result.reset_s, 4),
                'loop_s': round(result.loop_s, 4),
                'planner_s': round(backend.seconds, 4),
                'decisions': backend.decisions,
                **self._policy_wall(),
            },
        )

    def _chunks(self) -> ChunkFacts | None:
        if not self._settings.has_policy:
            return None
        return chunk_facts(self._low_level.metrics)

    def _policy_wall(self) -> dict[str, list[float]]:
        if not self._settings.has_policy:
            return {}
        reactions = self._low_level.metrics.reactions
        return {
            'chunk_s': [round(latency, 4) for latency in self._low_level.latencies_s],
            'reaction_ms': [round(reaction.wall_ms, 2) for reaction in reactions],
        }

    def _scene(self) -> Scene:
        simulator = self._simulator
        names = (spec.name for spec in simulator.state.specs)
        return [(name, simulator.cell_of(index)) for index, name in enumerate(names)]


def watch_backend(
    settings: EvaluationSettings, backend: PlannerBackend | None = None
) -> WatchedBackend:
    """The planner's backend, watched, and blind where the settings say so.

    Args:
        settings: of the run.
        backend: None loads the one in the settings.

    Raises:
        ValueError: if it cannot be made.
    """
    blind_px = settings.image_size if settings.blind else 0
    return WatchedBackend(backend or _load_backend(settings), blind_px)


def _load_backend(settings: EvaluationSettings) -> PlannerBackend:
    from c2a_planner.backend import BackendOptions, make_backend

    options = BackendOptions(
        checkpoint=settings.checkpoint,
        early_stop_chars=settings.early_stop_chars,
        constrained=settings.constrained,
        # Sums depend on the number of threads in their last bits: one, however many workers.
        threads=1,
        server_url=settings.server_url,
        server_model=settings.server_model,
    )
    return make_backend(settings.planner, options)


def reseed(task: str, seed: int) -> None:
    """Set all global random generators from task and seed, for models that draw from them."""
    digest = hashlib.sha256(f'{task} {seed}'.encode()).digest()
    number = int.from_bytes(digest[:4], 'little')
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002 - other people's code may use it
    torch = sys.modules.get('torch')
    if torch is not None:
        torch.manual_seed(number)


def _make_executor(settings: EvaluationSettings, policy: Policy | None) -> ChunkExecutor:
    policy = policy or _load_policy(settings)
    if not settings.has_policy:
        return ChunkExecutor(policy)
    return ChunkExecutor(
        policy,
        settings.exec_horizon,
        settings.on_new_key_step,
        parse_delay(settings.policy_delay_s),
        settings.late_chunk,
    )


def _load_policy(settings: EvaluationSettings) -> Policy:
    from c2a_controller.policy import PolicyOptions, make_policy

    options = PolicyOptions(
        checkpoint=settings.policy_checkpoint,
        denoising_steps=settings.denoising_steps,
        scheduler=settings.scheduler,
        warm_start=settings.warm_start,
        noise_scale=settings.noise_scale,
        # As the planner: sums depend on the number of threads in their last bits.
        threads=1,
        base_camera=settings.base_camera,
        # The simulator's own: evaluation has no other.
        wrist_camera='framed',
    )
    return make_policy(settings.low_level, str(settings.replay_dir or ''), options)


_evaluator: EpisodeEvaluator | None = None
_error: Exception | None = None


def start_worker(settings: EvaluationSettings) -> None:
    """Initialise a worker process; what goes wrong is told by its first job.

    A pool whose workers raise here says that it broke, and not why.
    """
    global _evaluator, _error  # noqa: PLW0603 - the pool gives a worker no other place
    from c2a_training.generation.generate_worker import die_with_parent

    die_with_parent()
    _evaluator, _error = None, None
    try:
        _evaluator = EpisodeEvaluator(settings)
    except ValueError as err:
        _error = ValueError(str(err))
    except Exception as err:
        logger.exception('a worker could not start')
        _error = RuntimeError(f'a worker could not start: {type(err).__name__}: {err}')


def run_job(job: EpisodeJob) -> EpisodeRecord:
    """Evaluate one episode in an initialised worker process.

    Raises:
        ValueError: if planner or low level could not be made.
        RuntimeError: if something else went wrong at the start.
    """
    if _error is not None:
        raise _error
    if _evaluator is None:
        raise RuntimeError('worker has no simulator: call start_worker first')
    return _evaluator.evaluate(job)


def jobs_of(tasks: Sequence[str], seeds: Sequence[int]) -> list[EpisodeJob]:
    """All episodes, task by task."""
    return [EpisodeJob(task, seed) for task in tasks for seed in seeds]
