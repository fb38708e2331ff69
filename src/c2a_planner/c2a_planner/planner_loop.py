# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Joins what the planner needs for an observation, and has key steps executed. No ROS.

An observation is answered once these are there: the status of its episode (semantics 12), the
oracle's key step of the same step for the oracle backend (6), and, while a skill runs, word
whether it acts on this step too (7). An observation that comes again, because the bridge has heard
no answer, gets the same answer again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from c2a_core.types import EpisodeStatus, KeyStep, Observation, ReplyStatus
from c2a_planner.planner import Planner
from c2a_planner.replies import DONE_CODE

_BEGINS_SKILL = (ReplyStatus.KEY_STEP, ReplyStatus.REPEATED)


@dataclass(frozen=True)
class PlannerPorts:
    """What the loop calls.

    Attributes:
        publish: sends a key step.
        execute: has a key step executed as a skill (low level 'oracle').
        cancel_skill: stops the running skill.
        forget_skill: what the last episode's skill still says is of no interest.
        check_skill: asks once more how the running skill has ended.
    """

    publish: Callable[[KeyStep], None]
    execute: Callable[[KeyStep], None]
    cancel_skill: Callable[[], None]
    forget_skill: Callable[[], None]
    check_skill: Callable[[], None]


class PlannerLoop:
    """Answers each observation with one key step.

    Args:
        planner: plans.
        ports: what it calls.
        needs_oracle: wait for the oracle's key step of each observation.
        executes_skills: low level 'oracle': ask once per skill, and have it executed.
    """

    def __init__(
        self, planner: Planner, ports: PlannerPorts, *, needs_oracle: bool, executes_skills: bool
    ) -> None:
        self.planner = planner
        self._ports = ports
        self._needs_oracle = needs_oracle
        self._executes_skills = executes_skills
        self.dropped: Counter[str] = Counter()
        self.status: EpisodeStatus | None = None
        self._waiting: deque[Observation] = deque(maxlen=20)
        self._oracle: dict[tuple[int, int], KeyStep] = {}
        self._answered: Observation | None = None
        self._answer_given: KeyStep | None = None
        self._is_skill_running = False
        self._skill_acts_until = -1

    def on_status(self, status: EpisodeStatus) -> None:
        """The bridge says how the episode is."""
        before, self.status = self.status, status
        is_same = before is not None and before.episode_id == status.episode_id
        if is_same and before.instruction != status.instruction and not status.done:
            self.planner.set_instruction(status.instruction)
            if self._is_skill_running:
                self._ports.cancel_skill()
        self._advance()

    def on_observation(self, observation: Observation) -> None:
        """An observation came; perhaps again."""
        if self._answered is not None and _is_same(observation, self._answered):
            self._answer_again(observation)
        elif any(_is_same(observation, other) for other in self._waiting):
            self._check_skill()
        else:
            self._waiting.append(observation)
        self._advance()

    def on_oracle(self, key_step: KeyStep) -> None:
        """The ground truth of an observation came."""
        if len(self._oracle) > 100:
            self._oracle.clear()
        self._oracle[key_step.episode_id, key_step.step] = key_step
        self._advance()

    def on_skill_feedback(self, step: int) -> None:
        """The running skill will act on this step."""
        self._skill_acts_until = max(self._skill_acts_until, step)
        self._advance()

    def on_skill_result(self, success: bool, reason: str, acted: bool) -> None:
        """The running skill has ended before the next step."""
        self._is_skill_running = False
        if self.status is None or not self.status.done:
            self.planner.report_skill(success, reason, acted)
        self._advance()

    def stop(self, reason: str) -> None:
        """End the task; said at once, with the last observation once more if need be."""
        self.planner.stop(reason)
        last = self._answered
        if last is not None and last.episode_id == self.planner.episode_id:
            self._answer_given = self.planner.hold(last)
            self._ports.publish(self._answer_given)

    def _advance(self) -> None:
        while self._waiting and self._handle(self._waiting[0]):
            self._waiting.popleft()

    def _handle(self, observation: Observation) -> bool:
        """Answer an observation or drop it; False if something is still missing."""
        status = self.status
        if status is None or status.episode_id < observation.episode_id:
            return False
        if self._is_stale(observation, status):
            self.dropped['observation of another episode or step'] += 1
            return True
        key = (observation.episode_id, observation.step)
        if self._needs_oracle and key not in self._oracle:
            return False
        if self._begins_episode(observation):
            self._begin_episode(status)
        if self._is_skill_running and self._skill_acts_until < observation.step:
            return False
        self._answer(observation, self._oracle.pop(key, None))
        return True

    def _is_stale(self, observation: Observation, status: EpisodeStatus) -> bool:
        last = self._answered
        if observation.episode_id != status.episode_id:
            # The last observation of an episode may come after the next one's status.
            return observation.episode_id != self.planner.episode_id
        is_old = last is not None and last.episode_id == observation.episode_id
        return is_old and 0 < observation.step <= last.step

    def _answer_again(self, observation: Observation) -> None:
        """The bridge has not heard the answer, or has lost the skill that it asks for."""
        self.dropped['observation that came again'] += 1
        last = self._answer_given
        if last is None or observation.episode_id != self.planner.episode_id:
            return
        if self._executes_skills and not self._is_skill_running and _begins_skill(last):
            self._ports.publish(self.planner.hold(observation))
        else:
            self._ports.publish(last)
        self._check_skill()

    def _check_skill(self) -> None:
        if self._is_skill_running:
            self._ports.check_skill()

    def _begins_episode(self, observation: Observation) -> bool:
        return observation.step == 0 or observation.episode_id != self.planner.episode_id

    def _begin_episode(self, status: EpisodeStatus) -> None:
        self.planner.reset(status.episode_id, status.instruction)
        self._is_skill_running = False
        self._skill_acts_until = -1
        self._ports.forget_skill()

    def _answer(self, observation: Observation, oracle: KeyStep | None) -> None:
        if self._is_skill_running:
            key_step = self.planner.hold(observation)
        else:
            key_step = self.planner.plan(
                observation, oracle, request_key_step=self._executes_skills
            )
        self._answered, self._answer_given = observation, key_step
        self._ports.publish(key_step)
        if self._executes_skills and not self._is_skill_running:
            self._execute(key_step)

    def _execute(self, key_step: KeyStep) -> None:
        is_over = self.status is not None and (
            self.status.done and self.status.episode_id == key_step.episode_id
        )
        if _begins_skill(key_step) and not is_over:
            self._is_skill_running = True
            self._skill_acts_until = key_step.step
            self._ports.execute(key_step)


def _begins_skill(key_step: KeyStep) -> bool:
    """Whether a key step is to be executed where skills move the robot."""
    begins = key_step.reply_status in _BEGINS_SKILL and not key_step.reason
    return begins and key_step.code != DONE_CODE


def _is_same(one: Observation, other: Observation) -> bool:
    """Whether two observations are one: a bridge that was started anew begins at 0 as well."""
    return (one.episode_id, one.step, one.stamp_ns) == (
        other.episode_id,
        other.step,
        other.stamp_ns,
    )
