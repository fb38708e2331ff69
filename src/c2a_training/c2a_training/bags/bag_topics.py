# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How well the topics of a bag fit its observations: drops, duplicates, skew, delay.

*Skew* compares stamps, which are robot time: everything that answers or accompanies an observation
should carry the observation's stamp. *Delay* compares receive times, which are wall time: how long
after its observation a message arrived at the recorder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from c2a_training.bags.bag_join import BagEpisode
from c2a_training.bags.bag_messages import COMMAND, KEY_STEP, OBSERVATION, OVERLAY

_NS_PER_MS = 1e6


@dataclass(frozen=True)
class TopicQuality:
    """One topic beside the observations of the bag's episodes.

    Attributes:
        topic: its name.
        messages: how many the bag has.
        dropped: steps without a message; always 0 for the overlay, which need not have all.
        duplicates: further messages for the same step.
        max_skew_ms: largest distance of a stamp from its observation's, robot time [ms].
        median_delay_ms: time from receiving the observation to receiving this, wall time [ms];
            None without a message that has an observation.
        max_delay_ms: the longest of them [ms], None likewise.
    """

    topic: str
    messages: int
    dropped: int = 0
    duplicates: int = 0
    max_skew_ms: float = 0.0
    median_delay_ms: float | None = None
    max_delay_ms: float | None = None


def loop_qualities(
    episodes: Sequence[BagEpisode], counts: Mapping[str, int]
) -> list[TopicQuality]:
    """Qualities of observation, key step and command.

    Args:
        episodes: of the bag.
        counts: messages of the bag by topic.
    """
    dropped = sum(_dropped(episode.observations, episode.last_step + 1) for episode in episodes)
    duplicates = sum(episode.duplicates[OBSERVATION] for episode in episodes)
    qualities = [TopicQuality(OBSERVATION, counts.get(OBSERVATION, 0), dropped, duplicates)]
    for topic, name in ((KEY_STEP, 'key_steps'), (COMMAND, 'commands')):
        skews: list[float] = []
        delays: list[float] = []
        for episode in episodes:
            for step, heard in getattr(episode, name).items():
                observation = episode.observations.get(step)
                if observation is not None:
                    skews.append(heard.value.stamp_ns - observation.value.stamp_ns)
                    delays.append(heard.log_ns - observation.log_ns)
        qualities.append(
            _quality(
                topic,
                counts.get(topic, 0),
                sum(_dropped(getattr(e, name), e.last_step) for e in episodes),
                sum(e.duplicates[topic] for e in episodes),
                np.array(skews),
                np.array(delays),
            )
        )
    return qualities


def max_skew_ms(episode: BagEpisode) -> float:
    """Largest distance of a key step's or command's stamp from its observation's [ms]."""
    rows = [*episode.key_steps.items(), *episode.commands.items()]
    skews = [
        abs(heard.value.stamp_ns - episode.observations[step].value.stamp_ns)
        for step, heard in rows
        if step in episode.observations
    ]
    return max(skews, default=0) / _NS_PER_MS


def stamped_quality(
    topic: str, stamps_ns: Sequence[int], logs_ns: Sequence[int], episodes: Iterable[BagEpisode]
) -> TopicQuality:
    """Quality of a topic for people and tools, whose messages know no step but their stamp.

    Args:
        topic: its name.
        stamps_ns: robot time of its messages [ns].
        logs_ns: when the recorder received them [ns].
        episodes: of the bag.
    """
    stamps, logs = np.array(stamps_ns, np.int64), np.array(logs_ns, np.int64)
    dropped = duplicates = 0
    skews, delays = [], []
    for episode in episodes:
        rows = sorted(
            (heard.value.stamp_ns, heard.log_ns) for heard in episode.observations.values()
        )
        if not rows:
            continue
        times, received = np.array(rows, np.int64).T
        inside = (stamps >= times[0]) & (stamps <= times[-1])
        # A session counts robot time on, but one bag can hold two: wall time keeps them apart.
        slack = 1_000_000_000
        inside &= (logs >= received.min() - slack) & (logs <= received.max() + slack)
        nearest = _nearest(times, stamps[inside])
        skews.append(stamps[inside] - times[nearest])
        delays.append(logs[inside] - received[nearest])
        exact = np.unique(stamps[inside])
        # The overlay is drawn for eyes, not for each step.
        if topic != OVERLAY:
            dropped += int(np.count_nonzero(~np.isin(times, exact)))
        duplicates += int(np.count_nonzero(inside)) - len(exact)
    flat = [np.concatenate(part) if part else np.array([]) for part in (skews, delays)]
    return _quality(topic, len(stamps), dropped, duplicates, flat[0], flat[1])


def _quality(
    topic: str,
    messages: int,
    dropped: int,
    duplicates: int,
    skews_ns: np.ndarray,
    delays_ns: np.ndarray,
) -> TopicQuality:
    has_any = len(delays_ns) > 0
    return TopicQuality(
        topic=topic,
        messages=messages,
        dropped=dropped,
        duplicates=duplicates,
        max_skew_ms=float(np.abs(skews_ns).max() / _NS_PER_MS) if len(skews_ns) else 0.0,
        median_delay_ms=float(np.median(delays_ns) / _NS_PER_MS) if has_any else None,
        max_delay_ms=float(delays_ns.max() / _NS_PER_MS) if has_any else None,
    )


def _dropped(rows: Mapping[int, object], count: int) -> int:
    """How many of the steps 0 .. count - 1 have no row."""
    return sum(step not in rows for step in range(count))


def _nearest(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Index of the nearest of some sorted times for each value."""
    right = np.clip(np.searchsorted(times, values), 1, max(len(times) - 1, 1))
    right = np.minimum(right, len(times) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(values - times[left] <= times[right] - values, left, right)
