# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A vision tower with a token for each cell of the grid; planner and policy look through it.

The planner speaks of places as cells (column, row) of a 10 x 10 grid, so its picture tokens are
those cells. A convolutional stem learns within minutes what a patch embedding does not learn in
hours; two transformer layers let cells exchange what belongs to one object. Needs torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from c2a_core.spaces import GRID_SIZE

# The stem halves the picture four times.
STRIDE = 16


@dataclass(frozen=True)
class TowerSize:
    """Size of the network.

    Attributes:
        grid_size: cells along each side.
        channels: of the stem at 1/4, 1/8 and 1/16 of the resized picture.
        hidden_size: of the tokens.
        layers: transformer layers.
        heads: in each of them.
    """

    grid_size: int = GRID_SIZE
    channels: Sequence[int] = (64, 128, 256)
    hidden_size: int = 256
    layers: int = 2
    heads: int = 4


class TowerParts:
    """What makes a module a tower; for classes that are `nn.Module` already."""

    def build(self, size: TowerSize) -> None:
        """Make the parts."""
        self.size = size
        hidden = size.hidden_size
        self.stem = _stem(size.channels)
        self.project = nn.Linear(size.channels[-1], hidden)
        self.position = nn.Parameter(torch.randn(1, size.grid_size**2, hidden) * 0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                hidden,
                size.heads,
                4 * hidden,
                dropout=0.0,
                activation='gelu',
                batch_first=True,
                norm_first=True,
            )
            for _ in range(size.layers)
        )
        self.norm = nn.LayerNorm(hidden)

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encode pictures.

        Args:
            pixels: (B, 3, S, S), normalised; they are resized to 16 pixels a cell.

        Returns:
            (B, grid_size², hidden_size), row by row.
        """
        side = STRIDE * self.size.grid_size
        if pixels.shape[-1] != side:
            pixels = functional.interpolate(
                pixels, (side, side), mode='bilinear', align_corners=False
            )
        x = self.stem(pixels.contiguous(memory_format=torch.channels_last))
        x = self.project(x.flatten(2).transpose(1, 2)) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class GridTower(TowerParts, nn.Module):
    """The network by itself; see `TowerParts`."""

    def __init__(self, size: TowerSize = TowerSize()) -> None:
        super().__init__()
        self.build(size)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encode pictures; see `TowerParts.encode`."""
        return self.encode(pixels)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to the same shape."""
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(x + self.norm2(self.conv2(y)))


def _stem(channels: Sequence[int]) -> nn.Sequential:
    """(B, 3, 16 g, 16 g) pictures to (B, channels[-1], g, g)."""
    layers: list[nn.Module] = []
    last = 3
    for index, width in enumerate(channels):
        kernel, stride = (7, 4) if index == 0 else (3, 2)
        layers += [
            nn.Conv2d(last, width, kernel, stride=stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            ResidualBlock(width),
        ]
        last = width
    return nn.Sequential(*layers)
