# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Makes the rows of a dataset from a bag, or says why not. No ROS, no files but the bag.

Rows are built by the same `EpisodeRowsBuilder` as generated ones: an episode that was recorded
while it ran in the nodes gives the rows that `c2a generate` makes of the same task and seed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from c2a_core.spaces import CONTROL_DT_NS
from c2a_core.types import Command, CommandSource, KeyStep, Observation
from c2a_training.bags.bag_join import BagEpisode, BagJoiner
from c2a_training.bags.bag_mcap import BagError
from c2a_training.bags.bag_messages import (
    COMMAND,
    LOOP_TOPICS,
    ORACLE_KEY_STEP,
    STAMPED_TOPICS,
    check_channel,
    decode,
    stamp_of,
)
from c2a_training.bags.bag_metadata import RECORD_NAME
from c2a_training.bags.bag_reader import Arrival, BagReader
from c2a_training.bags.bag_report import BagReport, EpisodeReport
from c2a_training.bags.bag_split import split_of
from c2a_training.bags.bag_topics import loop_qualities, max_skew_ms, stamped_quality
from c2a_training.dataset.episode_rows import EpisodeRows, EpisodeRowsBuilder
from c2a_training.rollout_rows import closing_key_step

_NEEDED_TOPICS = frozenset(LOOP_TOPICS) - {ORACLE_KEY_STEP}


@dataclass(frozen=True)
class Thresholds:
    """What an episode may have wrong and still give rows.

    Attributes:
        max_gap_steps: the most steps in a row that may be missing; the step before stands in for
            them.
        max_skew_ms: the most that a stamp may be off its observation's [ms].
        keep_failures: episodes that did not succeed are wanted too.
        split: objects of the recorded scenes, for bags that do not tell; empty for none.
    """

    max_gap_steps: int = 0
    max_skew_ms: float = 0.0
    keep_failures: bool = False
    split: str = ''


@dataclass(frozen=True)
class _Row:
    observation: Observation
    key_step: KeyStep
    command: Command


class _RefusedError(Exception):
    """An episode gives no rows; the text says why."""


def convert_bag(path: Path, thresholds: Thresholds) -> tuple[BagReport, list[EpisodeRows]]:
    """Rows of a bag's episodes.

    Args:
        path: of the bag, as `find_bags` gives it.
        thresholds: what is acceptable.

    Returns:
        The report, and the rows of the episodes that are not refused in it, in its order.
    """
    size = 0
    try:
        bag = BagReader(path)
        size = bag.size_bytes
        joiner, others = _read(bag)
    except BagError as err:
        return BagReport(str(path), size, error=str(err)), []
    episodes = list(joiner)
    reports, rows = [], []
    for episode in episodes:
        report, made = _convert_episode(episode, thresholds)
        reports.append(report)
        if made is not None:
            rows.append(made)
    topics = [
        *loop_qualities(episodes, bag.counts),
        *(stamped_quality(topic, *zip(*heard, strict=True), episodes) for topic, heard in others),
    ]
    report = BagReport(
        bag=str(path),
        size_bytes=size,
        notes=(*bag.notes, *_recorder_notes(bag)),
        foreign_topics=tuple(bag.foreign_topics),
        topics=tuple(topics),
        episodes=tuple(reports),
    )
    return report, rows


def read_episodes(path: Path) -> list[BagEpisode]:
    """Episodes of a bag.

    Raises:
        BagError: if the bag cannot be read, or has none.
    """
    joiner, _ = _read(BagReader(path))
    episodes = list(joiner)
    if not episodes:
        raise BagError(f'{path} has no episode: it holds no messages under /c2a')
    return episodes


def _read(bag: BagReader) -> tuple[BagJoiner, list[tuple[str, list[tuple[int, int]]]]]:
    """Join the loop's messages, and take the (stamp, receive time) of those for people."""
    joiner = BagJoiner()
    others: dict[str, list[tuple[int, int]]] = defaultdict(list)
    checked: set[int] = set()
    for message in bag.raw_messages():
        channel = message.channel
        if channel.topic in _NEEDED_TOPICS:
            if id(channel) not in checked:
                check_channel(channel)
                checked.add(id(channel))
            value = decode(message)
            joiner.add(Arrival(channel.topic, message.log_ns, message.publish_ns, value))
        elif channel.topic in STAMPED_TOPICS:
            others[channel.topic].append((stamp_of(message), message.log_ns))
    return joiner, sorted(others.items())


def _recorder_notes(bag: BagReader) -> Iterator[str]:
    """What the recorder itself says about losses."""
    dropped = bag.metadata.get(RECORD_NAME, {}).get('dropped', '')
    if dropped:
        yield f'its recorder lost messages: {dropped}'


def _convert_episode(
    episode: BagEpisode, thresholds: Thresholds
) -> tuple[EpisodeReport, EpisodeRows | None]:
    gaps = list(_gaps(episode))
    refused, made, filled = '', None, 0
    try:
        _check(episode, gaps, thresholds)
        made, filled = _make_rows(episode, thresholds.split)
    except (_RefusedError, ValueError) as err:
        refused = str(err)
    status = episode.status
    report = EpisodeReport(
        episode_id=episode.episode_id,
        task=status.task if status else '',
        seed=status.seed if status else -1,
        split=(status.split if status else '') or thresholds.split,
        instruction=status.instruction if status else '',
        success=bool(status and status.success),
        reason=status.reason if status else '',
        steps=max(episode.last_step, 0),
        rows=0 if made is None else len(made),
        missing_steps=sum(map(len, gaps)),
        longest_gap=max(map(len, gaps), default=0),
        filled_steps=filled,
        held_steps=_held(episode),
        duplicates=sum(episode.duplicates.values()),
        max_skew_ms=max_skew_ms(episode),
        refused=refused,
    )
    return report, made


def _check(episode: BagEpisode, gaps: list[range], thresholds: Thresholds) -> None:
    """Refuse what must not become training data."""
    status = episode.status
    if status is None:
        raise _RefusedError('no status of it: task and outcome are unknown')
    if episode.conflicts:
        more = len(episode.conflicts) - 1
        raise _RefusedError(episode.conflicts[0] + (f' (and {more} more)' if more else ''))
    if episode.holds and not episode.is_realtime:
        step = min(episode.holds)
        raise _RefusedError(f'two different messages on {COMMAND} for step {step}')
    if not status.done:
        raise _RefusedError(f'its end is missing: the bag stops at step {episode.last_step}')
    if not status.success and not thresholds.keep_failures:
        raise _RefusedError(f'not successful ({status.reason}); --keep-failures would keep it')
    longest = max(gaps, key=len, default=range(0))
    if len(longest) > thresholds.max_gap_steps:
        total = sum(map(len, gaps))
        raise _RefusedError(
            f'{total} steps incomplete, {len(longest)} in a row from step {longest.start} on '
            f'({_missing(episode, longest.start)}); at most {thresholds.max_gap_steps} in a row '
            'are accepted (--max-gap-steps)'
        )
    skew = max_skew_ms(episode)
    if skew > thresholds.max_skew_ms:
        raise _RefusedError(
            f'a key step or command is stamped {skew:g} ms off its observation, at most '
            f'{thresholds.max_skew_ms:g} ms are accepted (--max-skew-ms)'
        )


def _gaps(episode: BagEpisode) -> Iterator[range]:
    """Runs of steps whose row cannot be made; the last observation needs no answer."""
    start = None
    last = episode.last_step
    for step in range(last + 1):
        if _row(episode, step) is None and (step < last or step not in episode.observations):
            start = step if start is None else start
        elif start is not None:
            yield range(start, step)
            start = None
    if start is not None:
        yield range(start, last + 1)


def _missing(episode: BagEpisode, step: int) -> str:
    parts = {
        'observation': episode.observations,
        'key step': episode.key_steps,
        'command': episode.commands,
    }
    return 'no ' + ' and no '.join(name for name, rows in parts.items() if step not in rows)


def _row(episode: BagEpisode, step: int) -> _Row | None:
    observation, key_step = episode.observations.get(step), episode.key_steps.get(step)
    if observation is None or key_step is None:
        return None
    command = episode.executed(step)
    return None if command is None else _Row(observation.value, key_step.value, command)


def _make_rows(episode: BagEpisode, said_split: str) -> tuple[EpisodeRows, int]:
    """Rows of a checked episode, and for how many steps the one before stands in."""
    status, last = episode.status, episode.last_step
    assert status is not None
    builder = EpisodeRowsBuilder(
        status.task,
        status.seed,
        status.instruction,
        split=split_of(status, said_split),
        source='bag',
        backend=status.backend,
    )
    origin_ns = _origin_ns(episode)
    filled = 0
    row: _Row | None = None
    for step in range(last):
        found = _row(episode, step)
        if found is None:
            filled += 1
            found = _stand_in(episode, row, step)
        row = found
        builder.add(_from_origin(row.observation, origin_ns), row.key_step, row.command, False)
    heard = episode.observations.get(last)
    if heard is None:
        raise _RefusedError(f'its last observation, of step {last}, is missing')
    observation = _from_origin(heard.value, origin_ns)
    closing = closing_key_step(observation, None if row is None else row.key_step)
    builder.add(observation, closing, None, status.success)
    return builder.finish(), filled


def _stand_in(episode: BagEpisode, before: _Row | None, step: int) -> _Row:
    """A row for an incomplete step: what is there, the rest from the step before."""
    if before is None:
        raise _RefusedError('its first step is incomplete: there is nothing to stand in for it')
    observation, key_step = episode.observations.get(step), episode.key_steps.get(step)
    stamp_ns = before.observation.stamp_ns + CONTROL_DT_NS
    return _Row(
        observation=observation.value
        if observation
        else replace(before.observation, step=step, stamp_ns=stamp_ns),
        key_step=key_step.value if key_step else _key_step_between(episode, before, step),
        command=episode.executed(step) or replace(before.command, step=step),
    )


def _key_step_between(episode: BagEpisode, before: _Row, step: int) -> KeyStep:
    """The missing key step of a step: what ran goes on, unless the border itself was lost."""
    running = before.key_step
    memory = (*running.memory, running.code) if running.is_key_step else running.memory
    heard = next((k for k in sorted(episode.key_steps) if k > step), None)
    following = running if heard is None else episode.key_steps[heard].value
    began = following.subtask_id != running.subtask_id and not following.is_key_step
    return replace(following if began else running, step=step, is_key_step=began, memory=memory)


def _origin_ns(episode: BagEpisode) -> int:
    """Robot time of step 0: the bridge counts on from episode to episode, rows do not."""
    step = min(episode.observations)
    return episode.observations[step].value.stamp_ns - step * CONTROL_DT_NS


def _from_origin(observation: Observation, origin_ns: int) -> Observation:
    return replace(observation, stamp_ns=observation.stamp_ns - origin_ns)


def _held(episode: BagEpisode) -> int:
    """Steps at which the robot held: no command was there in time, or there was nothing to do."""
    if not episode.is_realtime:
        return 0
    commands = map(episode.executed, range(max(episode.last_step, 0)))
    return sum(
        command is not None and command.source == CommandSource.HOLD for command in commands
    )
