# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The model of a training: made, opened, and written as a sealed checkpoint."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoTokenizer,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerBase,
)
from transformers.utils import cached_file

import c2a_planner.grid_vision  # noqa: F401  LLaVA must know the tiny model's vision tower
from c2a_planner.checkpoint import CheckpointInfo, write_checkpoint
from c2a_planner.picture import FILE_NAME, PictureSettings
from c2a_planner.tiny_model import build_tiny
from c2a_planner.tokenizer import train_tokenizer
from c2a_training.atomic_file import write_json
from c2a_training.planner.lora import add_adapters, merge_adapters
from c2a_training.planner.train_config import PlannerTrainConfig

_PREFIX = 'llava.'


@dataclass(frozen=True)
class PlannerModel:
    """A model with what belongs to it.

    Attributes:
        llava: the model, on the CPU.
        tokenizer: its tokenizer.
        pictures: how its pictures are prepared.
    """

    llava: LlavaForConditionalGeneration
    tokenizer: PreTrainedTokenizerBase
    pictures: PictureSettings


def make_tiny(texts: Iterable[str], seed: int) -> PlannerModel:
    """A tiny model with fresh weights, and a tokenizer learned from texts."""
    tokenizer = train_tokenizer(texts)
    torch.manual_seed(seed)
    return PlannerModel(build_tiny(tokenizer), tokenizer, PictureSettings())


def open_model(source: str, dtype: torch.dtype = torch.float32) -> PlannerModel:
    """A model from a directory or the hub.

    Raises:
        ValueError: if there is none, or it is no LLaVA.
    """
    try:
        llava = LlavaForConditionalGeneration.from_pretrained(
            source, dtype=dtype, use_safetensors=True
        )
        tokenizer = AutoTokenizer.from_pretrained(source)
        pictures = PictureSettings.read(_directory(source))
    except (OSError, ValueError) as err:
        raise ValueError(
            f'cannot open the model {source}: {err}; expected a hub id or a directory with '
            'config.json, safetensors, tokenizer and preprocessor_config.json of a LLaVA'
        ) from err
    return PlannerModel(llava, tokenizer, pictures)


def with_adapters(model: PlannerModel, config: PlannerTrainConfig) -> PlannerModel:
    """The model, with adapters where the preset has some."""
    if config.preset == 'phi3':
        torch.manual_seed(config.seed)
        add_adapters(model.llava, config.lora)
    return model


def image_tokens(llava: LlavaForConditionalGeneration) -> int:
    """Tokens that stand for a picture."""
    config = llava.config
    vision = config.vision_config
    if hasattr(vision, 'patch_size'):
        count = (vision.image_size // vision.patch_size) ** 2
        return count if config.vision_feature_select_strategy == 'default' else count + 1
    return config.image_seq_length


def save_start(directory: Path, model: PlannerModel) -> None:
    """Write what the weights in a training's state do not tell: configuration and tokenizer."""
    part = directory.with_name(f'{directory.name}.part')
    shutil.rmtree(part, ignore_errors=True)
    model.llava.config.save_pretrained(part)
    model.tokenizer.save_pretrained(part)
    write_json(part / FILE_NAME, model.pictures.as_dict())
    shutil.rmtree(directory, ignore_errors=True)
    part.replace(directory)


def load_start(directory: Path) -> PlannerModel:
    """The model of a training that goes on; its weights are fresh, the state has them."""
    config = AutoConfig.from_pretrained(directory)
    return PlannerModel(
        LlavaForConditionalGeneration(config),
        AutoTokenizer.from_pretrained(directory),
        PictureSettings.read(directory),
    )


def write_sealed(
    directory: Path,
    model: PlannerModel,
    state: Mapping[str, torch.Tensor],
    config: PlannerTrainConfig,
    info: CheckpointInfo,
    card: str,
) -> CheckpointInfo:
    """Write a checkpoint that runs by itself: adapters merged.

    Args:
        directory: where to.
        model: that the training began with.
        state: all weights of the `PlannerNet`, by name.
        config: of the training.
        info: without the files' hashes.
        card: the model card.
    """
    own = {
        name[len(_PREFIX) :]: value for name, value in state.items() if name.startswith(_PREFIX)
    }
    if config.preset == 'phi3':
        own = merge_adapters(own, config.lora)
    with torch.device('meta'):
        plain = LlavaForConditionalGeneration(model.llava.config)
    plain.load_state_dict({name: value.detach().cpu() for name, value in own.items()}, assign=True)
    plain.tie_weights()
    # What is shipped is what is measured: nobody computes with more than bfloat16.
    plain.to(torch.bfloat16)
    return write_checkpoint(directory, plain, model.tokenizer, model.pictures, info, card)


def _directory(source: str) -> Path:
    if Path(source).is_dir():
        return Path(source)
    return Path(cached_file(source, FILE_NAME)).parent
