# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The base camera's picture with the grid, the instruction and the running code. No ROS."""

from __future__ import annotations

import cv2
import numpy as np

from c2a_core.spaces import GRID_SIZE
from c2a_core.types import ImageArray

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_SCALE = 0.42
_LINE_PX = 17
_TEXT_LINES = 7
_MARGIN_PX = 6
_GRID_COLOUR = (255, 255, 255)
_GRID_WEIGHT = 0.25
_HEAD_COLOUR = (255, 220, 130)
_CODE_COLOUR = (225, 235, 240)
_BACKGROUND = 24


class Overlay:
    """Draws one picture per observation into the same canvas.

    Args:
        size: side of the picture part [pixel]; the text goes below it.
    """

    def __init__(self, size: int = 512) -> None:
        self._size = size
        self._canvas = np.full((size + self.text_height, size, 3), _BACKGROUND, np.uint8)
        self._text = ''
        self._lines = np.array([i * size // GRID_SIZE for i in range(1, GRID_SIZE)])
        # Characters of the font at this scale are 5.5 pixels wide on average.
        self._columns = max(10, int((size - 2 * _MARGIN_PX) / 6.2))

    @property
    def text_height(self) -> int:
        """Height of the band under the picture [pixel]."""
        return _TEXT_LINES * _LINE_PX + 2 * _MARGIN_PX

    def draw(self, base_image: ImageArray, head: str, code: str) -> ImageArray:
        """The picture (size + text_height, size, 3); valid until the next call.

        Args:
            base_image: (H, W, 3) RGB; without a picture that part is black.
            head: first line: step and instruction.
            code: the running key step.
        """
        size = self._size
        if base_image.size:
            cv2.resize(
                base_image, (size, size), self._canvas[:size], interpolation=cv2.INTER_LINEAR
            )
            self._draw_grid()
        else:
            self._canvas[:size] = 0
        self._write(head, code)
        return self._canvas

    def _draw_grid(self) -> None:
        picture = self._canvas[: self._size]
        picture[self._lines] += ((255 - picture[self._lines]) * _GRID_WEIGHT).astype(np.uint8)
        picture[:, self._lines] += ((255 - picture[:, self._lines]) * _GRID_WEIGHT).astype(
            np.uint8
        )

    def _write(self, head: str, code: str) -> None:
        text = f'{head}\n{code}'
        if text == self._text:
            return
        self._text = text
        band = self._canvas[self._size :]
        band[:] = _BACKGROUND
        lines = wrap(head, self._columns)[:2]
        colours = [_HEAD_COLOUR] * len(lines)
        for line in code.splitlines():
            lines += wrap(line, self._columns)
        colours += [_CODE_COLOUR] * (len(lines) - len(colours))
        for row, (line, colour) in enumerate(zip(lines[:_TEXT_LINES], colours, strict=False)):
            baseline = _MARGIN_PX + (row + 1) * _LINE_PX - 5
            cv2.putText(
                band, line, (_MARGIN_PX, baseline), _FONT, _TEXT_SCALE, colour, 1, cv2.LINE_AA
            )


def wrap(line: str, columns: int) -> list[str]:
    """Cut a line into pieces of at most `columns` characters; later ones are indented."""
    pieces = []
    while len(line) > columns:
        cut = max(line.rfind(' ', 8, columns), line.rfind(',', 8, columns) + 1)
        cut = cut if cut > 8 else columns
        pieces.append(line[:cut])
        line = '    ' + line[cut:].lstrip()
    return [*pieces, line]
