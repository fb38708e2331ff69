# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Figures on held-out windows: the loss, and how far sampled chunks are from the recorded ones.

A recorded chunk is one of many good ones, so the distance does not go to zero; that it falls says
that the policy listens to pictures and text. How good it is, only episodes tell (`closed_loop`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch

from c2a_controller.normaliser import Normaliser
from c2a_controller.policy_objective import Objective, Sampling, sample
from c2a_core.spaces import ROTATION, TRANSLATION, VACUUM
from c2a_core.types import FloatArray
from c2a_training.policy.policy_data import Batch
from c2a_training.policy.policy_train_net import PolicyTrainNet

_SEED = 12345


@dataclass(frozen=True)
class HeldChunks:
    """Recorded and predicted chunks of held-out windows.

    Attributes:
        recorded: (N, H, 7), metres and radians.
        predicted: (N, H, 7).
        mask: (N, H) bool, where something was recorded.
    """

    recorded: FloatArray
    predicted: FloatArray
    mask: np.ndarray


def validate_policy(
    net: PolicyTrainNet,
    batches: Iterable[Batch],
    objective: Objective,
    normaliser: Normaliser,
    autocast: Callable[[], AbstractContextManager[None]],
) -> tuple[dict[str, float], HeldChunks]:
    """Look at held-out windows.

    Args:
        net: the network, not wrapped.
        batches: of `held_batches`; one at least.
        objective: of the network.
        normaliser: of the actions.
        autocast: in which the network is called, as in training.

    Returns:
        `loss` of the chunks, and of sampled ones the mean distance of a step to the recorded one,
        `step_mm` and `step_deg`, and the share `vacuum_right`; what the auxiliary heads know, see
        `AuxiliaryHeads.figures`; and these chunks.
    """
    policy = net.policy
    device = next(policy.parameters()).device
    generator = torch.Generator().manual_seed(_SEED)
    sampling = Sampling.of(policy.config)
    loss, count = 0.0, 0.0
    recorded, predicted, masks = [], [], []
    answers: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    net.eval()
    # Other shapes than in training: not worth a compilation.
    with torch.no_grad(), torch.compiler.set_stance('force_eager'):
        for batch in batches:
            on_device = {name: value.to(device) for name, value in batch.items()}
            with autocast():
                seen = net.observe(on_device)
                out = net.chunk_loss(seen.condition, on_device)
                chunks = sample(policy, objective, seen.condition, sampling, generator)
            for name, (total, number) in net.auxiliary.figures(*seen, on_device).items():
                answers[name] += total
                asked[name] += number
            loss += float(out['loss'])
            count += float(out['n'])
            recorded.append(normaliser.restore(batch['actions'].numpy()))
            predicted.append(normaliser.restore(chunks.float().cpu().numpy()))
            masks.append(batch['mask'].numpy())
    held = HeldChunks(*map(np.concatenate, (recorded, predicted, masks)))
    known = {name: answers[name] / asked[name] for name in asked if asked[name]}
    return {'loss': loss / max(count, 1.0), **_distances(held), **known}, held


def _distances(held: HeldChunks) -> dict[str, float]:
    difference = (held.predicted - held.recorded)[held.mask]  # (steps, 7)
    sides = np.sign(held.predicted[held.mask, VACUUM]) == np.sign(held.recorded[held.mask, VACUUM])
    return {
        'step_mm': 1e3 * float(np.linalg.norm(difference[:, TRANSLATION], axis=1).mean()),
        'step_deg': float(np.rad2deg(np.linalg.norm(difference[:, ROTATION], axis=1)).mean()),
        'vacuum_right': float(sides.mean()),
    }
