# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Camera pictures at the size that the policy sees; for training, evaluation and node alike."""

from __future__ import annotations

import cv2
import numpy as np

from c2a_core.types import ImageArray


def prepare_pictures(pictures: ImageArray, size: int) -> ImageArray:
    """Resize pictures and put colours first.

    A renderer samples the middles of pixels. So where pictures are an odd number of times as
    large, each block's middle pixel is taken: what the small camera would have shown, exactly.

    Args:
        pictures: (B, H, H, 3) uint8 RGB.
        size: side to bring them to [px].

    Returns:
        (B, 3, size, size) uint8.

    Raises:
        ValueError: for pictures that are not square RGB, or have no size.
    """
    if pictures.ndim != 4 or pictures.shape[1] != pictures.shape[2] or pictures.shape[3] != 3:
        raise ValueError(
            f'pictures have shape {pictures.shape}, expected (B, H, H, 3): square RGB'
        )
    if not pictures.shape[1]:
        raise ValueError(
            'the observation has no picture, and the policy needs both cameras: turn rendering on'
        )
    return np.ascontiguousarray(_resize(pictures, size).transpose(0, 3, 1, 2))


def _resize(pictures: ImageArray, size: int) -> ImageArray:
    side = pictures.shape[1]
    if side == size:
        return pictures
    factor, rest = divmod(side, size)
    if factor % 2 == 1 and not rest:
        return pictures[:, factor // 2 :: factor, factor // 2 :: factor]
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.stack([cv2.resize(picture, (size, size), interpolation=how) for picture in pictures])
