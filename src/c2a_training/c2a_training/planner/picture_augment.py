# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures with other light and noise, never with another geometry: cells stay what they are."""

from __future__ import annotations

import numpy as np

from c2a_core.types import ImageArray

# Light within ±15 %, each channel within ±5 % (a red stays a red), noise of 2 % of the range.
_LIGHT, _CHANNEL, _NOISE = 0.15, 0.05, 0.02


def augment(pictures: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Change light, tint and noise of pictures (B, H, W, 3) uint8."""
    count = len(pictures)
    light = rng.uniform(1 - _LIGHT, 1 + _LIGHT, (count, 1, 1, 1)).astype(np.float32)
    tint = rng.uniform(1 - _CHANNEL, 1 + _CHANNEL, (count, 1, 1, 3)).astype(np.float32)
    noise = rng.standard_normal(pictures.shape, np.float32)
    noise *= _NOISE * 255
    noise += pictures * (light * tint)
    return np.clip(noise, 0, 255, out=noise).astype(np.uint8)
