# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A dataset on disk as its readers see it: closed episodes in Parquet shards.

DIR/c2a_dataset.json             see `dataset_manifest.py`
DIR/data/<Task>-00000.parquet    shards, see `shard_file.py` and `row_schema.py`
DIR/.pending/                    episodes that wait for their shard; `episode_writer.py`'s
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

from c2a_core.episode_file import write_episode
from c2a_training.dataset.dataset_manifest import Manifest, fingerprint, read_manifest
from c2a_training.dataset.episode_metadata import EpisodeMetadata
from c2a_training.dataset.episode_rows import EpisodeRows
from c2a_training.dataset.shard_file import Shard, read_rows, read_shard

DATA_FOLDER = 'data'


class EpisodeStore:
    """A dataset, opened for reading. What a running `EpisodeWriter` adds later is not seen."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        """Open a dataset.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if the schema version is another one, or a shard is missing, truncated,
                foreign, or holds an episode that another one holds.
        """
        self.directory = Path(directory)
        self.manifest: Manifest = read_manifest(self.directory)
        self.shards: tuple[Shard, ...] = read_shards(self.directory, self.manifest)
        self._places = place_episodes(self.shards)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, episode: object) -> bool:
        return episode in self._places

    def __iter__(self) -> Iterator[EpisodeRows]:
        """All episodes, one in memory at a time."""
        for shard in self.shards:
            for index in range(len(shard.episodes)):
                yield read_rows(shard, index)

    @property
    def episodes(self) -> tuple[EpisodeMetadata, ...]:
        """Metadata of all episodes, in the order of their rows."""
        return tuple(episode for shard in self.shards for episode in shard.episodes)

    @property
    def n_rows(self) -> int:
        """Rows of all episodes."""
        return sum(shard.n_rows for shard in self.shards)

    @property
    def fingerprint(self) -> str:
        """Hash over the content of all episodes."""
        return fingerprint(self.episodes)

    def metadata(self, episode: str) -> EpisodeMetadata:
        """Metadata of one episode.

        Raises:
            KeyError: if there is no such episode, with the nearest names.
        """
        shard, index = self._place(episode)
        return shard.episodes[index]

    def read(self, episode: str) -> EpisodeRows:
        """Rows of one episode, such as ``Pick-7``; page checksums are verified.

        Raises:
            KeyError: if there is no such episode, with the nearest names.
            ValueError: if its bytes were altered.
        """
        return read_rows(*self._place(episode))

    def write_recording(self, episode: str, directory: str | os.PathLike[str]) -> Path:
        """Write an episode as the ``.npz`` that ``low_level:=replay`` takes; the file's path."""
        return write_episode(directory, self.read(episode).to_recorded())

    def _place(self, episode: str) -> tuple[Shard, int]:
        if episode in self._places:
            return self._places[episode]
        near = difflib.get_close_matches(episode, self._places, n=3, cutoff=0.5)
        hint = f'did you mean {" or ".join(near)}?' if near else f'it has {len(self)} episodes'
        raise KeyError(f'no episode {episode!r} in {self.directory}: {hint}')


def read_shards(directory: Path, manifest: Manifest) -> tuple[Shard, ...]:
    """All shards of a dataset, by name.

    Raises:
        ValueError: if one that the manifest lists is missing or has another size, or if one is
            not readable.
    """
    folder = directory / DATA_FOLDER
    listed = {entry.file: entry for entry in manifest.shards}
    paths = {f'{DATA_FOLDER}/{path.name}': path for path in sorted(folder.glob('[!.]*.parquet'))}
    missing = sorted(set(listed) - set(paths))
    if missing:
        raise ValueError(f'{directory} lacks {", ".join(missing)}, which its manifest lists')
    for file, entry in listed.items():
        size = paths[file].stat().st_size
        if size != entry.bytes:
            raise ValueError(
                f'{paths[file]} has {size} bytes, expected {entry.bytes}: it was truncated or '
                'altered, remove it from the dataset and its manifest, or take it from a copy'
            )
    # A shard that the manifest does not list yet was closed just before its writer was killed.
    return tuple(read_shard(path) for path in paths.values())


def place_episodes(shards: tuple[Shard, ...]) -> dict[str, tuple[Shard, int]]:
    """Where each episode is; refuses one that is in two places."""
    places: dict[str, tuple[Shard, int]] = {}
    for shard in shards:
        for index, metadata in enumerate(shard.episodes):
            other = places.setdefault(metadata.episode, (shard, index))
            if other != (shard, index):
                raise ValueError(
                    f'episode {metadata.episode} is in {other[0].path} and in {shard.path}: '
                    'remove one of the shards'
                )
    return places
