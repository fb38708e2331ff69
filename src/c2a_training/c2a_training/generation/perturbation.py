# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Demonstrations that are less perfect than the oracle's: pushed arms and late key steps.

At run time states are perturbed, a policy leads to others than the skills do, and key steps come
at other moments than the oracle's. The wrappers draw from a generator of their episode, so that
an episode is a function of its task, seed and settings.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from c2a_core.spaces import TRANSLATION, VACUUM, clip_action
from c2a_core.types import Command, CommandSource, FloatArray, KeyStep, Observation
from c2a_training.rollout import EpisodeInfo, LowLevel, OracleStep, Planner


class DisturbedLowLevel:
    """Disturbs a running skill for some steps of some sub-tasks.

    The skill sees where the arm is after each step and goes on from there. Recorded are both: the
    action that was executed, and what the skill wanted.

    Attributes:
        intended: (7,), the last command's action before it was disturbed.

    Args:
        low_level: runs the key steps.
        rng: of the episode.
    """

    share: float
    """Of the sub-tasks that are disturbed."""
    last_start: int
    """A disturbance begins in a sub-task's first steps, at this one at the latest."""
    steps: tuple[int, int]
    """It lasts so many, at least and at most."""

    def __init__(self, low_level: LowLevel, rng: np.random.Generator) -> None:
        self._low_level = low_level
        self._rng = rng
        self._subtask_id = -1
        self._disturbed = range(0)
        self.intended: FloatArray | None = None

    def reset(self, episode: EpisodeInfo) -> None:
        """Prepare for an episode."""
        self._low_level.reset(episode)
        self._subtask_id = -1
        self.intended = None

    def act(self, observation: Observation, key_step: KeyStep) -> Command:
        """The low level's command, or what a disturbance makes of it."""
        if key_step.subtask_id != self._subtask_id:
            self._subtask_id = key_step.subtask_id
            self._disturbed = self._draw(observation.step)
        command = self._low_level.act(observation, key_step)
        self.intended = command.action
        if observation.step not in self._disturbed or command.source != CommandSource.SKILL:
            return command
        action = self._disturb(command.action, observation, key_step)
        return replace(command, action=clip_action(action))

    def _disturb(
        self, wanted: FloatArray, observation: Observation, key_step: KeyStep
    ) -> FloatArray:
        """What is executed (7,) in place of what the skill wanted."""
        raise NotImplementedError

    def _draw(self, step: int) -> range:
        """Steps of the episode that are disturbed in the sub-task that begins at `step`."""
        is_disturbed = self._rng.random() < self.share
        start = step + int(self._rng.integers(self.last_start + 1))
        length = int(self._rng.integers(self.steps[0], self.steps[1] + 1))
        return range(start, start + length) if is_disturbed else range(0)


class NoisyLowLevel(DisturbedLowLevel):
    """Pushes the arm aside: bursts of Gaussian noise on the translation.

    Args:
        low_level: runs the key steps.
        sigma_m: standard deviation along each axis, in each step of a burst [m].
        rng: of the episode.
    """

    share = 0.5
    last_start = 8
    steps = (1, 4)

    def __init__(self, low_level: LowLevel, sigma_m: float, rng: np.random.Generator) -> None:
        super().__init__(low_level, rng)
        self._sigma_m = sigma_m

    def _disturb(
        self, wanted: FloatArray, observation: Observation, key_step: KeyStep
    ) -> FloatArray:
        del observation, key_step
        action = wanted.copy()
        action[TRANSLATION] += self._rng.normal(0.0, self._sigma_m, 3).astype(np.float32)
        return action


class PolicyStretches(DisturbedLowLevel):
    """Lets a policy move the arm for stretches, until it has arrived and longer.

    So the skill shows the way from where the policy leads: what it learns next (DAgger, Ross and
    others, https://arxiv.org/abs/1011.0686). The vacuum is the skill's, so that nothing drops, or
    the policy's: what is dropped has to be picked again, and the skills show that.

    Args:
        low_level: runs the key steps.
        policy: moves the arm meanwhile.
        steps: of a stretch, at least and at most.
        switches: whether the policy switches the vacuum as well.
        rng: of the episode.
    """

    share = 0.6
    last_start = 8

    def __init__(
        self,
        low_level: LowLevel,
        policy: LowLevel,
        steps: tuple[int, int],
        switches: bool,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(low_level, rng)
        self._policy = policy
        self.steps = steps
        self._switches = switches

    def reset(self, episode: EpisodeInfo) -> None:
        """Prepare for an episode."""
        super().reset(episode)
        self._policy.reset(episode)

    def _disturb(
        self, wanted: FloatArray, observation: Observation, key_step: KeyStep
    ) -> FloatArray:
        action = self._policy.act(observation, key_step).action.copy()
        if not self._switches:
            action[VACUUM] = wanted[VACUUM]
        return action


class LatePlanner:
    """Lets an oracle planner take each new key step some observations late.

    The last key step, whose skill has ended, stands meanwhile, so the robot holds. The first key
    step of an episode comes in time.
    """

    def __init__(self, planner: Planner, max_late: int, rng: np.random.Generator) -> None:
        """Wrap a planner for one episode.

        Args:
            planner: has the property `memory`; follows the oracle step that it is given.
            max_late: up to so many observations, all counts equally likely.
            rng: of the episode.
        """
        self._planner = planner
        self._max_late = max_late
        self._rng = rng
        self._last = ''
        self._left: int | None = None

    def reset(self, episode_id: int, instruction: str) -> None:
        """Forget the last episode."""
        self._planner.reset(episode_id, instruction)
        self._last, self._left = '', None

    def plan(self, observation: Observation, oracle_step: OracleStep | None = None) -> KeyStep:
        """Answer one observation, as if the oracle had said nothing new while it is late."""
        if oracle_step is None or not self._last or oracle_step.code == self._last:
            self._left = None
        elif self._left is None:
            self._left = int(self._rng.integers(self._max_late + 1))
        if self._left:
            self._left -= 1
            oracle_step = _Standing(self._last)
        else:
            self._left = None
        key_step = self._planner.plan(observation, oracle_step)
        self._last = key_step.code
        return key_step


class _Standing:
    """An oracle step that is not new."""

    is_new = False

    def __init__(self, code: str) -> None:
        self.code = code
