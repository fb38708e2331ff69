# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Joins the messages of a bag into episodes, by episode and step. Judges nothing, writes nothing.

What moved the world at step k is Command(k), which answers KeyStep(k) and Observation(k). The
order of arrival does not matter, but for one thing: in `realtime` the bridge does not wait, and a
command that was sent after the next observation was not executed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np

from c2a_core.spaces import clip_action, hold_action
from c2a_core.types import (
    ActionChunk,
    Command,
    CommandSource,
    EpisodeStatus,
    KeyStep,
    Observation,
)
from c2a_training.bags.bag_messages import (
    ACTION_CHUNK,
    COMMAND,
    EPISODE,
    KEY_STEP,
    OBSERVATION,
)
from c2a_training.bags.bag_reader import Arrival

_T = TypeVar('_T', Observation, KeyStep, Command)

REALTIME = 'realtime'


@dataclass(frozen=True)
class Heard(Generic[_T]):
    """A message that belongs to one step, when it was received and when it was sent [ns]."""

    value: _T
    log_ns: int
    sent_ns: int


@dataclass
class BagEpisode:
    """Everything that a bag has of one episode.

    Attributes:
        episode_id: its number.
        observations: by step.
        key_steps: by step, the planner's.
        commands: by step.
        holds: by step, those of two commands that are a hold: in `realtime` the bridge says with
            it that the other one came too late.
        chunks: by number of the chunk.
        statuses: in the order of arrival.
        duplicates: further messages for a step that had one, by topic.
        conflicts: sentences about messages for the same step that contradict each other.
    """

    episode_id: int
    observations: dict[int, Heard[Observation]] = field(default_factory=dict)
    key_steps: dict[int, Heard[KeyStep]] = field(default_factory=dict)
    commands: dict[int, Heard[Command]] = field(default_factory=dict)
    holds: dict[int, Heard[Command]] = field(default_factory=dict)
    chunks: dict[int, ActionChunk] = field(default_factory=dict)
    statuses: list[EpisodeStatus] = field(default_factory=list)
    duplicates: Counter[str] = field(default_factory=Counter)
    conflicts: list[str] = field(default_factory=list)

    @property
    def status(self) -> EpisodeStatus | None:
        """The last word about the episode: the end if there is one."""
        ended = [status for status in self.statuses if status.done]
        return (ended or self.statuses or [None])[-1]

    @property
    def is_realtime(self) -> bool:
        """The world did not wait for commands."""
        return self.status is not None and self.status.stepping == REALTIME

    @property
    def last_step(self) -> int:
        """Control steps done, as the status says at the end, else as far as the bag shows."""
        status = self.status
        if status is not None and status.done:
            return status.step
        return max(self.observations, default=-1)

    def executed(self, step: int) -> Command | None:
        """The command that moved the world at a step; None where the bag does not tell.

        Args:
            step: control step.
        """
        heard = self.holds.get(step) or self.commands.get(step)
        if heard is None:
            return self._hold(step) if self.is_realtime else None
        if heard.value.source != CommandSource.HOLD and self.is_late(step):
            return self._hold(step)
        try:
            return _as_executed(heard.value)
        except ValueError:
            # Not finite: the bridge refuses such an action, and holds.
            return self._hold(step)

    def is_late(self, step: int) -> bool:
        """Whether the command of a step came too late for it: the robot held.

        The bridge says so with a command of its own. Where that is lost, a command that was sent
        after the next observation gives itself away. When it was received does not tell: a
        recorder that was busy may take up what waits for it in any order. What the bridge itself
        commands it has executed.
        """
        if step in self.holds:
            return self.is_realtime
        command, following = self.commands.get(step), self.observations.get(step + 1)
        if not self.is_realtime or command is None or following is None:
            return False
        is_bridges = self.status is not None and self.status.low_level == 'oracle'
        if is_bridges or command.value.source == CommandSource.SKILL:
            return False
        return following.sent_ns < command.sent_ns

    def _hold(self, step: int) -> Command | None:
        """What the bridge does in realtime when no command has come: the robot holds."""
        observation, key_step = self.observations.get(step), self.key_steps.get(step)
        if observation is None:
            return None
        return Command(
            episode_id=self.episode_id,
            step=step,
            source=CommandSource.HOLD,
            chunk_id=-1,
            chunk_index=-1,
            action=hold_action(observation.value.vacuum_on),
            subtask_id=-1 if key_step is None else key_step.value.subtask_id,
            stamp_ns=observation.value.stamp_ns,
        )


class BagJoiner:
    """Takes the messages of one bag, in any order."""

    def __init__(self) -> None:
        self._episodes: dict[int, BagEpisode] = {}

    def __iter__(self) -> Iterator[BagEpisode]:
        """Episodes in the order of their numbers."""
        return iter([self._episodes[number] for number in sorted(self._episodes)])

    def add(self, arrival: Arrival) -> None:
        """Take a message of the loop; one that no row needs is ignored."""
        value, topic = arrival.value, arrival.topic
        episode = self._episodes.get(value.episode_id)
        if episode is None:
            episode = self._episodes[value.episode_id] = BagEpisode(value.episode_id)
        if topic == OBSERVATION:
            _put(episode, episode.observations, arrival)
        elif topic == KEY_STEP:
            _put(episode, episode.key_steps, arrival)
        elif topic == COMMAND:
            _put_command(episode, arrival)
        elif topic == ACTION_CHUNK and isinstance(value, ActionChunk):
            episode.chunks.setdefault(value.chunk_id, value)
        elif topic == EPISODE and isinstance(value, EpisodeStatus):
            _note_status(episode, value)


def _put(episode: BagEpisode, rows: dict[int, Heard], arrival: Arrival) -> None:
    """Keep the first message of a step: the one that the others acted on."""
    value = arrival.value
    before = rows.get(value.step)
    if before is None:
        rows[value.step] = Heard(value, arrival.log_ns, arrival.sent_ns)
        return
    episode.duplicates[arrival.topic] += 1
    if not _says_the_same(before.value, value):
        episode.conflicts.append(
            f'two different messages on {arrival.topic} for step {value.step}'
        )


def _put_command(episode: BagEpisode, arrival: Arrival) -> None:
    """Keep the first command of a step, and the bridge's hold beside it."""
    value = arrival.value
    before = episode.commands.get(value.step)
    pair = [] if before is None else [before, Heard(value, arrival.log_ns, arrival.sent_ns)]
    holds = [heard for heard in pair if heard.value.source == CommandSource.HOLD]
    if len(holds) == 1 and value.step not in episode.holds:
        episode.holds[value.step] = holds[0]
    else:
        _put(episode, episode.commands, arrival)


def _says_the_same(one: _T, other: _T) -> bool:
    """Whether a repeated message carries the same data; how it came about may differ."""
    if isinstance(one, KeyStep):
        # Said again when the planner is stopped, or comes back: with another status and latency.
        names = ('subtask_id', 'code', 'cache_info', 'stamp_ns')
    elif isinstance(one, Command):
        names = ('action', 'stamp_ns')
    else:
        names = ('stamp_ns', 'ee_pose', 'joint_positions', 'joint_velocities', 'base_image')
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def _note_status(episode: BagEpisode, status: EpisodeStatus) -> None:
    if not episode.statuses:
        episode.statuses.append(status)
        return
    first = episode.statuses[0]
    if _scene(status) != _scene(first):
        episode.conflicts.append(
            f'two episodes of number {status.episode_id}: {_scene(first)} and {_scene(status)}; '
            'the bag spans two runs of the bridge'
        )
    elif status.step > 0 and status.instruction != episode.statuses[-1].instruction:
        episode.conflicts.append(
            f'another instruction from step {status.step} on: {status.instruction!r}'
        )
    episode.statuses.append(status)


def _scene(status: EpisodeStatus) -> str:
    split = f' ({status.split})' if status.split else ''
    return f'{status.task} seed {status.seed}{split}'


def _as_executed(command: Command) -> Command:
    """The command within the action's bounds, as the bridge executes it.

    Raises:
        ValueError: if the action is not finite; the bridge held instead.
    """
    clipped = clip_action(command.action)
    if clipped.tobytes() == command.action.tobytes():
        return command
    return replace(command, action=clipped)
