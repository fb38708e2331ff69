# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A whole dataset for training: its frames in random order.

Numbers and texts of all rows are in memory, some 200 bytes a row; pictures stay JPEG in the
memory-mapped shards until they are asked for. Rows are numbered through the dataset, episode
after episode: `episode_starts` has the borders that windows of actions must not cross.

    dataset = EpisodeDataset('out/demonstrations')
    batch = dataset.frames(rng.integers(len(dataset), size=64))
    batch.base_images     (64, H, W, 3) uint8
    dataset.actions[rows] (64, 7) float32; zeros in the last row of an episode

A dataset may have pictures in some rows only (`c2a generate --pictures key-steps:N`):

    rows = np.nonzero(dataset.has_base_picture)[0]
    dataset.base_frames(rows[:64])       (64, H, W, 3) uint8
    dataset.texts('oracle_code', rows[:64])
    dataset.labels(rows[0]), dataset.cell_colors(rows[:64])
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from c2a_core.spaces import ACTION_DIM, PROPRIO_DIM
from c2a_core.types import FloatArray, ImageArray
from c2a_sim_bridge.sim.labels import ObjectLabels
from c2a_training.dataset.episode_metadata import EpisodeMetadata
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.image_index import ImageIndex
from c2a_training.dataset.jpeg import decode_jpeg
from c2a_training.dataset.label_columns import LABEL_COLUMNS, LabelColumns
from c2a_training.dataset.row_schema import IMAGE_COLUMNS
from c2a_training.dataset.shard_file import Shard
from c2a_training.dataset.text_column import Vocabulary

TEXT_COLUMNS = ('code', 'cache_info', 'instruction', 'task', 'oracle_code')
_COLUMNS = (
    # Of a picture only the empty path: whether there is one.
    *(f'{name}.path' for name in IMAGE_COLUMNS),
    *TEXT_COLUMNS,
    *('memory', 'step', 'is_key_step', 'subtask_id', 'success', 'proprioception'),
    *('action', 'intended_action'),
)
# Pictures that one task of the thread pool decodes: a task costs as much as half a picture.
_PICTURES_PER_TASK = 16


@dataclass(frozen=True)
class FrameBatch:
    """Frames of a dataset.

    Attributes:
        rows: (B,) int64, their numbers in the dataset.
        base_images: (B, H, W, 3) uint8 RGB.
        wrist_images: (B, H, W, 3) uint8 RGB.
        proprioception: (B, 24) float32, layout of `c2a_core.spaces.PROPRIO`.
    """

    rows: np.ndarray
    base_images: ImageArray
    wrist_images: ImageArray
    proprioception: FloatArray


class EpisodeDataset:
    """All rows of a dataset.

    Attributes:
        episodes: metadata of each episode, in the order of the rows.
        episode_starts: (E+1,) int64, row at which each episode begins, and the number of rows.
        step: (N,) int32, control step in the episode.
        is_key_step: (N,) bool.
        subtask_id: (N,) int32.
        success: (N,) bool.
        proprioception: (N, 24) float32.
        actions: (N, 7) float32, zeros where `has_action` is false.
        intended_actions: (N, 7) float32, the same without what was added on purpose to disturb
            them.
        is_disturbed: (N,) bool, where both differ.
        has_action: (N,) bool, false in the last row of each episode: no policy target.
        has_base_picture: (N,) bool, false where no picture of the base camera was taken.
        has_wrist_picture: (N,) bool, the same for the wrist camera.
    """

    def __init__(self, directory: str | os.PathLike[str], threads: int | None = None) -> None:
        """Open a dataset.

        Args:
            directory: of the dataset.
            threads: that decode pictures; None for one per core.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it is damaged, or empty.
        """
        store = EpisodeStore(directory)
        if not len(store):
            raise ValueError(f'the dataset {directory} has no episodes: generate some first')
        self.directory = Path(directory)
        self.fingerprint = store.fingerprint
        self.episodes: tuple[EpisodeMetadata, ...] = store.episodes
        self.episode_starts = _starts([episode.n_rows for episode in self.episodes])
        self._shard_starts = _starts([shard.n_rows for shard in store.shards])
        self._paths = [shard.path for shard in store.shards]
        self._images: dict[int, ImageIndex] = {}
        self._labels: LabelColumns | None = None
        self._threads = threads or len(os.sched_getaffinity(0))
        self._pool: ThreadPoolExecutor | None = None
        self._read_columns(store.shards)

    def __len__(self) -> int:
        return int(self.episode_starts[-1])

    def __getstate__(self) -> dict[str, object]:
        """For a loader's processes: each maps the files and starts threads of its own."""
        return {**self.__dict__, '_images': {}, '_pool': None}

    def episode_of(self, rows: np.ndarray) -> np.ndarray:
        """Index in `episodes` (B,) of the episode of each row."""
        return np.searchsorted(self.episode_starts, rows, side='right') - 1

    def texts(self, column: str, rows: np.ndarray | Sequence[int]) -> list[str]:
        """Texts of a column of `TEXT_COLUMNS`, empty where it is null."""
        if column not in self._texts:
            raise KeyError(f'no column of texts {column!r}, expected one of {TEXT_COLUMNS}')
        return self._vocabulary.decode(self._texts[column][np.asarray(rows, np.int64)])

    def memory(self, row: int) -> tuple[str, ...]:
        """Key steps before a row: the memory of the planner's prompt."""
        start, end = self._memory_starts[row], self._memory_starts[row + 1]
        return tuple(self._vocabulary.decode(self._memory[start:end]))

    def frames(self, rows: np.ndarray | Sequence[int]) -> FrameBatch:
        """Both pictures and the proprioception of some rows, in their order.

        Args:
            rows: (B,) numbers of rows, any order, also repeated.

        Raises:
            IndexError: for a row that is not there.
            ValueError: if pictures are damaged, or a row has none.
        """
        rows = self._check(rows)
        pictures = self._decode(self._jpegs(rows, IMAGE_COLUMNS))
        return FrameBatch(
            rows=rows,
            base_images=pictures[: len(rows)],
            wrist_images=pictures[len(rows) :],
            proprioception=self.proprioception[rows],
        )

    def base_frames(self, rows: np.ndarray | Sequence[int]) -> ImageArray:
        """Pictures (B, H, W, 3) of the base camera, in the order of the rows; see `frames`."""
        return self._decode(self._jpegs(self._check(rows), IMAGE_COLUMNS[:1]))

    def labels(self, row: int) -> ObjectLabels | None:
        """Objects and cells of a row's base picture, None where nobody knows."""
        return self._read_labels()[row]

    def cell_colors(self, rows: np.ndarray | Sequence[int]) -> np.ndarray:
        """What covers most of each cell (B, 100) uint8, row by row; zeros without labels."""
        return self._read_labels().cell_colors(self._check(rows))

    def cell_shapes(self, rows: np.ndarray | Sequence[int]) -> np.ndarray:
        """What covers most of each cell (B, 100) uint8, row by row; zeros without labels."""
        return self._read_labels().cell_shapes(self._check(rows))

    @property
    def has_labels(self) -> np.ndarray:
        """(N,) bool, false where nobody knows."""
        return self._read_labels().has_labels

    def _read_labels(self) -> LabelColumns:
        """All labels, read when they are first asked for."""
        if self._labels is None:
            self._labels = LabelColumns(_read_table(path, LABEL_COLUMNS) for path in self._paths)
        return self._labels

    def _check(self, rows: np.ndarray | Sequence[int]) -> np.ndarray:
        rows = np.atleast_1d(np.asarray(rows, np.int64))
        if rows.size and not (rows.min() >= 0 and rows.max() < len(self)):
            raise IndexError(f'rows {rows.min()} to {rows.max()}, expected 0 to {len(self) - 1}')
        return rows

    def _check_pictures(self, rows: np.ndarray, columns: Sequence[str]) -> None:
        for name, has in zip(IMAGE_COLUMNS, self._has_pictures, strict=True):
            if name in columns and not has[rows].all():
                row = int(rows[~has[rows]][0])
                episode = self.episodes[int(self.episode_of(np.array([row]))[0])].episode
                raise ValueError(
                    f'row {row} of {self.directory} ({episode}, step {self.step[row]}) has no '
                    f'{name}: choose rows by has_base_picture and base_frames, or generate the '
                    'dataset with --pictures all'
                )

    def _jpegs(self, rows: np.ndarray, columns: Sequence[str]) -> list[memoryview]:
        """Pictures of all rows, camera after camera."""
        self._check_pictures(rows, columns)
        shards = np.searchsorted(self._shard_starts, rows, side='right') - 1
        local = rows - self._shard_starts[shards]
        for shard in np.unique(shards).tolist():
            if shard not in self._images:
                self._images[shard] = ImageIndex(self._paths[shard])
            self._images[shard].look_up(local[shards == shard])
        places = list(zip(shards.tolist(), local.tolist(), strict=True))
        return [
            self._images[shard].jpeg(row, camera)
            for camera in range(len(columns))
            for shard, row in places
        ]

    def _decode(self, jpegs: list[memoryview]) -> ImageArray:
        if not jpegs:
            return np.zeros((0, 0, 0, 3), np.uint8)
        first = decode_jpeg(jpegs[0])
        pictures = np.empty((len(jpegs), *first.shape), np.uint8)

        def decode(start: int) -> None:
            for index in range(start, min(start + _PICTURES_PER_TASK, len(jpegs))):
                picture = decode_jpeg(jpegs[index])
                if picture.shape != first.shape:
                    raise ValueError(
                        f'pictures of {picture.shape[:2]} and of {first.shape[:2]} pixels in '
                        'one batch: a dataset has one size'
                    )
                pictures[index] = picture

        starts = range(0, len(jpegs), _PICTURES_PER_TASK)
        if self._threads == 1 or len(starts) == 1:
            for start in starts:
                decode(start)
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads)
            list(self._pool.map(decode, starts))
        return pictures

    def _read_columns(self, shards: Sequence[Shard]) -> None:
        n = len(self)
        self._vocabulary = Vocabulary()
        self._texts = {name: np.empty(n, np.int32) for name in TEXT_COLUMNS}
        self.step = np.empty(n, np.int32)
        self.is_key_step = np.empty(n, bool)
        self.subtask_id = np.empty(n, np.int32)
        self.success = np.empty(n, bool)
        self.proprioception = np.empty((n, PROPRIO_DIM), np.float32)
        self.actions = np.zeros((n, ACTION_DIM), np.float32)
        self.intended_actions = np.zeros((n, ACTION_DIM), np.float32)
        self.has_action = np.empty(n, bool)
        self.has_base_picture = np.empty(n, bool)
        self.has_wrist_picture = np.empty(n, bool)
        self._has_pictures = (self.has_base_picture, self.has_wrist_picture)
        memories, counts = [], []
        for shard, start in zip(shards, self._shard_starts, strict=False):
            table = _read_table(shard.path, _COLUMNS).combine_chunks()
            rows = slice(int(start), int(start) + table.num_rows)
            self._fill(table, rows)
            memory = table['memory'].combine_chunks()
            memories.append(self._vocabulary.encode(memory.flatten()))
            counts.append(memory.value_lengths().to_numpy())
        self.is_disturbed = (self.intended_actions != self.actions).any(1)
        self._memory = np.concatenate(memories)
        self._memory_starts = _starts(np.concatenate(counts))

    def _fill(self, table: pa.Table, rows: slice) -> None:
        """Take over the columns of one shard."""
        for name, numbers in self._texts.items():
            is_there = name in table.column_names  # older versions have less
            column = table[name] if is_there else pa.nulls(table.num_rows, pa.string())
            numbers[rows] = self._vocabulary.encode(column)
        for name, has in zip(IMAGE_COLUMNS, self._has_pictures, strict=True):
            has[rows] = table[name].combine_chunks().is_valid().to_numpy(zero_copy_only=False)
        for name in ('step', 'is_key_step', 'subtask_id', 'success'):
            getattr(self, name)[rows] = table[name].to_numpy()
        states = table['proprioception'].combine_chunks().flatten().to_numpy()
        self.proprioception[rows] = states.reshape(-1, PROPRIO_DIM)
        self.has_action[rows] = _fill_vectors(table['action'], self.actions[rows])
        self.intended_actions[rows] = self.actions[rows]
        if 'intended_action' in table.column_names:
            _fill_vectors(table['intended_action'], self.intended_actions[rows])


def _fill_vectors(column: pa.ChunkedArray, into: np.ndarray) -> np.ndarray:
    """Write a column's vectors into (N, D) where it has some; where (N,) that is."""
    column = column.combine_chunks()
    has = column.is_valid().to_numpy(zero_copy_only=False)
    # Flattening leaves out what is null.
    into[has] = column.flatten().to_numpy().reshape(-1, into.shape[1])
    return has


def _read_table(path: Path, columns: Sequence[str]) -> pa.Table:
    """Some columns of a shard; those that its version has not are left out."""
    # Not `pq.read_table`: it takes a part of a struct for a column of its own.
    with pq.ParquetFile(path, memory_map=True) as file:
        return file.read(columns=list(columns))


def _starts(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Where each of consecutive parts begins, and where the last one ends (K+1,)."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
