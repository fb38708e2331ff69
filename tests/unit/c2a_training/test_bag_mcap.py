# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Our reader of MCAP files beside the format's own writer and reader."""

from __future__ import annotations

import contextlib

import pytest
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from c2a_training.bags.bag_mcap import BagError, McapFile

TOPICS = ('/a', '/b')
COUNT = 40


def write(path, compression=CompressionType.NONE, *, use_chunking=True, crc=True, size=1 << 30):
    """A file of two topics in turns; message n holds n bytes of n."""
    with open(path, 'wb') as stream:
        writer = Writer(
            stream,
            compression=compression,
            use_chunking=use_chunking,
            enable_crcs=crc,
            chunk_size=size,
        )
        writer.start(profile='ros2', library='test')
        schema = writer.register_schema('pkg/msg/Type', 'ros2msg', b'uint8 x')
        channels = [
            writer.register_channel(topic, 'cdr', schema, {'topic': topic}) for topic in TOPICS
        ]
        for n in range(COUNT):
            writer.add_message(channels[n % 2], 1000 + n, bytes([n] * n), 500 + n)
        writer.add_metadata('c2a', {'task': 'Pick', 'note': ''})
        writer.finish()
    return path


def read(path, topics=None):
    file = McapFile(path)
    messages = [
        (m.channel.topic, m.log_ns, m.publish_ns, bytes(m.data)) for m in file.messages(topics)
    ]
    return file, messages


@pytest.mark.parametrize('compression', list(CompressionType))
@pytest.mark.parametrize('use_chunking', [True, False])
def test_messages_equal_those_of_the_formats_own_reader(tmp_path, compression, use_chunking):
    path = write(tmp_path / 'x.mcap', compression, use_chunking=use_chunking, size=200)
    file, messages = read(path)
    with open(path, 'rb') as stream:
        expected = [
            (channel.topic, message.log_time, message.publish_time, message.data)
            for _, channel, message in make_reader(stream).iter_messages()
        ]
    assert messages == expected
    assert len(messages) == COUNT
    assert file.damage == ''
    assert file.metadata == {'c2a': {'task': 'Pick', 'note': ''}}
    first = file.channels[1]
    assert (first.topic, first.msg_type, first.encoding) == ('/a', 'pkg/msg/Type', 'cdr')
    assert (first.definition_encoding, first.definition) == ('ros2msg', 'uint8 x')
    assert first.metadata == {'topic': '/a'}


def test_only_the_topics_that_are_asked_for(tmp_path):
    _, messages = read(write(tmp_path / 'x.mcap'), {'/b'})
    assert {topic for topic, *_ in messages} == {'/b'}
    assert len(messages) == COUNT // 2


@pytest.mark.parametrize('use_chunking', [True, False])
def test_a_file_that_breaks_off_anywhere_is_read_up_to_there(tmp_path, use_chunking):
    path = write(tmp_path / 'x.mcap', use_chunking=use_chunking)
    data = path.read_bytes()
    _, whole = read(path)
    end = data.index(bytes([COUNT - 1] * (COUNT - 1)))
    lengths = set()
    for size in range(8, end, 9):
        path.write_bytes(data[:size])
        file, messages = read(path)
        assert messages == whole[: len(messages)]
        assert 'breaks off' in file.damage
        lengths.add(len(messages))
    assert lengths == set(range(COUNT - 1)) | {COUNT - 1}


def test_a_compressed_chunk_that_breaks_off_is_lost_and_said_so(tmp_path):
    path = write(tmp_path / 'x.mcap', CompressionType.ZSTD)
    path.write_bytes(path.read_bytes()[:150])
    file, messages = read(path)
    assert messages == []
    assert 'breaks off at byte 150' in file.damage


def test_zeros_at_the_end_are_no_records(tmp_path):
    path = write(tmp_path / 'x.mcap', use_chunking=False)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(bytes([9] * 9))] + bytes(5000))
    file, messages = read(path)
    assert file.damage
    assert len(messages) >= 8


def test_an_altered_chunk_is_found_by_its_checksum(tmp_path):
    path = write(tmp_path / 'x.mcap')
    data = bytearray(path.read_bytes())
    data[data.index(bytes([20] * 20))] ^= 1
    path.write_bytes(data)
    file, messages = read(path)
    assert messages == []
    assert 'altered' in file.damage


def test_other_files_are_refused(tmp_path):
    for name, content in (('text', b'hello world'), ('empty', b'')):
        path = tmp_path / f'{name}.mcap'
        path.write_bytes(content)
        with pytest.raises(BagError, match='is no MCAP file'):
            McapFile(path)
    with pytest.raises(BagError, match='cannot read the bag'):
        McapFile(tmp_path / 'nothing.mcap')


def test_random_damage_never_ends_in_another_error(tmp_path):
    path = write(tmp_path / 'x.mcap', use_chunking=False)
    data = path.read_bytes()
    for at in range(8, len(data), 13):
        changed = bytearray(data)
        changed[at] ^= 0xFF
        path.write_bytes(changed)
        with contextlib.suppress(BagError):
            read(path)
