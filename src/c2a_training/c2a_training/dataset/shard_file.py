# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""One Parquet shard: whole episodes, one row group each, their metadata in the footer.

A shard is written once and never changed. Pictures are stored as they are, neither compressed
again nor in a dictionary, so that a reader can find each one in the file (`image_index.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from c2a_training.atomic_file import atomic_path
from c2a_training.dataset.episode_metadata import EpisodeMetadata
from c2a_training.dataset.episode_rows import EpisodeRows
from c2a_training.dataset.row_schema import (
    DATASET_KIND,
    IMAGE_COLUMNS,
    READABLE_VERSIONS,
    SCHEMA,
    SCHEMA_VERSION,
    VOCABULARY,
    check_schema,
)

_FOOTER_KEY = b'c2a'
# Each of these is the same over an episode or nearly so.
_DICTIONARY_COLUMNS = [
    *('episode', 'task', 'instruction', 'code', 'cache_info', 'memory.list.element'),
    *('subtask_id', 'object_names.list.element', 'cell_colors.list.element'),
    *('cell_shapes.list.element', 'oracle_code'),
]
# Enough to skip row groups by a filter; every other column's would only fill the footer.
_STATISTICS_COLUMNS = ['episode', 'task', 'seed']


@dataclass(frozen=True)
class Shard:
    """A shard's file and its episodes, in the order of its row groups."""

    path: Path
    episodes: tuple[EpisodeMetadata, ...]

    @property
    def n_rows(self) -> int:
        """Rows of all its episodes."""
        return sum(episode.n_rows for episode in self.episodes)


def write_shard(
    path: Path,
    tables: Iterable[pa.Table],
    episodes: Sequence[EpisodeMetadata],
    part_folder: Path | None = None,
) -> Shard:
    """Write a shard atomically.

    Args:
        path: its file; must not exist.
        tables: one table of `row_schema.SCHEMA` per episode.
        episodes: their metadata.
        part_folder: where the unfinished file lies.
    """
    footer = {
        'schema_version': SCHEMA_VERSION,
        'kind': DATASET_KIND,
        'vocabulary': VOCABULARY,
        'episodes': [episode.as_dict() for episode in episodes],
    }
    schema = SCHEMA.with_metadata(
        {**SCHEMA.metadata, _FOOTER_KEY: json.dumps(footer, separators=(',', ':')).encode()}
    )
    with (
        atomic_path(path, part_folder) as part,
        pq.ParquetWriter(
            part,
            schema,
            compression=_compression(),
            use_dictionary=_DICTIONARY_COLUMNS,
            write_statistics=_STATISTICS_COLUMNS,
            write_page_checksum=True,
        ) as writer,
    ):
        for table in tables:
            bare = table.replace_schema_metadata(schema.metadata)
            writer.write_table(bare, row_group_size=max(1, table.num_rows))
    sync_folder(path.parent)
    return Shard(path, tuple(episodes))


def read_shard(path: Path) -> Shard:
    """Read what a shard says about itself, without its rows.

    Raises:
        ValueError: if it is truncated, not C2A's, or of another schema version.
    """
    try:
        file = pq.read_metadata(path)
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as err:
        raise ValueError(
            f'cannot read the shard {path}: {err}; it is truncated or no Parquet file: '
            'remove it and generate its episodes again'
        ) from err
    data = (file.metadata or {}).get(_FOOTER_KEY)
    if data is None:
        raise ValueError(f'{path} is a Parquet file of something else: move it out of the dataset')
    footer = json.loads(data)
    check_version(footer, str(path))
    check_schema(schema, str(path))
    episodes = tuple(EpisodeMetadata.from_dict(values) for values in footer['episodes'])
    rows = [file.row_group(index).num_rows for index in range(file.num_row_groups)]
    if rows != [episode.n_rows for episode in episodes]:
        raise ValueError(
            f'{path} has {sum(rows)} rows in {len(rows)} row groups, its footer says '
            f'{sum(e.n_rows for e in episodes)} in {len(episodes)}: it was altered'
        )
    return Shard(Path(path), episodes)


def read_rows(shard: Shard, index: int) -> EpisodeRows:
    """Read an episode of a shard, by its place; page checksums are verified.

    Raises:
        ValueError: if its bytes were altered.
    """
    metadata = shard.episodes[index]
    where = f'{shard.path} ({metadata.episode})'
    try:
        with pq.ParquetFile(shard.path, memory_map=True, page_checksum_verification=True) as file:
            table = file.read_row_group(index)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as err:
        raise ValueError(f'cannot read {where}: {err}; the file was altered') from err
    return EpisodeRows.from_table(table, metadata, where)


def check_version(document: dict[str, object], where: str) -> None:
    """Refuse another kind of document, or another version of the schema."""
    if document.get('kind') != DATASET_KIND:
        raise ValueError(f'{where} is of kind {document.get("kind")!r}, expected {DATASET_KIND!r}')
    version = document.get('schema_version')
    if version not in READABLE_VERSIONS:
        raise ValueError(
            f'{where} has schema version {version}, this C2A reads '
            f'{", ".join(map(str, READABLE_VERSIONS))}: make a new dataset or use the C2A that '
            'made this one'
        )


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    sha = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _compression() -> dict[str, str]:
    """Codec of each leaf column."""
    leaves: list[str] = []
    for field in SCHEMA:
        leaves.extend(_leaves(field.name, field.type))
    pictures = {f'{name}.bytes' for name in IMAGE_COLUMNS}
    return {leaf: 'none' if leaf in pictures else 'zstd' for leaf in leaves}


def _leaves(path: str, kind: pa.DataType) -> list[str]:
    """Parquet's names of a column's leaves."""
    if pa.types.is_struct(kind):
        return [leaf for field in kind for leaf in _leaves(f'{path}.{field.name}', field.type)]
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return _leaves(f'{path}.list.element', kind.value_type)
    return [path]
