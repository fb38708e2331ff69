# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The recorder node: one rosbag2 folder for each episode, with all topics of the loop and tools.

Thin: which message belongs to which episode is in `bag_session.py`, the file in `bag_writer.py`.
Messages stay the bytes that they are; only episode statuses are decoded.
"""

from __future__ import annotations

import copy
import functools
import importlib
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription

from c2a_core.messages import episode_status_from_msg
from c2a_core.ros import (
    QUIET_SUBSCRIPTION,
    Qos,
    create_steady_timer,
    declare_params,
    forward_logging,
    run_node,
)
from c2a_core.ros_diagnostics import ERROR, OK, WARN, Diagnostics
from c2a_training.bags.bag_definitions import definition_of
from c2a_training.bags.bag_metadata import INFINITE, TopicInfo
from c2a_training.bags.bag_recovery import recover_open_bags
from c2a_training.bags.bag_session import BagSession, Incoming, SessionCounts
from c2a_training.bags.bag_thread import BagThread
from c2a_training.bags.bag_writer import BagWriter
from c2a_training.bags.recorded_topics import (
    EPISODE,
    NEEDED,
    OBSERVATION,
    RecordedTopic,
    recorded_topics,
)
from c2a_training.bags.recorder_params import RecorderParams
from c2a_training.bags.sequence_gaps import SequenceGaps

NEVER_NS = 2**63 - 1

JOIN_S = 0.05
"""How often the recorder looks whether it hears everybody; not once it does."""

LAST_STATUS_S = 0.5
"""When all nodes are told to end, the bridge still says how its episode ended."""

CLOSE_S = 3.0
"""What waits is written in that time when the process ends; else it is left to the recovery."""


class RecorderNode(Node):
    """Writes what it hears into bags."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('recorder', **kwargs)
        params = declare_params(self, RecorderParams)
        self._folder = Path(params.record_dir).expanduser().absolute()
        self._recover()
        self._topics, self._types = self._known_topics(params.exclude)
        self._infos = [_info(topic) for topic in self._topics]
        self.counts = SessionCounts()
        session = BagSession(
            functools.partial(_open_bag, self._folder, self._infos, params.compression),
            self.counts,
            since_ns=NEVER_NS,
        )
        self._writer = BagThread(session, params.buffer_mb * 10**6)
        self._lost: dict[str, int] = {}
        self._gaps = SequenceGaps()
        # The observations last: an episode whose bridge waits for the recorder, `audience`, waits
        # for its reader of these, and by then it must hear everybody else.
        self._readers = {
            topic.name: self._listen(topic) for topic in self._topics if topic.name != OBSERVATION
        }
        self._joining = create_steady_timer(self, JOIN_S, self._join)
        self.diagnostics = Diagnostics(self, self._report)
        self.get_logger().info(f'recording into {self._folder}')

    def destroy_node(self) -> None:
        """Hear the last words, close the bags, and end."""
        stop_forwarding = forward_logging(self.get_logger())
        with _undisturbed():
            self._hear_the_end()
            if not self._writer.close(CLOSE_S):
                self.get_logger().error(
                    'the disk is too slow: the open bag is recovered at the next start'
                )
        stop_forwarding()
        super().destroy_node()

    def _known_topics(self, exclude: str) -> tuple[list[RecordedTopic], dict[str, type]]:
        topics, types, off = [], {}, {}
        for topic in recorded_topics(exclude):
            package, _, name = topic.msg_type.split('/')
            try:
                types[topic.name] = getattr(importlib.import_module(f'{package}.msg'), name)
            except ImportError:
                if not topic.is_optional:
                    raise
                off[topic.name] = package
                continue
            topics.append(topic)
        if off:
            missing = ', '.join(sorted(set(off.values())))
            self.get_logger().info(f'{" and ".join(off)} are off: {missing} is not installed')
        return topics, types

    def _recover(self) -> None:
        """Make the folder, see whether it can be written, and tidy what a killed one left."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            probe = self._folder / '.writable'
            probe.write_bytes(b'')
            probe.unlink()
            recovered = recover_open_bags(self._folder)
        except OSError as err:
            raise ValueError(
                f'cannot write bags into {self._folder}: {err.strerror or err}; '
                'choose another folder with record_dir:=FOLDER'
            ) from err
        for recovery in recovered:
            self.get_logger().warning(f'open bag {recovery}')

    def _join(self) -> None:
        """Listen to the observations as soon as all other topics are heard."""
        if self._unheard():
            return
        self._joining.cancel()
        self._writer.session.since_ns = time.time_ns()
        topic = next(topic for topic in self._topics if topic.name == OBSERVATION)
        self._readers[OBSERVATION] = self._listen(topic)

    def _unheard(self) -> list[str]:
        """Topics that somebody publishes, or has to, and that do not arrive here yet."""
        return [
            name
            for name, reader in self._readers.items()
            if not reader.get_publisher_count() and (name in NEEDED or self.count_publishers(name))
        ]

    def _listen(self, topic: RecordedTopic) -> Subscription:
        profile = copy.copy(getattr(Qos, topic.qos))
        profile.depth = topic.depth
        return self.create_subscription(
            self._types[topic.name],
            topic.name,
            self._callback(topic),
            profile,
            raw=True,
            event_callbacks=QUIET_SUBSCRIPTION,
        )

    def _callback(self, topic: RecordedTopic) -> Callable[[bytes, dict], None]:
        is_status = topic.name == EPISODE

        def take(data: bytes, info: dict) -> None:
            status = None
            if is_status:
                msg = deserialize_message(data, self._types[EPISODE])
                status = episode_status_from_msg(msg)
            if not topic.has_several_writers:
                lost = self._gaps.missing(topic.name, info['publication_sequence_number'] or 0)
                self._writer.note_lost(topic.name, lost)
            log_ns = info['received_timestamp'] or time.time_ns()
            publish_ns = info['source_timestamp'] or log_ns
            self._writer.put(
                Incoming(
                    topic.name, data, log_ns, publish_ns, status, topic.is_loop, topic.is_latched
                )
            )

        return take

    def _hear_the_end(self) -> None:
        """Take what has arrived; while an episode runs, wait a moment for word of its end."""
        end_s = time.monotonic() + LAST_STATUS_S
        while True:
            for name, reader in self._readers.items():
                take = reader.callback
                with reader.handle:
                    while taken := reader.handle.take_message(self._types[name], True):
                        take(*taken)
            session = self._writer.session
            is_heard = not self._writer.waiting_bytes and not session.is_running
            if is_heard or time.monotonic() > end_s:
                return
            time.sleep(0.01)

    def _report(self, diagnostics: Diagnostics) -> None:
        counts = self.counts
        name = self._writer.session.recording
        values: dict[str, object] = {
            'folder': self._folder,
            'bags': counts.bags,
            'failed': counts.failed,
            'outside of episodes': counts.outside,
            'waiting [MB]': round(self._writer.waiting_bytes / 1e6, 1),
            **{f'dropped {topic}': n for topic, n in counts.drops.items()},
        }
        dropped = sum(counts.drops.values())
        unheard = [] if OBSERVATION in self._readers else self._unheard()
        if unheard:
            diagnostics.set('bag', OK, f'waiting for {" and ".join(unheard)}', values)
        elif counts.failure:
            diagnostics.set('bag', ERROR, counts.failure, values)
        elif dropped:
            diagnostics.set('bag', WARN, f'{dropped} messages were dropped', values)
        else:
            diagnostics.set('bag', OK, name or 'waiting for an episode', values)


def _open_bag(
    folder: Path, topics: list[TopicInfo], compression: str, name: str, about: Mapping[str, str]
) -> BagWriter:
    return BagWriter(folder, name, topics, about, compression)


def _info(topic: RecordedTopic) -> TopicInfo:
    definition = definition_of(topic.msg_type)
    return TopicInfo(
        topic.name,
        topic.msg_type,
        definition.text,
        definition.type_hash,
        _qos(getattr(Qos, topic.qos)),
        topic.is_latched,
    )


def _qos(profile: QoSProfile) -> dict[str, Any]:
    """A profile as rosbag2 writes it."""
    lease_ns = profile.liveliness_lease_duration.nanoseconds
    lease = {'sec': lease_ns // 10**9, 'nsec': lease_ns % 10**9} if lease_ns else INFINITE
    return {
        'history': profile.history.name.lower(),
        'depth': profile.depth,
        'reliability': profile.reliability.name.lower(),
        'durability': profile.durability.name.lower(),
        'deadline': INFINITE,
        'lifespan': INFINITE,
        'liveliness': 'automatic',
        'liveliness_lease_duration': lease,
        'avoid_ros_namespace_conventions': False,
    }


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no second signal end the process while it closes its bags."""
    try:
        previous = {
            number: signal.signal(number, signal.SIG_IGN)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
    except ValueError:  # not in the main thread: a test
        previous = {}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def main(args: list[str] | None = None) -> None:
    """Run the recorder."""
    sys.exit(run_node(RecorderNode, args, executor_factory=SingleThreadedExecutor))
