# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Where each JPEG lies in a shard's file, so that one picture is read without its row group.

Parquet reads whole row groups; training wants single pictures in random order. A shard stores
its pictures uncompressed and one after the other, so each is a slice of the memory-mapped file.
An episode is looked up when it is first asked for: it is read through Parquet, checksums
verified, and its pictures are found again in the file. That is exact, not a guess about the
format: a slice is only taken if its bytes are the picture's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from c2a_training.dataset.row_schema import IMAGE_COLUMNS

_LENGTH_BYTES = 4  # in front of each value


class ImageIndex:
    """Pictures of one shard, by row; safe to use from several threads once looked up."""

    def __init__(self, path: Path) -> None:
        """Map the file; nothing is read yet.

        No file stays open: a process may have a thousand, a dataset has ten times as many shards.
        """
        self._path = path
        self._metadata = pq.read_metadata(path)
        with pa.memory_map(str(path)) as file:
            self._view = memoryview(file.read_buffer())
        metadata = self._metadata
        columns = {
            metadata.row_group(0).column(index).path_in_schema: index
            for index in range(metadata.num_columns)
        }
        self._columns = [columns[f'{name}.bytes'] for name in IMAGE_COLUMNS]
        counts = [metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)]
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        # (row, camera) -> start and end in the file; 0, 0 until looked up, and without a picture.
        self._spans = np.zeros((int(self.starts[-1]), len(IMAGE_COLUMNS), 2), np.int64)
        self._is_known = np.zeros(len(counts), bool)

    def look_up(self, rows: np.ndarray) -> None:
        """Find the pictures of these rows, and of their whole episodes, in the file.

        Raises:
            ValueError: if an episode's bytes were altered.
        """
        groups = np.unique(np.searchsorted(self.starts, rows, side='right') - 1)
        for group in groups[~self._is_known[groups]].tolist():
            self._look_up_episode(group)

    def jpeg(self, row: int, camera: int) -> memoryview:
        """Bytes of a picture that was looked up; `camera` is an index of `IMAGE_COLUMNS`."""
        start, end = self._spans[row, camera].tolist()
        return self._view[start:end]

    def _look_up_episode(self, group: int) -> None:
        try:
            with pq.ParquetFile(
                self._path,
                metadata=self._metadata,
                memory_map=True,
                page_checksum_verification=True,
            ) as file:
                table = file.read_row_group(group, columns=list(IMAGE_COLUMNS))
        except (pa.ArrowInvalid, OSError) as err:
            raise ValueError(
                f'cannot read the pictures of row group {group} of {self._path}: {err}; the file '
                'was altered, `c2a data verify` shows what is left'
            ) from err
        first = int(self.starts[group])
        for camera, name in enumerate(IMAGE_COLUMNS):
            chunk = self._metadata.row_group(group).column(self._columns[camera])
            position = chunk.dictionary_page_offset or chunk.data_page_offset
            end = position + chunk.total_compressed_size
            pictures = table[name].combine_chunks().field('bytes').to_pylist()
            for row, picture in enumerate(pictures):
                if picture is None:
                    continue
                position = self._find(picture, position + _LENGTH_BYTES, end)
                self._spans[first + row, camera] = position, position + len(picture)
                position += len(picture)
        self._is_known[group] = True

    def _find(self, picture: bytes, position: int, end: int) -> int:
        """Where a picture's bytes begin: right here, or behind the header of a page."""
        if self._view[position : position + len(picture)] == picture:
            return position
        found = bytes(self._view[position:end]).find(picture)
        if found < 0:
            raise ValueError(
                f'the pictures in {self._path} are not stored as they are: another program '
                'wrote it, `c2a data merge` writes a copy that can be read in random order'
            )
        return position + found
