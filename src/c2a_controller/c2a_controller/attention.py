# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Multi-head attention as three matrix products.

PyTorch's fused kernel is quicker forward on a CPU, but its backward pass takes several times as
long as these products at the policy's sizes.
"""

from __future__ import annotations

import torch
from torch import nn


class Attention(nn.Module):
    """Queries look at keys.

    Args:
        dim: width of queries and keys.
        heads: dim is a multiple of it.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self._scale = (dim // heads) ** -0.5
        self.query = nn.Linear(dim, dim)
        # Two products without a bias (a softmax does not see that of keys, and `out` has one for
        # the values'): one with both would copy all of its gradient to join the halves.
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim)

    def forward(
        self, queries: torch.Tensor, keys: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Attend.

        Args:
            queries: (B, Q, D).
            keys: (B, T, D).
            mask: (B, T) bool, False for keys that nobody may look at; none allows all.

        Returns:
            (B, Q, D).
        """
        query = self._split(self.query(queries))  # (B, h, Q, d)
        key, value = self._split(self.key(keys)), self._split(self.value(keys))
        scores = (query @ key.transpose(-1, -2)) * self._scale  # (B, h, Q, T)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], float('-inf'))
        mixed = scores.softmax(-1) @ value  # (B, h, Q, d)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, D) to (B, heads, N, D / heads)."""
        return x.unflatten(-1, (self._heads, -1)).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Two layers, four times as wide in between."""

    def __init__(self, dim: int) -> None:
        super().__init__(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))


def as_multiplied(x: torch.Tensor) -> torch.Tensor:
    """A tensor in the type that products take: once, where several of them take it."""
    device = x.device.type
    if torch.is_autocast_enabled(device):
        return x.to(torch.get_autocast_dtype(device))
    return x
