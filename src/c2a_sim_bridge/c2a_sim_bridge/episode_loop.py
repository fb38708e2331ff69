# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""One episode after another on a backend: reset, control steps, verdict. No ROS, no waiting.

When to step is decided in `stepping.py`; what is published, in the node.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy.typing as npt

from c2a_core.spaces import CONTROL_DT_NS, CONTROL_RATE_HZ, clip_action, hold_action
from c2a_core.types import EndReason, EpisodeStatus, FloatArray, KeyStep, Observation
from c2a_sim_bridge.backends.backend import Backend, EpisodeInfo

DONE_CODE = 'done()'
DONE_HOLD_STEPS = round(0.5 * CONTROL_RATE_HZ)
"""After `done()` the predicates get half a second of robot time (semantics 9)."""


@dataclass(frozen=True)
class Setting:
    """What stays the same over the episodes: words that go into their status."""

    stepping: str
    low_level: str


class EpisodeLoop:
    """Owns the episode: its number, step, robot time, end and reason.

    Args:
        backend: the world.
        setting: how it is stepped and who moves the arm.
    """

    def __init__(self, backend: Backend, setting: Setting) -> None:
        self.backend = backend
        self._setting = setting
        self._info: EpisodeInfo | None = None
        self.observation: Observation | None = None
        self.episode_id = 0
        self.step = 0
        self.time_ns = 0
        self.reason = EndReason.RESET
        self.planner_checkpoint = ''
        self.policy_checkpoint = ''
        self.refused: Counter[str] = Counter()
        self._done_at: int | None = None
        self._is_done_by_skill = False

    @property
    def is_running(self) -> bool:
        """Whether an episode runs."""
        return self._info is not None and self.reason == EndReason.RUNNING

    @property
    def info(self) -> EpisodeInfo | None:
        """The running or last episode."""
        return self._info

    def start(
        self, task: str, seed: int, instruction: str | None, options: dict[str, str]
    ) -> Observation:
        """Begin an episode; a running one must have been ended.

        Returns:
            Observation(0).

        Raises:
            ValueError: what the backend refuses; the world is then without an episode.
        """
        self.reason = EndReason.RESET
        self._info = self.backend.reset(task, seed, instruction, options)
        self.episode_id += 1
        self.step = 0
        self.reason = EndReason.RUNNING
        self._done_at = None
        self._is_done_by_skill = False
        return self._observe()

    def set_instruction(self, instruction: str) -> None:
        """Give the running episode another instruction, or '' its own; the scene stays."""
        if self._info is None or not self.is_running:
            raise ValueError('no episode is running: give a task to start one')
        self._info = replace(self._info, instruction=instruction or self._info.instruction)
        self._done_at = None

    def checked(self, action: npt.ArrayLike) -> FloatArray:
        """An action (7,) within bounds; one that is not finite becomes a hold and is counted."""
        try:
            return clip_action(action)
        except ValueError as err:
            self.refused[str(err)] += 1
            return self.hold_action()

    def advance(self, action: FloatArray) -> Observation:
        """One control step of the running episode with a checked action; its end if the last."""
        self.backend.step(action)
        self.step += 1
        self.time_ns += CONTROL_DT_NS
        observation = self._observe()
        self._check_end()
        return observation

    def idle(self) -> Observation | None:
        """One control step between episodes: the robot holds. None without a world."""
        if self._info is None:
            return None
        self.backend.step(self.hold_action())
        self.time_ns += CONTROL_DT_NS
        return self._observe()

    def hold_action(self) -> FloatArray:
        """Action (7,) that keeps the robot and its vacuum as they are."""
        return hold_action(self.observation is not None and self.observation.vacuum_on)

    def end(self, reason: str) -> None:
        """End the running episode from outside, stopping the robot at once."""
        if not self.is_running:
            return
        self.reason = reason
        self.backend.stop()

    def note_key_step(self, key_step: KeyStep) -> None:
        """Take note of what the planner says: done, given up, cancelled (semantics 4, 9)."""
        if key_step.episode_id != self.episode_id or not self.is_running:
            return
        self.planner_checkpoint = key_step.checkpoint
        if is_given_up(key_step):
            self.end(key_step.reason)
        elif self._is_done_by_skill:
            pass
        elif key_step.code != DONE_CODE:
            self._done_at = None
        elif self._done_at is None:
            self._done_at = key_step.step

    def note_done(self) -> None:
        """Somebody has had done() executed as a skill: it counts whatever the planner says."""
        self._is_done_by_skill = True
        self._done_at = self.step

    def status(self) -> EpisodeStatus:
        """The episode's state.

        Raises:
            RuntimeError: before the first reset.
        """
        if self._info is None:
            raise RuntimeError('no episode yet: reset first')
        return EpisodeStatus(
            episode_id=self.episode_id,
            task=self._info.task,
            instruction=self._info.instruction,
            seed=self._info.seed,
            step=self.step,
            max_steps=self._info.max_steps,
            success=self.reason == EndReason.SUCCESS,
            done=not self.is_running,
            reason=self.reason,
            stepping=self._setting.stepping,
            low_level=self._setting.low_level,
            backend=self.backend.name,
            control_rate_hz=CONTROL_RATE_HZ,
            planner_checkpoint=self.planner_checkpoint,
            policy_checkpoint=self.policy_checkpoint,
            split=self._info.split,
            stamp_ns=self.time_ns,
        )

    def _observe(self) -> Observation:
        observation = self.backend.observe(self.episode_id)
        self.observation = replace(observation, step=self.step, stamp_ns=self.time_ns)
        return self.observation

    def _check_end(self) -> None:
        """End the episode where world or clock say so; the arm comes to rest by itself."""
        assert self._info is not None
        if self.backend.success:
            self.reason = EndReason.SUCCESS
        elif self._done_at is not None and self.step >= self._done_at + DONE_HOLD_STEPS:
            self.reason = EndReason.EARLY_DONE
        elif self.step >= self._info.max_steps:
            self.reason = EndReason.TIME_OUT


def is_given_up(key_step: KeyStep) -> bool:
    """Whether the planner ends the task with this key step."""
    reason = key_step.reason
    return reason == EndReason.CANCELLED or reason.startswith(EndReason.ABORTED_PREFIX)
