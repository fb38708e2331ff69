# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Plays a bag's messages with their own timing. Knows no ROS: whoever calls it publishes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from c2a_core.spaces import CONTROL_DT
from c2a_training.bags.bag_mcap import BagError, Channel, RawMessage
from c2a_training.bags.bag_messages import OBSERVATION, stamp_of
from c2a_training.bags.bag_reader import BagReader

_NS_PER_S = 1e9
_LOOK_AHEAD = 500


@dataclass
class Played:
    """What was played.

    Attributes:
        counts: messages by topic.
        rounds: times that the bag was played to its end.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rounds: int = 0


class BagPlayer:
    """Sends each message when it is due, counted from the first one.

    Args:
        bag: what is played.
        publish: sends one message.
        rate: times the recorded speed.
        topics: only these; None for all.
        by_robot_time: as the robot moved instead of as it was recorded; the two differ in
            lockstep, where the world waits for the models and hurries on when they are quick.
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
        by_robot_time: bool = False,
        clock: Callable[[], float] = time.monotonic,
        stop: threading.Event | None = None,
    ) -> None:
        if not 0.0 < rate < float('inf'):
            raise ValueError(f'rate is {rate}, expected more than 0')
        self._bag = bag
        self._publish = publish
        self._rate = rate
        self._topics = topics
        self._by_robot_time = by_robot_time
        self._clock = clock
        self.stop = stop or threading.Event()
        self.played = Played()

    def play(self, on_time: Callable[[float], None] | None = None) -> Played:
        """Play the bag once.

        Args:
            on_time: called with the time since the first message [s] as it goes on.
        """
        started_s = self._clock()
        timeline = RobotTime() if self._by_robot_time else RecordedTime()
        # The observations tell robot time, whether or not they are played.
        needed = None if self._topics is None else {*self._topics, OBSERVATION}
        for message in in_order(self._bag, needed):
            time_s = timeline.time_of(message)
            if self._topics is not None and message.channel.topic not in self._topics:
                continue
            if not self._wait_until(started_s + time_s / self._rate):
                return self.played
            self._publish(message)
            self.played.counts[message.channel.topic] += 1
            if on_time is not None:
                on_time(time_s)
        self.played.rounds += 1
        return self.played

    def _wait_until(self, due_s: float) -> bool:
        """Wait; False if playing was stopped meanwhile."""
        left_s = due_s - self._clock()
        if left_s > 0:
            return not self.stop.wait(left_s)
        return not self.stop.is_set()


class RecordedTime:
    """When messages are due as they were recorded: by receive time."""

    def __init__(self) -> None:
        self._first_ns: int | None = None

    def time_of(self, message: RawMessage) -> float:
        """Time since the first message [s]."""
        if self._first_ns is None:
            self._first_ns = message.log_ns
        return (message.log_ns - self._first_ns) / _NS_PER_S


class RobotTime:
    """When messages are due as the robot moved: by the stamps of the observations.

    What came after an observation is due after it by as much as it was received later, but before
    the next one.
    """

    def __init__(self) -> None:
        self._first_ns: int | None = None
        self._observed_s = 0.0
        self._observed_log_ns = 0

    def time_of(self, message: RawMessage) -> float:
        """Time since the first observation [s]."""
        if message.channel.topic == OBSERVATION:
            stamp_ns = stamp_of(message)
            if self._first_ns is None:
                self._first_ns = stamp_ns
            time_s = (stamp_ns - self._first_ns) / _NS_PER_S
            self._observed_s = max(self._observed_s, time_s)
            self._observed_log_ns = message.log_ns
        elif self._first_ns is not None:
            later_s = (message.log_ns - self._observed_log_ns) / _NS_PER_S
            return self._observed_s + min(max(later_s, 0.0), 0.9 * CONTROL_DT)
        return self._observed_s


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


@dataclass(frozen=True)
class Scan:
    """What there is to play.

    Attributes:
        channels: by topic, of those that have messages.
        recorded_s: length by receive times [s].
        robot_s: length by the stamps of the observations [s].
    """

    channels: dict[str, Channel]
    recorded_s: float
    robot_s: float


def scan(bag: BagReader) -> Scan:
    """Look through a bag.

    Raises:
        BagError: if there is nothing in it.
    """
    channels: dict[str, Channel] = {}
    recorded, robot = RecordedTime(), RobotTime()
    recorded_s = robot_s = 0.0
    for message in in_order(bag):
        channels.setdefault(message.channel.topic, message.channel)
        recorded_s, robot_s = recorded.time_of(message), robot.time_of(message)
    if not channels:
        raise BagError(f'{bag.path} has no messages: there is nothing to play')
    return Scan(channels, recorded_s, robot_s)


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
