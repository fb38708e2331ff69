# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Whether planner and controller are there: by DDS liveliness, never by how fast they reply."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.event_handler import QoSLivelinessChangedInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher

from c2a_core.ros import Topic

GRACE_S = 0.6
"""A process that was starved for longer than its lease (1 s) is alive again by then; together less
than the 2 s within which a dead one has to be noticed."""


class Peer:
    """One node that the bridge needs, seen through a topic that only it writes.

    Args:
        node: the bridge.
        name: the peer's node name.
        on_change: called when the peer was lost or has come.
    """

    def __init__(self, node: Node, name: str, on_change: Callable[[Peer], None]) -> None:
        self.name = name
        self.is_lost = False
        self._node = node
        self._on_change = on_change
        self._alive = 0
        self._silent = 0
        self._grace = node.create_timer(
            GRACE_S, self._on_grace_over, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._grace.cancel()

    @property
    def events(self) -> SubscriptionEventCallbacks:
        """To be given to the subscription of the peer's topic."""
        return SubscriptionEventCallbacks(
            liveliness=self._on_liveliness, use_default_callbacks=False
        )

    @property
    def is_alive(self) -> bool:
        """Whether a living writer is there."""
        return self._alive > 0

    def is_there(self, observations: Publisher) -> bool:
        """Whether the peer lives and the publisher of the observations has found it."""
        if not self.is_alive:
            return False
        topic = self._node.resolve_topic_name(Topic.OBSERVATION)
        readers = [info.node_name for info in self._node.get_subscriptions_info_by_topic(topic)]
        # The graph knows names, the publisher knows how many it has really matched.
        return self.name in readers and observations.get_subscription_count() >= len(readers)

    def expect(self) -> None:
        """An episode begins: from now on the peer is missed when it goes."""
        self.is_lost = False

    def _on_liveliness(self, event: QoSLivelinessChangedInfo) -> None:
        was_alive, was_silent = self._alive, self._silent
        self._alive, self._silent = event.alive_count, event.not_alive_count
        if self._silent > was_silent:
            self._grace.reset()
        elif self._alive < was_alive:
            self._lose()  # it said goodbye
        if self.is_alive:
            self._on_change(self)

    def _on_grace_over(self) -> None:
        self._grace.cancel()
        # A silent writer that was no hiccup, even where its successor is already there.
        if self._silent > 0:
            self._lose()

    def _lose(self) -> None:
        self.is_lost = True
        self._on_change(self)
