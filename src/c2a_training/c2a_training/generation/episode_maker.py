# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Makes one episode: who plans, what disturbs, which rows get pictures, and what becomes of them.

An episode depends on task, seed and settings alone, never on the process or on the episodes
before it. Pictures are taken while the world moves: taking them afterwards, of successful
episodes only, would save the pictures of the few that fail and cost a second simulation of all
the others (`benchmarks/generate_speed.py` measures both).
"""

from __future__ import annotations

import logging
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from c2a_core.spaces import CONTROL_DT
from c2a_core.types import Command, KeyStep, Observation
from c2a_training.dataset.episode_rows import EpisodeRows, EpisodeRowsBuilder
from c2a_training.dataset.pending_file import pending_bytes, write_pending
from c2a_training.episode_worker import EpisodeJob
from c2a_training.generation.generate_settings import GenerateSettings
from c2a_training.generation.oracle_label import planner_label
from c2a_training.generation.perturbation import (
    DisturbedLowLevel,
    LatePlanner,
    NoisyLowLevel,
    PolicyStretches,
)
from c2a_training.rollout import (
    EpisodeInfo,
    EpisodeResult,
    Look,
    LowLevel,
    OracleLowLevel,
    OracleStep,
    Planner,
    PolicyLowLevel,
    run_episode,
)
from c2a_training.skillwise_planner import SkillwisePlanner

if TYPE_CHECKING:
    from c2a_planner.backend import PlannerBackend

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MadeEpisode:
    """What a worker says about one seed.

    Attributes:
        task: task name.
        seed: seed of the scene.
        kept: its rows are in `path` or `data`.
        reason: why it failed, empty if it succeeded; begins with ``error:`` if it crashed.
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
    """Owns the simulator and the planner of one process."""

    def __init__(
        self,
        settings: GenerateSettings,
        directory: Path | None,
        backend: PlannerBackend | None = None,
    ) -> None:
        """Load simulator and planner.

        Args:
            settings: of the dataset.
            directory: the dataset's, None to hand the rows over as bytes.
            backend: writes the planner's replies; None makes the settings' own.
        """
        import cv2

        from c2a_planner.planner import DONE_CONFIRMATIONS, Planner
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
        self._backend = backend or _make_backend(settings)
        self._planner = Planner(self._backend, CONTROL_DT, done_confirmations=DONE_CONFIRMATIONS)
        self._low_level = OracleLowLevel(self._simulator)
        self._policy = _make_policy(settings) if settings.policy else None

    def make(self, job: EpisodeJob) -> MadeEpisode:
        """Make one episode; a crash becomes a reason, so that the others still run."""
        try:
            rows, result = self.run(job)
        except Exception as err:
            logger.exception('episode %s seed %d crashed', job.task, job.seed)
            return MadeEpisode(job.task, job.seed, False, f'error: {type(err).__name__}: {err}')
        reason = '' if result.success else self._why(result)
        made = MadeEpisode(job.task, job.seed, False, reason, result.steps)
        is_wanted = result.success or (self._settings.keep == 'all' and result.steps)
        return self._store(made, rows) if is_wanted else made

    def run(self, job: EpisodeJob) -> tuple[EpisodeRows, EpisodeResult]:
        """Run one episode, successful or not."""
        planner, look = self._make_planner(job)
        low_level = self._make_low_level(job)
        builders: list[EpisodeRowsBuilder] = []
        result = run_episode(
            self._simulator,
            planner,
            low_level,
            task=job.task,
            seed=job.seed,
            on_reset=lambda info: builders.append(self._begin(info)),
            on_step=lambda *row: self._add(builders[0], low_level, *row),
            look=None if self._settings.pictures.takes_all else look,
        )
        return builders[0].finish(self._simulator.state_digest()), result

    def _begin(self, info: EpisodeInfo) -> EpisodeRowsBuilder:
        # What a backend keeps of the last episode may change the last bits of a reply.
        getattr(self._backend, 'reset', lambda: None)()
        return EpisodeRowsBuilder(
            info.task,
            info.seed,
            info.instruction,
            split=self._settings.split,
            needs_pictures=self._settings.pictures.takes_all,
        )

    def _add(
        self,
        builder: EpisodeRowsBuilder,
        low_level: LowLevel,
        observation: Observation,
        key_step: KeyStep,
        command: Command | None,
    ) -> None:
        simulator = self._simulator
        builder.add(
            observation,
            key_step,
            command,
            simulator.success,
            simulator.object_labels() if observation.base_image.size else None,
            self._oracle_code(key_step),
            low_level.intended if isinstance(low_level, DisturbedLowLevel) else None,
        )

    def _oracle_code(self, key_step: KeyStep) -> str | None:
        simulator = self._simulator
        code = simulator.oracle_key_step().code
        if self._settings.planner == 'oracle':
            return code or None
        specs = simulator.state.specs
        scene = [(spec.name, simulator.cell_of(index)) for index, spec in enumerate(specs)]
        return planner_label(code, key_step.memory, scene)

    def _make_planner(self, job: EpisodeJob) -> tuple[Planner, Look]:
        """The planner of one episode, and which observations it needs pictures of."""
        if self._settings.planner != 'oracle' and not self._settings.policy_leads:
            skillwise = SkillwisePlanner(self._planner, self._low_level)
            return skillwise, self._or_by_chance(job, skillwise.looks)

        def is_border(oracle_step: OracleStep) -> bool:
            memory = self._planner.memory
            return not memory or oracle_step.code != memory[-1]

        planner: Planner = self._planner
        if self._settings.late:
            late = self._settings.late
            planner = LatePlanner(planner, late, self._generator(job, 'late'))
        return planner, self._or_by_chance(job, is_border)

    def _or_by_chance(self, job: EpisodeJob, look: Look) -> Look:
        rule, rng = self._settings.pictures, self._generator(job, 'pictures')

        def looks(oracle_step: OracleStep) -> bool:
            # Drawn for every row: chance must not depend on what runs.
            is_chosen = rule.takes_by_chance(rng)
            return look(oracle_step) or is_chosen or self._simulator.success

        return looks

    def _make_low_level(self, job: EpisodeJob) -> LowLevel:
        noise_m = self._settings.noise_m
        if self._policy is not None:
            steps, switches = self._settings.policy_steps, self._settings.policy_vacuum
            if steps is None:
                return self._policy
            rng = self._generator(job, 'policy')
            return PolicyStretches(self._low_level, self._policy, steps, switches, rng)
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
        made = replace(made, kept=True)
        if self._directory is None:
            data = pending_bytes(rows)
            return replace(made, bytes=len(data), data=data)
        path = write_pending(self._directory, rows)
        return replace(made, bytes=path.stat().st_size, path=path)


def _make_backend(settings: GenerateSettings) -> PlannerBackend:
    from c2a_planner.backend import BackendOptions, make_backend

    # One thread: sums depend on their number in the last bits, and workers have a core each.
    return make_backend(
        settings.planner, BackendOptions(checkpoint=settings.checkpoint, threads=1)
    )


def _make_policy(settings: GenerateSettings) -> LowLevel:
    from c2a_controller.chunk_executor import ChunkExecutor
    from c2a_controller.policy import PolicyOptions, make_policy

    options = PolicyOptions(
        settings.policy,
        threads=1,
        base_camera=settings.base_camera,
        wrist_camera=settings.wrist_camera,
    )
    return PolicyLowLevel(ChunkExecutor(make_policy('policy', '', options)))
