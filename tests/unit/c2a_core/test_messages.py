# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skill_strategies import PROPERTY, key_steps

from c2a_core.types import (
    ActionChunk,
    Command,
    CommandSource,
    EpisodeStatus,
    KeyStep,
    Observation,
    ReplyStatus,
)

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')
pytest.importorskip('c2a_msgs', reason='c2a_msgs is not built: run ./c2a test')

from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402

from c2a_core import messages  # noqa: E402

RNG = np.random.default_rng(0)


def _image(height, width):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def _vector(size):
    return RNG.normal(size=size).astype(np.float32)


OBSERVATION = Observation(
    episode_id=2**40,
    step=17,
    stamp_ns=3_999_999_999,
    base_image=_image(12, 20),
    wrist_image=_image(7, 5),
    joint_positions=_vector(7),
    joint_velocities=_vector(7),
    ee_pose=_vector(7),
    vacuum_on=True,
    vacuum_grasping=False,
    vacuum_ready=True,
)
KEY_STEP = KeyStep(
    episode_id=3,
    step=4,
    stamp_ns=5,
    subtask_id=-1,
    is_key_step=True,
    code="pose_dict['a'] = get_pose(actor=get_actor('roter Würfel', (1, 2)))\ndone()",
    cache_info="pose_dict['a'] = get_pose(actor=get_actor('roter Würfel', (1, 2)))",
    memory=('done()', 'a\nb', ''),
    reply_status=ReplyStatus.INVALID,
    reason='unknown skill',
    early_stopped=True,
    latency_s=0.125,
    checkpoint='abc',
)
CHUNK = ActionChunk(
    episode_id=3,
    step=4,
    subtask_id=1,
    chunk_id=9,
    actions=_vector((16, 7)),
    dt=0.05,
    preempted=True,
    discarded=5,
    latency_s=0.01,
    checkpoint='def',
    stamp_ns=6,
)
COMMAND = Command(
    episode_id=3,
    step=4,
    source=CommandSource.REPLAY,
    chunk_id=-1,
    chunk_index=-1,
    action=_vector(7),
    subtask_id=2,
    stamp_ns=7,
)
STATUS = EpisodeStatus(
    episode_id=3,
    task='PlaceNextTo',
    instruction='put the red cube left of the blue one',
    seed=2**50,
    step=4,
    max_steps=300,
    success=False,
    done=True,
    reason='time-out',
    stepping='lockstep',
    low_level='policy',
    backend='maniskill',
    control_rate_hz=20.0,
    planner_checkpoint='abc',
    policy_checkpoint='def',
    split='train',
    stamp_ns=8,
)
CONVERSIONS = {
    'observation': (OBSERVATION, messages.observation_to_msg, messages.observation_from_msg),
    'key_step': (KEY_STEP, messages.key_step_to_msg, messages.key_step_from_msg),
    'action_chunk': (CHUNK, messages.action_chunk_to_msg, messages.action_chunk_from_msg),
    'command': (COMMAND, messages.command_to_msg, messages.command_from_msg),
    'episode_status': (STATUS, messages.episode_status_to_msg, messages.episode_status_from_msg),
}


def _over_the_wire(msg):
    return deserialize_message(serialize_message(msg), type(msg))


@pytest.mark.parametrize(('value', 'to_msg', 'from_msg'), CONVERSIONS.values(), ids=CONVERSIONS)
def test_every_type_survives_the_wire_bit_for_bit(value, to_msg, from_msg):
    msg = to_msg(value)
    assert from_msg(msg) == value
    assert from_msg(_over_the_wire(msg)) == value


@pytest.mark.parametrize(('value', 'to_msg', 'from_msg'), CONVERSIONS.values(), ids=CONVERSIONS)
def test_flags_are_not_mixed_up(value, to_msg, from_msg):
    flags = [f.name for f in dataclasses.fields(value) if isinstance(getattr(value, f.name), bool)]
    for name in flags:
        only = dataclasses.replace(value, **{flag: flag == name for flag in flags})
        assert from_msg(_over_the_wire(to_msg(only))) == only


@PROPERTY
@given(key_steps, st.integers(-1, 63), st.sampled_from(ReplyStatus.ALL))
def test_code_survives_the_wire(code, subtask_id, status):
    text = code.render()
    key_step = dataclasses.replace(
        KEY_STEP, code=text, memory=(text,), subtask_id=subtask_id, reply_status=status
    )
    assert (
        messages.key_step_from_msg(_over_the_wire(messages.key_step_to_msg(key_step))) == key_step
    )


@pytest.mark.parametrize('stamp_ns', [0, 1, 999_999_999, 1_000_000_000, 1_700_000_000_123_456_789])
def test_stamps_keep_their_nanoseconds(stamp_ns):
    assert messages.ns_from_time(messages.time_from_ns(stamp_ns)) == stamp_ns


def test_pictures_that_are_not_contiguous_or_empty_survive():
    wide = _image(8, 20)[:, ::2]
    empty = np.zeros((0, 0, 3), np.uint8)
    for image in (wide, empty):
        msg = _over_the_wire(messages.image_to_msg(image, 0, 'camera'))
        np.testing.assert_array_equal(messages.image_from_msg(msg), image)


def test_a_picture_says_its_layout_and_frame():
    msg = messages.image_to_msg(_image(8, 20), 1_500_000_000, 'camera_base_optical_frame')
    assert (msg.height, msg.width, msg.step, msg.encoding) == (8, 20, 60, 'rgb8')
    assert (msg.header.frame_id, msg.header.stamp.sec) == ('camera_base_optical_frame', 1)
    assert len(msg.data) == 480


def test_reading_a_picture_shares_its_memory():
    msg = messages.image_to_msg(_image(8, 20), 0, '')
    image = messages.image_from_msg(msg)
    image[0, 0, 0] ^= 0xFF
    assert msg.data[0] == image[0, 0, 0]


def test_rows_with_padding_are_read():
    image = _image(4, 5)
    padded = np.zeros((4, 16), np.uint8)
    padded[:, :15] = image.reshape(4, 15)
    msg = messages.image_to_msg(image, 0, '')
    msg.step = 16
    msg.data = padded.tobytes()
    np.testing.assert_array_equal(messages.image_from_msg(msg), image)


def test_malformed_messages_are_refused():
    msg = messages.image_to_msg(_image(4, 5), 0, '')
    msg.encoding = 'bgr8'
    with pytest.raises(ValueError, match="encoding 'bgr8', expected 'rgb8'"):
        messages.image_from_msg(msg)
    msg = messages.image_to_msg(_image(4, 5), 0, '')
    msg.height = 5
    with pytest.raises(ValueError, match='has 60 bytes, expected 75'):
        messages.image_from_msg(msg)
    chunk = messages.action_chunk_to_msg(CHUNK)
    chunk.pred_horizon = 15
    with pytest.raises(ValueError, match='112 numbers, expected 15 x 7'):
        messages.action_chunk_from_msg(chunk)
    command = messages.command_to_msg(COMMAND)
    command.source = 'nobody'
    with pytest.raises(ValueError, match="source is 'nobody'"):
        messages.command_from_msg(command)


def test_semantics_12_every_message_carries_episode_id_and_step():
    for value, to_msg, _ in CONVERSIONS.values():
        msg = to_msg(value)
        assert (msg.episode_id, msg.step) == (value.episode_id, value.step)


def test_pictures_equal_those_of_cv_bridge():
    cv_bridge = pytest.importorskip('cv_bridge', reason='cv_bridge is not installed')
    bridge = cv_bridge.CvBridge()
    image = _image(12, 20)
    ours = messages.image_to_msg(image, 0, '')
    theirs = bridge.cv2_to_imgmsg(image, encoding='rgb8')
    assert (ours.height, ours.width, ours.step, ours.encoding, ours.data) == (
        theirs.height,
        theirs.width,
        theirs.step,
        theirs.encoding,
        theirs.data,
    )
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(ours, 'rgb8'), image)
    np.testing.assert_array_equal(messages.image_from_msg(theirs), image)
