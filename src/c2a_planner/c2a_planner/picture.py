# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Camera pictures as a model's input, by the standard `preprocessor_config.json`.

`transformers`' own image processors would do; for one 128² picture they take longer than the
tiny model's vision tower.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from c2a_core.types import ImageArray

FILE_NAME = 'preprocessor_config.json'


@dataclass(frozen=True)
class PictureSettings:
    """How pictures become `pixel_values`.

    Attributes:
        size: side that the square picture is resized to [px].
        mean: of the channels red, green, blue, in 0..1.
        std: likewise.
    """

    size: int = 128
    mean: tuple[float, float, float] = (0.6, 0.55, 0.5)
    std: tuple[float, float, float] = (0.3, 0.3, 0.3)

    @classmethod
    def read(cls, directory: Path) -> PictureSettings:
        """Read them from a checkpoint's directory.

        Raises:
            FileNotFoundError: if there is no `preprocessor_config.json`.
            ValueError: if it says something that is not done here.
        """
        path = Path(directory) / FILE_NAME
        config = json.loads(path.read_text())
        try:
            size = config['size']
            if isinstance(size, dict):
                size = size.get('shortest_edge') or size['height']
            return cls(int(size), tuple(config['image_mean']), tuple(config['image_std']))
        except (KeyError, TypeError) as err:
            raise ValueError(
                f'{path} has no usable {err}: expected size (a number, shortest_edge, or height '
                'and width), image_mean and image_std'
            ) from err

    def as_dict(self) -> dict[str, object]:
        """Content of `preprocessor_config.json`, which `AutoImageProcessor` understands too."""
        side = {'height': self.size, 'width': self.size}
        return {
            'image_processor_type': 'SiglipImageProcessor',
            'do_convert_rgb': None,
            'do_normalize': True,
            'do_rescale': True,
            'do_resize': True,
            'image_mean': list(self.mean),
            'image_std': list(self.std),
            'resample': 2,
            'rescale_factor': 1 / 255,
            'size': side,
        }

    def resize(self, pictures: ImageArray) -> ImageArray:
        """Pictures (B, H, W, 3) uint8 to (B, size, size, 3) uint8.

        A renderer samples the middles of pixels. So where pictures are an odd number of times as
        large, each block's middle pixel is taken: what the small camera would have shown, exactly.

        Raises:
            ValueError: for pictures that are not square RGB.
        """
        if pictures.ndim != 4 or pictures.shape[1] != pictures.shape[2] or pictures.shape[3] != 3:
            raise ValueError(
                f'pictures have shape {pictures.shape}, expected (B, H, H, 3): square RGB'
            )
        if pictures.shape[1] == self.size:
            return pictures
        factor, rest = divmod(pictures.shape[1], self.size)
        if factor % 2 == 1 and not rest:
            return np.ascontiguousarray(pictures[:, factor // 2 :: factor, factor // 2 :: factor])
        shrinks = pictures.shape[1] > self.size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        side = (self.size, self.size)
        return np.stack([cv2.resize(picture, side, interpolation=how) for picture in pictures])

    def pixel_values(self, pictures: ImageArray) -> torch.Tensor:
        """Pictures (B, H, W, 3) uint8 to (B, 3, size, size) float32, normalised."""
        x = torch.from_numpy(np.ascontiguousarray(self.resize(pictures))).permute(0, 3, 1, 2)
        mean = torch.tensor(self.mean).view(1, 3, 1, 1) * 255
        std = torch.tensor(self.std).view(1, 3, 1, 1) * 255
        return (x.float() - mean) / std
