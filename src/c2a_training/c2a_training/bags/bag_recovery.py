# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Bags that a killed recorder left open: what can be read becomes a bag, the rest is named.

Closed bags are not looked at: they got their name when they were whole.
"""

from __future__ import annotations

import fcntl
import itertools
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from mcap.exceptions import McapError
from mcap.records import Channel, Message, Schema
from mcap.stream_reader import CRCValidationError, StreamReader

from c2a_training.bags.bag_metadata import METADATA_FILE, OPEN_SUFFIX, TopicInfo
from c2a_training.bags.bag_writer import BagWriter, read_about
from c2a_training.bags.recorded_topics import OBSERVATION

RECOVERED = 'recovered'
DROPPED = 'dropped'
IN_USE = 'in use'

_REWRITE_SUFFIX = '.rewrite'


@dataclass(frozen=True)
class Recovery:
    """What became of one open bag.

    Attributes:
        name: of the bag.
        outcome: `RECOVERED`, `DROPPED` or `IN_USE`.
        messages: how many could be read.
        why: where reading ended, or why there is no bag.
    """

    name: str
    outcome: str
    messages: int
    why: str

    def __str__(self) -> str:
        """One line for people."""
        return f'{self.name}: {self.outcome}, {self.messages} messages ({self.why})'


def recover_open_bags(folder: Path) -> list[Recovery]:
    """Close or drop the bags of a folder that are open though nobody writes them.

    Args:
        folder: where a recorder puts its bags.

    Returns:
        One entry for each open bag, also for those that another process is writing.

    Raises:
        OSError: the folder cannot be written.
    """
    for left in folder.glob(f'*{_REWRITE_SUFFIX}'):
        if not left.with_suffix(OPEN_SUFFIX).exists():  # else it may be another recorder's work
            shutil.rmtree(left)
    return [_recover(path) for path in sorted(folder.glob(f'*{OPEN_SUFFIX}')) if path.is_dir()]


def _recover(path: Path) -> Recovery:
    name = path.name.removesuffix(OPEN_SUFFIX)
    if (path.parent / name / METADATA_FILE).is_file():
        # No open bag gets the name of a whole one: a recovery was killed when it was done.
        for left in (path.with_suffix(_REWRITE_SUFFIX), path):
            shutil.rmtree(left, ignore_errors=True)
        return Recovery(name, RECOVERED, 0, 'it was before, but the rest was left')
    files = sorted(path.glob('*.mcap'))
    if not files:
        shutil.rmtree(path)
        return Recovery(name, DROPPED, 0, 'its file was not begun')
    with open(files[0], 'rb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return Recovery(name, IN_USE, 0, 'another recorder is writing it')
        return _rewrite(path, name, files[0])


def _rewrite(path: Path, name: str, file: Path) -> Recovery:
    """Copy what can be read into a new bag, which takes the open one's place."""
    about = read_about(path)
    topics: dict[int, TopicInfo] = {}
    reading = _Reading(file)
    messages = reading.messages(topics)
    first = next(messages, None)
    if first is None:
        shutil.rmtree(path)
        return Recovery(name, DROPPED, 0, f'no message can be read: {reading.why}')
    workshop = path.parent / f'{name}{_REWRITE_SUFFIX}'
    if workshop.exists():
        shutil.rmtree(workshop)
    bag = BagWriter(workshop, name, tuple(topics.values()), about)
    for message in itertools.chain([first], messages):
        topic = topics[message.channel_id].name
        bag.write(topic, message.data, message.log_time, message.publish_time)
    if not bag.counts[OBSERVATION]:
        bag.abandon()
        shutil.rmtree(workshop)
        shutil.rmtree(path)
        return Recovery(name, DROPPED, sum(bag.counts.values()), 'it has no observation')
    about |= {'complete': 'false', 'recovered': 'true', 'recovered_until': reading.why}
    about['observations'] = str(bag.counts[OBSERVATION])
    about.pop('name', None)
    # The whole one is in its place before the open one goes: a kill loses neither.
    bag.close(about).rename(path.parent / name)
    workshop.rmdir()
    shutil.rmtree(path)
    return Recovery(name, RECOVERED, sum(bag.counts.values()), reading.why)


class _Reading:
    """Reads a file from its beginning for as long as it can be read.

    Args:
        file: an MCAP file, perhaps not whole.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.why = 'the file is whole'

    def messages(self, topics: dict[int, TopicInfo]) -> Iterator[Message]:
        """The messages of all whole chunks; fills in what the topics are on the way."""
        schemas: dict[int, Schema] = {}
        with open(self._file, 'rb') as stream:
            records = iter(StreamReader(stream, validate_crcs=True).records)
            while True:
                try:
                    record = next(records)
                except StopIteration:
                    return
                except (McapError, CRCValidationError, struct.error, EOFError) as err:
                    self.why = f'it ends in the middle, after {stream.tell()} bytes'
                    if isinstance(err, CRCValidationError):
                        self.why = f'it is damaged before byte {stream.tell()}'
                    return
                if isinstance(record, Schema):
                    schemas[record.id] = record
                elif isinstance(record, Channel):
                    topics.setdefault(record.id, _topic(record, schemas[record.schema_id]))
                elif isinstance(record, Message):
                    yield record


def _topic(channel: Channel, schema: Schema) -> TopicInfo:
    offered = yaml.safe_load(channel.metadata.get('offered_qos_profiles', '')) or [{}]
    return TopicInfo(
        channel.topic,
        schema.name,
        schema.data.decode(),
        channel.metadata.get('topic_type_hash', ''),
        offered[0],
    )
