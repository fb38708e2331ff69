# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Settings of `c2a train policy`: schema, defaults of the presets, changes by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from c2a_controller.chunk_executor import EXEC_HORIZON
from c2a_controller.policy_config import PRESETS as MODELS
from c2a_controller.policy_config import PolicyConfig
from c2a_training.policy.auxiliary_losses import AuxiliarySettings
from c2a_training.policy.windows import WindowSettings
from c2a_training.training.named_settings import (
    Changes,
    as_document,
    build,
    changed,
    read_settings,
)
from c2a_training.training.stage_config import StageConfig

# Settings of a network that may change while it is trained: how chunks are sampled.
_FREE = ('preset', 'scheduler', 'denoising_steps', 'spacing', 'warm_start', 'noise_scale')

Frames = Literal['decode', 'cache']
Preset = Literal['tiny', 'full']


@dataclass(frozen=True)
class AverageSettings:
    """Moving average of the weights, see `moving_average`.

    Attributes:
        power: the larger, the sooner the beginning is forgotten.
        most: share that is kept in a step, at most.
    """

    power: float = 0.75
    most: float = 0.9999

    def __post_init__(self) -> None:
        if self.power <= 0 or not 0 <= self.most < 1:
            raise ValueError(
                f'the average has power {self.power} and most {self.most}, expected more than 0 '
                'and a share under 1'
            )


@dataclass(frozen=True)
class ClosedLoopSettings:
    """Episodes that the policy runs while it is trained.

    Attributes:
        minutes: between two times; 0 for never.
        episodes: of each task.
        tasks: names; none for those that are learned.
        first_seed: of each task's episodes; far from those of results.
        planner: who writes the key steps: `oracle`, or `none` for the flat baseline; `auto` takes
            the one that fits the labels.
        exec_horizon: actions of a chunk that are executed.
    """

    minutes: float = 60.0
    episodes: int = 2
    tasks: tuple[str, ...] = ()
    first_seed: int = 500_000
    planner: Literal['auto', 'oracle', 'none'] = 'auto'
    exec_horizon: int = EXEC_HORIZON

    def __post_init__(self) -> None:
        if self.minutes < 0 or self.episodes < 1 or self.exec_horizon < 1:
            raise ValueError(
                f'closed loop has minutes {self.minutes}, episodes {self.episodes} and '
                f'exec_horizon {self.exec_horizon}: expected at least 0, 1 and 1'
            )


@dataclass(frozen=True)
class PolicyTrainConfig:
    """A whole training.

    Attributes:
        preset: `tiny` from scratch, or `full`: the paper's.
        model: the network, its noise and its sampling.
        train: length and optimiser.
        beta1: of AdamW.
        repeats: noise levels at which each encoded observation is learned from in a step: the
            pictures are paid for once.
        average: of the weights.
        windows: what is learned from which rows.
        auxiliary: what the network is also asked, beside the actions.
        augment: other light.
        shift_px: pictures are moved by up to so many pixels; 0 leaves them where they are.
        eye: planner checkpoint whose vision tower the policy looks through, with `model.base_eye`
            planner.
        frames: `decode` pictures as they are drawn, or once into a `cache` on the disk; of a
            frozen eye the cache holds what it makes of them.
        compile: let `torch.compile` fuse the network.
        seed: of weights, order of the data, augmentation and noise.
        validation_windows: held-out windows that are looked at each time.
        validate_minutes: between two validations.
        checkpoint_minutes: between two savings of the training's state.
        closed_loop: episodes that are run on the way.
        plots: held-out chunks that are drawn beside the predicted ones at each validation.
    """

    preset: Preset = 'tiny'
    model: PolicyConfig = field(default_factory=PolicyConfig)
    train: StageConfig = field(default_factory=lambda: StageConfig(steps=100_000))
    beta1: float = 0.9
    repeats: int = 8
    average: AverageSettings = field(default_factory=AverageSettings)
    windows: WindowSettings = field(default_factory=WindowSettings)
    auxiliary: AuxiliarySettings = field(default_factory=AuxiliarySettings)
    augment: bool = True
    shift_px: int = 0
    eye: str = 'tiny'
    frames: Frames = 'decode'
    compile: bool = False
    seed: int = 0
    validation_windows: int = 512
    validate_minutes: float = 5.0
    checkpoint_minutes: float = 3.0
    closed_loop: ClosedLoopSettings = field(default_factory=ClosedLoopSettings)
    plots: int = 4

    def __post_init__(self) -> None:
        for name, least in (('repeats', 1), ('shift_px', 0), ('validation_windows', 1)):
            if getattr(self, name) < least:
                raise ValueError(f'{name} is {getattr(self, name)}, expected at least {least}')
        if self.train.is_empty:
            raise ValueError('there is nothing to train: train.steps or train.minutes is 0')
        self.auxiliary.check(self.model)
        is_seen_once = self.model.base_eye == 'planner' and self.frames == 'cache'
        if is_seen_once and (self.augment or self.shift_px):
            raise ValueError(
                "augment and shift_px change pictures, and with frames cache the planner's eye "
                'has seen those of the base camera already: set frames to decode, or augment to '
                'false and shift_px to 0'
            )

    @property
    def loop_planner(self) -> str:
        """Who writes the key steps of the closed loop's episodes."""
        if self.closed_loop.planner != 'auto':
            return self.closed_loop.planner
        return 'none' if self.windows.flat else 'oracle'

    def as_dict(self) -> dict[str, object]:
        """As JSON can hold it."""
        return as_document(self)


PRESETS: dict[str, dict[str, object]] = {
    'tiny': {
        'train': {
            'minutes': 240.0,
            'batch_size': 32,
            'learning_rate': 5e-4,
            'warmup_steps': 150,
            'weight_decay': 1e-3,
            'beta2': 0.99,
        },
        'repeats': 4,
        'windows': {'border_weight': 3.0},
        'auxiliary': {'goal_weight': 1.0},
        'augment': False,
        'frames': 'cache',
    },
    # E.2 and, where it refers to diffusion policy's reference implementation, that one.
    'full': {
        'train': {
            'steps': 500_000,
            'batch_size': 64,
            'learning_rate': 1e-4,
            'warmup_steps': 500,
            'final_share': 0.0,
            'weight_decay': 1e-6,
            'beta2': 0.999,
        },
        'beta1': 0.95,
        'repeats': 1,
        'closed_loop': {'exec_horizon': 8},
    },
}
"""What the presets set differently from the schema's defaults, the network aside."""


def make_config(preset: str, changes: Changes = ()) -> PolicyTrainConfig:
    """A preset with changes.

    Args:
        preset: name in `PRESETS`.
        changes: values by dotted name, such as `train.batch_size`; text is read as the field's
            type.

    Raises:
        ValueError: for a name or value that is none.
    """
    if preset not in PRESETS:
        raise ValueError(f'no preset {preset!r}, expected one of {", ".join(PRESETS)}')
    document = {'preset': preset, 'model': as_document(MODELS[preset]), **PRESETS[preset]}
    return changed(PolicyTrainConfig, document, changes)


def change_config(config: PolicyTrainConfig, changes: Changes) -> PolicyTrainConfig:
    """Settings with changes; see `make_config`."""
    return changed(PolicyTrainConfig, config.as_dict(), changes)


def read_config(path: Path) -> PolicyTrainConfig:
    """The settings in a file.

    Raises:
        ValueError: if it has others.
    """
    return read_settings(PolicyTrainConfig, path)


def config_from_dict(document: Mapping[str, object]) -> PolicyTrainConfig:
    """The settings that `as_dict` wrote.

    Raises:
        ValueError: for an unknown name or a wrong value.
    """
    return build(PolicyTrainConfig, document)


def network_differences(first: PolicyConfig, second: PolicyConfig) -> tuple[str, ...]:
    """Names of the settings in which two networks differ; how chunks are sampled is none."""
    ours, theirs = first.as_dict(), second.as_dict()
    return tuple(
        name for name, value in ours.items() if name not in _FREE and theirs[name] != value
    )
