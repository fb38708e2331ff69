# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Writes one rosbag2 folder: an MCAP file and `metadata.yaml`. Knows no ROS.

While it is written the folder is called `NAME.open`; closing gives it its name in one move. So a
folder without `.open` is whole, whenever the process was killed. What a killed process left is for
`bag_recovery.py`; a lock on the file says whether its writer still lives.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mcap.writer import CompressionType, Writer

from c2a_training.atomic_file import write_json
from c2a_training.bags.bag_metadata import (
    DEFINITION_ENCODING,
    METADATA_FILE,
    OPEN_SUFFIX,
    RECORD_NAME,
    BagSpan,
    TopicInfo,
    bag_information,
    metadata_text,
    qos_text,
    storage_record,
)

ABOUT_FILE = 'about.json'
"""In an open bag: what is known of its episode so far, for the recovery."""

STORAGE_RECORD_NAME = 'rosbag2'
"""Name of the one that rosbag2 looks for."""

SHA_KEY = 'sha256'
"""In metadata.yaml's custom_data: hash of the MCAP file, which cannot stand in the file itself."""

COMPRESSIONS = {
    'none': CompressionType.NONE,
    'lz4': CompressionType.LZ4,
    'zstd': CompressionType.ZSTD,
}

CHUNK_BYTES = 1024 * 1024


class BagWriter:
    """One bag being written.

    Args:
        folder: where the bag's folder is to be.
        name: the folder's name once it is closed; a number is added where there is one already.
        topics: what it may hold.
        about: what is known of the episode, texts only.
        compression: of the chunks, one of `COMPRESSIONS`.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        topics: Sequence[TopicInfo],
        about: Mapping[str, str],
        compression: str = 'none',
    ) -> None:
        self.name = _free_name(folder, name)
        self.topics = tuple(topics)
        self.counts: Counter[str] = Counter()
        self._folder = folder
        self._start_ns = 0
        self._end_ns = 0
        self.path = folder / f'{self.name}{OPEN_SUFFIX}'
        self.path.mkdir(parents=True)
        # The file first: its lock keeps other recorders' hands off the folder.
        self._file = _HashedFile(self.path / f'{self.name}.mcap')
        try:
            self.note(about)
            self._writer = Writer(
                self._file, chunk_size=CHUNK_BYTES, compression=COMPRESSIONS[compression]
            )
            self._writer.start(profile='ros2', library='c2a')
            self._channels = self._register(topics)
        except OSError:
            self.abandon()
            raise

    @property
    def size_bytes(self) -> int:
        """What is in the file so far [byte]."""
        return self._file.tell()

    def write(self, topic: str, data: bytes, log_ns: int, publish_ns: int) -> None:
        """Add a message.

        Args:
            topic: one of the bag's topics.
            data: the serialized message.
            log_ns: when it was received, wall time [ns].
            publish_ns: when it was sent, wall time [ns].
        """
        number = self.counts[topic]
        self._writer.add_message(self._channels[topic], log_ns, data, publish_ns, number)
        self.counts[topic] = number + 1
        self._start_ns = min(self._start_ns or log_ns, log_ns)
        self._end_ns = max(self._end_ns, log_ns)

    def flush(self) -> None:
        """Write what is waiting in memory, so that it survives the end of the process."""
        self._writer.flush()

    def note(self, about: Mapping[str, str]) -> None:
        """Keep what is known of the episode by now, for the recovery."""
        write_json(self.path / ABOUT_FILE, {'name': self.name, **about})

    def close(self, about: Mapping[str, str]) -> Path:
        """Finish the file, describe it, and give the folder its name.

        Args:
            about: what C2A says about the episode, texts only.

        Returns:
            The folder.
        """
        span = BagSpan(self.counts, self._start_ns, self._end_ns)
        used = [topic for topic in self.topics if self.counts[topic.name]]
        information = bag_information(f'{self.name}.mcap', used, span, about)
        self._writer.add_metadata(RECORD_NAME, dict(about))
        self._writer.add_metadata(STORAGE_RECORD_NAME, storage_record(information))
        self._writer.finish()
        information['custom_data'] = {**about, SHA_KEY: self._file.close()}
        _write_durably(self.path / METADATA_FILE, metadata_text(information))
        final = self._folder / self.name
        self.path.rename(final)
        _sync_folder(self._folder)
        # Only now: a recovery of what is still open needs it.
        (final / ABOUT_FILE).unlink()
        return final

    def abandon(self) -> None:
        """Let go of the file as it is: writing failed. The recovery will find it."""
        self._file.abandon()

    def _register(self, topics: Sequence[TopicInfo]) -> dict[str, int]:
        channels, schemas = {}, {}
        for topic in topics:
            if topic.msg_type not in schemas:
                schemas[topic.msg_type] = self._writer.register_schema(
                    topic.msg_type, DEFINITION_ENCODING, topic.definition.encode()
                )
            channels[topic.name] = self._writer.register_channel(
                topic.name,
                'cdr',
                schemas[topic.msg_type],
                {'offered_qos_profiles': qos_text(topic), 'topic_type_hash': topic.type_hash},
            )
        return channels


class _HashedFile:
    """A file that is written once, front to back, locked while open, and hashed on the way.

    Nothing stays in this process's memory, so what was written survives its end.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            written = os.write(self._descriptor, view)
            self._hash.update(view[:written])
            self._size += written
            view = view[written:]
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Everything is with the operating system already."""

    def close(self) -> str:
        """Let the disk have it; the SHA-256 of the content."""
        os.fsync(self._descriptor)
        self.abandon()
        return self._hash.hexdigest()

    def abandon(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def read_about(path: Path) -> dict[str, str]:
    """What an open bag's writer knew of its episode; empty if it did not come to write it."""
    try:
        document = json.loads((path / ABOUT_FILE).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in document.items()}


def _free_name(folder: Path, name: str) -> str:
    """The name, or the first of name-2, name-3, … that no bag has yet."""
    number, candidate = 1, name
    while (folder / candidate).exists() or (folder / f'{candidate}{OPEN_SUFFIX}').exists():
        number += 1
        candidate = f'{name}-{number}'
    return candidate


def _write_durably(path: Path, text: str) -> None:
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
