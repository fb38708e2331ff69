# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a dataset is whole: files against manifest, footers, then every episode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from c2a_training.dataset.dataset_manifest import Manifest, fingerprint
from c2a_training.dataset.episode_check import check_rows
from c2a_training.dataset.episode_store import DATA_FOLDER
from c2a_training.dataset.shard_file import Shard, file_sha256, read_rows, read_shard


@dataclass(frozen=True)
class Problem:
    """Something that is wrong.

    Attributes:
        shard: file below the dataset's directory, empty for the dataset as a whole.
        episode: its name, empty for the shard as a whole.
        what: a sentence.
    """

    shard: str
    episode: str
    what: str


@dataclass(frozen=True)
class ShardFile:
    """A shard that should be there or is.

    Attributes:
        file: path below the dataset's directory.
        path: the same, to open.
        is_listed: whether the manifest names it.
    """

    file: str
    path: Path
    is_listed: bool


def shard_files(directory: Path, manifest: Manifest) -> list[ShardFile]:
    """Shards of the manifest and of the directory, by name."""
    listed = {entry.file for entry in manifest.shards}
    there = {f'{DATA_FOLDER}/{p.name}' for p in (directory / DATA_FOLDER).glob('[!.]*.parquet')}
    return [ShardFile(file, directory / file, file in listed) for file in sorted(listed | there)]


def check_file(file: ShardFile, manifest: Manifest) -> Iterator[Problem]:
    """A shard's bytes against the manifest."""
    if not file.path.is_file():
        yield Problem(file.file, '', 'is missing')
        return
    entry = next((entry for entry in manifest.shards if entry.file == file.file), None)
    if entry is None:
        return
    size = file.path.stat().st_size
    if size != entry.bytes:
        kind = 'truncated' if size < entry.bytes else 'altered'
        yield Problem(file.file, '', f'is {kind}: it has {size} bytes, expected {entry.bytes}')
    elif file_sha256(file.path) != entry.sha256:
        yield Problem(file.file, '', 'is altered: its hash is not that of the manifest')


def check_shard(file: ShardFile, problems: list[Problem]) -> Iterator[Shard]:
    """The shard's footer; gives the shard where it can be read."""
    if not file.path.is_file():
        return
    try:
        yield read_shard(file.path)
    except (ValueError, KeyError, TypeError) as err:
        problems.append(Problem(file.file, '', str(err).replace(f'{file.path}', 'it')))


def check_episode(file: ShardFile, shard: Shard, index: int) -> Iterator[Problem]:
    """All rows of an episode."""
    name = shard.episodes[index].episode
    try:
        rows = read_rows(shard, index)
    except (ValueError, KeyError, TypeError) as err:
        yield Problem(file.file, name, str(err))
        return
    yield from (Problem(file.file, name, what) for what in check_rows(rows))


def check_totals(manifest: Manifest, shards: list[tuple[ShardFile, Shard]]) -> Iterator[Problem]:
    """Names, counts and fingerprint over all shards."""
    places: dict[str, str] = {}
    for file, shard in shards:
        for episode in shard.episodes:
            other = places.setdefault(episode.episode, file.file)
            if other != file.file:
                yield Problem(file.file, episode.episode, f'is in {other} too')
    listed = [shard for file, shard in shards if file.is_listed]
    if len(listed) < len(manifest.shards):
        return  # what is missing has been reported
    episodes = [episode for shard in listed for episode in shard.episodes]
    counts = (len(episodes), sum(episode.n_rows for episode in episodes))
    if counts != (manifest.episodes, manifest.rows):
        yield Problem(
            '',
            '',
            f'the manifest says {manifest.episodes} episodes and {manifest.rows} rows, its shards '
            f'have {counts[0]} and {counts[1]}',
        )
    # Before its first shard a dataset has no fingerprint.
    elif (episodes or manifest.fingerprint) and fingerprint(episodes) != manifest.fingerprint:
        yield Problem('', '', "the manifest's fingerprint is not that of its episodes")
