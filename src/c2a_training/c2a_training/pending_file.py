# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A closed episode that waits for its shard: an Arrow file that any worker may write.

Each file is written atomically, so that a run that is killed loses at most the episodes that were
still running.
"""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from c2a_training.atomic_file import atomic_path
from c2a_training.episode_metadata import EpisodeMetadata
from c2a_training.episode_rows import EpisodeRows, metadata_of
from c2a_training.row_schema import check_schema

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


def write_pending(directory: Path, rows: EpisodeRows) -> Path:
    """Write an episode into a dataset's folder of pending ones; the file's path."""
    path = Path(directory) / PENDING_FOLDER / f'{file_stem(rows.metadata.episode)}.arrow'
    table = rows.to_table()
    with (
        atomic_path(path) as part,
        pa.OSFile(str(part), 'wb') as file,
        pa.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table)
    return path


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


def file_stem(name: str) -> str:
    """File name for a task or an episode: itself, or made safe and unique if it is a variant's."""
    safe = re.sub(r'[^A-Za-z0-9_-]+', '_', name)
    return name if safe == name else f'{safe}_{zlib.crc32(name.encode()):08x}'


def _read_table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()
