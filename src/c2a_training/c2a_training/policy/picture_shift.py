# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures with other light, and moved by a few pixels: what a policy must not depend on.

A moved base picture is at odds with the cells in the text by as many pixels, and with where the
arm is; so nothing is moved unless it is asked for.
"""

from __future__ import annotations

import cv2
import numpy as np

from c2a_core.types import ImageArray

# Light within ±15 %, each channel within ±5 %: a red stays a red.
_LIGHT, _CHANNEL = 0.15, 0.05


def vary(
    pictures: ImageArray, streams: list[np.random.Generator], *, light: bool, shift_px: int
) -> ImageArray:
    """Change light and place of pictures.

    Args:
        pictures: (B, N, S, S, 3) uint8, N cameras.
        streams: a generator for each of B.
        light: whether brightness and tint change, alike in all cameras of one moment.
        shift_px: each camera's picture is moved by up to so many pixels along both sides; its
            border is repeated.

    Returns:
        A new array of the same shape.
    """
    out = np.empty_like(pictures)
    for index, (views, rng) in enumerate(zip(pictures, streams, strict=True)):
        table = _light_table(rng) if light else None
        for camera, view in enumerate(views):
            moved = _shifted(view, rng, shift_px) if shift_px else view
            out[index, camera] = moved if table is None else cv2.LUT(moved, table)
    return out


def _light_table(rng: np.random.Generator) -> np.ndarray:
    """New value (1, 256, 3) of each old one, channel by channel."""
    light = rng.uniform(1 - _LIGHT, 1 + _LIGHT)
    tint = rng.uniform(1 - _CHANNEL, 1 + _CHANNEL, 3)
    return np.clip(np.arange(256)[None, :, None] * (light * tint), 0, 255).astype(np.uint8)


def _shifted(picture: np.ndarray, rng: np.random.Generator, most: int) -> np.ndarray:
    rows, columns = rng.integers(-most, most + 1, 2)
    height, width = picture.shape[:2]
    row = np.clip(np.arange(height) + rows, 0, height - 1)
    column = np.clip(np.arange(width) + columns, 0, width - 1)
    return picture[row[:, None], column]
