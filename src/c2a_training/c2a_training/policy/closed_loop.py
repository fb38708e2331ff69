# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Episodes that a policy runs while it is trained: the only figure that tells how good it is.

They go through `./c2a evaluate`'s own worker, on seeds that are neither trained on nor used for
results. A simulator is made at the first time and kept.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch

from c2a_controller.policy import Policy
from c2a_core.types import FloatArray, KeyStep, Observation
from c2a_training.episode_worker import EpisodeJob
from c2a_training.evaluation.evaluation_settings import EvaluationSettings
from c2a_training.evaluation.evaluation_worker import EpisodeEvaluator
from c2a_training.policy.policy_train_config import ClosedLoopSettings

logger = logging.getLogger(__name__)

SUCCESS = 'success'
WRIST_CAMERA = 'framed'
"""Pose of evaluation's wrist camera."""


class PolicySeat:
    """A policy whose place another one may take between episodes; see `Policy`.

    Args:
        policy: that sits here first.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def __getattr__(self, name: str) -> object:
        return getattr(self.policy, name)

    def begin_episode(self, task: str, seed: int) -> None:
        """Prepare for an episode."""
        self.policy.begin_episode(task, seed)

    def predict_action_chunk(self, observation: Observation, key_step: KeyStep) -> FloatArray:
        """Make one action chunk."""
        return self.policy.predict_action_chunk(observation, key_step)


class ClosedLoop:
    """Runs episodes with a policy.

    Args:
        settings: how many, of which tasks.
        planner: who writes the key steps.
        tasks: of the training.
        image_size: of the policy's pictures [px].
        base_camera: that it was trained with.
        wrist_cameras: that it was trained with.

    Raises:
        ValueError: if the simulator's wrist camera is none of them.
    """

    def __init__(
        self,
        settings: ClosedLoopSettings,
        *,
        planner: str,
        tasks: tuple[str, ...],
        image_size: int,
        base_camera: str,
        wrist_cameras: Sequence[str] = (WRIST_CAMERA,),
    ) -> None:
        if WRIST_CAMERA not in wrist_cameras:
            raise ValueError(
                f'episodes are run with the wrist camera {WRIST_CAMERA}, the data have '
                f'{", ".join(wrist_cameras)}: set closed_loop.minutes to 0'
            )
        self._settings = settings
        self._evaluation = EvaluationSettings(
            planner=planner,
            low_level='policy',
            exec_horizon=settings.exec_horizon,
            image_size=image_size,
            base_camera=base_camera,
        )
        self._evaluation.check()
        self._tasks = settings.tasks or tasks
        self._seat: PolicySeat | None = None

    def run(self, policy: Policy) -> dict[str, float]:
        """Run the episodes.

        Args:
            policy: that moves the arm.

        Returns:
            `success`, the mean over the tasks, and `success_TASK` of each.
        """
        # A policy at work takes one thread, for sums that do not depend on their number.
        threads = torch.get_num_threads()
        try:
            evaluator = self._seated(policy)
            shares = {task: self._share(evaluator, task) for task in self._tasks}
        finally:
            torch.set_num_threads(threads)
        mean = float(np.mean(list(shares.values())))
        return {SUCCESS: mean, **{f'{SUCCESS}_{task}': share for task, share in shares.items()}}

    def _seated(self, policy: Policy) -> EpisodeEvaluator:
        if self._seat is None:
            self._seat = PolicySeat(policy)
            self._evaluator = EpisodeEvaluator(self._evaluation, policy=self._seat)
        self._seat.policy = policy
        return self._evaluator

    def _share(self, evaluator: EpisodeEvaluator, task: str) -> float:
        first, count = self._settings.first_seed, self._settings.episodes
        records = [
            evaluator.evaluate(EpisodeJob(task, seed)) for seed in range(first, first + count)
        ]
        for record in records:
            if record.reason.startswith('error:'):
                logger.warning('closed loop: %s seed %d: %s', task, record.seed, record.reason)
        return sum(record.success for record in records) / count
