# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which code, action chunk and checkpoints moved the arm at an instant of a recorded episode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from c2a_core.spaces import CONTROL_DT_NS
from c2a_core.types import ActionChunk, Command, KeyStep
from c2a_training.bags.bag_join import BagEpisode

_NS_PER_S = 1e9


class QueryError(ValueError):
    """The bag has no answer; the text says what it has instead."""


@dataclass(frozen=True)
class Answer:
    """What moved the arm during one control step.

    Attributes:
        episode_id: number of the episode.
        task: its task, empty where the bag has no status.
        seed: its seed, -1 likewise.
        instruction: what the robot was asked to do.
        step: the control step.
        start_s: robot time of the step's observation [s]; the action began there.
        end_s: robot time of the next observation [s].
        source: who made the action: policy, replay, skill or hold.
        action: the seven numbers that were executed, None where the bag does not tell.
        subtask_id: number of the key step that the action served, -1 before the first.
        code: text of that key step.
        key_step_since: step at which it began, None where the bag does not tell.
        cache_info: pose assignments that held.
        memory: key steps before it, oldest first.
        chunk_id: number of the action chunk, -1 if the action came from none.
        chunk_index: row of the chunk.
        chunk_step: step from whose observation the chunk was made, None if unknown.
        chunk_rows: rows of the chunk, None if unknown.
        chunk_preempted: the chunk replaced one that a new key step ended, None if unknown.
        planner_checkpoint: hash of the planner's checkpoint, or its name.
        policy_checkpoint: hash of the policy's checkpoint, or its name; empty without a policy.
        planner_latency_s: time the planner took for its answer at this step [s].
        policy_latency_s: time the policy took for the chunk [s], None if unknown.
        notes: what is odd about the step.
    """

    episode_id: int
    task: str
    seed: int
    instruction: str
    step: int
    start_s: float
    end_s: float
    source: str
    action: tuple[float, ...] | None
    subtask_id: int
    code: str
    key_step_since: int | None
    cache_info: str
    memory: tuple[str, ...]
    chunk_id: int
    chunk_index: int
    chunk_step: int | None
    chunk_rows: int | None
    chunk_preempted: bool | None
    planner_checkpoint: str
    policy_checkpoint: str
    planner_latency_s: float
    policy_latency_s: float | None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def find_step(
    episodes: Sequence[BagEpisode],
    *,
    at_s: float | None = None,
    step: int | None = None,
    episode_id: int | None = None,
) -> tuple[BagEpisode, int]:
    """The episode and control step that a question is about.

    Args:
        episodes: of the bag.
        at_s: robot time [s], that of the messages' stamps.
        step: control step; give one of the two.
        episode_id: in which episode; None where only one can be meant.

    Raises:
        QueryError: if the bag has no such episode, time or step, or several.
    """
    chosen = [e for e in episodes if e.observations]
    if episode_id is not None:
        chosen = [e for e in chosen if e.episode_id == episode_id]
    if not chosen:
        raise QueryError(f'no episode {episode_id} in the bag; it has {describe(episodes)}')
    if step is not None:
        if len(chosen) > 1:
            raise QueryError(f'--step needs --episode: the bag has {describe(chosen)}')
        return chosen[0], _checked_step(chosen[0], step)
    if at_s is not None and not math.isfinite(at_s):
        raise QueryError(
            f'robot time is {at_s:g}, expected seconds; the bag has {describe(chosen)}'
        )
    at_ns = round((0.0 if at_s is None else at_s) * _NS_PER_S)
    matching = [e for e in chosen if _first_ns(e) <= at_ns < _end_ns(e)]
    if not matching:
        raise QueryError(f'robot time {at_s:g} s is outside of the bag; it has {describe(chosen)}')
    if len(matching) > 1:
        raise QueryError(f'--at needs --episode: several have {at_s:g} s: {describe(matching)}')
    episode = matching[0]
    steps = [k for k, heard in episode.observations.items() if heard.value.stamp_ns <= at_ns]
    return episode, max(steps)


def describe(episodes: Sequence[BagEpisode]) -> str:
    """Episodes with their steps and robot times, for messages."""
    if not episodes:
        return 'no episode'
    return '; '.join(
        f'episode {e.episode_id} (steps 0 to {max(e.last_step - 1, 0)}, '
        f'{_first_ns(e) / _NS_PER_S:.2f} to {_end_ns(e) / _NS_PER_S:.2f} s)'
        if e.observations
        else f'episode {e.episode_id} (no observation)'
        for e in episodes
    )


def answer(episode: BagEpisode, step: int) -> Answer:
    """What moved the arm in a control step.

    Args:
        episode: of a bag.
        step: a step whose observation the bag has.
    """
    status = episode.status
    notes = []
    command = episode.executed(step)
    if command is None:
        notes.append('the bag has no command for this step')
    elif episode.is_realtime and (step not in episode.commands or episode.is_late(step)):
        notes.append('no command had come in time: the robot held')
    subtask_id = _subtask_id(episode, step, command)
    began, key_step = _running_key_step(episode, step, subtask_id)
    if key_step is None:
        notes.append('the bag has no key step for this step')
    chunk = episode.chunks.get(command.chunk_id) if command is not None else None
    if command is not None and command.chunk_id >= 0 and chunk is None:
        notes.append(f'the bag does not have chunk {command.chunk_id}')
    heard = episode.key_steps.get(step)
    start_ns = episode.observations[step].value.stamp_ns
    return Answer(
        episode_id=episode.episode_id,
        task=status.task if status else '',
        seed=status.seed if status else -1,
        instruction=status.instruction if status else '',
        step=step,
        start_s=start_ns / _NS_PER_S,
        end_s=_next_ns(episode, step) / _NS_PER_S,
        source=command.source if command else '',
        action=tuple(command.action.tolist()) if command else None,
        subtask_id=subtask_id,
        code=key_step.code if key_step else '',
        key_step_since=began,
        cache_info=key_step.cache_info if key_step else '',
        memory=key_step.memory if key_step else (),
        chunk_id=command.chunk_id if command else -1,
        chunk_index=command.chunk_index if command else -1,
        chunk_step=chunk.step if chunk else None,
        chunk_rows=len(chunk.actions) if chunk else None,
        chunk_preempted=chunk.preempted if chunk else None,
        planner_checkpoint=_planner(episode, heard.value if heard else key_step),
        policy_checkpoint=_policy(episode, chunk, command),
        planner_latency_s=heard.value.latency_s if heard else 0.0,
        policy_latency_s=chunk.latency_s if chunk else None,
        notes=tuple(notes),
    )


def _checked_step(episode: BagEpisode, step: int) -> int:
    if not 0 <= step <= max(episode.last_step, 0):
        raise QueryError(f'step {step} is outside of the bag; it has {describe([episode])}')
    if step == episode.last_step and step not in episode.commands:
        raise QueryError(
            f'nothing moved the arm at step {step}, the last observation of the episode: '
            f'it has {describe([episode])}'
        )
    if step not in episode.observations:
        raise QueryError(f'the observation of step {step} is missing in the bag')
    return step


def _first_ns(episode: BagEpisode) -> int:
    return min((heard.value.stamp_ns for heard in episode.observations.values()), default=0)


def _end_ns(episode: BagEpisode) -> int:
    """Robot time at which the last action had ended [ns]."""
    last = max(episode.observations, default=0)
    stamp_ns = max((heard.value.stamp_ns for heard in episode.observations.values()), default=0)
    return stamp_ns + CONTROL_DT_NS if last in episode.commands else stamp_ns


def _next_ns(episode: BagEpisode, step: int) -> int:
    following = episode.observations.get(step + 1)
    if following is None:
        return episode.observations[step].value.stamp_ns + CONTROL_DT_NS
    return following.value.stamp_ns


def _subtask_id(episode: BagEpisode, step: int, command: Command | None) -> int:
    if command is not None:
        return command.subtask_id
    heard = episode.key_steps.get(step)
    return heard.value.subtask_id if heard else -1


def _running_key_step(
    episode: BagEpisode, step: int, subtask_id: int
) -> tuple[int | None, KeyStep | None]:
    """Since when the key step of an action runs, and a message of it at or before the step.

    With delays an action may still serve a key step that the planner has left already.
    """
    same = [
        heard.value
        for number, heard in sorted(episode.key_steps.items())
        if number <= step and heard.value.subtask_id == subtask_id
    ]
    began = next((k.step for k in same if k.is_key_step), None)
    return began, same[-1] if same else None


def _planner(episode: BagEpisode, key_step: KeyStep | None) -> str:
    if key_step is not None and key_step.checkpoint:
        return key_step.checkpoint
    return episode.status.planner_checkpoint if episode.status else ''


def _policy(episode: BagEpisode, chunk: ActionChunk | None, command: Command | None) -> str:
    """Checkpoint of the chunk; the episode's where the chunk is lost, none without a chunk."""
    if chunk is not None:
        return chunk.checkpoint
    if command is None or command.chunk_id < 0 or episode.status is None:
        return ''
    return episode.status.policy_checkpoint
