# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures of windows: decoded anew each time, or once into a file.

A frame cache is `FOLDER/FINGERPRINT-CAMERAS-SIZE.u8`: (rows, cameras, S, S, 3) uint8, black where
a row has no pictures. 48 KiB a picture at 128 pixels; it can be deleted at any time.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from c2a_controller.policy_picture import prepare_pictures
from c2a_core.spaces import CAMERAS
from c2a_core.types import ImageArray
from c2a_training.atomic_file import atomic_path
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.policy.row_file import RowFile

# Rows that are decoded together while a cache is made.
_BLOCK = 512
# A cache leaves this much of the disk to others.
_DISK_SHARE = 0.8
_GB = 1e9


class FrameSource:
    """Pictures of rows of several datasets.

    Args:
        datasets: to read from.
        size: side of the pictures that are given out [px]; others are resized.
        cameras: whose pictures, of `spaces.CAMERAS`.
    """

    def __init__(
        self, datasets: Sequence[EpisodeDataset], size: int, cameras: Sequence[str] = CAMERAS
    ) -> None:
        self._datasets = tuple(datasets)
        self._size = size
        self._cameras = tuple(cameras)
        self._caches: list[RowFile | None] = [None] * len(self._datasets)

    def images(self, rows: np.ndarray) -> ImageArray:
        """Pictures of rows.

        Args:
            rows: (B, 2) int64, dataset and row.

        Returns:
            (B, N, S, S, 3) uint8 RGB, of N cameras.
        """
        out = np.empty((len(rows), *self._row_shape), np.uint8)
        for index in np.unique(rows[:, 0]).tolist():
            at = np.nonzero(rows[:, 0] == index)[0]
            cache, wanted = self._caches[index], rows[at, 1]
            out[at] = self._decode(index, wanted) if cache is None else cache.read(wanted)
        return out

    def missing_bytes(self, folder: Path) -> int:
        """Size of the caches that a folder lacks."""
        return sum(
            len(dataset) * self._row_bytes
            for dataset in self._datasets
            if not self._path(folder, dataset).is_file()
        )

    @property
    def cache_bytes(self) -> int:
        """Size of all caches."""
        return sum(map(len, self._datasets)) * self._row_bytes

    def open_caches(self, folder: Path, show: Callable[[float], None]) -> None:
        """Open the caches; those that are missing are written first.

        Args:
            folder: of the caches.
            show: gets the share that is done.
        """
        total = sum(map(len, self._datasets))
        before = 0
        for index, dataset in enumerate(self._datasets):
            path = self._path(folder, dataset)
            if not path.is_file():
                self._write(path, index, lambda rows, done=before: show((done + rows) / total))
            before += len(dataset)
            self._caches[index] = RowFile(path, self._row_shape, np.uint8)

    def _write(self, path: Path, index: int, show: Callable[[int], None]) -> None:
        dataset = self._datasets[index]
        has = dataset.has_base_picture & dataset.has_wrist_picture
        with atomic_path(path) as part, open(part, 'wb') as file:
            for start in range(0, len(dataset), _BLOCK):
                rows = np.arange(start, min(start + _BLOCK, len(dataset)))
                block = np.zeros((len(rows), *self._row_shape), np.uint8)
                block[has[rows]] = self._decode(index, rows[has[rows]])
                file.write(block.data)
                show(int(rows[-1]) + 1)

    def _decode(self, index: int, rows: np.ndarray) -> ImageArray:
        if not len(rows) or not self._cameras:
            return np.zeros((len(rows), *self._row_shape), np.uint8)
        if self._cameras == ('base',):
            images = self._datasets[index].base_frames(rows)[:, None]
        else:
            frames = self._datasets[index].frames(rows)
            pictures = {'base': frames.base_images, 'wrist': frames.wrist_images}
            images = np.stack([pictures[camera] for camera in self._cameras], axis=1)
        if images.shape[2] == self._size:
            return images
        flat = prepare_pictures(images.reshape(-1, *images.shape[2:]), self._size)
        return flat.transpose(0, 2, 3, 1).reshape(len(rows), *self._row_shape)

    def _path(self, folder: Path, dataset: EpisodeDataset) -> Path:
        return folder / f'{dataset.fingerprint[:16]}-{"-".join(self._cameras)}-{self._size}.u8'

    @property
    def _row_shape(self) -> tuple[int, int, int, int]:
        return (len(self._cameras), self._size, self._size, 3)

    @property
    def _row_bytes(self) -> int:
        return math.prod(self._row_shape)


def check_disk(folder: Path, needed: int) -> None:
    """Refuse caches that do not fit the disk.

    Args:
        folder: of the caches.
        needed: what they take more [bytes].

    Raises:
        ValueError: with the size and what to do instead.
    """
    free = _free_bytes(folder)
    if needed > _DISK_SHARE * free:
        raise ValueError(
            f'a frame cache takes {needed / _GB:.1f} GB more and {folder} has '
            f'{free / _GB:.1f} GB left: make room, or decode pictures as they are drawn with '
            '--set frames=decode'
        )


def _free_bytes(folder: Path) -> int:
    """Free space where a folder is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
