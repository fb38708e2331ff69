# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Finds and opens rosbag2 bags and walks through their messages, without ROS.

A bag is a folder with `metadata.yaml` and its files, or one bare file. MCAP files are read by
`bag_mcap`, which also reads what a killed recorder left; the older SQLite storage and compressed
files go through `rosbags`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from rosbags.interfaces import Connection, MessageDefinitionFormat
from rosbags.rosbag2 import Reader, ReaderError

from c2a_training.bags.bag_mcap import BagError, Channel, McapFile, RawMessage
from c2a_training.bags.bag_messages import (
    LOOP_TOPICS,
    OTHER_TOPICS,
    STAMPED_TOPICS,
    Value,
    check_channel,
    decode,
)
from c2a_training.bags.bag_metadata import METADATA_FILE, OPEN_SUFFIX

_KNOWN_TOPICS = {*LOOP_TOPICS, *STAMPED_TOPICS, *OTHER_TOPICS}
_SUFFIXES = ('.mcap', '.db3')
_FORMATS = {
    MessageDefinitionFormat.MSG: 'ros2msg',
    MessageDefinitionFormat.IDL: 'ros2idl',
    MessageDefinitionFormat.NONE: '',
}


@dataclass(frozen=True)
class Arrival:
    """A message of the loop, decoded.

    Attributes:
        topic: where it was heard.
        log_ns: when the recorder received it, wall time [ns].
        sent_ns: when it was sent, wall time [ns]; when it was received where unknown.
        value: what it says.
    """

    topic: str
    log_ns: int
    sent_ns: int
    value: Value


def find_bags(paths: Iterable[Path]) -> list[Path]:
    """Bags at and below some paths, each once: folders with `metadata.yaml`, and bare files.

    Hidden folders and files are left out. What a recorder has not closed is a bag too: whether
    its episode is whole is seen when it is read.

    Raises:
        BagError: if a path is not there or has no bag.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise BagError(f'there is no bag {path}')
        bags = [path] if path.is_file() else list(_bags_below(path))
        if not bags:
            raise BagError(
                f'{path} has no bag: expected folders with {METADATA_FILE}, or .mcap files'
            )
        found.update(dict.fromkeys(bags))
    return list(found)


def _bags_below(folder: Path) -> Iterator[Path]:
    if (folder / METADATA_FILE).is_file():
        yield folder
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith('.'):
            continue
        if entry.is_dir() and entry.name.endswith(OPEN_SUFFIX):
            yield entry
        elif entry.is_dir():
            yield from _bags_below(entry)
        elif entry.suffix in _SUFFIXES:
            yield entry


class BagReader:
    """One bag.

    Args:
        path: folder or file, as `find_bags` gives them.

    Attributes:
        path: of the bag.
        notes: what is odd about it; complete once all messages were read.
        counts: messages by topic, of those that were asked for.
        metadata: what its recorder noted, by name of the record; complete once all were read.

    Raises:
        BagError: if there is no bag, or it is of a kind that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self.counts: Counter[str] = Counter()
        self.metadata: dict[str, dict[str, str]] = {}
        self._channels: dict[tuple[str, str], Channel] = {}
        self.files = self._list_files()

    @property
    def size_bytes(self) -> int:
        """Size of all files of the bag."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def channels(self) -> list[Channel]:
        """Topics with their types; complete once all messages were read."""
        return list(self._channels.values())

    @property
    def foreign_topics(self) -> list[str]:
        """Topics that C2A does not know; they are ignored."""
        return sorted({channel.topic for channel in self.channels} - _KNOWN_TOPICS)

    def raw_messages(self, topics: Collection[str] | None = None) -> Iterator[RawMessage]:
        """Messages as they were recorded, in the order of the files.

        Args:
            topics: only these; None for all.

        Raises:
            BagError: if the bag is damaged in a way that leaves nothing to read.
        """
        is_mcap = all(path.suffix == '.mcap' for path in self.files)
        source = self._mcap_messages(topics) if is_mcap else self._other_messages(topics)
        for message in source:
            self.counts[message.channel.topic] += 1
            yield message

    def arrivals(self, topics: Collection[str] = tuple(LOOP_TOPICS)) -> Iterator[Arrival]:
        """Messages of the loop, decoded, in the order of the files.

        Raises:
            BagError: if a topic is not of the type that it should have, or a message is broken.
        """
        checked: set[int] = set()
        for message in self.raw_messages(topics):
            channel = message.channel
            if id(channel) not in checked:
                check_channel(channel)
                checked.add(id(channel))
            yield Arrival(channel.topic, message.log_ns, message.publish_ns, decode(message))

    def _mcap_messages(self, topics: Collection[str] | None) -> Iterator[RawMessage]:
        for path in self.files:
            file = McapFile(path)
            try:
                yield from file.messages(topics)
            finally:
                self._note(file.damage)
                self.metadata.update(file.metadata)
                for channel in file.channels.values():
                    self._channels[channel.topic, channel.msg_type] = channel

    def _other_messages(self, topics: Collection[str] | None) -> Iterator[RawMessage]:
        """Messages of another storage, all files at once."""
        try:
            with Reader(self.path) as reader:
                channels = {entry.id: _channel(entry) for entry in reader.connections}
                self._channels = {(c.topic, c.msg_type): c for c in channels.values()}
                wanted = [c for c in reader.connections if topics is None or c.topic in topics]
                for connection, log_ns, data in reader.messages(wanted) if wanted else ():
                    channel = channels[connection.id]
                    yield RawMessage(channel, log_ns, log_ns, memoryview(data))
        except ReaderError as err:
            raise BagError(f'cannot read the bag {self.path}: {err}') from err

    def _note(self, text: str) -> None:
        if text and text not in self.notes:
            self.notes.append(text)

    def _list_files(self) -> list[Path]:
        path = self.path
        if path.is_file():
            if path.suffix not in _SUFFIXES:
                raise BagError(f'{path} is no bag: expected a folder, or a file of .mcap or .db3')
            self._note(f'no {METADATA_FILE}: a bare file, or its recorder was killed')
            return [path]
        if not path.is_dir():
            raise BagError(f'there is no bag {path}')
        files = self._listed_files()
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise BagError(f'the bag {path} lists {", ".join(missing)}, which is not there')
        return files

    def _listed_files(self) -> list[Path]:
        """Files that the metadata names, or that are there if it does not exist."""
        path = self.path
        if not (path / METADATA_FILE).is_file():
            files = sorted(entry for entry in path.iterdir() if entry.suffix in _SUFFIXES)
            if not files:
                raise BagError(f'{path} is no bag: it has neither {METADATA_FILE} nor .mcap files')
            self._note(f'no {METADATA_FILE}: it is being recorded, or its recorder was killed')
            return files
        try:
            document = yaml.safe_load((path / METADATA_FILE).read_text(encoding='utf-8'))
            names = document['rosbag2_bagfile_information']['relative_file_paths']
            return [path / str(name) for name in names]
        except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as err:
            raise BagError(
                f'{path / METADATA_FILE} cannot be read ({type(err).__name__}): delete it to read '
                'the bag without it'
            ) from err


def _channel(connection: Connection) -> Channel:
    return Channel(
        number=connection.id,
        topic=connection.topic,
        msg_type=connection.msgtype,
        encoding='cdr',
        definition_encoding=_FORMATS.get(connection.msgdef.format, ''),
        definition=connection.msgdef.data,
        metadata={},
    )
