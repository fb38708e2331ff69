# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Watches a planner at work: what it was asked, what it said, and what would have been right.

The planner and its backend are the nodes' own; these wrappers change nothing that they do, but for
the black picture of the control experiment.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from c2a_core.types import KeyStep, Observation, ReplyStatus
from c2a_planner.backend import PlannerBackend, Reply
from c2a_training.evaluation.deviation import LATE_STEPS, Scene, find_deviation, named_objects
from c2a_training.evaluation.episode_record import Answer
from c2a_training.rollout import OracleStep, Planner

# What a reply may turn out to be, and what of that is kept: commented ones only say that the
# sub-task goes on.
_ANSWERS = (ReplyStatus.KEY_STEP, ReplyStatus.SAME, ReplyStatus.REPEATED, ReplyStatus.INVALID)
_KEPT = (ReplyStatus.KEY_STEP, ReplyStatus.REPEATED, ReplyStatus.INVALID)


class WatchedBackend:
    """A backend that counts what it is asked, and may be blindfolded.

    Attributes:
        last: the newest reply.
        decisions: replies since `begin_episode`.
        tokens: tokens of those, as far as the backend counts them.
        seconds: wall time of those [s].
    """

    def __init__(
        self,
        backend: PlannerBackend,
        blind_px: int = 0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Wrap a backend.

        Args:
            backend: writes the replies.
            blind_px: side of the black picture [px] that it gets in place of the base camera's;
                0 leaves it the camera's.
            clock: steady clock [s].
        """
        self.name = backend.name
        self.checkpoint = backend.checkpoint
        self.writes_code = backend.writes_code
        self.is_instant = backend.is_instant
        self._backend = backend
        self._black = np.zeros((blind_px, blind_px, 3), np.uint8) if blind_px else None
        self._clock = clock
        self.begin_episode()

    def begin_episode(self) -> None:
        """Count anew."""
        self.last: Reply | None = None
        self.decisions, self.tokens, self.seconds = 0, 0, 0.0

    def reply(
        self,
        observation: Observation,
        instruction: str,
        memory: tuple[str, ...],
        request_key_step: bool,
        oracle_code: str | None,
    ) -> Reply:
        """Have the backend answer; see `PlannerBackend.reply`.

        Raises:
            ConnectionError: if no reply came: the episode would say nothing about the planner.
        """
        if self._black is not None:
            observation = replace(observation, base_image=self._black)
        started = self._clock()
        reply = self._backend.reply(
            observation, instruction, memory, request_key_step, oracle_code
        )
        if reply.error:
            raise ConnectionError(reply.error)
        self.seconds += self._clock() - started
        self.decisions += 1
        self.tokens += reply.n_tokens
        self.last = reply
        return reply


@dataclass
class _Question:
    """One observation that the backend was asked about; its answer may take effect later."""

    step: int
    oracle: str
    reply: Reply | None
    scene: Scene = ()


class WatchedPlanner:
    """A planner whose key steps are written down beside the ground truth.

    With a planner's delay an answer takes effect some steps after its question (semantics 10). It
    is judged by the observation that it was asked about.
    """

    def __init__(
        self, planner: Planner, backend: WatchedBackend, scene: Callable[[], Scene]
    ) -> None:
        """Wrap a planner.

        Args:
            planner: answers the observations.
            backend: the planner's own.
            scene: name and present cell of each object.
        """
        self._planner = planner
        self._backend = backend
        self._scene = scene
        self._forget()

    def reset(self, episode_id: int, instruction: str) -> None:
        """Begin an episode."""
        self._forget()
        self._backend.begin_episode()
        self._planner.reset(episode_id, instruction)

    def plan(self, observation: Observation, oracle_step: OracleStep | None = None) -> KeyStep:
        """Answer one observation, and note the answer."""
        oracle = '' if oracle_step is None else oracle_step.code
        if oracle and (not self._oracle_codes or self._oracle_codes[-1] != oracle):
            self._oracle_rows.append(observation.step)
            self._oracle_codes.append(oracle)
        decisions = self._backend.decisions
        key_step = self._planner.plan(observation, oracle_step)
        if self._backend.decisions > decisions:
            self._questions.append(_Question(observation.step, oracle, self._backend.last))
        if self._questions and key_step.reply_status in _ANSWERS:
            question = self._questions.popleft()
            if key_step.reply_status in _KEPT:
                self._note(key_step, question)
        for question in self._questions:
            question.scene = question.scene or tuple(self._scene())
        return key_step

    def answers(self) -> tuple[Answer, ...]:
        """What was said in this episode; deviations are judged with what came after, too."""
        return tuple(self._judged(answer, scene) for answer, scene in self._answers)

    def _forget(self) -> None:
        self._answers: list[tuple[Answer, Scene]] = []
        self._questions: deque[_Question] = deque()
        self._oracle_rows: list[int] = []
        self._oracle_codes: list[str] = []

    def _note(self, key_step: KeyStep, question: _Question) -> None:
        reply = question.reply
        is_invalid = key_step.reply_status == ReplyStatus.INVALID
        text = reply.text if is_invalid and reply is not None else key_step.code
        scene = question.scene or tuple(self._scene())
        answer = Answer(
            step=question.step,
            status=key_step.reply_status,
            text=text,
            oracle=question.oracle,
            reason=key_step.reason,
            objects=() if is_invalid else named_objects(text, scene),
            tokens=(reply.n_tokens or None) if reply is not None else None,
        )
        self._answers.append((answer, scene))

    def _judged(self, answer: Answer, scene: Scene) -> Answer:
        if answer.status == ReplyStatus.INVALID:
            return answer
        truths = self._truths(answer.step)
        return replace(answer, deviation=find_deviation(answer.text, truths, scene))

    def _truths(self, step: int) -> list[str]:
        """The follower's key step at a control step, and those of the `LATE_STEPS` after it."""
        first = bisect_right(self._oracle_rows, step) - 1
        last = bisect_right(self._oracle_rows, step + LATE_STEPS)
        return self._oracle_codes[max(first, 0) : last]
