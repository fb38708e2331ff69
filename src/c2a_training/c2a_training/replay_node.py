# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Publishes a bag's recorded bytes: the ROS side of `c2a replay`."""

from __future__ import annotations

import copy
import importlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import rclpy
import yaml
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from c2a_core.ros import QUIET_PUBLISHER, Qos, default_to_localhost
from c2a_training.bags.bag_mcap import Channel, RawMessage
from c2a_training.bags.bag_messages import LAYOUTS, fields_of
from c2a_training.bags.recorded_topics import TOPICS

_PROFILES = {topic.name: topic.qos for topic in TOPICS}
_TRANSIENT_LOCAL = ('transient_local', '1', 1)
_BEST_EFFORT = ('best_effort', '2', 2)
DEPTH = 200
"""Messages that wait for a slow listener: at a high rate they come faster than in a live stack."""


class ReplayNode(Node):
    """Publishers of a bag's topics, which take serialized messages.

    Args:
        channels: topics to play, with their types.
    """

    def __init__(self, channels: Iterable[Channel], **kwargs: object) -> None:
        super().__init__('replay', enable_rosout=False, **kwargs)
        self.skipped: dict[str, str] = {}
        self._publishers_of = {}
        for channel in channels:
            try:
                msg_type = _message_class(channel.msg_type)
                _check_fields(channel, msg_type)
            except LookupError as err:
                self.skipped[channel.topic] = str(err)
                continue
            self._publishers_of[channel.topic] = self.create_publisher(
                msg_type, channel.topic, profile_of(channel), event_callbacks=QUIET_PUBLISHER
            )

    def publish(self, message: RawMessage) -> None:
        """Send a message as it was recorded; nothing for a topic that is skipped."""
        publisher = self._publishers_of.get(message.channel.topic)
        if publisher is not None:
            publisher.publish(bytes(message.data))

    def rivals(self) -> list[str]:
        """Topics that somebody else publishes in this ROS domain."""
        return sorted(topic for topic in self._publishers_of if self.count_publishers(topic) > 1)

    def listened_to(self) -> list[str]:
        """Topics whose publisher has found a listener."""
        found = self._publishers_of.items()
        return sorted(topic for topic, pub in found if pub.get_subscription_count())

    def wait_until_heard(self, timeout_s: float) -> None:
        """Wait until what was sent has arrived, where somebody listens reliably."""
        ends_s = time.monotonic() + timeout_s
        for publisher in self._publishers_of.values():
            left_s = max(ends_s - time.monotonic(), 0.0)
            publisher.wait_for_all_acked(rclpy.duration.Duration(seconds=left_s))


class Replayer:
    """A node of its own in the ROS graph; use it in a `with` block.

    Args:
        channels: topics to play.
        discovery_s: so long others have to find the publishers before it goes on [s].
    """

    def __init__(self, channels: Mapping[str, Channel], discovery_s: float) -> None:
        self._channels = channels
        self._discovery_s = discovery_s

    def __enter__(self) -> ReplayNode:
        """Join the graph."""
        default_to_localhost()
        self._context = rclpy.Context()
        # No handlers: Ctrl-C is to end the player, and the player the node.
        rclpy.init(
            context=self._context,
            signal_handler_options=rclpy.signals.SignalHandlerOptions.NO,
        )
        self.node = ReplayNode(self._channels.values(), context=self._context)
        time.sleep(self._discovery_s)
        return self.node

    def __exit__(self, *error: object) -> None:
        """Leave it."""
        if error[0] is None:
            self.node.wait_until_heard(1.0)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)


def profile_of(channel: Channel) -> QoSProfile:
    """Quality of service of a topic: C2A's own, else what its recorder noted."""
    if channel.topic in _PROFILES:
        profile: QoSProfile = copy.copy(getattr(Qos, _PROFILES[channel.topic]))
        # One that keeps a single message means it: who comes late gets that one.
        if profile.depth > 1:
            profile.depth = DEPTH
        return profile
    offered = _offered(channel)
    is_latched = offered.get('durability') in _TRANSIENT_LOCAL
    is_sensor = offered.get('reliability') in _BEST_EFFORT
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=DEPTH,
        reliability=ReliabilityPolicy.BEST_EFFORT if is_sensor else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE,
    )


def _offered(channel: Channel) -> Mapping[str, Any]:
    try:
        profiles = yaml.safe_load(channel.metadata.get('offered_qos_profiles', ''))
    except yaml.YAMLError:
        return {}
    if not isinstance(profiles, list) or not profiles or not isinstance(profiles[0], dict):
        return {}
    return profiles[0]


def _check_fields(channel: Channel, msg_type: Any) -> None:
    """LookupError where listeners would take the recorded bytes of a message of ours amiss."""
    if channel.msg_type not in LAYOUTS or not channel.definition:
        return
    recorded = fields_of(channel)
    installed = tuple(msg_type.get_fields_and_field_types())
    if recorded != installed:
        differing = sorted({*recorded} ^ {*installed}) or ['the order of its fields']
        raise LookupError(
            f'{channel.msg_type} was recorded with another version of c2a_msgs, which differs in '
            f'{", ".join(differing)}'
        )


def _message_class(msg_type: str) -> Callable:
    """Class of a message type; LookupError where its package is not installed."""
    package, _, name = msg_type.partition('/msg/')
    try:
        return getattr(importlib.import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError) as err:
        raise LookupError(f'{msg_type} is not installed') from err
