# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The demo's ears over real DDS: an episode that is published becomes a video."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')

import rclpy
from scripted_world import TRACE, ScriptedWorld

from c2a_core.messages import episode_status_to_msg, key_step_to_msg, observation_to_msg
from c2a_core.ros import NAMESPACE, Qos, Topic
from c2a_core.types import EpisodeStatus
from c2a_msgs.msg import EpisodeStatus as EpisodeStatusMsg
from c2a_msgs.msg import KeyStep as KeyStepMsg
from c2a_msgs.msg import Observation as ObservationMsg
from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import Planner
from c2a_training.demo_recorder import DemoRecorder
from c2a_training.demo_recorder_node import Listener
from c2a_training.rollout import OracleLowLevel, run_episode

pytestmark = pytest.mark.ros

TIMEOUT_S = 10.0


@pytest.fixture
def stack():
    """A node that publishes like bridge and planner."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('stack', namespace=NAMESPACE, context=context)
    node.status = node.create_publisher(EpisodeStatusMsg, Topic.EPISODE, Qos.EPISODE)
    node.observation = node.create_publisher(ObservationMsg, Topic.OBSERVATION, Qos.OBSERVATION)
    node.key_step = node.create_publisher(KeyStepMsg, Topic.KEY_STEP, Qos.KEY_STEP)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


def spin_until(listener: Listener, condition) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, 'the message did not arrive'
        listener.spin(0.05)


def test_published_episode_is_filmed_and_its_code_is_heard(stack, tmp_path):
    rows, codes = [], []
    world = ScriptedWorld()
    run_episode(
        world,
        Planner(OracleBackend()),
        OracleLowLevel(world),
        task='Pick',
        seed=0,
        episode_id=7,
        on_step=lambda *row: rows.append(row),
    )
    status = EpisodeStatus(
        7, 'Pick', 'do Pick', 0, 0, 100, False, False, '', 'lockstep', 'oracle', 'maniskill',
        20.0, 'oracle', '',
    )  # fmt: skip
    recorder = DemoRecorder(
        tmp_path,
        on_reply=lambda reply: codes.extend([reply.code] * reply.is_key_step),
        on_start=lambda status: None,
        on_end=lambda record: None,
    )
    with Listener(recorder) as listener:
        spin_until(listener, listener.hears_a_stack)
        for publisher in (stack.status, stack.observation, stack.key_step):
            spin_until(listener, lambda publisher=publisher: publisher.get_subscription_count())
        stack.status.publish(episode_status_to_msg(status))
        for observation, key_step, _ in rows:
            stack.observation.publish(observation_to_msg(observation))
            stack.key_step.publish(key_step_to_msg(key_step))
            listener.spin(0.0)
        end = replace(status, step=len(rows) - 1, success=True, done=True, reason='success')
        stack.status.publish(episode_status_to_msg(end))
        spin_until(listener, lambda: recorder.finished)
    (record,) = recorder.finished
    assert record.status == end
    assert record.rows == len(rows) - 1
    # The closing done() may arrive after the episode is complete.
    assert tuple(codes[: len(TRACE)]) == TRACE
    assert (tmp_path / 'Pick.mp4').is_file()


def test_nobody_is_heard_where_nobody_publishes(tmp_path):
    recorder = DemoRecorder(
        tmp_path,
        on_reply=lambda reply: None,
        on_start=lambda status: None,
        on_end=lambda record: None,
    )
    with Listener(recorder) as listener:
        listener.spin(0.5)
        assert not listener.hears_a_stack()
