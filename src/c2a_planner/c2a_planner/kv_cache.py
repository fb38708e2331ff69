# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Keys and values of the tokens so far, in memory that is allocated once.

`transformers`' growing cache copies everything for each token, and its static one cannot be cut
back to the prefix, which is what the planner does for each picture.
"""

from __future__ import annotations

import torch
from transformers.cache_utils import Cache

# Enough for Swap's long memory, its picture and a reply of the tiny model.
BLOCK = 512


class SlotCache(Cache):
    """One sequence of tokens, which can be cut anywhere and be continued.

    Args:
        is_static: attention goes over all slots, masked, so that shapes never change: what a
            compiled model wants.
        window: tokens that each token may look back on, None for all.
    """

    def __init__(self, is_static: bool = False, window: int | None = None) -> None:
        super().__init__(layers=[])
        self.length = 0
        self._is_static = is_static
        self._window = window
        self._capacity = 0
        self._end = 0
        self._slots = torch.empty(0, dtype=torch.long)
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []

    def begin(self, count: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Make room for the next tokens, which one pass through the model will bring.

        Args:
            count: number of tokens.
            device: of the model.

        Returns:
            Their positions (1, count) and the mask (1, 1, count, keys) of what they look at.
        """
        first, self.length = self.length, self.length + count
        if self.length > self._capacity:
            self._grow(-(-self.length // BLOCK) * BLOCK)
        self._slots = torch.arange(first, self.length, device=device)
        self._end = self._capacity if self._is_static else self.length
        distance = self._slots[:, None] - torch.arange(self._end, device=device)
        mask = distance >= 0
        if self._window is not None:
            mask &= distance < self._window
        return self._slots[None], mask[None, None]

    def truncate(self, length: int) -> None:
        """Forget all tokens but the first ones."""
        self.length = min(self.length, length)

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *_: object,
        **__: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store a layer's keys and values (1, H, count, D); all of them so far come back."""
        if layer_idx == len(self._keys):
            self._keys.append(self._new(key_states))
            self._values.append(self._new(value_states))
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        if self._is_static:
            keys.index_copy_(2, self._slots, key_states)
            values.index_copy_(2, self._slots, value_states)
            return keys, values
        first = self._end - key_states.shape[2]
        keys[:, :, first : self._end] = key_states
        values[:, :, first : self._end] = value_states
        return keys[:, :, : self._end], values[:, :, : self._end]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens so far."""
        del layer_idx
        return self.length

    def _new(self, like: torch.Tensor) -> torch.Tensor:
        batch, heads, _, size = like.shape
        # Zeros: what is masked is multiplied by zero, and NaN times zero is NaN.
        tensor = like.new_zeros(batch, heads, self._capacity, size)
        if self._is_static:
            torch._dynamo.mark_static_address(tensor)
        return tensor

    def _grow(self, capacity: int) -> None:
        old = self._capacity
        self._capacity = capacity
        for tensors in (self._keys, self._values):
            for index, tensor in enumerate(tensors):
                tensors[index] = self._new(tensor)
                tensors[index][:, :, :old] = tensor
