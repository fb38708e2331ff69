# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The seat of the low-level policy: an observation and a key step in, an action chunk out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from c2a_core.types import FloatArray, KeyStep, Observation


@dataclass(frozen=True)
class PolicyOptions:
    """What a learned policy can be told.

    Attributes:
        checkpoint: a shipped name such as `tiny`, or a directory.
        denoising_steps: steps of denoising a chunk; 0 takes the checkpoint's, and all that there
            are where `scheduler` is `ddpm` and the checkpoint's is another.
        scheduler: `ddim`, `ddpm` or `flow`; empty takes the checkpoint's.
        warm_start: share of these steps that the last chunk saves; None takes the checkpoint's.
        noise_scale: of the noise that a chunk begins with; None takes the checkpoint's.
        threads: of the model on the CPU; 0 leaves torch's own number.
        base_camera: pose of the camera; another checkpoint is refused. Empty: any will do.
        wrist_camera: the same of the other one.
        device: `cpu` or `cuda`; empty takes a GPU where there is one.
    """

    checkpoint: str = 'tiny'
    denoising_steps: int = 0
    scheduler: str = ''
    warm_start: float | None = None
    noise_scale: float | None = None
    threads: int = 0
    base_camera: str = ''
    wrist_camera: str = ''
    device: str = ''


class Policy(Protocol):
    """Makes action chunks. It knows nothing about horizons, delays and preemption.

    Attributes:
        source: who its actions come from, one of `CommandSource`.
        checkpoint: hash of the checkpoint, or the policy's name where it has none.
        follows_key_steps: its actions depend on the key step; False: it acts before the first key
            step too, and a new one does not preempt it (a recording).
    """

    source: str
    checkpoint: str
    follows_key_steps: bool
    is_instant: bool

    def begin_episode(self, task: str, seed: int) -> None:
        """Prepare for an episode.

        Args:
            task: name of the task.
            seed: seed of the scene.

        Raises:
            ValueError: if this episode cannot be run, with what to do.
        """

    def predict_action_chunk(self, observation: Observation, key_step: KeyStep) -> FloatArray:
        """Make one action chunk.

        Args:
            observation: the newest observation.
            key_step: the running key step (code and cache info).

        Returns:
            Actions (Tp, 7) float32, layout of `spaces.ACTION`; row 0 belongs to the observation's
            control step. No rows: there is nothing left to do.

        Raises:
            ValueError: if the observation lacks what the policy needs, with what to do.
        """


def make_policy(low_level: str, replay_dir: str, options: PolicyOptions | None = None) -> Policy:
    """Build the policy of a low level.

    Args:
        low_level: 'policy' or 'replay', as in parameters and launch arguments.
        replay_dir: directory with recorded episodes, for 'replay'.
        options: of 'policy'; None takes the defaults.

    Raises:
        ValueError: for an unknown name, or a checkpoint that is not there or does not fit.
    """
    # Imported here: a learned policy must not cost the replay its imports.
    if low_level == 'replay':
        from c2a_controller.replay_policy import ReplayPolicy

        return ReplayPolicy(replay_dir)
    if low_level == 'policy':
        from c2a_controller.diffusion_policy import DiffusionPolicy

        return DiffusionPolicy.load(options or PolicyOptions())
    raise ValueError(f"there is no policy for low level '{low_level}': choose policy or replay")
