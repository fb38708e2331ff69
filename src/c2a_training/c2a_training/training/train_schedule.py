# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Learning rate over a stage: linear warm-up, then half a cosine, by steps or by the clock."""

from __future__ import annotations

import math

from c2a_training.training.stage_config import StageConfig


def done_share(config: StageConfig, step: int, seconds: float) -> float:
    """How much of a stage is done, 0 to 1.

    Args:
        config: of the stage.
        step: optimiser steps so far.
        seconds: of training so far, those before a resume included.
    """
    if config.is_empty:
        return 1.0
    if config.steps is not None:
        return min(1.0, step / config.steps)
    return min(1.0, seconds / (60 * config.minutes))


def learning_rate(config: StageConfig, step: int, share: float) -> float:
    """Learning rate of a step.

    Args:
        config: of the stage.
        step: number of the step, from 0.
        share: of the stage that is done.
    """
    warmup = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    cosine = 0.5 * (1 + math.cos(math.pi * share))
    return config.learning_rate * warmup * (config.final_share + (1 - config.final_share) * cosine)
