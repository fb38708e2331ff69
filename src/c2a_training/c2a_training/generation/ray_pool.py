# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Demonstrations on a Ray cluster: one actor with a simulator per worker.

The only module that knows Ray, which is imported when a pool is made. Rows come back as bytes:
the machines need no common disk.
"""

from __future__ import annotations

import importlib
import os
import socket
from concurrent.futures import Future
from types import ModuleType

from c2a_training.episode_worker import EpisodeJob
from c2a_training.generation.episode_maker import EpisodeMaker, MadeEpisode
from c2a_training.generation.generate_settings import GenerateSettings
from c2a_training.generation.generate_worker import THREAD_VARIABLES

LOCAL = 'local'
# Ray reports the use of its machines to its makers unless it is told not to.
_QUIET = {'RAY_USAGE_STATS_ENABLED': '0', 'RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO': '0'}
_CONNECT_TIMEOUT_S = 5.0


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
        future: Future[MadeEpisode] = Future()

        def pass_on(answer: Future[MadeEpisode]) -> None:
            self._running[index] -= 1
            error = answer.exception()
            if error is None:
                future.set_result(answer.result())
                return
            # An episode's own error is part of the answer: this is the actor's or the cluster's.
            failure = RuntimeError(
                f'a Ray actor died ({type(error).__name__}: {error}): the same command goes on '
                'from here; C2A must be installed on every machine of the cluster'
            )
            failure.__cause__ = error
            future.set_exception(failure)

        self._actors[index].make.remote(job).future().add_done_callback(pass_on)
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
        # On the loopback only: nothing of a local run is for the network.
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level='error',
            _node_ip_address='127.0.0.1',
        )
        return
    try:
        _check_address(address)
        ray.init(address=address, log_to_driver=False, logging_level='error')
    except (OSError, ValueError, RuntimeError) as err:
        raise RuntimeError(
            f'no ray cluster answers at {address!r} ({err}): start one with '
            '`ray start --head`, or write --ray local'
        ) from err


def _check_address(address: str) -> None:
    """Refuse an address at which nothing listens; Ray itself would try for a minute."""
    host, colon, port = address.removeprefix('ray://').rpartition(':')
    if colon:
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
