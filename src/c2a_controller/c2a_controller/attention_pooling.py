# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""All tokens to one vector: learned queries look at them, then at each other, block by block."""

from __future__ import annotations

import torch
from torch import nn

from c2a_controller.attention import Attention, FeedForward, as_multiplied
from c2a_controller.policy_config import PolicyConfig


class AttentionPooling(nn.Module):
    """Tokens of text, pictures and proprioception to the vector that conditions the U-Net."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        dim = config.token_dim
        self.queries = nn.Parameter(torch.randn(config.pooling_queries, dim))
        self.token_norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(
            _Block(dim, config.heads) for _ in range(config.pooling_blocks)
        )
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(config.pooling_queries * dim, config.condition_dim)

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Pool.

        Args:
            tokens: (B, T, D).
            mask: (B, T) bool, False where there is none.

        Returns:
            (B, C).
        """
        tokens = as_multiplied(self.token_norm(tokens))
        x = self.queries.expand(len(tokens), -1, -1)
        for block in self.blocks:
            x = block(x, tokens, mask)
        return self.out(self.norm(x).flatten(1))


class _Block(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.cross_norm = nn.LayerNorm(dim)
        self.cross = Attention(dim, heads)
        self.self_norm = nn.LayerNorm(dim)
        self.among = Attention(dim, heads)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim)

    def forward(self, x: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = x + self.cross(self.cross_norm(x), tokens, mask)
        y = self.self_norm(x)
        x = x + self.among(y, y)
        return x + self.feed_forward(self.feed_forward_norm(x))
