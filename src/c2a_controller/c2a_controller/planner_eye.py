# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The base camera's pictures as a planner sees them: its vision tower, frozen.

A planner has learned for hours which object is in which cell. A policy that looks through the same
tower need not learn it again: its features of a picture never change, so a training computes them
once. The tower is copied into the policy's checkpoint, which needs no planner beside it.

    pictures ─► tower ─► features (100, 256)          frozen, once for a picture
                            └─► projection + place    learned ─► tokens
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from c2a_controller.policy_config import PolicyConfig
from c2a_controller.vision_encoder import PlaceEmbedding, token_centres
from c2a_core.grid_tower import GridTower
from c2a_core.spaces import GRID_SIZE

_TOWER = 'vision_tower.'
_BYTE = 255.0
MEAN, STD = (0.6, 0.55, 0.5), (0.3, 0.3, 0.3)
"""By which the tiny planner's pictures are normalised: red, green and blue in 0..1."""


class PlannerEye(nn.Module):
    """The base camera's pictures to a token for each cell.

    Args:
        config: of the policy.

    Attributes:
        side: tokens along a side.
        place: where a token is.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.side = GRID_SIZE
        self.tower = GridTower()
        self.freeze()
        self.project = nn.Sequential(
            nn.Linear(self.tower.size.hidden_size, config.token_dim),
            nn.GELU(),
            nn.Linear(config.token_dim, config.token_dim),
        )
        self.place = PlaceEmbedding(config.token_dim)
        self.register_buffer('centres', token_centres(self.side), persistent=False)
        for name, values in (('mean', MEAN), ('std', STD)):
            values = _BYTE * torch.tensor(values)
            self.register_buffer(name, values[:, None, None], persistent=False)

    def train(self, mode: bool = True) -> PlannerEye:
        """Change the mode of what learns; the tower keeps the statistics that it has."""
        super().train(mode)
        self.tower.eval()
        return self

    def freeze(self) -> None:
        """Let the tower stay as it is."""
        self.tower.requires_grad_(False).eval()

    def see_as(
        self,
        weights: Mapping[str, torch.Tensor],
        mean: tuple[float, ...] = MEAN,
        std: tuple[float, ...] = STD,
    ) -> None:
        """Take a planner's tower.

        Args:
            weights: all of the planner's model.
            mean: by which it normalises pictures.
            std: likewise.

        Raises:
            ValueError: if the planner sees in another way.
        """
        tower = {
            name.split(_TOWER, 1)[1]: weight.float()
            for name, weight in weights.items()
            if _TOWER in name
        }
        if (tuple(mean), tuple(std)) != (MEAN, STD):
            raise ValueError(
                f'the planner normalises pictures by {mean} and {std}, expected {MEAN} and {STD}'
            )
        try:
            self.tower.load_state_dict(tower)
        except RuntimeError as err:
            raise ValueError(
                f"the planner has another vision tower than the preset tiny's: {err}"
            ) from err

    @torch.no_grad()
    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """What the tower makes of pictures.

        Args:
            pictures: (B, 3, S, S), uint8 or float, values 0 to 255.

        Returns:
            (B, 100, 256), row by row from the top left.
        """
        pixels = (pictures.to(self.mean.dtype) - self.mean) / self.std
        return self.tower(pixels)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        """Encode pictures.

        Args:
            seen: pictures (B, 3, S, S) with values 0 to 255, or their `features` (B, 100, 256).

        Returns:
            (B, 100, D), row by row from the top left.
        """
        features = seen if seen.ndim == 3 else self.features(seen)
        return self.project(features.to(self.centres.dtype)) + self.place(self.centres)
