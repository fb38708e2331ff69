# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Settings of `c2a train planner`: schema, defaults of the presets, changes by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from c2a_training.planner.examples import ExampleSettings
from c2a_training.training.named_settings import (
    Changes,
    as_document,
    build,
    changed,
    read_settings,
)
from c2a_training.training.stage_config import StageConfig

Preset = Literal['tiny', 'phi3']
VisionMode = Literal['frozen', 'slow']


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters on the language model.

    Attributes:
        rank: of the adapters.
        alpha: their scale is alpha / rank.
        dropout: before the adapters.
        targets: names of the linear layers that get one; none for all of them.
        train_projector: also train the two layers between vision tower and language model.
    """

    rank: int = 32
    alpha: int = 64
    dropout: float = 0.05
    targets: tuple[str, ...] = ()
    train_projector: bool = True


@dataclass(frozen=True)
class PlannerTrainConfig:
    """A whole training.

    Attributes:
        preset: `tiny` from scratch, or `phi3`: LoRA on a LLaVA-Phi-3.
        model: hub id or path of the model that `phi3` starts from.
        vision: dense pre-training of the vision tower; empty for phi3.
        text: the language model alone, on prompts without pictures: names, code and the order of
            key steps are learned there several times as fast; empty for phi3.
        language: training of the whole on prompts and replies.
        vision_mode: in the language stage the vision tower is `frozen`, its features computed
            once, or it learns slowly along.
        vision_lr_share: of the learning rate that the slow vision tower gets.
        dense_weight: of the dense loss beside the language loss, vision tower slow.
        word_weight: of the loss that keeps pictures' tokens near the words for what they show.
        arm_weight: of the losses about the arm: where it is, what it holds, how far the running
            key step has come.
        decision_weight: of the token that says whether the running key step goes on.
        text_every: every so many steps stage language has prompts without pictures, so that names
            stay free; 0 for none.
        augment: change colours and brightness of pictures, never their geometry: the grid's
            answers stay true.
        feature_cache_gb: memory that the frozen tower's features may take; above it they are
            computed anew for each batch.
        lora: adapters of `phi3`; ignored by `tiny`.
        compile: let `torch.compile` fuse the language model's element-wise work.
        length_multiple: sequences are padded to a multiple of it: few lengths, few compilations.
        longest: tokens of a sequence, the picture's among them, at most; longer ones lose
            questions.
        seed: of weights, order of the data and augmentation.
        examples: what is asked how often, and the share of held-out episodes.
        texts: the same of prompts without pictures: key steps that name something for the first
            time, since all else is soon learned, and in most of them other names.
        validation_examples: of them that are looked at each time.
        validate_minutes: between two validations.
        checkpoint_minutes: between two savings of the training's state.
    """

    preset: Preset = 'tiny'
    model: str | None = None
    vision: StageConfig = field(default_factory=lambda: StageConfig(steps=0))
    text: StageConfig = field(default_factory=lambda: StageConfig(steps=0))
    language: StageConfig = field(default_factory=lambda: StageConfig(steps=20_000))
    vision_mode: VisionMode = 'frozen'
    vision_lr_share: float = 0.1
    dense_weight: float = 0.3
    word_weight: float = 0.1
    arm_weight: float = 0.0
    decision_weight: float = 1.0
    text_every: int = 2
    augment: bool = True
    feature_cache_gb: float = 8.0
    lora: LoraSettings = field(default_factory=LoraSettings)
    compile: bool = False
    length_multiple: int = 8
    longest: int = 1024
    seed: int = 0
    examples: ExampleSettings = field(default_factory=ExampleSettings)
    texts: ExampleSettings = field(
        default_factory=lambda: ExampleSettings(
            border_share=1.0,
            new_name_weight=20.0,
            questions=0,
            rename_share=0.75,
            has_pictures=False,
        )
    )
    validation_examples: int = 512
    validate_minutes: float = 5.0
    checkpoint_minutes: float = 3.0

    def __post_init__(self) -> None:
        if self.preset == 'phi3' and not self.model:
            raise ValueError(
                'preset phi3 starts from a LLaVA-Phi-3: name its hub id or directory with '
                '--model, such as xtuner/llava-phi-3-mini-hf'
            )
        stages = {'vision': self.vision, 'text': self.text, 'language': self.language}
        if all(stage.is_empty for stage in stages.values()):
            raise ValueError('there is nothing to train: all stages have a length of 0')
        for name in ('vision', 'text'):
            if self.preset == 'phi3' and not stages[name].is_empty:
                raise ValueError(f'preset phi3 has no stage {name}: it begins where others end')

    @property
    def has_idle_parts(self) -> bool:
        """Whether some batches reach only a part of what learns.

        Prompts without pictures do not reach the projector, pictures without labels not the heads.
        """
        return self.preset == 'tiny' or self.text_every > 0

    def as_dict(self) -> dict[str, object]:
        """As JSON can hold it."""
        return as_document(self)


PRESETS: dict[str, dict[str, object]] = {
    'tiny': {
        'vision': {'minutes': 8.0, 'batch_size': 64, 'warmup_steps': 50},
        'text': {'minutes': 10.0, 'batch_size': 32},
        'language': {'minutes': 42.0, 'batch_size': 32, 'warmup_steps': 200},
        'vision_mode': 'slow',
        'vision_lr_share': 0.3,
        'arm_weight': 0.5,
        'decision_weight': 5.0,
        'compile': True,
        'examples': {'questions': 6, 'rename_share': 0.25, 'new_name_weight': 6.0},
    },
    'phi3': {
        'vision': {'steps': 0},
        'language': {
            'steps': 2000,
            'batch_size': 64,
            'learning_rate': 1e-4,
            'warmup_steps': 60,
            'weight_decay': 0.0,
        },
        'vision_mode': 'frozen',
        'text_every': 0,
        'augment': False,
        # Its pictures take 576 of them.
        'longest': 2048,
    },
}
"""What the presets set differently from the schema's defaults."""


def make_config(preset: str, changes: Changes = ()) -> PlannerTrainConfig:
    """A preset with changes.

    Args:
        preset: name in `PRESETS`.
        changes: values by dotted name, such as `language.batch_size`; text is read as the
            field's type.

    Raises:
        ValueError: for a name or value that is none.
    """
    if preset not in PRESETS:
        raise ValueError(f'no preset {preset!r}, expected one of {", ".join(PRESETS)}')
    return changed(PlannerTrainConfig, {'preset': preset, **PRESETS[preset]}, changes)


def change_config(config: PlannerTrainConfig, changes: Changes) -> PlannerTrainConfig:
    """Settings with changes; see `make_config`."""
    return changed(PlannerTrainConfig, config.as_dict(), changes)


def read_config(path: Path) -> PlannerTrainConfig:
    """The settings in a file.

    Raises:
        ValueError: if it has others.
    """
    return read_settings(PlannerTrainConfig, path)


def config_from_dict(document: Mapping[str, object]) -> PlannerTrainConfig:
    """The settings that `as_dict` wrote.

    Raises:
        ValueError: for an unknown name or a wrong value.
    """
    return build(PlannerTrainConfig, document)
