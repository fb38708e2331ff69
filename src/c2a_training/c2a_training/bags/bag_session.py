# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which message belongs into which episode's bag. Knows no ROS and decodes nothing but statuses.

Topics do not arrive in order among each other. So a bag stays open for a moment after its episode;
messages of the loop are sorted by the `episode_id` in their first bytes, all others by when they
were sent: the bridge sends an episode's status before anything else of it.
"""

from __future__ import annotations

import logging
import struct
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from c2a_core.types import EpisodeStatus
from c2a_training.bags.bag_about import about_episode, flag, folder_name
from c2a_training.bags.recorded_topics import OBSERVATION, TOPICS

logger = logging.getLogger(__name__)

LINGER_S = 0.2
"""So long after its end, or after the next one's beginning, an episode's messages still come."""

LAST_WORD_S = 30.0
"""So long the answer to an episode's last observation is waited for, as the bridge does."""

FLUSH_S = 1.0
"""A recorder that is killed loses no more than what arrived in this time."""

MAX_EARLY = 200
"""Messages of an episode whose status has not arrived yet."""

MAX_LATCHED = 20

_KEY_STEP = '/c2a/key_step'
_LOOP = frozenset(topic.name for topic in TOPICS if topic.is_loop)


@dataclass(frozen=True)
class Incoming:
    """A message as it arrived.

    Attributes:
        topic: its topic.
        data: the serialized message.
        log_ns: when it was received, wall time [ns].
        publish_ns: when it was sent, wall time [ns].
        status: what it says, where it is an episode's status.
        is_loop: it begins with header and episode_id.
        is_latched: it holds for later episodes as well.
    """

    topic: str
    data: bytes
    log_ns: int
    publish_ns: int
    status: EpisodeStatus | None = None
    is_loop: bool = False
    is_latched: bool = False


class Bag(Protocol):
    """What the session needs of `BagWriter`."""

    name: str
    counts: Counter[str]

    def write(self, topic: str, data: bytes, log_ns: int, publish_ns: int) -> None:
        """Add a message."""

    def flush(self) -> None:
        """Let nothing wait in memory."""

    def note(self, about: Mapping[str, str]) -> None:
        """Keep what is known of the episode by now."""

    def close(self, about: Mapping[str, str]) -> Path:
        """Finish it; its folder."""

    def abandon(self) -> None:
        """Let go of it as it is."""


@dataclass
class _Episode:
    """An episode whose bag is open."""

    bag: Bag
    status: EpisodeStatus
    began_ns: int
    drops_before: Counter[str]
    last_step: int = -1
    observations: int = 0  # different ones
    answered_step: int = -1
    ended_ns: int | None = None
    ended_s: float | None = None
    is_followed: bool = False


@dataclass
class SessionCounts:
    """What became of the messages, for diagnostics.

    Attributes:
        bags: closed.
        failed: bags that could not be written.
        outside: messages that belong to no recorded episode.
        failure: why the last bag failed; empty if it did not.
        drops: messages that were lost, by topic.
    """

    bags: int = 0
    failed: int = 0
    outside: int = 0
    failure: str = ''
    drops: Counter[str] = field(default_factory=Counter)


class BagSession:
    """Opens a bag for each episode, fills it and closes it.

    Args:
        open_bag: makes a bag of a name, with what is known of its episode.
        counts: is kept up to date.
        since_ns: what began before is not recorded: latched topics tell of it, or its first
            observations are missing; wall time [ns].
        clock: steady clock [s].
    """

    def __init__(
        self,
        open_bag: Callable[[str, Mapping[str, str]], Bag],
        counts: SessionCounts,
        since_ns: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_bag = open_bag
        self.since_ns = since_ns
        self.counts = counts
        self._clock = clock
        self._episodes: list[_Episode] = []  # oldest first
        self._flushed_s = clock()
        self._missed: int | None = None
        self._early: deque[Incoming] = deque(maxlen=MAX_EARLY)
        self._latched: dict[str, deque[Incoming]] = {}

    @property
    def recording(self) -> str:
        """Name of the bag that is being written; empty if there is none."""
        return self._episodes[-1].bag.name if self._episodes else ''

    @property
    def is_running(self) -> bool:
        """Whether an episode runs whose end has not been heard."""
        return any(episode.ended_ns is None for episode in self._episodes)

    def take(self, message: Incoming) -> None:
        """Put a message where it belongs."""
        if message.is_latched:
            self._take_latched(message)
        elif message.status is not None:
            self._take_status(message, message.status)
        elif message.is_loop:
            self._take_loop(message)
        else:
            self._take_other(message)

    def note_drops(self, drops: Mapping[str, int]) -> None:
        """Messages that would have come here, by topic, are lost."""
        self.counts.drops.update(drops)

    def tick(self) -> None:
        """Close what has ended, and let the disk have what is in memory."""
        for episode in [e for e in self._episodes if self._is_complete(e)]:
            self._close(episode)
        if self._clock() - self._flushed_s >= FLUSH_S:
            self._flushed_s = self._clock()
            for episode in list(self._episodes):
                self._guarded(episode, episode.bag.flush)

    def close(self) -> None:
        """The recorder ends: close what is open."""
        for episode in list(self._episodes):
            self._close(episode)

    def _take_status(self, message: Incoming, status: EpisodeStatus) -> None:
        episode = self._find(status.episode_id)
        if episode is not None and _is_another(episode, status):
            self._close(episode)  # its bridge was started anew and counts from the beginning
            episode = None
        if episode is None:
            episode = self._begin(message, status)
        if episode is None:
            self.counts.outside += 1
            return
        episode.status = status
        self._write(episode, message)
        if status.done and episode.ended_ns is None:
            episode.ended_ns, episode.ended_s = message.publish_ns, self._clock()
            self._guarded(episode, lambda: episode.bag.note(self._about(episode)))
            self._guarded(episode, episode.bag.flush)

    def _begin(self, message: Incoming, status: EpisodeStatus) -> _Episode | None:
        is_history = message.publish_ns < self.since_ns
        if status.done or status.step > 0 or is_history:
            if not status.done and not is_history and self._missed != status.episode_id:
                logger.warning(
                    'episode %d runs already: it is not recorded, the next one is',
                    status.episode_id,
                )
                self._missed = status.episode_id
            return None
        name = folder_name(status)
        about = about_episode(status)
        try:
            bag = self._open_bag(name, about)
        except OSError as err:
            self._failed(name, status.episode_id, err)
            return None
        self.counts.failure = ''
        self._missed = None
        drops = Counter(self.counts.drops)
        for other in self._episodes:
            other.is_followed = True
            if other.ended_s is None:
                other.ended_ns, other.ended_s = message.publish_ns, self._clock()
        episode = _Episode(bag, status, message.publish_ns, drops)
        self._episodes.append(episode)
        for kept in self._latched.values():
            for old in kept:
                self._write(episode, replace(old, log_ns=message.log_ns))
        early, self._early = self._early, deque(maxlen=MAX_EARLY)
        for waiting in early:
            self.take(waiting)
        return episode

    def _take_latched(self, message: Incoming) -> None:
        """Keep it for later bags; those that are open have it as well."""
        kept = self._latched.setdefault(message.topic, deque(maxlen=MAX_LATCHED))
        if all(message.data != old.data for old in kept):
            kept.append(message)
            for episode in list(self._episodes):
                self._write(episode, message)

    def _take_loop(self, message: Incoming) -> None:
        episode_id, step = episode_and_step(message.data)
        episode = self._find(episode_id)
        if episode is None:
            newest = self._episodes[-1].status.episode_id if self._episodes else None
            is_next = newest is None or episode_id > newest
            if is_next and episode_id != self._missed:
                self._early.append(message)
            else:
                self.counts.outside += 1
            return
        if message.topic == OBSERVATION:
            episode.observations += step > episode.last_step
            episode.last_step = max(episode.last_step, step)
        elif message.topic == _KEY_STEP:
            episode.answered_step = max(episode.answered_step, step)
        self._write(episode, message)

    def _take_other(self, message: Incoming) -> None:
        for episode in reversed(self._episodes):
            if episode.began_ns <= message.publish_ns:
                is_over = episode.ended_ns is not None and message.publish_ns > episode.ended_ns
                if not is_over:
                    self._write(episode, message)
                    return
                break
        self.counts.outside += 1

    def _find(self, episode_id: int) -> _Episode | None:
        for episode in reversed(self._episodes):
            if episode.status.episode_id == episode_id:
                return episode
        return None

    def _is_complete(self, episode: _Episode) -> bool:
        if episode.ended_s is None:
            return False
        waited_s = self._clock() - episode.ended_s
        has_all = episode.answered_step >= episode.status.step or episode.is_followed
        return waited_s > (LINGER_S if has_all else LAST_WORD_S)

    def _write(self, episode: _Episode, message: Incoming) -> None:
        self._guarded(
            episode,
            lambda: episode.bag.write(
                message.topic, message.data, message.log_ns, message.publish_ns
            ),
        )

    def _guarded(self, episode: _Episode, action: Callable[[], None]) -> None:
        """Do something with a bag; one that cannot be written is given up."""
        if episode not in self._episodes:
            return
        try:
            action()
        except OSError as err:
            self._episodes.remove(episode)
            episode.bag.abandon()
            self._failed(episode.bag.name, episode.status.episode_id, err)

    def _close(self, episode: _Episode) -> None:
        self._episodes.remove(episode)
        try:
            path = episode.bag.close(self._about(episode))
        except OSError as err:
            episode.bag.abandon()
            self._failed(episode.bag.name, episode.status.episode_id, err)
            return
        self.counts.bags += 1
        dropped = sum((self.counts.drops - episode.drops_before).values())
        logger.info('%s: %d messages', path, sum(episode.bag.counts.values()))
        if dropped:
            logger.warning('%s lacks %d messages that were dropped', path.name, dropped)

    def _failed(self, name: str, episode_id: int, err: OSError) -> None:
        self._missed = episode_id
        self.counts.failed += 1
        self.counts.failure = f'{name} is not recorded: {err.strerror or err}'
        logger.error(
            '%s. Free space or choose another record_dir; what was written of it is taken care of '
            'when the recorder starts again',
            self.counts.failure,
        )

    def _about(self, episode: _Episode) -> dict[str, str]:
        drops = self.counts.drops - episode.drops_before
        status = episode.status
        has_all = episode.observations == episode.last_step + 1 == status.step + 1
        is_whole = status.done and has_all and not _LOOP.intersection(drops)
        return {
            **about_episode(status),
            'complete': flag(is_whole),
            'observations': str(episode.observations),
            'dropped': ', '.join(f'{topic}: {n}' for topic, n in sorted(drops.items())),
        }


def episode_and_step(data: bytes) -> tuple[int, int]:
    """Episode and step of a serialized message that begins with header, episode_id and step."""
    order = '<' if data[1] & 1 else '>'
    (length,) = struct.unpack_from(f'{order}I', data, 12)
    # Alignment counts from behind the four bytes that say how the rest is written.
    start = 4 + (12 + length + 7) // 8 * 8
    return struct.unpack_from(f'{order}qi', data, start)


def _is_another(episode: _Episode, status: EpisodeStatus) -> bool:
    """Whether a status begins another episode of the same number."""
    if status.done or status.step > 0:
        return False
    return episode.last_step > 0 or episode.status.done
