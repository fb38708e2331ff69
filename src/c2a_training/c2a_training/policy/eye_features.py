# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a frozen eye makes of the base camera's pictures, computed once into a file.

A cache is `FOLDER/FINGERPRINT-EYE-SIZE.bf16`: (rows, 100, 256) bfloat16, zeros where a row has no
pictures. 50 KiB a row; it can be deleted at any time. EYE is a hash of the tower's weights.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from c2a_controller.planner_eye import PlannerEye
from c2a_core.spaces import GRID_SIZE
from c2a_training.atomic_file import atomic_path
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.policy.frame_source import FrameSource
from c2a_training.policy.row_file import RowFile

_BYTES = 2
# Rows that are computed together.
_BLOCK = 64


class EyeFeatures:
    """Features of rows of several datasets.

    Args:
        datasets: whose base pictures.
        size: side of the pictures that the eye gets [px].
        eye: with the weights that it keeps.
    """

    def __init__(self, datasets: Sequence[EpisodeDataset], size: int, eye: PlannerEye) -> None:
        self._datasets = tuple(datasets)
        self._size = size
        self._eye = eye
        self._shape = (GRID_SIZE**2, eye.tower.size.hidden_size)
        self._caches: list[RowFile] = []

    def of(self, rows: np.ndarray) -> torch.Tensor:
        """Features of rows.

        Args:
            rows: (B, 2) int64, dataset and row.

        Returns:
            (B, 100, 256) bfloat16.
        """
        out = np.empty((len(rows), *self._shape), np.int16)
        for index in np.unique(rows[:, 0]).tolist():
            at = np.nonzero(rows[:, 0] == index)[0]
            out[at] = self._caches[index].read(rows[at, 1])
        return torch.from_numpy(out).view(torch.bfloat16)

    @property
    def cache_bytes(self) -> int:
        """Size of all caches."""
        return sum(map(self._bytes, self._datasets))

    def missing_bytes(self, folder: Path) -> int:
        """Size of the caches that a folder lacks."""
        missing = [one for one in self._datasets if not self._path(folder, one).is_file()]
        return sum(map(self._bytes, missing))

    def open_caches(self, folder: Path, show: Callable[[float], None]) -> None:
        """Open the caches; those that are missing are computed first.

        Args:
            folder: of the caches.
            show: gets the share that is done.
        """
        total, before = sum(map(len, self._datasets)), 0
        for index, dataset in enumerate(self._datasets):
            path = self._path(folder, dataset)
            if not path.is_file():
                self._write(path, index, lambda rows, done=before: show((done + rows) / total))
            before += len(dataset)
            self._caches.append(RowFile(path, self._shape, np.int16))

    def _write(self, path: Path, index: int, show: Callable[[int], None]) -> None:
        dataset = self._datasets[index]
        has = dataset.has_base_picture & dataset.has_wrist_picture
        frames = FrameSource(self._datasets, self._size, ('base',))
        device = self._eye.mean.device
        with atomic_path(path) as part, open(part, 'wb') as file:
            for start in range(0, len(dataset), _BLOCK):
                rows = np.arange(start, min(start + _BLOCK, len(dataset)))
                block = np.zeros((len(rows), *self._shape), np.int16)
                seen = rows[has[rows]]
                if len(seen):
                    pictures = frames.images(np.stack([np.full_like(seen, index), seen], 1))[:, 0]
                    tensor = torch.from_numpy(pictures).permute(0, 3, 1, 2).to(device)
                    with torch.autocast(device.type, torch.bfloat16):
                        features = self._eye.features(tensor)
                    as_bits = features.to('cpu', torch.bfloat16).contiguous().view(torch.int16)
                    block[has[rows]] = as_bits.numpy()
                file.write(block.data)
                show(int(rows[-1]) + 1)

    def _path(self, folder: Path, dataset: EpisodeDataset) -> Path:
        return folder / f'{dataset.fingerprint[:16]}-{self._hash}-{self._size}.bf16'

    @functools.cached_property
    def _hash(self) -> str:
        # A training that goes on has its own weights only after this was made.
        return _hash_of(self._eye)

    def _bytes(self, dataset: EpisodeDataset) -> int:
        return len(dataset) * self._shape[0] * self._shape[1] * _BYTES


def _hash_of(eye: PlannerEye) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for name, weight in sorted(eye.tower.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
