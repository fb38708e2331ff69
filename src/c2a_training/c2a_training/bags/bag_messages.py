# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Turns recorded bytes into the values of `c2a_core.types`, without ROS.

Messages are read by the definitions that their bag carries, so a bag from before a message grew a
field can still be read, and no message package has to be installed. What C2A needs of them is in
`LAYOUTS`. With ROS `c2a_core.messages` does the same for live messages.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from rosbags.serde import SerdeError
from rosbags.typesys import (
    Stores,
    TypesysError,
    get_types_from_idl,
    get_types_from_msg,
    get_typestore,
)
from rosbags.typesys.base import Nodetype
from rosbags.typesys.store import Typestore

from c2a_core.types import (
    ActionChunk,
    Command,
    EpisodeStatus,
    FloatArray,
    ImageArray,
    KeyStep,
    Observation,
)
from c2a_training.bags.bag_mcap import BagError, Channel, RawMessage

Value = Observation | KeyStep | ActionChunk | Command | EpisodeStatus

OBSERVATION = '/c2a/observation'
KEY_STEP = '/c2a/key_step'
ORACLE_KEY_STEP = '/c2a/oracle_key_step'
ACTION_CHUNK = '/c2a/action_chunk'
COMMAND = '/c2a/command'
EPISODE = '/c2a/episode'

# Topic -> type, of the loop.
LOOP_TOPICS = {
    OBSERVATION: 'c2a_msgs/msg/Observation',
    KEY_STEP: 'c2a_msgs/msg/KeyStep',
    ORACLE_KEY_STEP: 'c2a_msgs/msg/KeyStep',
    ACTION_CHUNK: 'c2a_msgs/msg/ActionChunk',
    COMMAND: 'c2a_msgs/msg/Command',
    EPISODE: 'c2a_msgs/msg/EpisodeStatus',
}

OVERLAY = '/c2a/overlay'

# Topics for people and tools whose messages begin with their robot time.
STAMPED_TOPICS = (
    '/camera/base/image_raw',
    '/camera/base/camera_info',
    '/camera/wrist/image_raw',
    '/camera/wrist/camera_info',
    '/joint_states',
    '/ee_pose',
    OVERLAY,
    '/clock',
)
OTHER_TOPICS = ('/robot_description', '/c2a/markers', '/diagnostics', '/tf', '/tf_static')

# Type -> field -> its type, what is read of a message.
LAYOUTS: dict[str, dict[str, str]] = {
    'c2a_msgs/msg/Observation': {
        'header': 'std_msgs/msg/Header',
        'episode_id': 'int64',
        'step': 'int32',
        'base_image': 'sensor_msgs/msg/Image',
        'wrist_image': 'sensor_msgs/msg/Image',
        'joint_positions': 'float32[7]',
        'joint_velocities': 'float32[7]',
        'ee_pose': 'geometry_msgs/msg/Pose',
        'vacuum_on': 'bool',
        'vacuum_grasping': 'bool',
        'vacuum_ready': 'bool',
    },
    'c2a_msgs/msg/KeyStep': {
        'header': 'std_msgs/msg/Header',
        'episode_id': 'int64',
        'step': 'int32',
        'subtask_id': 'int32',
        'is_key_step': 'bool',
        'code': 'string',
        'cache_info': 'string',
        'memory': 'string[]',
        'reply_status': 'string',
        'reason': 'string',
        'early_stopped': 'bool',
        'latency_s': 'float64',
        'checkpoint': 'string',
    },
    'c2a_msgs/msg/ActionChunk': {
        'header': 'std_msgs/msg/Header',
        'episode_id': 'int64',
        'step': 'int32',
        'subtask_id': 'int32',
        'chunk_id': 'int32',
        'pred_horizon': 'uint32',
        'action_dim': 'uint32',
        'actions': 'float32[]',
        'dt': 'float64',
        'preempted': 'bool',
        'discarded': 'uint32',
        'latency_s': 'float64',
        'checkpoint': 'string',
    },
    'c2a_msgs/msg/Command': {
        'header': 'std_msgs/msg/Header',
        'episode_id': 'int64',
        'step': 'int32',
        'source': 'string',
        'subtask_id': 'int32',
        'chunk_id': 'int32',
        'chunk_index': 'int32',
        'action': 'float32[7]',
    },
    'c2a_msgs/msg/EpisodeStatus': {
        'header': 'std_msgs/msg/Header',
        'episode_id': 'int64',
        'task': 'string',
        'instruction': 'string',
        'seed': 'int64',
        'split': 'string',
        'step': 'int32',
        'max_steps': 'int32',
        'success': 'bool',
        'done': 'bool',
        'reason': 'string',
        'stepping': 'string',
        'low_level': 'string',
        'backend': 'string',
        'control_rate_hz': 'float64',
        'planner_checkpoint': 'string',
        'policy_checkpoint': 'string',
    },
}

# Type -> fields that bags from before do not have; their values are then the types' defaults.
_ADDED_LATER = {'c2a_msgs/msg/EpisodeStatus': frozenset(('split',))}

_NS_PER_S = 1_000_000_000
_ENCODING = 'rgb8'
_STAMP = struct.Struct('<iI')
_ENCAPSULATION_BYTES = 4


def check_channel(channel: Channel) -> None:
    """Refuse a topic of the loop whose messages cannot be read.

    Raises:
        BagError: another type, serialization or definition than expected.
    """
    expected = LOOP_TOPICS.get(channel.topic)
    if expected is None:
        return
    if channel.msg_type != expected:
        raise BagError(
            f'topic {channel.topic} has type {channel.msg_type or "unknown"}, expected {expected}'
        )
    if channel.encoding != 'cdr':
        raise BagError(
            f'topic {channel.topic} is serialized as {channel.encoding!r}, expected cdr'
        )
    found = _fields(_typestore(channel), channel.msg_type)
    for name, kind in LAYOUTS[expected].items():
        if name not in found and name in _ADDED_LATER.get(expected, ()):
            continue
        if found.get(name) != kind:
            raise BagError(
                f'{expected} of this bag has {name} as {found.get(name, "no field")}, expected '
                f'{kind}: it was recorded with another version of c2a_msgs'
            )


def decode(message: RawMessage) -> Value:
    """Value of a message of the loop; its pictures share the message's memory.

    Args:
        message: of a channel that `check_channel` accepts.

    Raises:
        BagError: if the bytes are not what their definition says, or the value is no good one.
    """
    channel = message.channel
    try:
        msg = _typestore(channel).deserialize_cdr(message.data, channel.msg_type)
        return _CONVERTERS[channel.msg_type](msg)
    except (SerdeError, ValueError) as err:
        raise BagError(f'a message of {channel.topic} cannot be read: {err}') from err


def fields_of(channel: Channel) -> tuple[str, ...]:
    """Names of the fields that a channel's messages have, in their order.

    Raises:
        BagError: if its definition is missing or cannot be read.
    """
    return tuple(_fields(_typestore(channel), channel.msg_type))


def stamp_of(message: RawMessage) -> int:
    """Robot time [ns] with which a message of the loop or of `STAMPED_TOPICS` begins.

    Raises:
        BagError: if the message is too short to have one.
    """
    if len(message.data) < _ENCAPSULATION_BYTES + _STAMP.size:
        raise BagError(f'a message of {message.channel.topic} is too short for its time stamp')
    sec, nanosec = _STAMP.unpack_from(message.data, _ENCAPSULATION_BYTES)
    return int(sec) * _NS_PER_S + int(nanosec)


def _typestore(channel: Channel) -> Typestore:
    if not channel.definition:
        raise BagError(
            f'topic {channel.topic} comes without the definition of its type: record with '
            'record:=true, or with an mcap storage'
        )
    return _typestore_of(channel.msg_type, channel.definition_encoding, channel.definition)


@functools.lru_cache(maxsize=64)
def _typestore_of(msg_type: str, encoding: str, definition: str) -> Typestore:
    """Types of one definition, kept because making its code takes some milliseconds."""
    store = get_typestore(Stores.EMPTY)
    try:
        if encoding == 'ros2idl':
            store.register(get_types_from_idl(definition))
        else:
            store.register(get_types_from_msg(definition, msg_type))
        store.get_msgdef(msg_type)
    except (TypesysError, KeyError) as err:
        raise BagError(f'the definition of {msg_type} in this bag cannot be read: {err}') from err
    return store


def _fields(store: Typestore, msg_type: str) -> dict[str, str]:
    """Field -> type of a message, written as in a .msg file."""
    _, fields = store.fielddefs[msg_type]
    return {name: _kind(node) for name, node in fields}


def _kind(node: Any) -> str:
    kind, what = node
    if kind == Nodetype.BASE:
        return str(what[0])
    if kind == Nodetype.NAME:
        return str(what)
    element, count = what
    return f'{_kind(element)}[{count or ""}]'


def _ns(msg: Any) -> int:
    stamp = msg.header.stamp
    return int(stamp.sec) * _NS_PER_S + int(stamp.nanosec)


def _image(msg: Any) -> ImageArray:
    if msg.encoding != _ENCODING:
        raise ValueError(f'image has encoding {msg.encoding!r}, expected {_ENCODING!r}')
    row, length = msg.width * 3, msg.height * msg.step
    if msg.step < row or len(msg.data) != length:
        raise ValueError(
            f'image of {msg.width} x {msg.height} pixels with rows of {msg.step} bytes has '
            f'{len(msg.data)} bytes, expected {length} in rows of at least {row}'
        )
    rows: ImageArray = msg.data.reshape(msg.height, msg.step)
    return rows[:, :row].reshape(msg.height, msg.width, 3)


def _pose(msg: Any) -> FloatArray:
    p, q = msg.position, msg.orientation
    return np.array((p.x, p.y, p.z, q.x, q.y, q.z, q.w), dtype=np.float32)


def _observation(msg: Any) -> Observation:
    return Observation(
        episode_id=msg.episode_id,
        step=msg.step,
        stamp_ns=_ns(msg),
        base_image=_image(msg.base_image),
        wrist_image=_image(msg.wrist_image),
        joint_positions=msg.joint_positions,
        joint_velocities=msg.joint_velocities,
        ee_pose=_pose(msg.ee_pose),
        vacuum_on=msg.vacuum_on,
        vacuum_grasping=msg.vacuum_grasping,
        vacuum_ready=msg.vacuum_ready,
    )


def _same_fields(value_type: Callable[..., Value], msg_type: str) -> Callable[[Any], Value]:
    """Converter for a message whose fields are the value's own, but for the header."""
    added = _ADDED_LATER.get(msg_type, frozenset())
    names = [name for name in LAYOUTS[msg_type] if name != 'header' and name not in added]

    def convert(msg: Any) -> Value:
        values = {name: getattr(msg, name) for name in names}
        values |= {name: getattr(msg, name) for name in added if hasattr(msg, name)}
        return value_type(stamp_ns=_ns(msg), **values)

    return convert


def _action_chunk(msg: Any) -> ActionChunk:
    if len(msg.actions) != msg.pred_horizon * msg.action_dim:
        raise ValueError(
            f'action chunk has {len(msg.actions)} numbers, expected {msg.pred_horizon} x '
            f'{msg.action_dim}'
        )
    return ActionChunk(
        episode_id=msg.episode_id,
        step=msg.step,
        subtask_id=msg.subtask_id,
        chunk_id=msg.chunk_id,
        actions=msg.actions.reshape(msg.pred_horizon, msg.action_dim),
        dt=msg.dt,
        preempted=msg.preempted,
        discarded=msg.discarded,
        latency_s=msg.latency_s,
        checkpoint=msg.checkpoint,
        stamp_ns=_ns(msg),
    )


_CONVERTERS: Mapping[str, Callable[[Any], Value]] = {
    'c2a_msgs/msg/Observation': _observation,
    'c2a_msgs/msg/KeyStep': _same_fields(KeyStep, 'c2a_msgs/msg/KeyStep'),
    'c2a_msgs/msg/ActionChunk': _action_chunk,
    'c2a_msgs/msg/Command': _same_fields(Command, 'c2a_msgs/msg/Command'),
    'c2a_msgs/msg/EpisodeStatus': _same_fields(EpisodeStatus, 'c2a_msgs/msg/EpisodeStatus'),
}
