# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the controller node; names equal the launch arguments where there is one."""

from __future__ import annotations

from dataclasses import dataclass

from c2a_controller.chunk_alignment import LATE_CHUNK
from c2a_controller.chunk_executor import EXEC_HORIZON, ON_NEW_KEY_STEP
from c2a_controller.policy import PolicyOptions
from c2a_core.params import param


@dataclass(frozen=True)
class ControllerParams:
    """Everything that can be set at the controller."""

    low_level: str = param(
        'oracle',
        'policy: a checkpoint; replay: the actions of recorded episodes; oracle: be silent.',
        choices=('oracle', 'policy', 'replay'),
    )
    stepping: str = param(
        'lockstep',
        'lockstep: chunks are made in turn; realtime: in a thread, the last key step stands.',
        choices=('lockstep', 'realtime'),
    )
    policy_checkpoint: str = param(
        'tiny', 'Model of low_level policy: a shipped name such as tiny, or a directory.'
    )
    denoising_steps: int = param(
        0,
        "Steps in which low_level policy denoises a chunk; 0 takes the checkpoint's, "
        'and all that there are where scheduler is set to ddpm.',
        lower=0,
        upper=1000,
    )
    scheduler: str = param(
        'checkpoint',
        "How low_level policy denoises; checkpoint takes the checkpoint's.",
        choices=('checkpoint', 'ddim', 'ddpm', 'flow'),
    )
    warm_start: float = param(
        -1.0,
        "Share of the denoising that the last chunk saves; -1.0 takes the checkpoint's.",
        lower=-1.0,
        upper=0.99,
    )
    noise_scale: float = param(
        -1.0,
        'Scale of the noise that a chunk begins with: 1.0 draws one of those that were learned, '
        "0.0 takes the middle; -1.0 takes the checkpoint's.",
        lower=-1.0,
        upper=1.0,
    )
    policy_threads: int = param(
        1,
        "Threads of low_level policy on the CPU; 0 leaves torch's own number.",
        lower=0,
        upper=1024,
    )
    cameras: str = param(
        'framed',
        'Camera poses of the bridge; a checkpoint that was trained with others is refused.',
        choices=('framed', 'original'),
    )
    replay_dir: str = param('', 'Directory of recorded episodes, for low_level replay.')
    on_new_key_step: str = param(
        'flush',
        'What a new key step does to the rest of the running chunk.',
        choices=ON_NEW_KEY_STEP,
    )
    exec_horizon: int = param(
        EXEC_HORIZON,
        'Actions executed of a chunk before the next one takes over.',
        lower=1,
        upper=256,
    )
    policy_delay_s: str = param(
        '0.0', 'Inference time charged to robot time in lockstep [s], or measured.'
    )
    late_chunk: str = param(
        'pose',
        'Row with which a chunk begins that took time to make; pose: where the arm is on its '
        'path, time: that of this step.',
        choices=LATE_CHUNK,
    )
    autostart: bool = param(
        True, 'Configure and activate by itself; false leaves it to a lifecycle manager.'
    )

    def policy_options(self) -> PolicyOptions:
        """What of this a learned policy is told."""
        return PolicyOptions(
            checkpoint=self.policy_checkpoint,
            denoising_steps=self.denoising_steps,
            scheduler='' if self.scheduler == 'checkpoint' else self.scheduler,
            warm_start=None if self.warm_start < 0 else self.warm_start,
            noise_scale=None if self.noise_scale < 0 else self.noise_scale,
            threads=self.policy_threads,
            base_camera=self.cameras,
            wrist_camera=self.cameras,
        )
