# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a policy is also asked while it is trained, by linear heads that are thrown away.

Actions alone tell a small network slowly what it sees and where it is to go. Two further questions
have answers in the data: which colour and shape covers each token of the base picture, and how far
it is to where the running sub-task ends.

    token_colors, token_shapes    (B, N) int64, `UNKNOWN` where nobody labelled the picture
    goal                          (B, 3) float32, way of the end effector in its present frame, in
                                  `GOAL_M`
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from c2a_controller.policy_config import PolicyConfig
from c2a_controller.policy_net import base_tokens
from c2a_core.spaces import GRID_SIZE
from c2a_sim_bridge.sim.labels import COLOR_LABELS, SHAPE_LABELS

Batch = Mapping[str, torch.Tensor]

UNKNOWN = -100
GOAL_M = 0.1
"""Unit of the way to the end of a sub-task: about as far as most of them go."""

# Under a centimetre the error of the way counts squared, above it as it is.
_GOAL_KNEE = 0.1


@dataclass(frozen=True)
class AuxiliarySettings:
    """Weights of the further losses beside that of the chunks; 0 leaves one out.

    Attributes:
        dense_weight: of colour and shape at the base picture's tokens.
        goal_weight: of the way to the end of the sub-task.
    """

    dense_weight: float = 0.0
    goal_weight: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.dense_weight < math.inf and 0 <= self.goal_weight < math.inf):
            raise ValueError(
                f'auxiliary losses have the weights {self.dense_weight} and {self.goal_weight}, '
                'expected 0 or more'
            )

    def check(self, config: PolicyConfig) -> None:
        """Refuse a network that cannot be asked.

        Raises:
            ValueError: with what to set.
        """
        if self.dense_weight and ('base' not in config.cameras or config.image_tokens != 'grid'):
            raise ValueError(
                'auxiliary.dense_weight needs the base camera and its tokens as a grid: set it to '
                '0, or add base to model.cameras and set model.image_tokens to grid'
            )


class AuxiliaryHeads(nn.Module):
    """The heads of the further losses.

    Args:
        config: of the policy.
        settings: which losses.
    """

    def __init__(self, config: PolicyConfig, settings: AuxiliarySettings) -> None:
        super().__init__()
        self._config = config
        self._settings = settings
        if settings.dense_weight:
            self.color = nn.Linear(config.token_dim, 1 + len(COLOR_LABELS))
            self.shape = nn.Linear(config.token_dim, 1 + len(SHAPE_LABELS))
        if settings.goal_weight:
            self.goal = nn.Linear(config.condition_dim, 3)

    def loss(self, images: torch.Tensor, condition: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Weighted losses (B,), summed over the questions.

        Args:
            images: (B, N, D), of `PolicyNet.encode_images`.
            condition: (B, C), of `PolicyNet.condition`.
            batch: with the answers.
        """
        total = condition.new_zeros(len(condition), dtype=torch.float32)
        with torch.autocast(condition.device.type, enabled=False):
            if self._settings.dense_weight:
                dense = sum(
                    functional.cross_entropy(
                        logits.transpose(1, 2), target, ignore_index=UNKNOWN, reduction='none'
                    ).mean(1)
                    for logits, target in self._dense(images, batch)
                )
                total = total + self._settings.dense_weight * dense
            if self._settings.goal_weight:
                way = self.goal(condition.float())
                error = functional.smooth_l1_loss(
                    way, batch['goal'], beta=_GOAL_KNEE, reduction='none'
                )
                total = total + self._settings.goal_weight * error.mean(1)
        return total

    @torch.no_grad()
    def figures(
        self, images: torch.Tensor, condition: torch.Tensor, batch: Batch
    ) -> dict[str, tuple[float, float]]:
        """Sums and counts: their quotients say how good the answers are.

        Args:
            images: see `loss`.
            condition: see `loss`.
            batch: with the answers.

        Returns:
            `color_right` and `shape_right`, shares of the tokens that something covers, and
            `goal_mm`, the mean distance to the sub-task's end that was recorded.
        """
        found: dict[str, tuple[float, float]] = {}
        with torch.autocast(condition.device.type, enabled=False):
            if self._settings.dense_weight:
                names = ('color_right', 'shape_right')
                for name, (logits, target) in zip(names, self._dense(images, batch), strict=True):
                    is_covered = target > 0
                    hits = (logits.argmax(-1) == target) & is_covered
                    found[name] = float(hits.sum()), float(is_covered.sum())
            if self._settings.goal_weight:
                away = (self.goal(condition.float()) - batch['goal']).norm(dim=1)
                found['goal_mm'] = 1e3 * GOAL_M * float(away.sum()), float(len(away))
        return found

    def _dense(
        self, images: torch.Tensor, batch: Batch
    ) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
        """Logits (B, N, classes) and labels (B, N) of colours, then of shapes."""
        tokens = images[:, base_tokens(self._config)].float()
        return (
            (self.color(tokens), batch['token_colors']),
            (self.shape(tokens), batch['token_shapes']),
        )


def token_cells(config: PolicyConfig) -> np.ndarray:
    """Number (N,) of the cell in which the middle of each base token lies; both row by row."""
    side = config.token_side('base')
    along = ((np.arange(side) + 0.5) * GRID_SIZE / side).astype(np.int64)
    return (GRID_SIZE * along[:, None] + along).reshape(-1)
