# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The episodes of an evaluation as they end: one JSON line each, safe against kill -9.

The first line says what is evaluated; a run with other settings or another checkpoint may not add
to it. Tasks and seeds may be added: an episode depends on its own alone.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from c2a_training.evaluation.episode_record import EpisodeRecord, record_from_json

VERSION = 1
KIND = 'c2a evaluation journal'


class EvaluationJournal:
    """A journal, open for adding; a context manager.

    Attributes:
        path: of the file.
        records: what it has, the newest of each (task, seed).
        commits: versions of the software that its episodes are of, in order.
    """

    def __init__(self, path: Path, config: Mapping[str, object], commit: str) -> None:
        """Open or begin a journal.

        Args:
            path: of the file.
            config: what is evaluated; must be the one of a journal that is there.
            commit: version of this software.

        Raises:
            ValueError: if the file is no journal, or one of another experiment.
            RuntimeError: if another process is writing it.
        """
        self.path = path
        self.records: dict[tuple[str, int], EpisodeRecord] = {}
        self.commits: list[str] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        self._commit = commit
        self._head = {'kind': KIND, 'version': VERSION, 'commit': commit, 'config': dict(config)}
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._lock()
            self._read(config)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> EvaluationJournal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def add(self, record: EpisodeRecord) -> None:
        """Append an episode; when this returns it is on the disk."""
        if self._commit not in self.commits:
            self._write(self._head)
            self.commits.append(self._commit)
        self._write(record.as_json())
        self.records[record.task, record.seed] = record

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise RuntimeError(
                f'another process is writing {self.path}: wait for it, or name another --json'
            ) from err

    def _read(self, config: Mapping[str, object]) -> None:
        with open(self._descriptor, 'rb', closefd=False) as file:
            content = file.read()
        # A line without an end was cut off by a kill: its episode runs again.
        end = content.rfind(b'\n') + 1
        lines = content[:end].splitlines()
        if not lines and content and not content.startswith(b'{"kind": "' + KIND.encode()):
            raise ValueError(f'{self.path} is no journal of an evaluation: name another --json')
        for number, line in enumerate(lines, 1):
            self._take(line, number, config)
        os.ftruncate(self._descriptor, end)
        os.lseek(self._descriptor, end, os.SEEK_SET)

    def _take(self, line: bytes, number: int, config: Mapping[str, object]) -> None:
        try:
            value = json.loads(line)
            if number == 1 and value.get('kind') != KIND:
                raise ValueError('its first line says nothing of an evaluation')
            if 'kind' not in value:
                record = record_from_json(value)
                self.records[record.task, record.seed] = record
                return
            version, found = value['version'], value['config']
            self.commits.append(value['commit'])
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise ValueError(
                f'{self.path} is damaged or no journal, line {number}: {err}; name another --json'
            ) from err
        if version != VERSION:
            raise ValueError(
                f'{self.path} has version {version}, this C2A writes {VERSION}: name another '
                '--json'
            )
        _check_config(self.path, found, json.loads(json.dumps(config)))

    def _write(self, value: object) -> None:
        data = json.dumps(value, allow_nan=False).encode() + b'\n'
        written = os.write(self._descriptor, data)
        if written != len(data):
            raise OSError(f'{self.path}: only {written} of {len(data)} bytes could be written')
        os.fsync(self._descriptor)


def journal_path(json_path: Path) -> Path:
    """Where the journal of a JSON file lies."""
    return json_path.with_name(f'{json_path.stem}.journal.jsonl')


def _check_config(path: Path, found: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    differing = [
        f'{name} is {found.get(name, "not set")} there and {wanted.get(name, "not set")} here'
        for name in sorted({*found, *wanted})
        if found.get(name) != wanted.get(name)
    ]
    if differing:
        raise ValueError(
            f'{path} is of another evaluation: {"; ".join(differing)}: name another --json, or '
            'give the same settings'
        )
