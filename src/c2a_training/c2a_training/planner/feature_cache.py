# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A frozen vision tower's features of all pictures, computed once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from c2a_training.planner.planner_data import PictureSource
from c2a_training.planner.planner_net import PlannerNet

_PICTURES_AT_ONCE = 64
_BYTES_PER_NUMBER = 2


def compute_features(
    net: PlannerNet,
    source: PictureSource,
    device: torch.device,
    limit_gb: float,
    show: Callable[[float], None],
) -> torch.Tensor | None:
    """Features of all pictures of a source.

    Args:
        net: with the tower.
        source: of the pictures.
        device: to compute them on.
        limit_gb: memory that they may take.
        show: is told the share that is done.

    Returns:
        (N, T, D) bfloat16 on the CPU, in the order of the examples; None if they would take more.
    """
    net.eval()
    cache: torch.Tensor | None = None
    for start in range(0, len(source), _PICTURES_AT_ONCE):
        numbers = np.arange(start, min(start + _PICTURES_AT_ONCE, len(source)))
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            features = net.features(source.pixel_values(numbers).to(device))
        if cache is None:
            shape = (len(source), *features.shape[1:])
            if np.prod(shape) * _BYTES_PER_NUMBER > limit_gb * 1e9:
                return None
            cache = torch.empty(shape, dtype=torch.bfloat16)
        cache[start : start + len(numbers)] = features.to('cpu', torch.bfloat16)
        show((start + len(numbers)) / len(source))
    return cache
