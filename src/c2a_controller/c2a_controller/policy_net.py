# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The diffusion policy's network: what it sees and is told, to a vector, to a denoised chunk.

    text      code, cache info ──► text encoder ────┐ tokens      once per sub-task
    pictures  base, wrist ───────► an eye each ─────┤
    proprio   joints, ee; gripper ► linear each ────┴► attention pooling ─► condition   per chunk
    condition, noisy chunk, noise level ──► U-Net ──► prediction          per denoising step

It knows neither schedulers (`policy_objective`) nor observations (`diffusion_policy`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from c2a_controller.attention_pooling import AttentionPooling
from c2a_controller.conditional_unet import ConditionalUnet
from c2a_controller.policy_config import PolicyConfig
from c2a_controller.policy_text import TextBatch
from c2a_controller.text_encoder import EncodedText, make_text_encoder
from c2a_controller.vision_encoder import CameraEncoder
from c2a_core.spaces import GRID_SIZE, PROPRIO_NAMES

GRIPPER_DIM = sum(name.startswith('vacuum_') for name in PROPRIO_NAMES)
"""Numbers of proprioception about the gripper; they are the last ones."""

_VELOCITIES = [name.startswith('v_') for name in PROPRIO_NAMES]


class PolicyNet(nn.Module):
    """The whole network.

    Args:
        config: its architecture.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.token_dim
        self.text = make_text_encoder(config)
        self.segment = nn.Parameter(torch.randn(2, dim) * 0.02)
        self.cameras = nn.ModuleDict({name: _eye(name, config) for name in config.cameras})
        self.camera_embedding = nn.Parameter(torch.randn(len(config.cameras), 1, dim) * 0.02)
        self.joints = nn.Linear(config.proprio_dim - GRIPPER_DIM, dim)
        self.gripper = nn.Linear(GRIPPER_DIM, dim)
        self.pooling = AttentionPooling(config)
        self.unet = ConditionalUnet(config)
        if config.proprio_skip:
            self.skip = nn.Sequential(
                nn.Linear(config.proprio_dim, config.condition_dim),
                nn.Mish(),
                nn.Linear(config.condition_dim, config.condition_dim),
            )
        if not config.joint_velocities:
            self.register_buffer('_unseen', torch.tensor(_VELOCITIES), persistent=False)
        if config.cell_features:
            side = self.cameras['base'].side
            self.glimpse = nn.Conv2d(dim, dim, 3, padding=1)
            self.register_buffer('_cell_points', _cell_points(), persistent=False)
            self.register_buffer('_cell_weights', _cell_weights(side), persistent=False)

    def let_learn(self) -> PolicyNet:
        """Mark all weights as those that learn, but those of a frozen eye."""
        self.requires_grad_(True)
        for eye in self.cameras.values():
            getattr(eye, 'freeze', lambda: None)()
        return self

    def encode_text(self, text: TextBatch) -> EncodedText:
        """Encode code and cache info (B of each); once for a sub-task."""
        cells = torch.cat([text.code.cells, text.cache.cells], 1)
        mask = torch.cat([text.code.mask, text.cache.mask], 1)
        lengths = torch.tensor(
            [text.code.ids.shape[1], text.cache.ids.shape[1]], device=mask.device
        )
        extra = self.segment.repeat_interleave(lengths, 0, output_size=mask.shape[1])
        extra = extra + self._places(cells)
        return EncodedText(self.text(text, extra), mask, cells)

    def encode_images(self, images: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Encode pictures; once for a chunk.

        Args:
            images: for each camera (B, 3, S, S) uint8 or float, values 0 to 255; or what a frozen
                eye makes of them, see `PlannerEye.features`.

        Returns:
            (B, N, D), the cameras' tokens in the order of `config.cameras`.
        """
        tokens = [encoder(images[name]) for name, encoder in self.cameras.items()]
        return torch.cat([t + e for t, e in zip(tokens, self.camera_embedding, strict=True)], 1)

    def condition(
        self, text: EncodedText, images: torch.Tensor, proprio: torch.Tensor
    ) -> torch.Tensor:
        """Join what is known.

        Args:
            text: of `encode_text`.
            images: of `encode_images`.
            proprio: (B, P), normalised.

        Returns:
            (B, C), for `denoise`.
        """
        words = text.tokens + self._glimpses(text.cells, images)
        if not self.config.joint_velocities:
            proprio = proprio.masked_fill(self._unseen, 0.0)
        joints, gripper = proprio.split([proprio.shape[1] - GRIPPER_DIM, GRIPPER_DIM], 1)
        body = torch.stack([self.joints(joints), self.gripper(gripper)], 1)
        seen = torch.cat([images, body], 1)
        mask = torch.cat([text.mask, text.mask.new_ones(seen.shape[:2])], 1)
        pooled = self.pooling(torch.cat([words, seen], 1), mask)
        return pooled + self.skip(proprio) if self.config.proprio_skip else pooled

    def denoise(
        self, noisy: torch.Tensor, times: torch.Tensor, condition: torch.Tensor
    ) -> torch.Tensor:
        """Predict what the objective asks for.

        Args:
            noisy: (B, Tp, A), normalised actions with noise.
            times: (B,) noise levels, 0 to `config.train_steps`.
            condition: (B, C).

        Returns:
            (B, Tp, A).
        """
        return self.unet(noisy, times, condition)

    def forward(
        self,
        text: TextBatch,
        images: Mapping[str, torch.Tensor],
        proprio: torch.Tensor,
        noisy: torch.Tensor,
        times: torch.Tensor,
    ) -> torch.Tensor:
        """All of it, for training: observations are encoded once and denoised K times.

        Args:
            text: B texts.
            images: for each camera (B, 3, S, S).
            proprio: (B, P).
            noisy: (B, K, Tp, A).
            times: (B, K).

        Returns:
            (B, K, Tp, A).
        """
        condition = self.condition(self.encode_text(text), self.encode_images(images), proprio)
        repeated = condition.repeat_interleave(times.shape[1], 0)
        predicted = self.denoise(noisy.flatten(0, 1), times.flatten(), repeated)
        return predicted.unflatten(0, times.shape)

    def _places(self, cells: torch.Tensor) -> torch.Tensor | float:
        """Where the cells (B, T) of tokens are, as (B, T, D); nothing for tokens without one."""
        if not self.config.cell_features:
            return 0.0
        places = self.cameras['base'].place(self._cell_points)  # (cells, D)
        places = torch.cat([torch.zeros_like(places[:1]), places])
        return places[cells]

    def _glimpses(self, cells: torch.Tensor, images: torch.Tensor) -> torch.Tensor | float:
        """What the base camera shows in the cells (B, T) of tokens, as (B, T, D)."""
        if not self.config.cell_features:
            return 0.0
        tokens = images[:, base_tokens(self.config)]
        side = self.cameras['base'].side
        grid = tokens.transpose(1, 2).unflatten(2, (side, side))
        around = self.glimpse(grid).flatten(2).transpose(1, 2)
        shown = self._cell_weights.to(around.dtype) @ around
        rows = torch.arange(len(cells), device=cells.device)[:, None]
        return shown[rows, cells]


def base_tokens(config: PolicyConfig) -> slice:
    """Where the base camera's tokens are among those of `PolicyNet.encode_images`."""
    before = config.cameras[: config.cameras.index('base')]
    first = sum(config.token_side(camera) ** 2 for camera in before)
    return slice(first, first + config.token_side('base') ** 2)


def _eye(camera: str, config: PolicyConfig) -> nn.Module:
    if camera != 'base' or config.base_eye == 'resnet':
        return CameraEncoder(config)
    from c2a_controller.planner_eye import PlannerEye

    return PlannerEye(config)


def _cell_points() -> torch.Tensor:
    """Middles (cells, 2) of the grid's cells, as (from the left, from the top) in 0..1."""
    middles = (torch.arange(GRID_SIZE) + 0.5) / GRID_SIZE
    columns, rows = torch.meshgrid(middles, middles, indexing='ij')
    return torch.stack([columns.flatten(), rows.flatten()], -1)


def _cell_weights(side: int) -> torch.Tensor:
    """Weights (1 + cells, side²) of the picture's tokens around each cell's middle; 0: no cell."""
    middles = torch.arange(side)
    near = (_cell_points()[:, None] * side - 0.5).clamp(0, side - 1)  # (cells, 1, 2)
    columns, rows = (1 - (near - middles[:, None]).abs()).clamp(min=0).unbind(-1)
    weights = (rows[:, :, None] * columns[:, None, :]).flatten(1)
    return torch.cat([torch.zeros(1, side**2), weights])
