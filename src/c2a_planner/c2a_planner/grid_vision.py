# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Vision tower of the tiny planner: one token for each cell of the grid over the picture.

The planner speaks of places as cells (column, row) of a 10 x 10 grid, so its picture tokens are
those cells. A convolutional stem learns within minutes what a patch embedding does not learn in
hours; two transformer layers let cells exchange what belongs to one object.

Importing this module makes `AutoModel` and `LlavaForConditionalGeneration` know the tower.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from c2a_core.spaces import GRID_SIZE

# The stem halves the picture four times.
STRIDE = 16


class GridVisionConfig(PretrainedConfig):
    """Configuration of `GridVisionModel`.

    Args:
        image_size: side of the square pictures [px]; the tower resizes them to 16 px a cell.
        grid_size: cells along each side.
        channels: of the stem at 1/4, 1/8 and 1/16 of the resized picture.
        hidden_size: of the tokens.
        num_hidden_layers: transformer layers.
        num_attention_heads: in each of them.
    """

    model_type = 'c2a_grid_vision'

    def __init__(
        self,
        image_size: int = 128,
        grid_size: int = GRID_SIZE,
        channels: tuple[int, ...] = (64, 128, 256),
        hidden_size: int = 256,
        num_hidden_layers: int = 2,
        num_attention_heads: int = 4,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.image_size = image_size
        self.grid_size = grid_size
        self.channels = list(channels)
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads


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


def _stem(channels: list[int]) -> nn.Sequential:
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


class GridVisionModel(PreTrainedModel):
    """Pictures (B, 3, S, S) to tokens (B, grid_size², hidden_size), row by row."""

    config_class = GridVisionConfig
    base_model_prefix = 'grid_vision'
    main_input_name = 'pixel_values'
    # It has no attention implementation to choose, and says yes to the one LLaVA was given.
    _supports_sdpa = True
    _supports_attention_backend = True

    def __init__(self, config: GridVisionConfig) -> None:
        super().__init__(config)
        hidden = config.hidden_size
        self.stem = _stem(config.channels)
        self.project = nn.Linear(config.channels[-1], hidden)
        self.position = nn.Parameter(torch.randn(1, config.grid_size**2, hidden) * 0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                hidden,
                config.num_attention_heads,
                4 * hidden,
                dropout=0.0,
                activation='gelu',
                batch_first=True,
                norm_first=True,
            )
            for _ in range(config.num_hidden_layers)
        )
        self.norm = nn.LayerNorm(hidden)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Keep PyTorch's own initialisation."""

    def forward(self, pixel_values: torch.Tensor, **_: object) -> BaseModelOutput:
        """Encode pictures.

        Args:
            pixel_values: (B, 3, S, S), normalised.

        Returns:
            `last_hidden_state` (B, grid_size², hidden_size), also as the only hidden state.
        """
        side = STRIDE * self.config.grid_size
        if pixel_values.shape[-1] != side:
            pixel_values = functional.interpolate(
                pixel_values, (side, side), mode='bilinear', align_corners=False
            )
        x = self.stem(pixel_values.contiguous(memory_format=torch.channels_last))
        x = self.project(x.flatten(2).transpose(1, 2)) + self.position
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        return BaseModelOutput(last_hidden_state=x, hidden_states=(x,))


AutoConfig.register(GridVisionConfig.model_type, GridVisionConfig)
AutoModel.register(GridVisionConfig, GridVisionModel)
