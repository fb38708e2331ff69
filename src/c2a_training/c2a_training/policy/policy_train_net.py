# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The policy's network as the training sees it: batches in, losses out.

Noise comes with the batch, so a step is a function of its batch: the same on one process or many.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from c2a_controller.policy_net import PolicyNet
from c2a_controller.policy_objective import Corrupted, summed_error
from c2a_controller.text_encoder import EncodedText
from c2a_controller.vision_encoder import CameraEncoder
from c2a_training.policy.auxiliary_losses import AuxiliaryHeads, AuxiliarySettings
from c2a_training.policy.policy_data import text_of

Batch = Mapping[str, torch.Tensor]


class Seen(NamedTuple):
    """Observations of B windows, encoded.

    Attributes:
        images: (B, N, D), the cameras' tokens.
        condition: (B, C), the vector that chunks are made from.
    """

    images: torch.Tensor
    condition: torch.Tensor


class PolicyTrainNet(nn.Module):
    """The network and its losses.

    Args:
        policy: the network; a checkpoint holds it alone.
        auxiliary: what it is also asked.
    """

    def __init__(self, policy: PolicyNet, auxiliary: AuxiliarySettings | None = None) -> None:
        super().__init__()
        self.policy = policy
        self.auxiliary = AuxiliaryHeads(policy.config, auxiliary or AuxiliarySettings())

    def compile_parts(self) -> None:
        """Let `torch.compile` fuse what has the same shapes in every step."""
        for encoder in self.policy.cameras.values():
            if isinstance(encoder, CameraEncoder):
                encoder.compile()
        self.policy.unet.compile()

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Loss of a batch of `PolicyBatches`.

        Returns:
            `loss` and `n`, sums whose quotient is the loss, auxiliary losses included.
        """
        seen = self.observe(batch)
        out = self.chunk_loss(seen.condition, batch)
        extra = self.auxiliary.loss(seen.images, seen.condition, batch)
        # Each window's, so often as it has rows: the sum does not depend on how a batch is shared.
        repeats, rows = batch['noisy'].shape[1:3]
        return {**out, 'loss': out['loss'] + repeats * rows * extra.sum()}

    def observe(self, batch: Batch) -> Seen:
        """Encode the observations of a batch."""
        text: EncodedText = self.policy.encode_text(text_of(batch))
        images = self.policy.encode_images(self._images(batch))
        return Seen(images, self.policy.condition(text, images, batch['proprio']))

    def chunk_loss(self, condition: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Loss of the chunks alone, of a batch that was observed already; see `forward`."""
        repeats = batch['times'].shape[1]
        predicted = self.policy.denoise(
            batch['noisy'].flatten(0, 1),
            batch['times'].flatten(),
            condition.repeat_interleave(repeats, 0),
        ).unflatten(0, batch['times'].shape)
        loss, count = summed_error(predicted, _noised(batch), batch['mask'])
        return {'loss': loss, 'n': count}

    def _images(self, batch: Batch) -> dict[str, torch.Tensor]:
        # (B, N, S, S, 3) to (B, 3, S, S) each, without a copy.
        views = batch['images'].permute(1, 0, 4, 2, 3)
        known = {'base': batch['features']} if 'features' in batch else {}
        cameras = [camera for camera in self.policy.config.cameras if camera not in known]
        return known | dict(zip(cameras, views, strict=True))


def _noised(batch: Batch) -> Corrupted:
    return Corrupted(batch['noisy'], batch['times'], batch['target'], batch['weights'])
