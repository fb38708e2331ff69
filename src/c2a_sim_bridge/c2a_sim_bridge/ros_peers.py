# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Whether planner and controller are there: by DDS liveliness, never by how fast they reply."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.event_handler import QoSLivelinessChangedInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher

from c2a_core.ros import create_steady_timer

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
        self._grace = create_steady_timer(node, GRACE_S, self._on_grace_over)
        self._grace.cancel()

    def __repr__(self) -> str:
        """What is known of it, for errors and debugging."""
        return f'{self.name}: {self._alive} alive, {self._silent} silent'

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


class Peers:
    """Planner and controller.

    Args:
        node: the bridge.
        observations: its publisher of observations, which they have to have found.
        needs_controller: an episode needs it; it does not while skills move the robot.
        audience: names of further nodes that must have found the observations.
        on_change: called when a peer has come (with '') or one that is needed was lost (its name).
    """

    def __init__(
        self,
        node: Node,
        observations: Publisher,
        needs_controller: bool,
        audience: tuple[str, ...],
        on_change: Callable[[str], None],
    ) -> None:
        self._node = node
        self._observations = observations
        self._audience = audience
        self._on_change = on_change
        self.planner = Peer(node, 'planner', self._on_peer)
        self.controller = Peer(node, 'controller', self._on_peer)
        self.needed = (self.planner, self.controller) if needs_controller else (self.planner,)

    def expect(self) -> None:
        """An episode begins: from now on a peer is missed when it goes."""
        for peer in self.needed:
            peer.is_lost = False

    def missing(self) -> str:
        """Names of needed peers that do not live or have not been found yet."""
        absent = [peer.name for peer in self.needed if not self._is_there(peer)]
        absent += [name for name in self._audience if not self._hears(name)]
        return ' and '.join(absent)

    def __repr__(self) -> str:
        """What is known of both, for errors and debugging."""
        topic = self._observations.topic_name
        readers = [info.node_name for info in self._node.get_subscriptions_info_by_topic(topic)]
        matched = self._observations.get_subscription_count()
        return f'{self.planner}, {self.controller}, readers {readers}, {matched} matched'

    def _is_there(self, peer: Peer) -> bool:
        return peer.is_alive and self._hears(peer.name)

    def _hears(self, name: str) -> bool:
        """Whether a node's subscription of the observations has been found and matched."""
        topic = self._observations.topic_name
        readers = [info.node_name for info in self._node.get_subscriptions_info_by_topic(topic)]
        # The graph knows names, the publisher knows how many it has really matched.
        return name in readers and self._observations.get_subscription_count() >= len(readers)

    def _on_peer(self, peer: Peer) -> None:
        is_missed = peer.is_lost and peer in self.needed
        self._on_change(peer.name if is_missed else '')
