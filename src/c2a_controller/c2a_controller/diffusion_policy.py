# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The diffusion policy in the policy's seat: an observation and a key step to an action chunk.

Text is encoded once for a sub-task, pictures once for a chunk. The noise comes from task, seed
and step, so that the same observations give the same chunks in a script and through the node.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from c2a_controller.policy import PolicyOptions
from c2a_controller.policy_checkpoint import PolicyParts, find_checkpoint, read_policy
from c2a_controller.policy_config import PolicyConfig
from c2a_controller.policy_objective import Sampling, make_objective, sample
from c2a_controller.policy_picture import prepare_pictures
from c2a_controller.text_encoder import EncodedText
from c2a_core.process_memory import keep_freed_memory
from c2a_core.spaces import proprioception
from c2a_core.types import (
    NO_PLANNER,
    CommandSource,
    FloatArray,
    KeyStep,
    Observation,
    ReplyStatus,
)


@dataclass(frozen=True)
class _LastChunk:
    """The chunk that the next one may begin with, normalised (1, Tp, A)."""

    episode_id: int
    subtask_id: int
    step: int
    actions: torch.Tensor


class DiffusionPolicy:
    """Makes chunks by denoising; see `Policy`. For one thread at a time.

    Args:
        parts: of a checkpoint.
        sampling: how chunks are made; None takes what the checkpoint says.
        checkpoint: what goes into messages.
        text: what it was told in its training, `code` or `instruction`; empty where unknown.
    """

    source = CommandSource.POLICY
    follows_key_steps = True
    is_instant = False

    def __init__(
        self,
        parts: PolicyParts,
        sampling: Sampling | None = None,
        checkpoint: str = 'unsaved',
        text: str = '',
    ) -> None:
        self.checkpoint = checkpoint
        self.text = text
        self.config = parts.config
        self.sampling = sampling or Sampling.of(parts.config)
        self._net = parts.net.eval()
        # Convolutions are faster so.
        self._net.cameras.to(memory_format=torch.channels_last)
        self._tokenizer = parts.tokenizer
        self._normalisation = parts.normalisation
        self._objective = make_objective(parts.config)
        self._text = functools.lru_cache(16)(self._encode_text)
        self._episode = ('', 0)
        self._last: _LastChunk | None = None

    @classmethod
    def load(cls, options: PolicyOptions) -> DiffusionPolicy:
        """Load the checkpoint that the options name.

        Raises:
            ValueError: if it is not there or does not fit, or the options do not fit it.
        """
        keep_freed_memory()
        if options.threads:
            torch.set_num_threads(options.threads)
        checkpoint = find_checkpoint(options.checkpoint)
        checkpoint.check(options.base_camera, options.wrist_camera)
        device = options.device or ('cuda' if torch.cuda.is_available() else 'cpu')
        parts = read_policy(checkpoint, device)
        sampling = _sampling(options, parts.config)
        policy = cls(parts, sampling, checkpoint.label, checkpoint.info.text)
        policy.warm_up()
        return policy

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._net.segment.device

    def warm_up(self) -> None:
        """Run once: the first pass takes several times as long as the others."""
        picture = np.zeros((self.config.image_size, self.config.image_size, 3), np.uint8)
        nothing = np.zeros(7, np.float32)
        observation = Observation(
            *(0, 0, 0, picture, picture, nothing, nothing, nothing),
            vacuum_on=False,
            vacuum_grasping=False,
            vacuum_ready=False,
        )
        self.predict_action_chunk(
            observation, KeyStep(0, 0, 0, 0, True, '', '', (), ReplyStatus.KEY_STEP)
        )
        self._last = None

    def begin_episode(self, task: str, seed: int) -> None:
        """Prepare for an episode; see `Policy.begin_episode`."""
        self._episode = (task, seed)
        self._last = None

    @torch.inference_mode()
    def predict_action_chunk(self, observation: Observation, key_step: KeyStep) -> FloatArray:
        """Make one action chunk; see `Policy.predict_action_chunk`.

        Raises:
            ValueError: if the observation has no pictures, or the policy is told an instruction
                where it knows code, or code where it knows instructions.
        """
        self._check_told(key_step)
        actions = sample(
            self._net,
            self._objective,
            self._condition(observation, key_step),
            self.sampling,
            _generator(*self._episode, observation.step),
            self._start(observation, key_step),
        )
        self._last = _LastChunk(
            observation.episode_id, key_step.subtask_id, observation.step, actions
        )
        return self._normalisation.action.restore(actions[0].cpu().numpy())

    def _check_told(self, key_step: KeyStep) -> None:
        # A key step that does not say whose it is passes.
        if not self.text or not key_step.checkpoint:
            return
        told = 'instruction' if key_step.checkpoint == NO_PLANNER else 'code'
        if told != self.text:
            raise ValueError(
                f'policy checkpoint {self.checkpoint} was trained with the {self.text}, and is '
                f'told the {told}: a flat policy (train policy --flat) needs planner none, '
                'every other one a planner that writes code'
            )

    def _condition(self, observation: Observation, key_step: KeyStep) -> torch.Tensor:
        proprio = self._normalisation.proprio.normalise(proprioception(observation))
        return self._net.condition(
            self._text(key_step.code, key_step.cache_info),
            self._net.encode_images(self._pictures(observation)),
            torch.from_numpy(proprio)[None].to(self.device),
        )

    def _pictures(self, observation: Observation) -> dict[str, torch.Tensor]:
        size = self.config.image_size
        pictures = {'base': observation.base_image, 'wrist': observation.wrist_image}
        return {
            name: torch.from_numpy(prepare_pictures(pictures[name][None], size)).to(self.device)
            for name in self.config.cameras
        }

    def _encode_text(self, code: str, cache_info: str) -> EncodedText:
        return self._net.encode_text(self._tokenizer.encode([code], [cache_info]).to(self.device))

    def _start(self, observation: Observation, key_step: KeyStep) -> torch.Tensor | None:
        """The last chunk moved on in time, if it was for the same key step and is not over."""
        last = self._last
        if not self.sampling.warm_start or last is None:
            return None
        age = observation.step - last.step
        is_same = (last.episode_id, last.subtask_id) == (
            observation.episode_id,
            key_step.subtask_id,
        )
        if not is_same or not 0 < age < last.actions.shape[1]:
            return None
        end = last.actions[:, -1:].expand(-1, age, -1)
        return torch.cat([last.actions[:, age:], end], 1)


def _sampling(options: PolicyOptions, config: PolicyConfig) -> Sampling:
    """What the options say, and the checkpoint where they say nothing.

    Raises:
        ValueError: if the options do not fit the checkpoint.
    """
    scheduler = options.scheduler or config.scheduler
    steps = options.denoising_steps
    if not steps:
        takes_all = scheduler == 'ddpm' != config.scheduler
        steps = config.train_steps if takes_all else config.denoising_steps
    warm_start = config.warm_start if options.warm_start is None else options.warm_start
    noise_scale = config.noise_scale if options.noise_scale is None else options.noise_scale
    sampling = Sampling(scheduler, steps, warm_start, noise_scale)
    config.replace(scheduler=scheduler, denoising_steps=steps)
    return sampling


def _generator(task: str, seed: int, step: int) -> torch.Generator:
    """Noise of one chunk; on the CPU, so that every device gets the same."""
    digest = hashlib.blake2b(f'{task} {seed} {step}'.encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, 'big') >> 1)
