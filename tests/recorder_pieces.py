# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Messages and bags to test the recorder with, made without ROS."""

from __future__ import annotations

import struct
from collections import Counter

from c2a_core.types import EpisodeStatus
from c2a_training.bags.bag_metadata import INFINITE, TopicInfo
from c2a_training.bags.bag_session import Incoming
from c2a_training.bags.bag_writer import BagWriter

OBSERVATION = '/c2a/observation'
KEY_STEP = '/c2a/key_step'
EPISODE = '/c2a/episode'
IMAGE = '/camera/base/image_raw'
DESCRIPTION = '/robot_description'

# Of the same beginning as our own: header, episode_id, step.
DEFINITION = """std_msgs/Header header
int64 episode_id
int32 step
uint8[] data
{line}
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
{line}
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
""".format(line='=' * 80)

# Of that definition; rosbags compares the two.
TYPE_HASH = 'RIHS01_5d5dfaac6bc33711eb5371893987c151ce60381297818072b0480b23d6f061e8'

QOS = {
    'history': 'keep_last',
    'depth': 10,
    'reliability': 'reliable',
    'durability': 'volatile',
    'deadline': INFINITE,
    'lifespan': INFINITE,
    'liveliness': 'automatic',
    'liveliness_lease_duration': INFINITE,
    'avoid_ros_namespace_conventions': False,
}

TOPICS = tuple(
    TopicInfo(name, 'c2a_msgs/msg/Thing', DEFINITION, TYPE_HASH, QOS)
    for name in (EPISODE, OBSERVATION, KEY_STEP, IMAGE, DESCRIPTION)
)


def thing(episode_id, step, data=b'', frame='world'):
    """A serialized message that begins as ours do."""
    name = frame.encode() + b'\0'
    head = struct.pack('<iII', 1, 2, len(name)) + name
    head += bytes(-len(head) % 8)
    body = struct.pack('<qiI', episode_id, step, len(data)) + data
    return b'\0\1\0\0' + head + body


def status(episode_id=1, step=0, reason='', task='PlaceNextTo', stamp_ns=0):
    """An episode's status; with a reason it has ended."""
    return EpisodeStatus(
        episode_id=episode_id,
        task=task,
        instruction='put it there',
        seed=7,
        step=step,
        max_steps=100,
        success=reason == 'success',
        done=bool(reason),
        reason=reason,
        stepping='lockstep',
        low_level='oracle',
        backend='maniskill',
        control_rate_hz=20.0,
        planner_checkpoint='abc',
        policy_checkpoint='',
        split='train',
        stamp_ns=stamp_ns,
    )


def heard(topic, episode_id=1, step=0, at_ns=1000, **fields):
    """A message as the recorder gets it."""
    is_loop = topic in (OBSERVATION, KEY_STEP)
    return Incoming(
        topic, thing(episode_id, step), at_ns, at_ns, is_loop=is_loop,
        is_latched=topic == DESCRIPTION, **fields,
    )  # fmt: skip


def said(episode_id=1, step=0, reason='', at_ns=1000, **fields):
    """A status as the recorder gets it."""
    value = status(episode_id, step, reason, **fields)
    return Incoming(EPISODE, thing(episode_id, step), at_ns, at_ns, value, is_loop=True)


def written_bag(folder, name='T_7_1', steps=20, size=1000, **options):
    """A bag with an observation and a key step for each step, still open."""
    bag = BagWriter(folder, name, TOPICS, {'task': 'T', 'seed': '7'}, **options)
    for step in range(steps):
        at_ns = 10**18 + step * 50_000_000
        bag.write(OBSERVATION, thing(1, step, bytes([step % 256]) * size), at_ns, at_ns)
        bag.write(KEY_STEP, thing(1, step), at_ns + 1000, at_ns + 500)
    return bag


class FakeBag:
    """Keeps what would be written; breaks when told to."""

    def __init__(self, name, about):
        self.name, self.about = name, dict(about)
        self.counts = Counter()
        self.written = []
        self.noted = None
        self.is_closed = self.is_abandoned = False
        self.error = None

    def write(self, topic, data, log_ns, publish_ns):
        if self.error is not None:
            raise self.error
        self.counts[topic] += 1
        self.written.append((topic, data))

    def flush(self):
        if self.error is not None:
            raise self.error

    def note(self, about):
        self.noted = dict(about)

    def close(self, about):
        from pathlib import Path

        self.about, self.is_closed = dict(about), True
        return Path(self.name)

    def abandon(self):
        self.is_abandoned = True
