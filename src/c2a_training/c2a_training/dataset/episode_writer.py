# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Adds episodes to a dataset so that a kill at any moment loses and doubles none that was closed.

An episode is closed when its pending file is there. Shards are made of pending episodes in the
order that the caller gives, cut by their size alone: the same episodes in the same order make the
same bytes, however many processes made them and however often the run was killed. A shard takes
its name first, then the manifest lists it, then the pending files go; what a kill leaves between
these steps is put right by the next writer.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from c2a_core.task_names import task_file_stem
from c2a_training.dataset.dataset_manifest import (
    MANIFEST,
    Dropped,
    Manifest,
    Option,
    ShardEntry,
    check_options,
    fingerprint,
    read_manifest,
    software_versions,
    write_manifest,
)
from c2a_training.dataset.episode_metadata import episode_name
from c2a_training.dataset.episode_rows import EpisodeRows
from c2a_training.dataset.episode_store import DATA_FOLDER, place_episodes, read_shards
from c2a_training.dataset.pending_file import (
    PENDING_FOLDER,
    PendingEpisode,
    list_pending,
    read_pending,
    write_pending,
)
from c2a_training.dataset.row_schema import SCHEMA_VERSION
from c2a_training.dataset.shard_file import Shard, file_sha256, write_shard

# Small enough that an interrupted run leaves little outside of shards, large enough for a disk.
SHARD_BYTES = 32 * 2**20
_DROPPED_FILE = 'dropped.jsonl'


class EpisodeWriter:
    """The one writer of a dataset; a context manager that holds the dataset's lock."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        options: Mapping[str, Option],
        shard_bytes: int = SHARD_BYTES,
    ) -> None:
        """Create a dataset or continue one.

        Args:
            directory: of the dataset; made if it is missing.
            options: how its episodes are made; must equal those that it was created with.
            shard_bytes: a shard is closed as soon as its episodes are at least that large.

        Raises:
            ValueError: for a directory with other files, another schema version or other
                options, each with what to do.
            RuntimeError: if another process is writing the dataset.
        """
        self.directory = Path(directory)
        self._shard_bytes = shard_bytes
        _check_directory(self.directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.directory)
        try:
            self._open(dict(options))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def closed(self) -> frozenset[str]:
        """Names of the episodes in shards."""
        return frozenset(self._closed)

    @property
    def pending(self) -> Mapping[str, PendingEpisode]:
        """Episodes that wait for a shard, by name."""
        return self._pending

    @property
    def dropped(self) -> Mapping[str, Dropped]:
        """What was tried and not kept, by the name that the episode would have."""
        return self._dropped

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Shards so far."""
        return tuple(self._shards)

    @property
    def versions(self) -> Mapping[str, str]:
        """Of the software that the dataset was begun with."""
        return self._manifest.versions

    def has(self, episode: str) -> bool:
        """Whether an episode is closed, in a shard or pending."""
        return episode in self._closed or episode in self._pending

    def add(self, rows: EpisodeRows) -> None:
        """Close an episode: after this no kill can lose it.

        Raises:
            ValueError: if the dataset has an episode of that name.
        """
        if self.has(rows.metadata.episode):
            raise ValueError(f'{self.directory} already has an episode {rows.metadata.episode}')
        self.adopt(write_pending(self.directory, rows))

    def adopt(self, path: Path) -> None:
        """Take note of a pending file that a worker wrote with `write_pending`."""
        pending = read_pending(path)
        self._pending[pending.metadata.episode] = pending

    def discard(self, episode: str) -> None:
        """Remove a pending episode that nobody wants."""
        self._pending.pop(episode).path.unlink()

    def drop(self, task: str, seed: int, reason: str, split: str = 'simple') -> None:
        """Write down that an episode was tried and not kept."""
        name = episode_name(task, seed, split)
        if name in self._dropped:
            return
        self._dropped[name] = Dropped(task, seed, reason, split)
        with open(self._dropped_path, 'a', encoding='utf-8') as file:
            file.write(json.dumps([name, task, seed, reason, split]) + '\n')

    def make_shards(self, task: str, episodes: Sequence[str], *, is_last: bool) -> int:
        """Move pending episodes of a task into shards.

        Args:
            task: names the shards' files.
            episodes: names of pending episodes, in the order of their rows.
            is_last: make a shard of the rest also, though it is small.

        Returns:
            How many of the episodes are in shards now; the others wait.
        """
        moved, batch, size = 0, [], 0
        for index, episode in enumerate(episodes):
            batch.append(self._pending[episode])
            size += batch[-1].bytes
            if size >= self._shard_bytes or (is_last and index == len(episodes) - 1):
                self._close_shard(task, batch)
                moved, batch, size = moved + len(batch), [], 0
        return moved

    def finish(self) -> None:
        """Put all pending episodes into shards, task by task, by seed."""
        tasks: dict[str, list[tuple[int, str]]] = {}
        for name, pending in self._pending.items():
            tasks.setdefault(pending.metadata.task, []).append((pending.metadata.seed, name))
        for task in sorted(tasks):
            self.make_shards(task, [name for _, name in sorted(tasks[task])], is_last=True)
        self.save()

    def save(self) -> None:
        """Bring the manifest up to date."""
        listed = {entry.file: entry for entry in self._manifest.shards}
        entries = [listed.get(_file_of(shard)) or _make_entry(shard) for shard in self._shards]
        episodes = [episode for shard in self._shards for episode in shard.episodes]
        self._manifest = dataclasses.replace(
            self._manifest,
            fingerprint=fingerprint(episodes),
            episodes=len(episodes),
            rows=sum(episode.n_rows for episode in episodes),
            shards=tuple(sorted(entries, key=lambda entry: entry.file)),
            dropped=tuple(sorted(self._dropped.values(), key=lambda d: (d.task, d.seed))),
        )
        write_manifest(self.directory, self._manifest)
        self._dropped_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the dataset free."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        folder = self.directory / PENDING_FOLDER
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    @property
    def _dropped_path(self) -> Path:
        return self.directory / PENDING_FOLDER / _DROPPED_FILE

    def _open(self, options: dict[str, Option]) -> None:
        if not (self.directory / MANIFEST).is_file():
            write_manifest(self.directory, Manifest(options, software_versions()))
        self._manifest = read_manifest(self.directory)
        _check_version(self.directory, self._manifest)
        check_options(self.directory, self._manifest.options, options)
        for part in self.directory.glob('.c2a_dataset.*.part.json'):
            part.unlink()
        (self.directory / PENDING_FOLDER).mkdir(exist_ok=True)
        (self.directory / DATA_FOLDER).mkdir(exist_ok=True)
        self._shards = list(read_shards(self.directory, self._manifest))
        self._closed = set(place_episodes(tuple(self._shards)))
        self._pending = {p.metadata.episode: p for p in list_pending(self.directory)}
        # Killed between a shard and the removal of its pending files: they are in both.
        for episode in self._closed & set(self._pending):
            self.discard(episode)
        self._dropped = self._read_dropped()
        if len(self._shards) != len(self._manifest.shards) or self._dropped_path.is_file():
            self.save()

    def _read_dropped(self) -> dict[str, Dropped]:
        dropped = {episode_name(d.task, d.seed, d.split): d for d in self._manifest.dropped}
        if self._dropped_path.is_file():
            for line in self._dropped_path.read_text(encoding='utf-8').splitlines():
                try:
                    name, task, seed, reason, *split = json.loads(line)
                except ValueError:
                    break  # the line that was being written when the run was killed
                dropped[name] = Dropped(task, seed, reason, *split)
        return dropped

    def _close_shard(self, task: str, batch: Sequence[PendingEpisode]) -> None:
        shard = write_shard(
            self._next_path(task),
            (pending.read_table() for pending in batch),
            [pending.metadata for pending in batch],
            part_folder=self.directory / PENDING_FOLDER,
        )
        self._shards.append(shard)
        self.save()
        for pending in batch:
            self._closed.add(pending.metadata.episode)
            self.discard(pending.metadata.episode)

    def _next_path(self, task: str) -> Path:
        stem = task_file_stem(task)
        name = re.compile(re.escape(stem) + r'-(\d{5,})\.parquet')
        numbers = [int(m[1]) for s in self._shards if (m := name.fullmatch(s.path.name))]
        number = max(numbers, default=-1) + 1
        return self.directory / DATA_FOLDER / f'{stem}-{number:05d}.parquet'


def _file_of(shard: Shard) -> str:
    return f'{DATA_FOLDER}/{shard.path.name}'


def _make_entry(shard: Shard) -> ShardEntry:
    return ShardEntry(
        file=_file_of(shard),
        bytes=shard.path.stat().st_size,
        sha256=file_sha256(shard.path),
        episodes=len(shard.episodes),
        rows=shard.n_rows,
    )


def _check_directory(directory: Path) -> None:
    """Refuse a file, and a directory with anything else in it."""
    if directory.exists() and not directory.is_dir():
        raise ValueError(f'{directory} is a file, expected a directory for the dataset')
    if not directory.is_dir() or (directory / MANIFEST).is_file():
        return
    others = [p.name for p in directory.iterdir() if not p.name.startswith('.c2a_dataset.')]
    if others:
        raise ValueError(
            f'{directory} is no dataset and not empty (it has {", ".join(sorted(others)[:3])}): '
            'name a new directory'
        )


def _check_version(directory: Path, manifest: Manifest) -> None:
    """Refuse to mix shards of different columns."""
    if manifest.schema_version != SCHEMA_VERSION:
        raise ValueError(
            f'{directory} has schema version {manifest.schema_version}, this C2A adds episodes of '
            f'version {SCHEMA_VERSION}: name a new directory, or bring it over with '
            f'`./c2a data merge {directory} --out NEW`'
        )


def _lock(directory: Path) -> int:
    """Lock a directory until the descriptor is closed, or the process is gone."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as err:
        os.close(descriptor)
        raise RuntimeError(
            f'another process is writing the dataset {directory}: wait for it, or end it'
        ) from err
    return descriptor
