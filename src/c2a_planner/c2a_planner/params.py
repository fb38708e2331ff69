# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the planner node; names equal the launch arguments where there is one."""

from __future__ import annotations

from dataclasses import dataclass

from c2a_core.params import param
from c2a_planner.backend import AVAILABLE, BackendOptions
from c2a_planner.planner import DONE_CONFIRMATIONS


@dataclass(frozen=True)
class PlannerParams:
    """Everything that can be set at the planner."""

    planner: str = param(
        'oracle',
        'Who writes the key steps: oracle, vlm (a checkpoint), openai (a server) or none.',
        choices=AVAILABLE,
    )
    low_level: str = param(
        'oracle',
        'Who moves the arm: with oracle the planner has each key step executed as a skill.',
        choices=('oracle', 'policy', 'replay'),
    )
    stepping: str = param(
        'lockstep',
        'lockstep: replies are made in turn; realtime: in a thread, the last key step stands.',
        choices=('lockstep', 'realtime'),
    )
    checkpoint: str = param(
        'tiny',
        'Model of planner vlm: a shipped name such as tiny, a directory or a hub id.',
    )
    early_stop_chars: int = param(
        8,
        'Characters of a reply after which it is known to repeat the last key step; 0 is off.',
        lower=0,
        upper=4000,
    )
    done_confirmations: int = param(
        DONE_CONFIRMATIONS,
        'Replies in a row that must say done() before it counts, if nobody asked for a key step.',
        lower=1,
        upper=1000,
    )
    constrained: bool = param(
        False, "Planner vlm decodes only what the skill API's grammar allows."
    )
    threads: int = param(
        0,
        "Threads of planner vlm on the CPU; 0 leaves torch's own number.",
        lower=0,
        upper=1024,
    )
    cameras: str = param(
        'framed',
        'Camera poses of the bridge; a checkpoint that was trained with others is refused.',
        choices=('framed', 'original'),
    )
    server_url: str = param(
        'http://127.0.0.1:8000/v1', 'Address of the server of planner openai, with /v1.'
    )
    server_model: str = param(
        '', "Name of the model on that server; empty takes the server's only one."
    )
    server_timeout_s: float = param(
        30.0, 'Time that a reply of the server may take [s].', lower=0.1, upper=3600.0
    )
    server_retries: int = param(
        2, 'Times that a failed request is sent again within that time.', lower=0, upper=100
    )
    planner_delay_s: str = param(
        '0.0', 'Inference time charged to robot time in lockstep [s], or measured.'
    )
    autostart: bool = param(
        True, 'Configure and activate by itself; false leaves it to a lifecycle manager.'
    )

    def backend_options(self) -> BackendOptions:
        """What of this a backend is told."""
        return BackendOptions(
            checkpoint=self.checkpoint,
            early_stop_chars=self.early_stop_chars,
            constrained=self.constrained,
            threads=self.threads,
            base_camera=self.cameras,
            server_url=self.server_url,
            server_model=self.server_model,
            server_timeout_s=self.server_timeout_s,
            server_retries=self.server_retries,
        )
