# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Vision tower of the tiny planner, `c2a_core.grid_tower`, as `transformers` knows it.

Importing this module makes `AutoModel` and `LlavaForConditionalGeneration` know the tower.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from c2a_core.grid_tower import TowerParts, TowerSize
from c2a_core.spaces import GRID_SIZE


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


class GridVisionModel(TowerParts, PreTrainedModel):
    """Pictures (B, 3, S, S) to tokens (B, grid_size², hidden_size), row by row."""

    config_class = GridVisionConfig
    base_model_prefix = 'grid_vision'
    main_input_name = 'pixel_values'
    # It has no attention implementation to choose, and says yes to the one LLaVA was given.
    _supports_sdpa = True
    _supports_attention_backend = True

    def __init__(self, config: GridVisionConfig) -> None:
        super().__init__(config)
        self.build(
            TowerSize(
                config.grid_size,
                tuple(config.channels),
                config.hidden_size,
                config.num_hidden_layers,
                config.num_attention_heads,
            )
        )
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
        x = self.encode(pixel_values)
        return BaseModelOutput(last_hidden_state=x, hidden_states=(x,))


AutoConfig.register(GridVisionConfig.model_type, GridVisionConfig)
AutoModel.register(GridVisionConfig, GridVisionModel)
