# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""One key step being executed by the backend's scripted skills (semantics 7). No ROS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from c2a_core.types import FloatArray
from c2a_sim_bridge.episode_loop import DONE_CODE, EpisodeLoop


@dataclass(frozen=True)
class SkillGoal:
    """What is to be executed; fields as in the action `ExecuteSkill`."""

    episode_id: int
    code: str
    subtask_id: int
    wait_for_key_steps: bool


@dataclass(frozen=True)
class SkillResult:
    """How it went; fields as in the action `ExecuteSkill`."""

    success: bool
    done: bool
    reason: str
    first_step: int
    last_step: int
    episode_done: bool


class SkillListener(Protocol):
    """Who wants to know: the action server."""

    def skill_goes_on(self, step: int) -> None:
        """The skill will act on this step."""

    def skill_ended(self, result: SkillResult) -> None:
        """The skill is over."""


class SkillRun:
    """The running skill, if there is one.

    Args:
        loop: the episode it acts in.
    """

    def __init__(self, loop: EpisodeLoop) -> None:
        self._loop = loop
        self._goal: SkillGoal | None = None
        self._listener: SkillListener | None = None
        self._first_step = 0

    @property
    def goal(self) -> SkillGoal | None:
        """What is executed now."""
        return self._goal

    @property
    def is_active(self) -> bool:
        """Whether a skill moves the robot."""
        return self._goal is not None

    def why_refused(self, goal: SkillGoal) -> str:
        """Why a goal is none for this moment; empty if it may begin."""
        if not self._loop.is_running:
            return 'no episode is running: reset first'
        if goal.episode_id != self._loop.episode_id:
            return f'meant for episode {goal.episode_id}, but {self._loop.episode_id} is running'
        return ''

    def start(self, goal: SkillGoal, listener: SkillListener) -> None:
        """Begin; ends at once if the code is refused or there is nothing to do.

        Raises:
            ValueError: for a goal that is none for this moment, see `why_refused`. A running
                skill is not touched then: a goal of the last episode may come late.
        """
        if why := self.why_refused(goal):
            raise ValueError(why)
        self.stop('another skill was started')
        self._goal, self._listener = goal, listener
        self._first_step = self._loop.step
        if goal.code.strip() == DONE_CODE:
            self._loop.note_done()
            self.say_again()
        else:
            self._start_code(goal.code)

    def action(self) -> FloatArray:
        """Action (7,) for the present step."""
        if self._goal is None or self._goal.code.strip() == DONE_CODE:
            return self._loop.hold_action()
        return self._loop.backend.skill_action()

    def after_step(self) -> None:
        """A control step was done: go on, or end with the reason."""
        if self._goal is None:
            return
        if not self._loop.is_running:
            self._finish_with_episode()
        elif self._goal.code.strip() == DONE_CODE:
            self.say_again()
        else:
            self._check_status()

    def say_again(self) -> None:
        """Say that the running skill will act on this step; its first one included.

        The world may have moved on between the key step and its goal.
        """
        if self._listener is not None:
            self._listener.skill_goes_on(self._loop.step)

    def stop(self, reason: str) -> None:
        """End a running skill as failed."""
        if self._goal is None:
            return
        if self._loop.is_running:
            self._finish(False, reason)
        else:
            self._finish_with_episode()

    def _start_code(self, code: str) -> None:
        try:
            self._loop.backend.start_skill(code)
        except (ValueError, RuntimeError) as err:
            self._finish(False, str(err))
            return
        self._check_status()

    def _check_status(self) -> None:
        status = self._loop.backend.skill_status()
        if status == 'done':
            self._finish(True, '')
        elif status != 'running':
            self._finish(False, status.removeprefix('failed: '))
        else:
            self.say_again()

    def _finish_with_episode(self) -> None:
        reason = self._loop.reason
        success = reason == 'success'
        self._finish(success, '' if success else f'the episode ended: {reason}')

    def _finish(self, success: bool, reason: str) -> None:
        goal, listener = self._goal, self._listener
        assert goal is not None
        assert listener is not None
        self._goal = self._listener = None
        listener.skill_ended(
            SkillResult(
                success=success,
                done=goal.code.strip() == DONE_CODE,
                reason=reason,
                first_step=self._first_step,
                last_step=self._loop.step - 1,
                episode_done=not self._loop.is_running,
            )
        )
