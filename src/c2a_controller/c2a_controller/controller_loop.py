# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Joins each observation with its key step and answers with one command (semantics 1). No ROS.

In lockstep it waits for the key step of the very observation; one that comes again, because the
bridge has heard no command, gets the same command again. In realtime it does so for a part of
the control period; then the last key step stands. Chunks are made in a thread there.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace

from c2a_controller.chunk_executor import ChunkExecutor, ChunkRequest
from c2a_core.types import (
    ActionChunk,
    Command,
    EpisodeStatus,
    FloatArray,
    KeyStep,
    Observation,
    ReplyStatus,
)

logger = logging.getLogger(__name__)


class ControllerLoop:
    """Answers each observation with one command.

    Args:
        executor: chunks to commands.
        publish_command: sends a command.
        publish_chunk: sends a new chunk.
        pool: where chunks are made in realtime; None makes them in turn.
    """

    def __init__(
        self,
        executor: ChunkExecutor,
        publish_command: Callable[[Command], None],
        publish_chunk: Callable[[ActionChunk], None],
        pool: Executor | None = None,
    ) -> None:
        self.executor = executor
        self._publish_command = publish_command
        self._publish_chunk = publish_chunk
        self._pool = pool
        self.dropped: Counter[str] = Counter()
        self.failure = ''
        self._episode_id: int | None = None
        self._observation: Observation | None = None
        self._key_step: KeyStep | None = None
        self._acted = (-1, -1)
        self._command: Command | None = None
        self._making: tuple[ChunkRequest, Future[tuple[FloatArray, float]]] | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether an observation is not answered yet."""
        observation = self._observation
        return observation is not None and self._acted != (
            observation.episode_id,
            observation.step,
        )

    def on_status(self, status: EpisodeStatus) -> None:
        """The bridge says how the episode is; a new one prepares the policy."""
        is_later = status.step > 0 or self._acted == (status.episode_id, 0)
        if (status.episode_id == self._episode_id and is_later) or status.done:
            return
        self._episode_id = status.episode_id
        self.failure = ''
        try:
            self.executor.policy.begin_episode(status.task, status.seed)
        except (ValueError, OSError) as err:
            self.failure = str(err)
            logger.error('the robot will hold: %s', err)
        self._advance()

    def on_observation(self, observation: Observation) -> None:
        """An observation came; perhaps again."""
        if self._is_answered(observation):
            self.dropped['observation that came again'] += 1
            self._publish_command(self._command)
            return
        last = self._observation
        if self.is_waiting and last is not None and last.step != observation.step:
            self.dropped['observation without a key step'] += 1
        self._observation = observation
        self._advance()

    def on_key_step(self, key_step: KeyStep) -> None:
        """A key step came."""
        last = self._key_step
        is_older = (
            last is not None
            and last.episode_id == key_step.episode_id
            and key_step.step < last.step
        )
        if is_older:
            self.dropped['key step of an older step'] += 1
            return
        self._key_step = key_step
        self._advance()

    def act_with_last_key_step(self) -> None:
        """Realtime: the key step of this observation is late, the last one stands."""
        observation, last = self._observation, self._key_step
        if observation is None or not self.is_waiting or not self._is_prepared(observation):
            return
        if last is None or last.episode_id != observation.episode_id:
            last = _no_key_step(observation)
        standing = replace(
            last, step=observation.step, stamp_ns=observation.stamp_ns, is_key_step=False
        )
        self._act(observation, standing)

    def close(self) -> None:
        """Make no more chunks."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _advance(self) -> None:
        observation, key_step = self._observation, self._key_step
        if observation is None or key_step is None or not self.is_waiting:
            return
        is_pair = (observation.episode_id, observation.step) == (
            key_step.episode_id,
            key_step.step,
        )
        if is_pair and self._is_prepared(observation):
            self._act(observation, key_step)

    def _is_prepared(self, observation: Observation) -> bool:
        """Whether the policy knows the observation's episode (semantics 12)."""
        return observation.episode_id == self._episode_id

    def _is_answered(self, observation: Observation) -> bool:
        """Whether this very observation has got its command."""
        command = self._command
        return command is not None and (
            (command.episode_id, command.step, command.stamp_ns)
            == (observation.episode_id, observation.step, observation.stamp_ns)
        )

    def _act(self, observation: Observation, key_step: KeyStep) -> None:
        self._acted = (observation.episode_id, observation.step)
        answer = self._command_in_turn if self._pool is None else self._command_beside_thread
        command, chunk = answer(observation, key_step)
        self._command = command
        self._publish_command(command)
        if chunk is not None:
            self._publish_chunk(chunk)

    def _command_in_turn(
        self, observation: Observation, key_step: KeyStep
    ) -> tuple[Command, ActionChunk | None]:
        try:
            return self.executor.command(observation, key_step)
        except (ValueError, RuntimeError) as err:
            self._fail(err)
            return self.executor.act(observation, key_step), None

    def _command_beside_thread(
        self, observation: Observation, key_step: KeyStep
    ) -> tuple[Command, ActionChunk | None]:
        assert self._pool is not None
        request = self.executor.begin_step(observation, key_step)
        chunk = None
        if self._making is not None and self._making[1].done():
            older, future = self._making
            self._making = None
            chunk = self._deliver(older, future)
            # It may be over already when the next one is there.
            request = request or self.executor.request(observation, key_step)
        if request is not None:
            # One at a time: what is still being made for an older key step comes too late.
            if self._making is not None:
                self._making[1].cancel()
            self._making = (request, self._pool.submit(self._make, request))
        return self.executor.act(observation, key_step), chunk

    def _deliver(
        self, request: ChunkRequest, future: Future[tuple[FloatArray, float]]
    ) -> ActionChunk | None:
        try:
            actions, latency_s = future.result()
        except (ValueError, RuntimeError) as err:
            self._fail(err)
            return None
        return self.executor.deliver(request, actions, latency_s)

    def _fail(self, err: Exception) -> None:
        """The policy cannot: the robot holds until the next key step or episode."""
        self.failure = str(err)
        logger.error('the robot will hold: %s', err)

    def _make(self, request: ChunkRequest) -> tuple[FloatArray, float]:
        started = time.perf_counter()
        actions = self.executor.policy.predict_action_chunk(request.observation, request.key_step)
        return actions, time.perf_counter() - started


def _no_key_step(observation: Observation) -> KeyStep:
    """What stands before the first key step: nothing."""
    return KeyStep(
        episode_id=observation.episode_id,
        step=observation.step,
        stamp_ns=observation.stamp_ns,
        subtask_id=-1,
        is_key_step=False,
        code='',
        cache_info='',
        memory=(),
        reply_status=ReplyStatus.HOLD,
    )
