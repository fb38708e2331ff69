# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures to tokens: a ResNet-18 with GroupNorm for each camera.

The policy has to find "the red cube" in a cell, so the picture stays a grid: the last two stages
meet at one token for 16 x 16 pixels. One token a picture, the paper's choice, is a switch.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from c2a_controller.policy_config import RESNET_STRIDE, PolicyConfig

_CHANNELS = (64, 128, 256, 512)
_BLOCKS_OF_A_STAGE = 2
# He and others keep 16 channels a group where they compare GroupNorm with BatchNorm
# (https://arxiv.org/abs/1803.08494).
_GROUP = 16
# Waves over the picture's width: the finest is as long as a token and a half.
_OCTAVES = 5


class PlaceEmbedding(nn.Module):
    """Points of a picture as vectors, so that near points are alike."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(4 * _OCTAVES, dim)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """(..., 2) in 0..1 from the left and from the top, to (..., D)."""
        octaves = math.pi * 2.0 ** torch.arange(_OCTAVES, device=points.device)
        angles = (points[..., None] * octaves).flatten(-2)
        return self.project(torch.cat([angles.sin(), angles.cos()], -1))


class ResNet18(nn.Module):
    """The last two stages' features of pictures.

    Args:
        width: factor on the channels.
        stem: how much the first convolution shrinks pictures; by 2, and a pooling follows.
    """

    def __init__(self, width: float, stem: int) -> None:
        super().__init__()
        channels = [int(width * c) for c in _CHANNELS]
        self.stem = nn.Conv2d(3, channels[0], 7, stride=stem, padding=3, bias=False)
        self._is_pooled = stem == 2
        self.stem_norm = _norm(channels[0])
        self.stages = nn.ModuleList()
        before = channels[0]
        for index, after in enumerate(channels):
            blocks = []
            for number in range(_BLOCKS_OF_A_STAGE):
                stride = 2 if index and not number else 1
                blocks.append(_Block(before, after, stride))
                before = after
            self.stages.append(nn.Sequential(*blocks))
        self.channels = (channels[-2], channels[-1])

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 3, S, S) to (B, C, S / 16, S / 16) and (B, 2 C, S / 32, S / 32)."""
        x = functional.relu(self.stem_norm(self.stem(pictures)))
        if self._is_pooled:
            x = functional.max_pool2d(x, 3, stride=2, padding=1)
        *first, third, last = self.stages
        for stage in first:
            x = stage(x)
        fine = third(x)
        return fine, last(fine)


class CameraEncoder(nn.Module):
    """One camera's pictures to tokens."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self._is_grid = config.image_tokens == 'grid'
        self.side = math.ceil(config.image_size / RESNET_STRIDE)
        self.resnet = ResNet18(config.vision_width, config.vision_stem)
        fine, coarse = self.resnet.channels
        self.coarse = nn.Linear(coarse, config.token_dim)
        self.place = PlaceEmbedding(config.token_dim)
        if self._is_grid:
            self.fine = nn.Linear(fine, config.token_dim)
            self.register_buffer('centres', token_centres(self.side), persistent=False)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Encode pictures.

        Args:
            pictures: (B, 3, S, S), uint8 or float, values 0 to 255.

        Returns:
            (B, N, D): row by row from the top left, or N = 1.
        """
        x = _centred(pictures, self.coarse.weight.dtype)
        fine, coarse = self.resnet(x.contiguous(memory_format=torch.channels_last))
        if not self._is_grid:
            return self.coarse(coarse.mean((2, 3)))[:, None]
        tokens = self.fine(_as_tokens(fine))
        around = self.coarse(_as_tokens(coarse))
        return tokens + _enlarge(around, self.side) + self.place(self.centres)


def _centred(pictures: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Values 0 to 255 to -1 to 1; of bytes directly in the type that convolutions will take."""
    device = pictures.device.type
    if pictures.dtype == torch.uint8 and torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
    return pictures.to(dtype, copy=True).mul_(1 / 127.5).sub_(1.0)


class _Block(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.norm1 = _norm(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = _norm(after)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            conv = nn.Conv2d(before, after, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(conv, _norm(after))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, channels // _GROUP), channels)


def token_centres(side: int) -> torch.Tensor:
    """Middles (side², 2) of the tokens, row by row, as (from the left, from the top)."""
    middles = (torch.arange(side) + 0.5) / side
    rows, columns = torch.meshgrid(middles, middles, indexing='ij')
    return torch.stack([columns.flatten(), rows.flatten()], -1)


def _as_tokens(features: torch.Tensor) -> torch.Tensor:
    """(B, C, h, w) to (B, h w, C)."""
    return features.flatten(2).transpose(1, 2)


def _enlarge(tokens: torch.Tensor, side: int) -> torch.Tensor:
    """Square grids of tokens (B, n, D) to (B, side², D): each stands for those it covers."""
    coarse = math.isqrt(tokens.shape[1])
    grid = tokens.unflatten(1, (coarse, coarse))
    grid = grid.repeat_interleave(2, 1).repeat_interleave(2, 2)
    return grid[:, :side, :side].flatten(1, 2)
