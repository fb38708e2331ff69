# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What is read of recorded messages is what c2a_msgs has, and comes out as it went in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bag_files import chunk_events, make_episode, typestore, write_bag
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from c2a_training.bags.bag_mcap import BagError, Channel, RawMessage
from c2a_training.bags.bag_messages import (
    LAYOUTS,
    LOOP_TOPICS,
    OTHER_TOPICS,
    STAMPED_TOPICS,
    check_channel,
    decode,
    stamp_of,
)
from c2a_training.bags.bag_reader import BagReader
from c2a_training.bags.recorded_topics import TOPICS


def channel_of(msg_type, definition=None, topic=None, **fields):
    """Channel of a type of ours, with its own definition."""
    topic = topic or next(name for name, kind in LOOP_TOPICS.items() if kind == msg_type)
    if definition is None:
        definition, _ = typestore().generate_msgdef(msg_type, ros_version=2)
    values = {'encoding': 'cdr', 'definition_encoding': 'ros2msg', **fields}
    return Channel(1, topic, msg_type, definition=definition, metadata={}, **values)


@pytest.mark.parametrize('msg_type', LAYOUTS)
def test_the_layouts_are_those_of_the_message_files(msg_type):
    check_channel(channel_of(msg_type))
    _, fields = typestore().fielddefs[msg_type]
    assert list(LAYOUTS[msg_type]) == [name for name, _ in fields]


def test_the_topics_are_those_that_are_recorded():
    recorded = {topic.name: topic.msg_type for topic in TOPICS}
    assert {name: recorded[name] for name in LOOP_TOPICS} == LOOP_TOPICS
    assert set(recorded) == {*LOOP_TOPICS, *STAMPED_TOPICS, *OTHER_TOPICS}


def test_values_come_back_as_they_were_recorded(tmp_path):
    events = chunk_events(make_episode(start_ns=1_234_567_891_011))
    arrivals = list(BagReader(write_bag(tmp_path / 'bag', events)).arrivals())
    events.sort(key=lambda event: event.log_ns)
    assert [(a.topic, a.log_ns, a.value) for a in arrivals] == [
        (e.topic, e.log_ns, e.value) for e in events
    ]


def test_the_stamp_of_a_message_is_read_without_decoding_it():
    event = make_episode(start_ns=3_500_000_017).events[1]
    msg_type, data = event.cdr()
    message = RawMessage(channel_of(msg_type), 0, 0, memoryview(data))
    assert stamp_of(message) == 3_500_000_017
    with pytest.raises(BagError, match='too short'):
        stamp_of(message._replace(data=memoryview(data)[:8]))


def test_a_message_that_has_grown_a_field_can_still_be_read():
    msg_type = 'c2a_msgs/msg/Command'
    text, _ = typestore().generate_msgdef(msg_type, ros_version=2)
    head, *rest = text.split('=' * 80)
    grown = ('=' * 80).join([head + 'float64 torque\n', *rest])
    store = get_typestore(Stores.EMPTY)
    store.register(get_types_from_msg(grown, msg_type))
    event = next(e for e in make_episode().events if e.topic == '/c2a/command')
    old = typestore().deserialize_cdr(memoryview(event.cdr()[1]), msg_type)
    names = [name for name, _ in typestore().fielddefs[msg_type][1]]
    values = {name: getattr(old, name) for name in names}
    data = store.serialize_cdr(store.types[msg_type](**values, torque=1.0), msg_type)
    message = RawMessage(channel_of(msg_type, grown), 0, 0, memoryview(bytes(data)))
    check_channel(message.channel)
    assert decode(message) == event.value


def test_a_status_from_before_the_split_has_none():
    msg_type = 'c2a_msgs/msg/EpisodeStatus'
    definition, _ = typestore(has_split=False).generate_msgdef(msg_type, ros_version=2)
    event = make_episode().events[0]
    _, data = event.cdr(has_split=False)
    message = RawMessage(channel_of(msg_type, definition), 0, 0, memoryview(data))
    check_channel(message.channel)
    assert event.value.split == 'simple'
    assert decode(message) == replace(event.value, split='')


@pytest.mark.parametrize(
    ('change', 'why'),
    [
        ({'msg_type': 'std_msgs/msg/String'}, 'has type std_msgs/msg/String, expected c2a_msgs'),
        ({'encoding': 'json'}, "serialized as 'json', expected cdr"),
        ({'definition': ''}, 'without the definition of its type'),
        ({'definition': 'this is ( no definition'}, 'cannot be read'),
        ({'definition': 'int64 episode_id\nint32 step'}, 'has header as no field, expected'),
    ],
)
def test_a_topic_that_cannot_be_read_is_refused(change, why):
    with pytest.raises(BagError) as error:
        check_channel(replace(channel_of('c2a_msgs/msg/Command'), **change))
    assert why in str(error.value)


def test_a_field_of_another_type_is_refused():
    msg_type = 'c2a_msgs/msg/Command'
    text, _ = typestore().generate_msgdef(msg_type, ros_version=2)
    with pytest.raises(BagError, match=r'has action as float32\[6\], expected float32\[7\]'):
        check_channel(channel_of(msg_type, text.replace('float32[7]', 'float32[6]')))


def test_broken_bytes_are_refused():
    event = make_episode().events[1]
    msg_type, data = event.cdr()
    for broken in (b'', data[:3], data[: len(data) // 2], data + bytes(40)):
        with pytest.raises(BagError, match='a message of /c2a/observation cannot be read'):
            decode(RawMessage(channel_of(msg_type), 0, 0, memoryview(broken)))


@pytest.mark.parametrize(
    ('change', 'why'),
    [({'encoding': 'bgr8'}, "encoding 'bgr8', expected 'rgb8'"), ({'height': 9}, 'expected 648')],
)
def test_a_picture_that_is_not_what_it_says_is_refused(change, why):
    event = make_episode().events[1]
    msg_type, data = event.cdr()
    msg = typestore().deserialize_cdr(memoryview(data), msg_type)
    for name, value in change.items():
        object.__setattr__(msg.base_image, name, value)
    data = bytes(typestore().serialize_cdr(msg, msg_type))
    with pytest.raises(BagError, match=why):
        decode(RawMessage(channel_of(msg_type), 0, 0, memoryview(data)))
