# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Texts to tokens of the network: a small transformer, or a pretrained T5 that stays as it is."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from c2a_controller.attention import Attention, FeedForward
from c2a_controller.policy_config import PolicyConfig
from c2a_controller.policy_text import TextBatch, TextPart


class EncodedText(NamedTuple):
    """Code and cache info, one behind the other.

    Attributes:
        tokens: (B, T, D).
        mask: (B, T) bool, False where padded.
        cells: (B, T) int64, the cell that a token lies in, see `policy_text`.
    """

    tokens: torch.Tensor
    mask: torch.Tensor
    cells: torch.Tensor

    def repeat(self, times: int) -> EncodedText:
        """Each text `times` times."""
        return EncodedText(*(x.repeat_interleave(times, 0) for x in self))


class TextTransformer(nn.Module):
    """A few layers over code and cache info together: code that reads a pose finds its line."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        dim = config.token_dim
        self.embedding = nn.Embedding(config.vocabulary_size, dim)
        self.position = nn.Parameter(torch.randn(config.max_text_tokens, dim) * 0.02)
        self.layers = nn.ModuleList(_Layer(dim, config.heads) for _ in range(config.text_layers))
        self.norm = nn.LayerNorm(dim)
        nn.init.normal_(self.embedding.weight, std=0.5)

    def forward(self, text: TextBatch, extra: torch.Tensor) -> torch.Tensor:
        """Encode a batch.

        Args:
            text: T tokens, code and cache info together.
            extra: (B, T, D), what is added to the tokens' embeddings.

        Returns:
            (B, T, D).
        """
        x = torch.cat([self._embed(part) for part in (text.code, text.cache)], 1) + extra
        mask = torch.cat([text.code.mask, text.cache.mask], 1)
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x)

    def _embed(self, part: TextPart) -> torch.Tensor:
        return self.embedding(part.ids) + self.position[: part.ids.shape[1]]


class FrozenT5(nn.Module):
    """The encoder of a T5, each text by itself, then a linear layer; only that learns."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        from transformers import T5EncoderModel

        t5 = T5EncoderModel.from_pretrained(config.text_model).eval().requires_grad_(False)
        # Not a sub-module: its weights are neither trained nor part of our checkpoint.
        self._t5 = [t5]
        self.project = nn.Linear(t5.config.d_model, config.token_dim)

    def forward(self, text: TextBatch, extra: torch.Tensor) -> torch.Tensor:
        """Encode a batch; see `TextTransformer.forward`."""
        x = torch.cat([self._encode(part) for part in (text.code, text.cache)], 1)
        return self.project(x) + extra

    @torch.no_grad()
    def _encode(self, part: TextPart) -> torch.Tensor:
        weight = self.project.weight
        self._t5[0].to(weight.device)
        states = self._t5[0](input_ids=part.ids, attention_mask=part.mask.long())
        return states.last_hidden_state.to(weight.dtype)


def make_text_encoder(config: PolicyConfig) -> nn.Module:
    """The encoder that the configuration names."""
    return FrozenT5(config) if config.text_encoder == 't5' else TextTransformer(config)


class _Layer(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = Attention(dim, heads)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        y = self.attention_norm(x)
        x = x + self.attention(y, y, mask)
        return x + self.feed_forward(self.feed_forward_norm(x))
