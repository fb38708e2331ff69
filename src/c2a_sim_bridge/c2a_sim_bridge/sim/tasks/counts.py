# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How many objects a scene has: the arguments `num_actors`, `num_areas`, `sample_num_actors`."""

from __future__ import annotations

import numpy as np


def check_count(task: str, argument: str, value: int, least: int, most: int) -> None:
    """Refuse a count that no scene can have.

    Raises:
        ValueError: if `value` is not in `least` .. `most`.
    """
    if not least <= value <= most:
        raise ValueError(f'{task}: {argument} must be {least} to {most}, got {value}')


def draw_count(
    rng: np.random.Generator, number: int, *, least: int = 1, is_sampled: bool = False
) -> int:
    """The number itself or, if counts are sampled, one of `least` .. `number`."""
    return int(rng.integers(least, number + 1)) if is_sampled else number
