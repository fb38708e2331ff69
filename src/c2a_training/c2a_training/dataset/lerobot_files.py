# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Files of a LeRobotDataset that hold many episodes each: frames and videos, of limited size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from c2a_training.dataset.lerobot_layout import (
    DATA_FILE_MB,
    DATA_PATH,
    FRAME_RATE,
    VIDEO_FILE_MB,
    VIDEO_PATH,
    FilePlace,
)
from c2a_training.video import VideoWriter

# Every second frame is a key frame: a training loop reads frames in any order.
_FOR_LOADERS = {'crf': '12', 'preset': 'veryfast', 'g': '2'}


class DataFiles:
    """Frames in Parquet files of limited size, a row group an episode."""

    def __init__(self, directory: Path, schema: pa.Schema) -> None:
        self.schema = schema
        self._directory = directory
        self._place = FilePlace(0)
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> FilePlace:
        """Append an episode; where it is."""
        path = self._directory / self._place.path(DATA_PATH)
        if self._writer is not None and path.stat().st_size >= DATA_FILE_MB * 1e6:
            self.close()
            self._place = FilePlace(self._place.number + 1)
            path = self._directory / self._place.path(DATA_PATH)
        if self._writer is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(path, self.schema, compression='snappy')
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        return self._place

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    abort = close


class VideoFiles:
    """Pictures of one camera in videos of limited size."""

    def __init__(self, directory: Path, key: str) -> None:
        self._directory = directory
        self._key = key
        self._place = FilePlace(0)
        self._writer: VideoWriter | None = None
        self._frames = self._bytes = 0

    def write(self, frames: Iterator[np.ndarray]) -> tuple[FilePlace, float, float]:
        """Append an episode; where it is, and its begin and end in the file [s]."""
        if self._writer is not None and self._bytes >= VIDEO_FILE_MB * 1e6:
            self.close()
            self._place = FilePlace(self._place.number + 1)
            self._frames = self._bytes = 0
        if self._writer is None:
            path = self._directory / self._place.path(VIDEO_PATH, video_key=self._key)
            self._writer = VideoWriter(path, rate=FRAME_RATE, options=_FOR_LOADERS)
        begin = self._frames
        for frame in frames:
            self._bytes += self._writer.add(frame)
            self._frames += 1
        return self._place, begin / FRAME_RATE, self._frames / FRAME_RATE

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def abort(self) -> None:
        """Remove the unfinished file."""
        if self._writer is not None:
            error = RuntimeError('aborted')
            self._writer.__exit__(RuntimeError, error, None)
            self._writer = None
