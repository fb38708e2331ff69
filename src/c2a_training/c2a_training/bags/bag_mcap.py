# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Reads MCAP files from front to back, without copies where they are not compressed.

Made for two things that general readers do not offer together: pictures are handed out as views
of the mapped file, and a file that breaks off is read up to where it does. Knows neither ROS nor
C2A. The format is at https://mcap.dev/spec; index and summary are not needed to read on and on.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import lz4.frame
import zstandard

MAGIC = b'\x89MCAP0\r\n'

_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK = 0x03, 0x04, 0x05, 0x06
_METADATA, _DATA_END = 0x0C, 0x0F
_HEAD = struct.Struct('<BQ')
_MESSAGE_HEAD = struct.Struct('<HIQQ')
_CHUNK_HEAD = struct.Struct('<QQQI')
_U16 = struct.Struct('<H')
_U32 = struct.Struct('<I')
_U64 = struct.Struct('<Q')


class BagError(ValueError):
    """A bag cannot be read; the text says which, why, and what to do."""


@dataclass(frozen=True)
class Channel:
    """One topic of a file.

    Attributes:
        number: number in the file.
        topic: name of the topic.
        msg_type: name of its type, for example `c2a_msgs/msg/Command`; empty without a schema.
        encoding: how its messages are written; `cdr` in ROS 2.
        definition_encoding: how the definition is written, for example `ros2msg`.
        definition: definition of the type, empty without a schema.
        metadata: what the recorder noted, for example `offered_qos_profiles`.
    """

    number: int
    topic: str
    msg_type: str
    encoding: str
    definition_encoding: str
    definition: str
    metadata: dict[str, str]


class RawMessage(NamedTuple):
    """One message as it was recorded.

    Attributes:
        channel: its topic.
        log_ns: when the recorder received it, wall time [ns].
        publish_ns: when it was sent, wall time [ns]; `log_ns` where unknown.
        data: the serialized message; valid as long as somebody holds it.
    """

    channel: Channel
    log_ns: int
    publish_ns: int
    data: memoryview


class McapFile:
    """One MCAP file.

    Args:
        path: the file.

    Attributes:
        channels: topics by number; complete once all messages were read.
        metadata: the file's metadata records by name; complete once all messages were read.
        damage: what is wrong with the file, empty if nothing; known once all messages were read.

    Raises:
        BagError: if the file cannot be opened or is no MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.channels: dict[int, Channel] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self.damage = ''
        self._schemas: dict[int, tuple[str, str, str]] = {}
        try:
            with open(path, 'rb') as file:
                size = file.seek(0, 2)
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b''
        except OSError as err:
            raise BagError(f'cannot read the bag {path}: {err.strerror}') from err
        # The views that are handed out keep the mapping alive; it ends with the last of them.
        self._data = memoryview(mapped)
        if bytes(self._data[: len(MAGIC)]) != MAGIC:
            raise BagError(
                f'{path} is no MCAP file: its first bytes are {bytes(self._data[:8])!r}; give a '
                'rosbag2 folder or an .mcap file'
            )

    def messages(self, topics: Collection[str] | None = None) -> Iterator[RawMessage]:
        """Messages in the order of the file.

        Args:
            topics: only these; None for all.

        Raises:
            BagError: if a record makes no sense. A file that merely breaks off ends early, and
                `damage` says so.
        """
        self.damage = ''
        try:
            end = yield from self._records(self._data, len(MAGIC), topics)
        except struct.error as err:
            raise BagError(f'{self.path} is damaged: a record does not hold its fields') from err
        if not end:
            self._note(f'the file breaks off at byte {len(self._data)}, it was never closed')

    def _records(
        self, data: memoryview, at: int, topics: Collection[str] | None
    ) -> Iterator[RawMessage]:
        """Messages of a run of records; returns whether the data's end was marked."""
        size = len(data)
        while at + _HEAD.size <= size:
            opcode, length = _HEAD.unpack_from(data, at)
            start, at = at + _HEAD.size, at + _HEAD.size + length
            if not opcode:
                # What a file system leaves behind a file that was not closed.
                return False
            if opcode == _DATA_END:
                # The rest is the summary; only its metadata records are not ours to skip.
                self._read_rest(data, at)
                return True
            if at > size:
                # Of a chunk that breaks off the whole messages in front are still good.
                if opcode == _CHUNK:
                    yield from self._chunk(data[start:], topics, is_whole=False)
                return False
            if opcode == _MESSAGE:
                message = self._message(data, start, at, topics)
                if message is not None:
                    yield message
            elif opcode == _CHUNK:
                yield from self._chunk(data[start:at], topics, is_whole=True)
            else:
                self._note_record(opcode, data[start:at])
        return False

    def _message(
        self, data: memoryview, start: int, end: int, topics: Collection[str] | None
    ) -> RawMessage | None:
        number, _, log_ns, publish_ns = _MESSAGE_HEAD.unpack_from(data, start)
        channel = self.channels.get(number)
        if channel is None:
            raise BagError(
                f'{self.path} has a message of channel {number}, which it does not know'
            )
        if topics is not None and channel.topic not in topics:
            return None
        return RawMessage(
            channel, log_ns, publish_ns or log_ns, data[start + _MESSAGE_HEAD.size : end]
        )

    def _chunk(
        self, data: memoryview, topics: Collection[str] | None, *, is_whole: bool
    ) -> Iterator[RawMessage]:
        if len(data) < _CHUNK_HEAD.size + _U32.size:
            return
        _, _, size, crc = _CHUNK_HEAD.unpack_from(data, 0)
        fields = _Fields(data, _CHUNK_HEAD.size)
        compression = fields.text()
        records = data[fields.at + _U64.size :]
        if not is_whole:
            if not compression:
                yield from self._records(records, 0, topics)
            return
        records = self._decompress(records, compression, size)
        if crc and zlib.crc32(records) != crc:
            self._note('a chunk does not have the checksum it was written with: it was altered')
            return
        for message in self._records(records, 0, topics):
            # A view would keep the whole decompressed chunk in memory for one message of it.
            yield (
                message._replace(data=memoryview(bytes(message.data))) if compression else message
            )

    def _decompress(self, data: memoryview, compression: str, size: int) -> memoryview:
        try:
            if not compression:
                return data
            if compression == 'zstd':
                whole = zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
                return memoryview(whole)
            if compression == 'lz4':
                return memoryview(lz4.frame.decompress(data))
        except (zstandard.ZstdError, RuntimeError) as err:
            self._note(f'a chunk cannot be decompressed: {err}')
            return memoryview(b'')
        raise BagError(
            f'{self.path} is compressed with {compression!r}, expected zstd, lz4 or nothing'
        )

    def _read_rest(self, data: memoryview, at: int) -> None:
        while at + _HEAD.size <= len(data):
            opcode, length = _HEAD.unpack_from(data, at)
            start, at = at + _HEAD.size, at + _HEAD.size + length
            if opcode == _METADATA and at <= len(data):
                self._note_record(opcode, data[start:at])

    def _note_record(self, opcode: int, record: memoryview) -> None:
        """Take note of schema, channel and metadata; whatever else there is does not matter."""
        fields = _Fields(record)
        if opcode == _SCHEMA:
            number = fields.number(_U16)
            self._schemas[number] = (fields.text(), fields.text(), fields.text())
        elif opcode == _CHANNEL:
            number, schema = fields.number(_U16), fields.number(_U16)
            topic, encoding, metadata = fields.text(), fields.text(), fields.mapping()
            name, definition_encoding, definition = self._schemas.get(schema, ('', '', ''))
            self.channels[number] = Channel(
                number, topic, name, encoding, definition_encoding, definition, metadata
            )
        elif opcode == _METADATA:
            name, values = fields.text(), fields.mapping()
            self.metadata[name] = values

    def _note(self, damage: str) -> None:
        self.damage = f'{self.damage}; {damage}' if self.damage else damage


class _Fields:
    """Reads the fields of a record one after the other."""

    def __init__(self, data: memoryview, at: int = 0) -> None:
        self._data = data
        self.at = at

    def number(self, form: struct.Struct) -> int:
        value: int = form.unpack_from(self._data, self.at)[0]
        self.at += form.size
        return value

    def text(self) -> str:
        length = self.number(_U32)
        self.at += length
        return str(self._data[self.at - length : self.at], 'utf-8', 'replace')

    def mapping(self) -> dict[str, str]:
        end = self.number(_U32) + self.at
        entries = {}
        while self.at < end:
            key = self.text()
            entries[key] = self.text()
        return entries
