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

from c2a_core.spaces import VACUUM, clip_action
from c2a_core.types import Command, CommandSource, FloatArray, KeyStep, Observation
from c2a_training.rollout import EpisodeInfo, LowLevel, OracleStep, Planner

# Half of the sub-tasks are disturbed, for up to this many steps, beginning in their first ones.
_DISTURBED_SHARE = 0.5
_MAX_BURST_STEPS = 4
_LAST_BURST_START = 8
# A policy gets some more, for stretches that may last until it has arrived and longer.
_POLICY_SHARE = 0.6
_LAST_STRETCH_START = 8
_SHORTEST_STRETCH, _LONGEST_STRETCH = 4, 20


class NoisyLowLevel:
    """Adds bursts of Gaussian noise to the translation of a running skill's actions.

    The skill sees where the arm is after each step and recovers by itself. Recorded are both: the
    action that was executed, and what the skill wanted.

    Attributes:
        intended: (7,), the last command's action before it was disturbed.
    """

    def __init__(self, low_level: LowLevel, sigma_m: float, rng: np.random.Generator) -> None:
        """Wrap a low level for one episode.

        Args:
            low_level: runs the key steps.
            sigma_m: standard deviation along each axis, in each step of a burst [m].
            rng: of the episode.
        """
        self._low_level = low_level
        self._sigma_m = sigma_m
        self._rng = rng
        self._subtask_id = -1
        self._burst = range(0)
        self.intended: FloatArray | None = None

    def reset(self, episode: EpisodeInfo) -> None:
        """Prepare for an episode."""
        self._low_level.reset(episode)
        self._subtask_id = -1
        self.intended = None

    def act(self, observation: Observation, key_step: KeyStep) -> Command:
        """The low level's command, pushed aside while a burst lasts."""
        if key_step.subtask_id != self._subtask_id:
            self._subtask_id = key_step.subtask_id
            self._burst = self._draw_burst(observation.step)
        command = self._low_level.act(observation, key_step)
        self.intended = command.action
        if observation.step not in self._burst or command.source != CommandSource.SKILL:
            return command
        action = command.action.copy()
        action[:3] += self._rng.normal(0.0, self._sigma_m, 3).astype(np.float32)
        return replace(command, action=clip_action(action))

    def _draw_burst(self, step: int) -> range:
        """Steps of the episode that are disturbed in the sub-task that begins at `step`."""
        is_disturbed = self._rng.random() < _DISTURBED_SHARE
        start = step + int(self._rng.integers(_LAST_BURST_START + 1))
        length = int(self._rng.integers(1, _MAX_BURST_STEPS + 1))
        return range(start, start + length) if is_disturbed else range(0)


class PolicyStretches:
    """Lets a policy move the arm for stretches of a running skill, which then goes on.

    So the skill shows the way from where the policy leads: what it learns next (DAgger, Ross and
    others, https://arxiv.org/abs/1011.0686). Recorded are both: the action that was executed, and
    what the skill wanted. The vacuum is always the skill's: what is dropped cannot be shown again.

    Attributes:
        intended: (7,), what the skill wanted in the last step.
    """

    def __init__(self, low_level: LowLevel, policy: LowLevel, rng: np.random.Generator) -> None:
        """Wrap a low level for one episode.

        Args:
            low_level: runs the key steps.
            policy: moves the arm meanwhile.
            rng: of the episode.
        """
        self._low_level = low_level
        self._policy = policy
        self._rng = rng
        self._subtask_id = -1
        self._stretch = range(0)
        self.intended: FloatArray | None = None

    def reset(self, episode: EpisodeInfo) -> None:
        """Prepare for an episode."""
        self._low_level.reset(episode)
        self._policy.reset(episode)
        self._subtask_id = -1
        self.intended = None

    def act(self, observation: Observation, key_step: KeyStep) -> Command:
        """The low level's command, or the policy's while a stretch lasts."""
        if key_step.subtask_id != self._subtask_id:
            self._subtask_id = key_step.subtask_id
            self._stretch = self._draw_stretch(observation.step)
        command = self._low_level.act(observation, key_step)
        self.intended = command.action
        if observation.step not in self._stretch or command.source != CommandSource.SKILL:
            return command
        action = self._policy.act(observation, key_step).action.copy()
        action[VACUUM] = command.action[VACUUM]
        return replace(command, action=clip_action(action))

    def _draw_stretch(self, step: int) -> range:
        """Steps of the episode that are the policy's in the sub-task that begins at `step`."""
        is_chosen = self._rng.random() < _POLICY_SHARE
        start = step + int(self._rng.integers(_LAST_STRETCH_START + 1))
        length = int(self._rng.integers(_SHORTEST_STRETCH, _LONGEST_STRETCH + 1))
        return range(start, start + length) if is_chosen else range(0)


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
