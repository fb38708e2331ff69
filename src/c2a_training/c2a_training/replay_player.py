# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Plays a bag's messages with their own timing. Knows no ROS: whoever calls it publishes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from c2a_training.bag_mcap import BagError, Channel, RawMessage
from c2a_training.bag_reader import BagReader

_NS_PER_S = 1e9
_LOOK_AHEAD = 500


@dataclass
class Played:
    """What was played.

    Attributes:
        counts: messages by topic.
        rounds: times that the bag was played to its end.
        robot_s: length of the bag by its receive times [s].
    """

    counts: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    robot_s: float = 0.0


class BagPlayer:
    """Sends each message when it is due, counted from the first one.

    Args:
        bag: what is played.
        publish: sends one message.
        rate: times the recorded speed.
        topics: only these; None for all.
        clock: steady clock [s].
        stop: when this is set playing ends.
    """

    def __init__(
        self,
        bag: BagReader,
        publish: Callable[[RawMessage], None],
        *,
        rate: float = 1.0,
        topics: Collection[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        stop: threading.Event | None = None,
    ) -> None:
        if not 0.0 < rate < float('inf'):
            raise ValueError(f'rate is {rate}, expected more than 0')
        self._bag = bag
        self._publish = publish
        self._rate = rate
        self._topics = topics
        self._clock = clock
        self.stop = stop or threading.Event()
        self.played = Played()

    def play(self, on_time: Callable[[float], None] | None = None) -> Played:
        """Play the bag once.

        Args:
            on_time: called with the recorded time since the first message [s] as it goes on.
        """
        started_s = self._clock()
        first_ns: int | None = None
        for message in in_order(self._bag, self._topics):
            first_ns = message.log_ns if first_ns is None else first_ns
            recorded_s = (message.log_ns - first_ns) / _NS_PER_S
            if not self._wait_until(started_s + recorded_s / self._rate):
                return self.played
            self._publish(message)
            self.played.counts[message.channel.topic] += 1
            self.played.robot_s = max(self.played.robot_s, recorded_s)
            if on_time is not None:
                on_time(recorded_s)
        self.played.rounds += 1
        return self.played

    def _wait_until(self, due_s: float) -> bool:
        """Wait; False if playing was stopped meanwhile."""
        left_s = due_s - self._clock()
        if left_s > 0:
            return not self.stop.wait(left_s)
        return not self.stop.is_set()


def in_order(bag: BagReader, topics: Collection[str] | None = None) -> Iterator[RawMessage]:
    """Messages by receive time. Files have them nearly so: a short look ahead is enough."""
    waiting: list[RawMessage] = []
    for message in bag.raw_messages(topics):
        waiting.append(message)
        if len(waiting) >= 2 * _LOOK_AHEAD:
            waiting.sort(key=lambda m: m.log_ns)
            yield from waiting[:_LOOK_AHEAD]
            del waiting[:_LOOK_AHEAD]
    waiting.sort(key=lambda m: m.log_ns)
    yield from waiting


def scan(bag: BagReader) -> tuple[dict[str, Channel], float]:
    """Topics of a bag that have messages, and its length by receive times [s].

    Raises:
        BagError: if there is nothing in it.
    """
    channels: dict[str, Channel] = {}
    first_ns = last_ns = 0
    for message in bag.raw_messages():
        channels.setdefault(message.channel.topic, message.channel)
        first_ns = min(first_ns or message.log_ns, message.log_ns)
        last_ns = max(last_ns, message.log_ns)
    if not channels:
        raise BagError(f'{bag.path} has no messages: there is nothing to play')
    return channels, (last_ns - first_ns) / _NS_PER_S


def choose_topics(channels: Collection[str], wanted: Collection[str]) -> set[str]:
    """The topics to play.

    Args:
        channels: topics of the bag.
        wanted: what was asked for; empty for all.

    Raises:
        ValueError: for a topic that the bag does not have, with those it has.
    """
    for topic in wanted:
        if topic not in channels:
            raise ValueError(f'the bag has no topic {topic}; it has {", ".join(sorted(channels))}')
    return set(wanted or channels)
