# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Listens to a running stack and feeds the demo's recorder: the ROS side of `c2a demo`."""

from __future__ import annotations

from collections.abc import Callable

import rclpy
from action_msgs.msg import GoalStatus, GoalStatusArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_action_status_default

from c2a_core.messages import (
    action_chunk_from_msg,
    episode_status_from_msg,
    key_step_from_msg,
    observation_from_msg,
)
from c2a_core.ros import NAMESPACE, Action, Qos, Topic, default_to_localhost
from c2a_core.types import ActionChunk as Chunk
from c2a_msgs.msg import ActionChunk, EpisodeStatus, KeyStep, Observation
from c2a_training.demo_recorder import DemoRecorder

# Drawing and encoding a frame can take longer than a control step: let rows queue up instead of
# losing them. An observation has up to 1.5 MB of pictures here, so not for ever.
QUEUE_DEPTH = 200
# A skill that was cancelled has not failed.
SKILL_ENDS = (GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_ABORTED)


class DemoRecorderNode(Node):
    """Subscribes to observation, key_step, episode and the state of skills; says nothing itself.

    Args:
        recorder: is fed.
        on_skill: called with whether it succeeded when a skill has ended.
        on_chunk: called with each action chunk of a policy.
    """

    def __init__(
        self,
        recorder: DemoRecorder,
        on_skill: Callable[[bool], None] | None = None,
        on_chunk: Callable[[Chunk], None] | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__('demo_recorder', namespace=NAMESPACE, **kwargs)
        self._recorder = recorder
        self._on_skill = on_skill
        self._ended_skills: set[bytes] = set()
        self.create_subscription(
            GoalStatusArray,
            f'{Action.EXECUTE_SKILL}/_action/status',
            self._on_goals,
            qos_profile_action_status_default,
        )
        self.create_subscription(
            EpisodeStatus, Topic.EPISODE, self._on_status, deeper(Qos.EPISODE)
        )
        self.create_subscription(
            Observation, Topic.OBSERVATION, self._on_observation, deeper(Qos.OBSERVATION)
        )
        self.create_subscription(KeyStep, Topic.KEY_STEP, self._on_key_step, deeper(Qos.KEY_STEP))
        if on_chunk is not None:
            self.create_subscription(
                ActionChunk,
                Topic.ACTION_CHUNK,
                lambda msg: on_chunk(action_chunk_from_msg(msg)),
                deeper(Qos.ACTION_CHUNK),
            )

    def _on_status(self, msg: EpisodeStatus) -> None:
        self._recorder.add_status(episode_status_from_msg(msg))

    def _on_observation(self, msg: Observation) -> None:
        self._recorder.add_observation(observation_from_msg(msg))

    def _on_key_step(self, msg: KeyStep) -> None:
        self._recorder.add_key_step(key_step_from_msg(msg))

    def _on_goals(self, msg: GoalStatusArray) -> None:
        for goal in msg.status_list:
            name = bytes(goal.goal_info.goal_id.uuid)
            if goal.status in SKILL_ENDS and name not in self._ended_skills:
                self._ended_skills.add(name)
                if self._on_skill is not None:
                    self._on_skill(goal.status == GoalStatus.STATUS_SUCCEEDED)


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
        on_skill: called from there too, with whether it succeeded when a skill has ended.
        on_chunk: called from there too, with each action chunk of a policy.
    """

    def __init__(
        self,
        recorder: DemoRecorder,
        on_skill: Callable[[bool], None] | None = None,
        on_chunk: Callable[[Chunk], None] | None = None,
    ) -> None:
        self._recorder = recorder
        self._on_skill = on_skill
        self._on_chunk = on_chunk

    def __enter__(self) -> Listener:
        """Join the ROS graph."""
        default_to_localhost()
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._node = DemoRecorderNode(
            self._recorder, self._on_skill, self._on_chunk, context=self._context
        )
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
