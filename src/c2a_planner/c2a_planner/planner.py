# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""One planning round per observation: ask, judge, remember, answer with one KeyStep.

The node and the in-process rollout run this same class. It must not know ROS, threads' owners or
the simulator; the model sits behind `backend.py`, the meaning of replies is in `replies.py`.

With a delay of d control steps (semantics 10), here d = 2::

    observation   0     1        2      3        4      5        6
    asked         q0             q1              q2              q3
    takes effect                 q0              q1              q2
    KeyStep       hold  hold     q0's   skipped  q1's   skipped  q2's
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Protocol

from c2a_core.delay import delay_steps
from c2a_core.memory import KeyStepMemory
from c2a_core.spaces import CONTROL_DT
from c2a_core.types import EndReason, KeyStep, Observation, ReplyStatus
from c2a_planner.backend import PlannerBackend, Reply
from c2a_planner.replies import DONE_CODE, Judgement, judge_reply

MAX_INVALID_IN_A_ROW = 20
MAX_KEY_STEPS = 64
MAX_FAILED_SKILLS_IN_A_ROW = 3
DONE_CONFIRMATIONS = 10
"""Replies in a row, half a second of them, that make an unasked `done()` count: it cannot be taken
back, and an arm that hovers looks like one that has finished."""

UNCONFIRMED = 'done() was not said often enough in a row yet'

_BEGINS_SKILL = (ReplyStatus.KEY_STEP, ReplyStatus.REPEATED)


class HasCode(Protocol):
    """Ground truth for one observation: the follower's step or an oracle KeyStep."""

    @property
    def code(self) -> str:
        """The running key step, uncommented."""


@dataclass
class _Query:
    """One question that has been asked and not been answered in a KeyStep yet."""

    step: int
    request_key_step: bool
    reply: Reply | None = None
    future: Future[Reply] | None = None

    def poll(self) -> Reply | None:
        """The reply, once it is there; raises what the backend raised."""
        if self.reply is None and self.future is not None and self.future.done():
            self.reply = self.future.result()
        return self.reply


class Planner:
    """Writes one KeyStep per observation of an episode.

    `counts` holds the key steps by reply status and `reasons` the (status, reason) pairs of what
    went wrong, both since the episode's beginning.

    Args:
        backend: writes the replies.
        control_dt: control period [s].
        delay_s: time charged for a reply [s]; None charges the reply's own latency.
        pool: where replies are made, for backends that take their time in `realtime`; None asks
            within `plan`. With a pool and no delay a reply takes effect at the first observation
            after it is there.
        done_confirmations: replies in a row that must say `done()` before it counts, if no key
            step was asked for; until then the last key step goes on. The oracle needs one.
    """

    def __init__(
        self,
        backend: PlannerBackend,
        control_dt: float = CONTROL_DT,
        delay_s: float | None = 0.0,
        pool: Executor | None = None,
        done_confirmations: int = 1,
    ) -> None:
        self.backend = backend
        # The ground truth knows.
        self._done_confirmations = 1 if backend.name == 'oracle' else done_confirmations
        self._control_dt = control_dt
        self._delay_s = delay_s
        self._pool = pool
        self.reset(-1, '')

    def reset(self, episode_id: int, instruction: str) -> None:
        """Begin an episode: empty memory, no key step."""
        self.episode_id = episode_id
        self.instruction = instruction
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()
        self._memory = KeyStepMemory()
        self._code = ''
        self._cache_info = ''
        self._subtask_id = -1
        self._is_done = False
        self._stopped = ''
        self._query: _Query | None = None
        self._last_status = ''
        self._invalid_in_a_row = 0
        self._failed_in_a_row = 0
        self._done_in_a_row = 0

    def set_instruction(self, instruction: str) -> None:
        """Go on in the same episode with another instruction: new memory, ids count on."""
        self.instruction = instruction
        self._memory = KeyStepMemory()
        self._is_done = False
        self._query = None
        self._invalid_in_a_row = self._failed_in_a_row = self._done_in_a_row = 0

    @property
    def memory(self) -> tuple[str, ...]:
        """Key steps so far, oldest first."""
        return self._memory.steps

    def plan(
        self,
        observation: Observation,
        oracle_step: HasCode | None = None,
        *,
        request_key_step: bool = False,
    ) -> KeyStep:
        """Answer one observation.

        Args:
            observation: the newest observation; each one is given once, in order.
            oracle_step: ground truth at this observation, for the oracle backend.
            request_key_step: ask for the next key step directly (a skill has ended, semantics 8).

        Returns:
            The observation's KeyStep.
        """
        self._check_episode(observation)
        memory = self._memory.steps
        if self._stopped or self._is_done:
            return self._resting(observation)
        if not self.backend.writes_code:
            return self._plan_flat(observation)
        if self._query is None:
            self._ask(observation, oracle_step, request_key_step)
        query, reply = self._query, self._due_reply(observation.step)
        if query is None or reply is None:
            return self._key_step(observation, self._waiting_status(), memory)
        self._query = None
        judgement = self._apply(reply, query.request_key_step)
        # Free again: with a delay the planner turns to this very observation at once.
        begins_skill = request_key_step and judgement.status in _BEGINS_SKILL
        if query.step < observation.step and not (self._stopped or self._is_done or begins_skill):
            self._ask(observation, oracle_step, request_key_step)
        return self._answer(observation, memory, judgement, reply)

    def hold(self, observation: Observation) -> KeyStep:
        """Answer an observation without asking, while a skill runs: the key step goes on."""
        self._check_episode(observation)
        if self._stopped or self._is_done:
            return self._resting(observation)
        return self._key_step(observation, ReplyStatus.HOLD, self._memory.steps)

    def report_skill(self, success: bool, reason: str = '', acted: bool = True) -> None:
        """Take note of how a skill ended (semantics 8); three failures in a row abort.

        Args:
            success: its done test holds.
            reason: why it failed.
            acted: it moved the world; a skill that was done before it began, twice in a row, is
                a planner that is stuck, and counts as a failure.
        """
        if success and (acted or self._last_status == ReplyStatus.KEY_STEP):
            self._failed_in_a_row = 0
            return
        self._failed_in_a_row += 1
        why = reason or 'was done before it began, and the planner asked for it again'
        self.reasons['skill', why] += 1
        if self._failed_in_a_row >= MAX_FAILED_SKILLS_IN_A_ROW:
            self.abort(f'{MAX_FAILED_SKILLS_IN_A_ROW} failed skills in a row, the last: {why}')

    def abort(self, why: str) -> None:
        """Give the task up; the following key steps say why."""
        self.stop(EndReason.aborted(why))

    def stop(self, reason: str) -> None:
        """End the task with one of `EndReason`; the following key steps carry it."""
        self._stopped = self._stopped or reason
        self._query = None

    def _check_episode(self, observation: Observation) -> None:
        if observation.episode_id != self.episode_id:
            raise ValueError(
                f'observation of episode {observation.episode_id}, expected {self.episode_id}: '
                'call reset() when an episode begins'
            )

    def _ask(
        self, observation: Observation, oracle_step: HasCode | None, request_key_step: bool
    ) -> None:
        arguments = (
            observation,
            self.instruction,
            self._memory.steps,
            request_key_step,
            None if oracle_step is None else oracle_step.code,
        )
        self._query = _Query(observation.step, request_key_step)
        if self._pool is None or self.backend.is_instant:
            self._query.reply = self.backend.reply(*arguments)
        else:
            self._query.future = self._pool.submit(self.backend.reply, *arguments)

    def _due_reply(self, step: int) -> Reply | None:
        """The reply that takes effect at this step, if there is one."""
        reply = None if self._query is None else self._query.poll()
        if reply is None or self._query is None:
            return None
        if self._query.future is not None and not self._delay_s:
            return reply
        charged_s = reply.latency_s if self._delay_s is None else self._delay_s
        due = step >= self._query.step + delay_steps(charged_s, self._control_dt)
        return reply if due else None

    def _apply(self, reply: Reply, request_key_step: bool) -> Judgement:
        """Judge a reply and remember what it brought."""
        if reply.error:
            self._done_in_a_row = 0
            return self._count_invalid(Judgement(ReplyStatus.INVALID, reason=reply.error))
        judgement = judge_reply(
            reply.text, self._memory.steps, self._memory.keys(), request_key_step
        )
        is_done = judgement.code == DONE_CODE
        self._done_in_a_row = self._done_in_a_row + 1 if is_done else 0
        if judgement.status == ReplyStatus.INVALID:
            return self._count_invalid(judgement)
        self._invalid_in_a_row = 0
        is_confirmed = request_key_step or self._done_in_a_row >= self._done_confirmations
        if is_done and self._memory.steps and not is_confirmed:
            return Judgement(ReplyStatus.SAME, reason=UNCONFIRMED)
        if judgement.status == ReplyStatus.KEY_STEP:
            if len(self._memory.steps) >= MAX_KEY_STEPS:
                self.abort(f'more than {MAX_KEY_STEPS} key steps')
                return Judgement(ReplyStatus.INVALID, reason=self._stopped)
            self._memory.append(judgement.code)
            self._begin(judgement.code, self._memory.cache_info())
        return judgement

    def _count_invalid(self, judgement: Judgement) -> Judgement:
        self._invalid_in_a_row += 1
        if self._invalid_in_a_row < MAX_INVALID_IN_A_ROW:
            return judgement
        self.abort(
            f'{MAX_INVALID_IN_A_ROW} invalid replies in a row, the last: {judgement.reason}'
        )
        return Judgement(ReplyStatus.INVALID, reason=self._stopped)

    def _begin(self, code: str, cache_info: str) -> None:
        self._code = code
        self._cache_info = cache_info
        self._subtask_id += 1
        self._is_done = self.backend.writes_code and code == DONE_CODE

    def _plan_flat(self, observation: Observation) -> KeyStep:
        """The flat baseline: the instruction is the code, once."""
        if self._code == self.instruction and self._subtask_id >= 0:
            return self._key_step(observation, ReplyStatus.HOLD, ())
        self._begin(self.instruction, '')
        return self._key_step(observation, ReplyStatus.KEY_STEP, (), is_key_step=True)

    def _resting(self, observation: Observation) -> KeyStep:
        status = ReplyStatus.DONE if self._is_done else ReplyStatus.HOLD
        return self._key_step(observation, status, self._memory.steps, reason=self._stopped)

    def _waiting_status(self) -> str:
        return ReplyStatus.HOLD if self._subtask_id < 0 else ReplyStatus.SKIPPED

    def _answer(
        self,
        observation: Observation,
        memory: tuple[str, ...],
        judgement: Judgement,
        reply: Reply,
    ) -> KeyStep:
        self._last_status = judgement.status
        if judgement.reason:
            self.reasons[judgement.status, judgement.reason] += 1
        return self._key_step(
            observation,
            judgement.status,
            memory,
            is_key_step=judgement.status == ReplyStatus.KEY_STEP,
            reason=judgement.reason if judgement.status == ReplyStatus.INVALID else '',
            early_stopped=reply.early_stopped,
            latency_s=reply.latency_s,
        )

    def _key_step(
        self,
        observation: Observation,
        status: str,
        memory: tuple[str, ...],
        *,
        is_key_step: bool = False,
        reason: str = '',
        early_stopped: bool = False,
        latency_s: float = 0.0,
    ) -> KeyStep:
        self.counts[status] += 1
        return KeyStep(
            episode_id=observation.episode_id,
            step=observation.step,
            stamp_ns=observation.stamp_ns,
            subtask_id=self._subtask_id,
            is_key_step=is_key_step,
            code=self._code,
            cache_info=self._cache_info,
            memory=memory,
            reply_status=status,
            reason=reason,
            early_stopped=early_stopped,
            latency_s=latency_s,
            checkpoint=self.backend.checkpoint,
        )
