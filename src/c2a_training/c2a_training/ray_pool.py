# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Demonstrations on a Ray cluster: one actor with a simulator per worker.

The only module that knows Ray, which is imported when a pool is made. Rows come back as bytes:
the machines need no common disk.
"""

from __future__ import annotations

import importlib
import os
from concurrent.futures import Future
from types import ModuleType

from c2a_training.episode_worker import EpisodeJob
from c2a_training.generate_worker import (
    THREAD_VARIABLES,
    EpisodeMaker,
    GenerateSettings,
    MadeEpisode,
)

LOCAL = 'local'
# Ray reports the use of its machines to its makers unless it is told not to.
_QUIET = {'RAY_USAGE_STATS_ENABLED': '0', 'RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO': '0'}


class RayPool:
    """Makes episodes in actors of a Ray cluster."""

    def __init__(
        self, settings: GenerateSettings, address: str, workers: int | None = None
    ) -> None:
        """Connect to a cluster and start the actors.

        Args:
            settings: of the dataset.
            address: of the cluster, ``auto``, or ``local`` for one on this machine.
            workers: actors, one CPU each; None for as many as the cluster has CPUs.

        Raises:
            RuntimeError: if Ray is not installed or the cluster does not answer.
        """
        self._ray = _import_ray()
        _connect(self._ray, address, workers)
        self.size = workers or max(1, int(self._ray.cluster_resources().get('CPU', 1)))
        environment = {name: os.environ.get(name, '1') for name in THREAD_VARIABLES}
        actor = self._ray.remote(num_cpus=1, runtime_env={'env_vars': environment})(EpisodeMaker)
        self._actors = [actor.remote(settings, None) for _ in range(self.size)]
        self._running: dict[int, int] = dict.fromkeys(range(self.size), 0)

    def submit(self, job: EpisodeJob) -> Future[MadeEpisode]:
        """Queue an episode at the actor with the least to do."""
        index = min(self._running, key=self._running.__getitem__)
        self._running[index] += 1
        future: Future[MadeEpisode] = self._actors[index].make.remote(job).future()

        def forget(_: Future[MadeEpisode]) -> None:
            self._running[index] -= 1

        future.add_done_callback(forget)
        return future

    def __enter__(self) -> RayPool:
        return self

    def __exit__(self, *error: object) -> None:
        for actor in self._actors:
            self._ray.kill(actor)
        self._ray.shutdown()


def _import_ray() -> ModuleType:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        return importlib.import_module('ray')
    except ImportError as err:
        raise RuntimeError(
            'ray is not installed in this environment, and --ray needs it: run '
            '`./c2a shell pip install ray`, or leave --ray out to use the cores of this machine'
        ) from err


def _connect(ray: ModuleType, address: str, workers: int | None) -> None:
    if address == LOCAL:
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
        return
    try:
        ray.init(address=address, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as err:
        raise RuntimeError(
            f'no ray cluster answers at {address!r} ({err}): start one with '
            '`ray start --head`, or write --ray local'
        ) from err
