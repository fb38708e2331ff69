# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the bridge publishes at each step, in the order in which the others need it."""

from __future__ import annotations

import functools

from rclpy.duration import Duration
from rclpy.node import Node

from c2a_core import messages
from c2a_core.ros import QUIET_PUBLISHER, Qos, Topic
from c2a_core.types import (
    ActionChunk,
    Command,
    CommandSource,
    FloatArray,
    KeyStep,
    Observation,
)
from c2a_msgs import msg as c2a
from c2a_sim_bridge.episode_loop import EpisodeLoop
from c2a_sim_bridge.oracle_trace import OracleTrace
from c2a_sim_bridge.ros_standard_topics import StandardTopics

LAST_WORD = Duration(seconds=4.0)
"""So long, at most, the end of the process waits until all have heard how the last episode ended.

DDS sends again what a busy reader has lost when its heartbeat is due: every three seconds.
"""

LAST_WORD_INTERRUPTED = Duration(seconds=0.5)
"""The same after Ctrl-C."""


class BridgeTopics:
    """Publishers of the bridge.

    Args:
        node: the bridge.
        loop: the episodes.
        overlay_size: side of the overlay's picture [pixel].
        has_oracle: whether the ground truth is published.
    """

    def __init__(
        self, node: Node, loop: EpisodeLoop, overlay_size: int, *, has_oracle: bool
    ) -> None:
        self._loop = loop
        self._has_oracle = has_oracle
        self._trace = OracleTrace()
        create = functools.partial(node.create_publisher, event_callbacks=QUIET_PUBLISHER)
        self.observations = create(c2a.Observation, Topic.OBSERVATION, Qos.OBSERVATION)
        self._oracles = create(c2a.KeyStep, Topic.ORACLE_KEY_STEP, Qos.ORACLE_KEY_STEP)
        self._commands = create(c2a.Command, Topic.COMMAND, Qos.COMMAND)
        self._statuses = create(c2a.EpisodeStatus, Topic.EPISODE, Qos.EPISODE)
        self._standard = StandardTopics(node, loop.backend, overlay_size)
        self.held_at: tuple[int, int] | None = None
        self._last: tuple[c2a.Observation, c2a.KeyStep | None] | None = None

    def begin(self, observation: Observation) -> None:
        """An episode begins: its status comes before its first observation (semantics 12)."""
        self._trace.reset()
        self.publish_status()
        self._standard.begin(observation)

    def publish_status(self) -> None:
        """Publish the episode's status."""
        self._statuses.publish(messages.episode_status_to_msg(self._loop.status()))

    def wait_until_heard(self, *, is_interrupted: bool) -> None:
        """Wait for a moment until the last words have arrived: the process ends."""
        patience = LAST_WORD_INTERRUPTED if is_interrupted else LAST_WORD
        for publisher in (self._statuses, self.observations):
            publisher.wait_for_all_acked(patience)

    def publish_observation(
        self, observation: Observation, key_step: KeyStep | None, chunk: ActionChunk | None
    ) -> None:
        """Publish a step; the observation first: the rest is made while the planner reads it.

        Args:
            observation: the newest one.
            key_step: the planner's last one.
            chunk: the controller's last one.
        """
        msg = messages.observation_to_msg(observation)
        self.observations.publish(msg)
        self._last = msg, self._publish_oracle(observation)
        running = key_step.code if key_step else ''
        self._standard.publish(observation, msg, self._loop.status(), running, chunk)

    def say_again(self) -> None:
        """Publish the present step once more: status, observation, ground truth.

        Whoever has answered it says the same again, whoever has not heard it answers now.
        """
        if self._last is None:
            return
        observation, oracle = self._last
        self.publish_status()
        self.observations.publish(observation)
        if oracle is not None:
            self._oracles.publish(oracle)

    def publish_idle(self, observation: Observation) -> None:
        """Publish a step between episodes: standard topics only, nobody is to answer."""
        msg = messages.observation_to_msg(observation)
        self._standard.publish(observation, msg, self._loop.status(), '', None)

    def _publish_oracle(self, observation: Observation) -> c2a.KeyStep | None:
        code = self._loop.backend.oracle_code() if self._has_oracle else None
        if code is None:
            return None
        oracle = messages.key_step_to_msg(self._trace.key_step(observation, code))
        self._oracles.publish(oracle)
        return oracle

    def publish_command(self, action: FloatArray, source: str, subtask_id: int) -> None:
        """Publish an action (7,) that the bridge itself made, before it is executed."""
        observation = self._loop.observation
        assert observation is not None
        if source == CommandSource.HOLD:
            self.held_at = (self._loop.episode_id, self._loop.step)
        command = Command(
            episode_id=self._loop.episode_id,
            step=self._loop.step,
            source=source,
            chunk_id=-1,
            chunk_index=-1,
            action=action,
            subtask_id=subtask_id,
            stamp_ns=observation.stamp_ns,
        )
        self._commands.publish(messages.command_to_msg(command))
