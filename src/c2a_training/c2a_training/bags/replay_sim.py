# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Sends a bag's actions through the loop and the embedded simulator, and compares.

Code and actions are those of the bag, the world is the simulator's. The world being a function of
task, seed and actions, everything has to come out as it was recorded: what does not points to
another version of the simulator, another convention, or a damaged recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from c2a_core.types import (
    Command,
    CommandSource,
    EndReason,
    KeyStep,
    Observation,
    ReplyStatus,
)
from c2a_training.bags.bag_join import BagEpisode
from c2a_training.bags.bag_mcap import BagError
from c2a_training.rollout import EpisodeInfo, OracleStep, Simulator, run_episode

_END = EndReason.aborted('the recording ends here')
_BY_THE_WORLD = (EndReason.SUCCESS, EndReason.TIME_OUT, EndReason.EARLY_DONE)
_ORACLE = 'oracle'


@dataclass(frozen=True)
class Comparison:
    """One replayed episode beside its recording.

    Attributes:
        episode_id: its number in the bag.
        task: task name.
        seed: seed of the scene.
        success: recorded, replayed.
        steps: control steps, recorded and replayed.
        reason: how it ended, recorded and replayed.
        max_position_mm: largest distance between recorded and replayed end effector [mm].
        final_position_mm: that distance at the last observation [mm].
        is_bit_equal: all joint positions and velocities, end-effector poses and vacuum flags are
            the same bits.
        first_difference: first step at which they are not, None if none.
        codes_differ: steps at which the simulator's oracle says other code than the recorded
            oracle; empty for other planners.
        differences: sentences about the outcome; empty if it is the same.
    """

    episode_id: int
    task: str
    seed: int
    success: tuple[bool, bool]
    steps: tuple[int, int]
    reason: tuple[str, str]
    max_position_mm: float
    final_position_mm: float
    is_bit_equal: bool
    first_difference: int | None
    codes_differ: tuple[int, ...]
    differences: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def replay_episode(
    episode: BagEpisode, simulator: Simulator, max_position_mm: float = 0.0
) -> Comparison:
    """Replay one episode.

    Args:
        episode: with a status and all its commands.
        simulator: the world.
        max_position_mm: the most that the end effector may be off its recording [mm]; with 0 every
            bit of the robot's state has to be the same.

    Raises:
        BagError: if the bag does not have all that is needed.
    """
    status = episode.status
    if status is None:
        raise BagError(f'episode {episode.episode_id} has no status: its task is unknown')
    if status.backend != 'maniskill':
        raise BagError(
            f'episode {episode.episode_id} was recorded on {status.backend!r}, expected '
            'maniskill: only the embedded simulator can do it again'
        )
    actions = _actions(episode)
    planner = _RecordedPlanner(episode, len(actions))
    watch = _Watch(episode)
    result = run_episode(
        simulator,
        planner,
        _RecordedLowLevel(actions),
        task=status.task,
        seed=status.seed,
        instruction=status.instruction,
        episode_id=episode.episode_id,
        on_step=watch.see,
    )
    reason = status.reason if result.reason == _END else result.reason
    compared = Comparison(
        episode_id=episode.episode_id,
        task=status.task,
        seed=status.seed,
        success=(status.success, result.success),
        steps=(episode.last_step, result.steps),
        reason=(status.reason, reason),
        max_position_mm=max(watch.distances_mm, default=0.0),
        final_position_mm=watch.distances_mm[-1] if watch.distances_mm else 0.0,
        is_bit_equal=watch.first_difference is None,
        first_difference=watch.first_difference,
        codes_differ=tuple(planner.codes_differ),
        differences=(),
    )
    return replace(compared, differences=tuple(_differences(compared, max_position_mm)))


def _actions(episode: BagEpisode) -> list[np.ndarray]:
    actions = []
    for step in range(episode.last_step):
        command = episode.executed(step)
        if command is None:
            raise BagError(
                f'episode {episode.episode_id} has no command for step {step}: '
                'it cannot be replayed'
            )
        actions.append(command.action)
    return actions


def _differences(compared: Comparison, max_position_mm: float) -> list[str]:
    found = []
    for name in ('success', 'steps', 'reason'):
        recorded, replayed = getattr(compared, name)
        if recorded != replayed:
            found.append(f'{name} is {replayed}, recorded was {recorded}')
    if max_position_mm <= 0 and not compared.is_bit_equal:
        found.append(
            f"the robot's state differs from step {compared.first_difference} on, "
            f'{compared.max_position_mm:.3f} mm at most'
        )
    elif compared.max_position_mm > max_position_mm > 0:
        found.append(
            f'the end effector is {compared.max_position_mm:.3f} mm off, at most '
            f'{max_position_mm:g} mm are accepted'
        )
    if compared.codes_differ:
        found.append(
            f"the oracle's code differs at {len(compared.codes_differ)} steps, the first is "
            f'{compared.codes_differ[0]}'
        )
    return found


@dataclass
class _Watch:
    """Compares each observation with the recorded one."""

    episode: BagEpisode
    distances_mm: list[float] = field(default_factory=list)
    first_difference: int | None = None

    def see(self, observation: Observation, key_step: KeyStep, command: Command | None) -> None:
        del key_step, command
        heard = self.episode.observations.get(observation.step)
        if heard is None:
            return
        distance = np.linalg.norm(observation.ee_pose[:3] - heard.value.ee_pose[:3])
        self.distances_mm.append(float(distance) * 1e3)
        if self.first_difference is None and not _is_same_state(observation, heard.value):
            self.first_difference = observation.step


def _is_same_state(one: Observation, other: Observation) -> bool:
    names = ('joint_positions', 'joint_velocities', 'ee_pose')
    flags = ('vacuum_on', 'vacuum_grasping', 'vacuum_ready')
    return all(getattr(one, n).tobytes() == getattr(other, n).tobytes() for n in names) and all(
        getattr(one, n) == getattr(other, n) for n in flags
    )


class _RecordedPlanner:
    """Says what was said, and ends the episode where the recording does.

    Args:
        episode: the recording.
        steps: number of recorded actions.
    """

    def __init__(self, episode: BagEpisode, steps: int) -> None:
        self._episode = episode
        self._steps = steps
        self._last: KeyStep | None = None
        self.codes_differ: list[int] = []

    def reset(self, episode_id: int, instruction: str) -> None:
        """Nothing to forget."""

    def plan(self, observation: Observation, oracle_step: OracleStep | None = None) -> KeyStep:
        """Return the recorded key step of this observation."""
        heard = self._episode.key_steps.get(observation.step)
        key_step = self._unheard(observation) if heard is None else heard.value
        self._last = key_step
        if observation.step >= self._steps:
            return replace(key_step, reason=_END)
        is_oracle = heard is not None and key_step.checkpoint == _ORACLE
        if is_oracle and oracle_step is not None and oracle_step.code != key_step.code:
            self.codes_differ.append(observation.step)
        # Why the recording was given up is its own affair: here its actions decide.
        return replace(key_step, reason='')

    def _unheard(self, observation: Observation) -> KeyStep:
        """The key step of a step for which the bag has none: what ran goes on."""
        last = self._last
        return KeyStep(
            episode_id=observation.episode_id,
            step=observation.step,
            stamp_ns=observation.stamp_ns,
            subtask_id=-1 if last is None else last.subtask_id,
            is_key_step=False,
            code='' if last is None else last.code,
            cache_info='' if last is None else last.cache_info,
            memory=() if last is None else last.memory,
            reply_status=ReplyStatus.HOLD,
        )


class _RecordedLowLevel:
    """Does what was done.

    Args:
        actions: (7,) of each step.
    """

    def __init__(self, actions: Sequence[np.ndarray]) -> None:
        self._actions = actions

    def reset(self, episode: EpisodeInfo) -> None:
        """Nothing to prepare."""

    def act(self, observation: Observation, key_step: KeyStep) -> Command:
        """Return the recorded action of this observation."""
        return Command(
            episode_id=observation.episode_id,
            step=observation.step,
            source=CommandSource.REPLAY,
            chunk_id=-1,
            chunk_index=-1,
            action=self._actions[observation.step],
            subtask_id=key_step.subtask_id,
            stamp_ns=observation.stamp_ns,
        )
