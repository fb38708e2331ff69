# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A closed episode that waits for its shard: an Arrow file that any worker may write.

Each file is written atomically, so that a run that is killed loses at most the episodes that were
still running.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from c2a_core.task_names import task_file_stem
from c2a_training.atomic_file import atomic_path
from c2a_training.dataset.episode_metadata import EpisodeMetadata
from c2a_training.dataset.episode_rows import EpisodeRows, metadata_of
from c2a_training.dataset.row_schema import check_schema

logger = logging.getLogger(__name__)

PENDING_FOLDER = '.pending'


@dataclass(frozen=True)
class PendingEpisode:
    """An episode in a file of its own."""

    path: Path
    metadata: EpisodeMetadata
    bytes: int

    def read_table(self) -> pa.Table:
        """The rows, memory-mapped."""
        return _read_table(self.path)


def count_pending(directory: Path) -> int:
    """How many closed episodes of a dataset wait for a shard."""
    return len(list((directory / PENDING_FOLDER).glob('*.arrow')))


def write_pending(directory: Path, rows: EpisodeRows) -> Path:
    """Write an episode into a dataset's folder of pending ones; the file's path."""
    path = pending_path(directory, rows.metadata.episode)
    table = rows.to_table()
    with (
        atomic_path(path) as part,
        pa.OSFile(str(part), 'wb') as file,
        pa.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table)
    return path


def pending_bytes(rows: EpisodeRows) -> bytes:
    """What `write_pending` writes, for a worker that does not share the dataset's disk."""
    table = rows.to_table()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def write_pending_bytes(directory: Path, episode: str, data: bytes) -> Path:
    """Write the bytes of a pending episode that another machine made; the file's path."""
    path = pending_path(directory, episode)
    with atomic_path(path) as part:
        part.write_bytes(data)
    return path


def pending_path(directory: Path, episode: str) -> Path:
    """File of a pending episode."""
    return Path(directory) / PENDING_FOLDER / f'{task_file_stem(episode)}.arrow'


def read_pending(path: Path) -> PendingEpisode:
    """Look at a pending episode without reading its rows.

    Raises:
        ValueError: if the file is damaged, as after a loss of power.
    """
    try:
        table = _read_table(path)
        check_schema(table.schema, str(path))
        return PendingEpisode(path, metadata_of(table, str(path)), path.stat().st_size)
    except (pa.ArrowInvalid, OSError) as err:
        raise ValueError(f'cannot read the pending episode {path}: {err}') from err


def list_pending(directory: Path) -> Iterator[PendingEpisode]:
    """Pending episodes of a dataset; what is damaged or unfinished is removed."""
    folder = Path(directory) / PENDING_FOLDER
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if '.part' in path.suffixes:
            path.unlink()
        elif path.suffix == '.arrow':
            try:
                yield read_pending(path)
            except ValueError as err:
                logger.warning('%s: removed, it will be made again', err)
                path.unlink()


def _read_table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()
