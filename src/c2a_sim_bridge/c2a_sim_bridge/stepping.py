# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""When the world takes a control step, and with which action: lockstep and realtime. No ROS.

Both are told what happens (a command, a key step, a skill, a tick of the control clock) and answer
by calling `apply(action, source)`; a source of None means that the action came as a command.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from c2a_core.types import Command, CommandSource, FloatArray, KeyStep, ReplyStatus
from c2a_sim_bridge.episode_loop import DONE_CODE, EpisodeLoop
from c2a_sim_bridge.skill_run import SkillRun

Apply = Callable[[FloatArray, 'str | None'], None]

_STARTS_SKILL = (ReplyStatus.KEY_STEP, ReplyStatus.REPEATED)


class Lockstep:
    """The world waits: for the command of its step, or, while a skill runs, for the key step.

    With low level 'oracle' nobody sends commands. Then a key step that begins a sub-task is
    followed by a skill; any other one without a running skill means that the robot holds.

    Args:
        loop: the episode.
        skills: the running skill.
        apply: does the control step.
        low_level: 'oracle', 'policy' or 'replay'.
        later: calls back soon, for a skill that waits for nobody.
    """

    def __init__(
        self,
        loop: EpisodeLoop,
        skills: SkillRun,
        apply: Apply,
        low_level: str,
        later: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._skills = skills
        self._apply = apply
        self._is_oracle = low_level == 'oracle'
        self._later = later
        self._key_step: KeyStep | None = None
        self._skill_began_at = (0, -1)
        self.dropped: Counter[str] = Counter()
        self.is_stopped = False

    def begin(self) -> None:
        """Observation(0) of an episode was published."""
        self._key_step = None

    def on_command(self, command: Command) -> None:
        """A command came from the controller."""
        if not self._is_current(command.episode_id, command.step):
            self.dropped['command of another step'] += 1
        elif self._skills.is_active or self._is_oracle:
            self.dropped['command while skills move the robot'] += 1
        else:
            self._apply(command.action, None)

    def on_key_step(self, key_step: KeyStep) -> None:
        """The planner answered an observation."""
        if not self._is_current(key_step.episode_id, key_step.step):
            return
        self._key_step = key_step
        self.proceed()

    def on_skill_started(self) -> None:
        """A skill was accepted; it may have ended at once."""
        self._skill_began_at = (self._loop.episode_id, self._loop.step)
        self.proceed()

    def proceed(self) -> None:
        """Step if nothing is missing."""
        if not self._loop.is_running:
            return
        goal = self._skills.goal
        if goal is not None and not goal.wait_for_key_steps:
            self._later()
        elif self._key_step is None or self._key_step.step != self._loop.step:
            return
        elif goal is not None:
            self._apply(self._skills.action(), CommandSource.SKILL)
        elif self._is_oracle and not self._awaits_skill(self._key_step):
            self._apply(self._loop.hold_action(), CommandSource.HOLD)

    def free_step(self) -> None:
        """The call that `later` promised: one step of a skill that waits for nobody."""
        goal = self._skills.goal
        if goal is None or goal.wait_for_key_steps or not self._loop.is_running:
            return
        self._apply(self._skills.action(), CommandSource.SKILL)
        self.proceed()

    def tick(self) -> None:
        """The control clock does not matter here."""

    def _awaits_skill(self, key_step: KeyStep) -> bool:
        if key_step.reply_status not in _STARTS_SKILL or key_step.code == DONE_CODE:
            return False
        # A skill that ended without a step: the robot holds, so that the planner is asked again.
        return self._skill_began_at != (self._loop.episode_id, self._loop.step)

    def _is_current(self, episode_id: int, step: int) -> bool:
        loop = self._loop
        return loop.is_running and (episode_id, step) == (loop.episode_id, loop.step)


class Realtime:
    """The world moves at the control rate: a late command means hold, a stale one is dropped.

    Args:
        loop: the episode.
        skills: the running skill.
        apply: does the control step.
        low_level: 'oracle', 'policy' or 'replay'.
        idle: does a control step between episodes.
        timeout_s: without a command for so long the robot is stopped [s].
        clock: steady clock [s].
    """

    def __init__(
        self,
        loop: EpisodeLoop,
        skills: SkillRun,
        apply: Apply,
        low_level: str,
        idle: Callable[[], None],
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._skills = skills
        self._apply = apply
        self._needs_commands = low_level != 'oracle'
        self._idle = idle
        self._timeout_s = timeout_s
        self._clock = clock
        self._command: Command | None = None
        self._heard_s = clock()
        self.dropped: Counter[str] = Counter()
        self.is_stopped = False

    def begin(self) -> None:
        """Observation(0) of an episode was published."""
        self._command = None
        self._heard_s = self._clock()
        self.is_stopped = False

    def on_command(self, command: Command) -> None:
        """A command came from the controller."""
        loop = self._loop
        if not loop.is_running or (command.episode_id, command.step) != (
            loop.episode_id,
            loop.step,
        ):
            self.dropped['command of another step'] += 1
            return
        self._command = command
        self._heard_s = self._clock()
        self.is_stopped = False

    def on_key_step(self, key_step: KeyStep) -> None:
        """Nothing waits for key steps here."""

    def on_skill_started(self) -> None:
        """The next tick takes its action."""

    def proceed(self) -> None:
        """Nothing to wait for."""

    def free_step(self) -> None:
        """Skills move with the control clock."""

    def tick(self) -> None:
        """The control clock: one control step."""
        if not self._loop.is_running:
            self._idle()
            return
        command, self._command = self._command, None
        if self._skills.is_active:
            self._heard_s = self._clock()
            self._apply(self._skills.action(), CommandSource.SKILL)
        elif command is not None:
            self._apply(command.action, None)
        else:
            self._watch()
            self._apply(self._loop.hold_action(), CommandSource.HOLD)

    def _watch(self) -> None:
        """Stop the robot for good when commands stay away."""
        if not self._needs_commands:
            return
        self.dropped['no command in time, held'] += 1
        if not self.is_stopped and self._clock() - self._heard_s > self._timeout_s:
            self.is_stopped = True
            self._loop.backend.stop()
