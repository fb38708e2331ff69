# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from c2a_core.types import (
    ActionChunk,
    Command,
    CommandSource,
    EndReason,
    EpisodeStatus,
    KeyStep,
    Observation,
    ReplyStatus,
)

IMAGE = np.zeros((4, 6, 3), np.uint8)
OBSERVATION = Observation(
    1, 2, 3, IMAGE, IMAGE, np.zeros(7), np.zeros(7), np.zeros(7), True, False, True
)


def test_numbers_become_float32_and_float32_is_not_copied():
    joints = np.arange(7, dtype=np.float32)
    observation = dataclasses.replace(
        OBSERVATION, joint_positions=joints, ee_pose=[0.1, 0, 0, 0, 0, 0, 1]
    )
    assert observation.joint_positions is joints
    assert observation.ee_pose.dtype == np.float32


def test_pictures_may_be_empty_when_rendering_is_off():
    empty = np.zeros((0, 0, 3), np.uint8)
    assert dataclasses.replace(OBSERVATION, base_image=empty).base_image.size == 0


@pytest.mark.parametrize(
    ('field', 'value', 'message'),
    [
        ('base_image', np.zeros((4, 6, 4), np.uint8), r'base_image has shape \(4, 6, 4\)'),
        ('wrist_image', np.zeros((4, 6), np.uint8), r'wrist_image has shape \(4, 6\)'),
        ('base_image', np.zeros((4, 6, 3), np.float32), 'base_image is float32, expected.*uint8'),
        ('base_image', [[1]], 'base_image is list'),
        ('joint_positions', np.zeros(6), r'joint_positions has shape \(6,\), expected \(7,\)'),
        ('ee_pose', np.zeros((1, 7)), r'ee_pose has shape \(1, 7\), expected \(7,\)'),
    ],
)
def test_a_malformed_observation_cannot_be_made(field, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(OBSERVATION, **{field: value})


@pytest.mark.parametrize('actions', [np.zeros((16, 6)), np.zeros(7), np.zeros((0, 7))])
def test_a_chunk_has_rows_of_seven(actions):
    with pytest.raises(ValueError, match=r'action chunk has shape .* expected \(Tp, 7\)'):
        ActionChunk(1, 2, 3, 0, actions, 0.05, False, 0, 0.0)


def test_equality_is_by_value_down_to_the_bit():
    command = Command(1, 2, CommandSource.POLICY, 0, 0, np.zeros(7))
    same = Command(1, 2, CommandSource.POLICY, 0, 0, np.zeros(7))
    other = np.zeros(7, np.float32)
    other[3] = np.nextafter(np.float32(0), np.float32(1))
    assert command == same
    assert command != dataclasses.replace(command, action=other)
    assert command != dataclasses.replace(command, step=3)
    assert command != 'command'


def test_words_that_nodes_decide_on_are_checked():
    with pytest.raises(ValueError, match="source is 'nobody', expected one of policy"):
        Command(1, 2, 'nobody', 0, 0, np.zeros(7))
    with pytest.raises(ValueError, match="reply_status is 'maybe', expected one of key_step"):
        KeyStep(1, 2, 3, 0, True, 'done()', '', (), 'maybe')
    with pytest.raises(ValueError, match="stepping is 'fast', expected one of lockstep, realtime"):
        EpisodeStatus(
            1, 'Pick', '', 0, 0, 9, False, False, '', 'fast', 'oracle', 'arm', 20.0, '', ''
        )


def test_a_memory_list_becomes_a_tuple():
    key_step = KeyStep(1, 2, 3, 0, True, 'done()', '', ['a'], ReplyStatus.SAME)
    assert key_step.memory == ('a',)


def test_an_aborted_episode_says_why():
    assert EndReason.aborted('20 invalid replies') == 'aborted: 20 invalid replies'
