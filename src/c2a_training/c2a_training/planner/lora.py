# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Low-rank adapters on the language model of a full-size planner."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from transformers import LlavaForConditionalGeneration

from c2a_training.planner.train_config import LoraSettings

_ADAPTER = 'default'
_BASE = '.base_layer.'
_DOWN, _UP = f'.lora_A.{_ADAPTER}.weight', f'.lora_B.{_ADAPTER}.weight'


def add_adapters(llava: LlavaForConditionalGeneration, settings: LoraSettings) -> None:
    """Put adapters beside linear layers of the language model.

    Nothing else learns, but for the projector if the settings say so.

    Raises:
        ValueError: if the model has no layer of the names.
    """
    linear = {
        name.rsplit('.', 1)[-1]
        for name, part in llava.model.language_model.named_modules()
        if isinstance(part, nn.Linear)
    }
    unknown = set(settings.targets) - linear
    if unknown:
        raise ValueError(
            f'lora.targets {", ".join(sorted(unknown))} are no linear layers of the language '
            f'model, which has {", ".join(sorted(linear))}'
        )
    names = '|'.join(map(re.escape, settings.targets or sorted(linear)))
    pattern = rf'.*language_model\..*\.({names})'
    llava.requires_grad_(False)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=pattern,
    )
    inject_adapter_in_model(config, llava, _ADAPTER)
    if settings.train_projector:
        llava.model.multi_modal_projector.requires_grad_(True)
    for parameter in llava.parameters():
        # What learns is small: in bfloat16 its steps would be rounded away.
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def merge_adapters(
    state: Mapping[str, torch.Tensor], settings: LoraSettings
) -> dict[str, torch.Tensor]:
    """Weights with the adapters added, under the names of the plain model.

    Args:
        state: weights of a model with adapters, by name.
        settings: of the adapters.
    """
    merged = {
        name.replace(_BASE, '.'): tensor
        for name, tensor in state.items()
        if not name.endswith((_DOWN, _UP))
    }
    for name, down in state.items():
        if not name.endswith(_DOWN):
            continue
        layer = name[: -len(_DOWN)]
        delta = state[f'{layer}{_UP}'].float() @ down.float() * (settings.alpha / settings.rank)
        weight = merged[f'{layer}.weight']
        merged[f'{layer}.weight'] = (weight.float() + delta).to(weight.dtype)
    return merged
