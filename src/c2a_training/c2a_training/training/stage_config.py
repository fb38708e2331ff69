# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Settings of one stage of a training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StageConfig:
    """One stage: how long, how large, how quick.

    Attributes:
        steps: optimiser steps; the learning rate follows them, and a resumed run equals an
            uninterrupted one.
        minutes: of training, if `steps` is None; the learning rate follows the clock.
        batch_size: sequences (or pictures) of one step, over all processes.
        learning_rate: at the end of the warm-up.
        warmup_steps: in which it rises from zero.
        final_share: of the learning rate that is left at the end of the cosine.
        weight_decay: of matrices; not of biases and norms.
        beta2: of AdamW.
        max_grad_norm: gradients are clipped to it.
    """

    steps: int | None = None
    minutes: float | None = None
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    final_share: float = 0.02
    weight_decay: float = 0.05
    beta2: float = 0.98
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError(
                f'a stage takes steps or minutes, got steps={self.steps} and '
                f'minutes={self.minutes}: set one of them and the other to none'
            )
        _check_at_least('steps', self.steps, 0)
        _check_at_least('minutes', self.minutes, 0)
        _check_at_least('batch_size', self.batch_size, 1)
        _check_at_least('warmup_steps', self.warmup_steps, 0)
        if self.learning_rate <= 0 or self.max_grad_norm <= 0:
            raise ValueError(
                f'learning_rate is {self.learning_rate} and max_grad_norm {self.max_grad_norm}, '
                'expected more than 0'
            )

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps and not self.minutes


def _check_at_least(name: str, value: float | None, least: float) -> None:
    """Refuse a setting that is too small; None is none."""
    if value is not None and value < least:
        raise ValueError(f'{name} is {value}, expected at least {least}')
