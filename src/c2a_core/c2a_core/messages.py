# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Conversion between the values of `types.py` and the messages of `c2a_msgs`, both ways.

The one place that knows how a value travels. Large arrays go through the buffer protocol: rclpy
takes and gives `array.array`, and anything else costs a Python object for each element.
Pictures read from a message share its memory.
"""

from __future__ import annotations

from array import array

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from c2a_core.spaces import FRAME_BASE_CAMERA, FRAME_EE, FRAME_WORLD, FRAME_WRIST_CAMERA
from c2a_core.types import (
    ActionChunk,
    Command,
    EpisodeStatus,
    FloatArray,
    ImageArray,
    KeyStep,
    Observation,
)
from c2a_msgs import msg as c2a

_NS_PER_S = 1_000_000_000
_ENCODING = 'rgb8'


def time_from_ns(stamp_ns: int) -> Time:
    """Time message of a stamp [ns]."""
    sec, nanosec = divmod(stamp_ns, _NS_PER_S)
    return Time(sec=sec, nanosec=nanosec)


def ns_from_time(time: Time) -> int:
    """Stamp [ns] of a time message."""
    return int(time.sec) * _NS_PER_S + int(time.nanosec)


def make_header(stamp_ns: int, frame_id: str = '') -> Header:
    """Header with a stamp [ns] and a tf frame."""
    return Header(stamp=time_from_ns(stamp_ns), frame_id=frame_id)


def image_to_msg(image: ImageArray, stamp_ns: int, frame_id: str) -> Image:
    """Picture message of an (H, W, 3) uint8 RGB array."""
    height, width, channels = image.shape
    msg = Image(header=make_header(stamp_ns, frame_id), height=height, width=width)
    msg.encoding = _ENCODING
    msg.is_bigendian = 0
    msg.step = width * channels
    msg.data = array('B', image.tobytes())
    return msg


def image_from_msg(msg: Image) -> ImageArray:
    """Array (H, W, 3) uint8 RGB that shares the memory of a picture message.

    Raises:
        ValueError: if the picture is not rgb8 or its data does not fit its size.
    """
    if msg.encoding != _ENCODING:
        raise ValueError(
            f'image has encoding {msg.encoding!r}, expected {_ENCODING!r}: convert it where it is '
            'published'
        )
    row, length = msg.width * 3, msg.height * msg.step
    if msg.step < row or len(msg.data) != length:
        raise ValueError(
            f'image of {msg.width} x {msg.height} pixels with rows of {msg.step} bytes has '
            f'{len(msg.data)} bytes, expected {length} in rows of at least {row}'
        )
    rows: ImageArray = np.frombuffer(msg.data, dtype=np.uint8).reshape(msg.height, msg.step)
    return rows[:, :row].reshape(msg.height, msg.width, 3)


def pose_to_msg(pose: FloatArray) -> Pose:
    """Pose message of (7,) x y z [m], qx qy qz qw."""
    x, y, z, qx, qy, qz, qw = pose.tolist()
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def pose_from_msg(msg: Pose) -> FloatArray:
    """Array (7,) float32 x y z [m], qx qy qz qw of a pose message."""
    p, q = msg.position, msg.orientation
    return np.array((p.x, p.y, p.z, q.x, q.y, q.z, q.w), dtype=np.float32)


def observation_to_msg(observation: Observation) -> c2a.Observation:
    """Message of an observation."""
    stamp_ns = observation.stamp_ns
    return c2a.Observation(
        header=make_header(stamp_ns, FRAME_WORLD),
        episode_id=observation.episode_id,
        step=observation.step,
        base_image=image_to_msg(observation.base_image, stamp_ns, FRAME_BASE_CAMERA),
        wrist_image=image_to_msg(observation.wrist_image, stamp_ns, FRAME_WRIST_CAMERA),
        joint_positions=observation.joint_positions,
        joint_velocities=observation.joint_velocities,
        ee_pose=pose_to_msg(observation.ee_pose),
        vacuum_on=observation.vacuum_on,
        vacuum_grasping=observation.vacuum_grasping,
        vacuum_ready=observation.vacuum_ready,
    )


def observation_from_msg(msg: c2a.Observation) -> Observation:
    """Observation of a message.

    Raises:
        ValueError: if a picture is malformed.
    """
    return Observation(
        episode_id=msg.episode_id,
        step=msg.step,
        stamp_ns=ns_from_time(msg.header.stamp),
        base_image=image_from_msg(msg.base_image),
        wrist_image=image_from_msg(msg.wrist_image),
        joint_positions=msg.joint_positions,
        joint_velocities=msg.joint_velocities,
        ee_pose=pose_from_msg(msg.ee_pose),
        vacuum_on=msg.vacuum_on,
        vacuum_grasping=msg.vacuum_grasping,
        vacuum_ready=msg.vacuum_ready,
    )


def key_step_to_msg(key_step: KeyStep) -> c2a.KeyStep:
    """Message of a key step."""
    return c2a.KeyStep(
        header=make_header(key_step.stamp_ns),
        episode_id=key_step.episode_id,
        step=key_step.step,
        subtask_id=key_step.subtask_id,
        is_key_step=key_step.is_key_step,
        code=key_step.code,
        cache_info=key_step.cache_info,
        memory=list(key_step.memory),
        reply_status=key_step.reply_status,
        reason=key_step.reason,
        early_stopped=key_step.early_stopped,
        latency_s=key_step.latency_s,
        checkpoint=key_step.checkpoint,
    )


def key_step_from_msg(msg: c2a.KeyStep) -> KeyStep:
    """Key step of a message.

    Raises:
        ValueError: if the reply status is unknown.
    """
    return KeyStep(
        episode_id=msg.episode_id,
        step=msg.step,
        stamp_ns=ns_from_time(msg.header.stamp),
        subtask_id=msg.subtask_id,
        is_key_step=msg.is_key_step,
        code=msg.code,
        cache_info=msg.cache_info,
        memory=tuple(msg.memory),
        reply_status=msg.reply_status,
        reason=msg.reason,
        early_stopped=msg.early_stopped,
        latency_s=msg.latency_s,
        checkpoint=msg.checkpoint,
    )


def action_chunk_to_msg(chunk: ActionChunk) -> c2a.ActionChunk:
    """Message of an action chunk."""
    pred_horizon, action_dim = chunk.actions.shape
    return c2a.ActionChunk(
        header=make_header(chunk.stamp_ns, FRAME_EE),
        episode_id=chunk.episode_id,
        step=chunk.step,
        subtask_id=chunk.subtask_id,
        chunk_id=chunk.chunk_id,
        pred_horizon=pred_horizon,
        action_dim=action_dim,
        actions=array('f', chunk.actions.tobytes()),
        dt=chunk.dt,
        preempted=chunk.preempted,
        discarded=chunk.discarded,
        latency_s=chunk.latency_s,
        checkpoint=chunk.checkpoint,
    )


def action_chunk_from_msg(msg: c2a.ActionChunk) -> ActionChunk:
    """Action chunk of a message.

    Raises:
        ValueError: if the actions do not fit the sizes in the message or the action space.
    """
    actions: FloatArray = np.frombuffer(msg.actions, dtype=np.float32)
    if actions.size != msg.pred_horizon * msg.action_dim:
        raise ValueError(
            f'action chunk has {actions.size} numbers, expected {msg.pred_horizon} x '
            f'{msg.action_dim}'
        )
    return ActionChunk(
        episode_id=msg.episode_id,
        step=msg.step,
        subtask_id=msg.subtask_id,
        chunk_id=msg.chunk_id,
        actions=actions.reshape(msg.pred_horizon, msg.action_dim),
        dt=msg.dt,
        preempted=msg.preempted,
        discarded=msg.discarded,
        latency_s=msg.latency_s,
        checkpoint=msg.checkpoint,
        stamp_ns=ns_from_time(msg.header.stamp),
    )


def command_to_msg(command: Command) -> c2a.Command:
    """Message of a command."""
    return c2a.Command(
        header=make_header(command.stamp_ns, FRAME_EE),
        episode_id=command.episode_id,
        step=command.step,
        source=command.source,
        subtask_id=command.subtask_id,
        chunk_id=command.chunk_id,
        chunk_index=command.chunk_index,
        action=command.action,
    )


def command_from_msg(msg: c2a.Command) -> Command:
    """Command of a message.

    Raises:
        ValueError: if the source is unknown.
    """
    return Command(
        episode_id=msg.episode_id,
        step=msg.step,
        source=msg.source,
        chunk_id=msg.chunk_id,
        chunk_index=msg.chunk_index,
        action=msg.action,
        subtask_id=msg.subtask_id,
        stamp_ns=ns_from_time(msg.header.stamp),
    )


def episode_status_to_msg(status: EpisodeStatus) -> c2a.EpisodeStatus:
    """Message of an episode's status."""
    return c2a.EpisodeStatus(
        header=make_header(status.stamp_ns),
        episode_id=status.episode_id,
        task=status.task,
        instruction=status.instruction,
        seed=status.seed,
        split=status.split,
        step=status.step,
        max_steps=status.max_steps,
        success=status.success,
        done=status.done,
        reason=status.reason,
        stepping=status.stepping,
        low_level=status.low_level,
        backend=status.backend,
        control_rate_hz=status.control_rate_hz,
        planner_checkpoint=status.planner_checkpoint,
        policy_checkpoint=status.policy_checkpoint,
    )


def episode_status_from_msg(msg: c2a.EpisodeStatus) -> EpisodeStatus:
    """Status of a message.

    Raises:
        ValueError: if the way of stepping is unknown.
    """
    return EpisodeStatus(
        episode_id=msg.episode_id,
        task=msg.task,
        instruction=msg.instruction,
        seed=msg.seed,
        split=msg.split,
        step=msg.step,
        max_steps=msg.max_steps,
        success=msg.success,
        done=msg.done,
        reason=msg.reason,
        stepping=msg.stepping,
        low_level=msg.low_level,
        backend=msg.backend,
        control_rate_hz=msg.control_rate_hz,
        planner_checkpoint=msg.planner_checkpoint,
        policy_checkpoint=msg.policy_checkpoint,
        stamp_ns=ns_from_time(msg.header.stamp),
    )
