# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Listens to a running stack and feeds the demo's recorder: the ROS side of `c2a demo`."""

from __future__ import annotations

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile

from c2a_core.messages import episode_status_from_msg, key_step_from_msg, observation_from_msg
from c2a_core.ros import NAMESPACE, Qos, Topic, default_to_localhost
from c2a_msgs.msg import EpisodeStatus, KeyStep, Observation
from c2a_training.demo_recorder import DemoRecorder

# Drawing and encoding a frame can take longer than a control step: let rows queue up instead of
# losing them. An observation has up to 1.5 MB of pictures here, so not for ever.
QUEUE_DEPTH = 200


class DemoRecorderNode(Node):
    """Subscribes to observation, key_step and episode; says nothing itself."""

    def __init__(self, recorder: DemoRecorder, **kwargs: object) -> None:
        super().__init__('demo_recorder', namespace=NAMESPACE, **kwargs)
        self._recorder = recorder
        self.create_subscription(
            EpisodeStatus, Topic.EPISODE, self._on_status, deeper(Qos.EPISODE)
        )
        self.create_subscription(
            Observation, Topic.OBSERVATION, self._on_observation, deeper(Qos.OBSERVATION)
        )
        self.create_subscription(KeyStep, Topic.KEY_STEP, self._on_key_step, deeper(Qos.KEY_STEP))

    def _on_status(self, msg: EpisodeStatus) -> None:
        self._recorder.add_status(episode_status_from_msg(msg))

    def _on_observation(self, msg: Observation) -> None:
        self._recorder.add_observation(observation_from_msg(msg))

    def _on_key_step(self, msg: KeyStep) -> None:
        self._recorder.add_key_step(key_step_from_msg(msg))


def deeper(profile: QoSProfile) -> QoSProfile:
    """The topic's profile with a longer queue on the reader's side, which matches as well."""
    return QoSProfile(
        history=profile.history,
        depth=QUEUE_DEPTH,
        reliability=profile.reliability,
        durability=profile.durability,
    )


class Listener:
    """A recorder's node with an executor of its own; use it in a `with` block.

    Args:
        recorder: is fed from within `spin`, so it needs no lock.
    """

    def __init__(self, recorder: DemoRecorder) -> None:
        self._recorder = recorder

    def __enter__(self) -> Listener:
        """Join the ROS graph."""
        default_to_localhost()
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._node = DemoRecorderNode(self._recorder, context=self._context)
        self._executor.add_node(self._node)
        return self

    def __exit__(self, *error: object) -> None:
        """Leave it."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def spin(self, timeout_s: float) -> None:
        """Handle one arrival, or wait for it that long."""
        self._executor.spin_once(timeout_sec=timeout_s)

    def hears_a_stack(self) -> bool:
        """Whether somebody publishes episodes in this ROS domain."""
        return self._node.count_publishers(Topic.EPISODE) > 0
