# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A file of equally large rows that are read in any order.

A file that is mapped into memory would do, but its pages are fetched while Python's lock is held,
and the training's step stands still meanwhile; a read lets it go on.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np


class RowFile:
    """Rows of a file.

    Args:
        path: of the file.
        shape: of a row.
        dtype: of its numbers.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: type) -> None:
        self._file = open(path, 'rb', buffering=0)  # noqa: SIM115  read as long as it lives
        self._shape = shape
        self._dtype = np.dtype(dtype)
        self._size = math.prod(shape) * self._dtype.itemsize

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Rows (B,) by their numbers.

        Returns:
            (B, *shape).

        Raises:
            OSError: if the file is too short.
        """
        out = np.empty((len(rows), *self._shape), self._dtype)
        flat = memoryview(out.reshape(-1).view(np.uint8))
        for at, row in enumerate(rows.tolist()):
            part = flat[at * self._size : (at + 1) * self._size]
            if os.preadv(self._file.fileno(), [part], row * self._size) != self._size:
                raise OSError(f'{self._file.name} has no row {row}: delete it, it is made again')
        return out
