# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The language model's forward pass for training: Phi-3's last layer only where it matters.

The positions that predict a reply's token are a fifth of a packed sequence. The last layer's
attention still reads all positions, but its queries, its feed-forward part and all that follows
are computed at those few: the same numbers for less work. A test holds it to `Phi3Model`. Other
language models (some LLaVA-Phi-3 are stored as Llama) run as they are.

On a CPU attention is two plain products around a softmax: the backward pass of PyTorch's fused
kernel took half of a training step there (`benchmarks/planner_training.py`).
"""

from __future__ import annotations

import torch
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.models.phi3.modeling_phi3 import Phi3DecoderLayer, Phi3Model, rotate_half

# The few positions are padded to a multiple of it: few shapes to compile.
QUERY_MULTIPLE = 96


class LanguageForward:
    """Calls a language model.

    Args:
        model: the language model; its adapters, if any, work as usual.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self.is_whole = not isinstance(model, Phi3Model)
        """Whether the last layer is computed everywhere, as FSDP needs it."""
        self.is_fused = True
        """Whether attention is PyTorch's fused kernel."""
        self._run = self._forward

    def unfuse_attention(self) -> None:
        """Compute attention as plain products: the quicker way on a CPU."""
        self.is_fused = False
        self._model.config._attn_implementation = 'eager'

    def compile(self) -> None:
        """Let `torch.compile` fuse the element-wise work; one compilation for all lengths."""
        self._run = torch.compile(self._forward, dynamic=True)
        self._whole = torch.compile(self._whole, dynamic=True)

    def __call__(
        self,
        embeds: torch.Tensor,
        mask: torch.Tensor,
        position_ids: torch.Tensor,
        at: torch.Tensor,
    ) -> torch.Tensor:
        """Hidden states where they are wanted.

        Args:
            embeds: (B, L, D).
            mask: (B, 1, L, L) bool, true where a position may look.
            position_ids: (B, L).
            at: (R,) flat positions in B x L, ascending.

        Returns:
            (R, D), after the last norm.
        """
        if not self.is_fused:
            mask = _as_bias(mask)
        if self.is_whole:
            return self._whole(embeds, mask, position_ids).flatten(0, 1)[at]
        batch, length = position_ids.shape
        rows, columns = at // length, at % length
        counts = torch.bincount(rows, minlength=batch)
        width = min(length, -(-int(counts.max()) // QUERY_MULTIPLE) * QUERY_MULTIPLE)
        starts = counts.cumsum(0) - counts
        slots = torch.arange(len(at), device=at.device) - starts[rows]
        chosen = torch.zeros((batch, width), dtype=torch.long, device=at.device)
        chosen[rows, slots] = columns
        hidden = self._run(embeds, mask, position_ids, chosen)  # (B, width, D)
        return hidden[rows, slots]

    def _whole(
        self, embeds: torch.Tensor, mask: torch.Tensor, position_ids: torch.Tensor
    ) -> torch.Tensor:
        """Hidden states (B, L, D) everywhere."""
        return self._model(
            inputs_embeds=embeds, attention_mask=mask, position_ids=position_ids, use_cache=False
        ).last_hidden_state

    def _forward(
        self,
        embeds: torch.Tensor,
        mask: torch.Tensor,
        position_ids: torch.Tensor,
        chosen: torch.Tensor,
    ) -> torch.Tensor:
        """Hidden states (B, Q, D) at the positions `chosen` (B, Q)."""
        model = self._model
        rotary = model.rotary_emb(embeds, position_ids=position_ids)
        hidden = embeds
        for layer in model.layers[:-1]:
            hidden = layer(hidden, attention_mask=mask, position_embeddings=rotary)
        return model.norm(_last_layer(model.layers[-1], hidden, mask, rotary, chosen))


def _last_layer(
    layer: Phi3DecoderLayer,
    hidden: torch.Tensor,
    mask: torch.Tensor,
    rotary: tuple[torch.Tensor, torch.Tensor],
    chosen: torch.Tensor,
) -> torch.Tensor:
    """A decoder layer whose output is wanted at some positions: (B, L, D) to (B, Q, D).

    `mask` is bool, or float32 to be added to the scores.
    """
    attention = layer.self_attn
    size, groups = attention.head_dim, attention.num_key_value_groups
    qkv = attention.qkv_proj(layer.input_layernorm(hidden))
    n_query = attention.config.num_attention_heads * size
    n_key = attention.num_key_value_heads * size
    query, key, value = qkv.split((n_query, n_key, n_key), dim=-1)

    cos, sin = rotary
    key = _rotate(_heads(key, size), cos[:, None], sin[:, None])
    query = _heads(_at(query, chosen), size)
    query = _rotate(query, _at(cos, chosen)[:, None], _at(sin, chosen)[:, None])
    value = _heads(value, size)
    rows = mask.expand(len(hidden), -1, -1, -1).gather(
        2, chosen[:, None, :, None].expand(-1, 1, -1, mask.shape[-1])
    )
    if rows.dtype == torch.bool:
        seen = functional.scaled_dot_product_attention(
            query, key, value, rows, scale=attention.scaling, enable_gqa=groups > 1
        )
    else:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        scores = (query @ key.transpose(-1, -2)) * attention.scaling + rows
        seen = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype) @ value
    out = attention.o_proj(seen.transpose(1, 2).flatten(2))
    hidden = _at(hidden, chosen) + layer.resid_attn_dropout(out)
    return hidden + layer.resid_mlp_dropout(layer.mlp(layer.post_attention_layernorm(hidden)))


def _as_bias(mask: torch.Tensor) -> torch.Tensor:
    """What is added to the scores: nothing where a position may look (bool to float32)."""
    bias = torch.zeros(mask.shape, dtype=torch.float32, device=mask.device)
    return bias.masked_fill(~mask, torch.finfo(torch.float32).min)


def _at(x: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """(B, L, D) at positions (B, Q): (B, Q, D)."""
    x = x.expand(len(chosen), -1, -1)
    return x.gather(1, chosen[..., None].expand(-1, -1, x.shape[-1]))


def _heads(x: torch.Tensor, size: int) -> torch.Tensor:
    """(B, L, heads x size) to (B, heads, L, size)."""
    return x.unflatten(-1, (-1, size)).transpose(1, 2)


def _rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary embedding of (B, heads, L, size), also where only a part of a head turns."""
    turning = cos.shape[-1]
    turned, plain = x[..., :turning], x[..., turning:]
    return torch.cat([turned * cos + rotate_half(turned) * sin, plain], dim=-1)
