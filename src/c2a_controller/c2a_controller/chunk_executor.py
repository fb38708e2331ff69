# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Receding horizon over action chunks: which action to run at which control step.

A wrapper around any policy, not a mode of the policy; node and in-process rollout run this class.
It knows neither ROS nor threads. Row i of a chunk made from observation k belongs to step k + i,
if the chunk was there at k.

Timeline with exec_horizon = 4, Tp = 8, no delay; A, B, C are chunks, a new key step comes at 6::

    step        0   1   2   3   4   5   6   7   8   9  10
    key step    0   0   0   0   0   0   1   1   1   1   1
    flush      A0  A1  A2  A3  B0  B1  C0  C1  C2  C3  D0    B2.. dropped
    blend      A0  A1  A2  A3  B0  B1  bC0 bC1 bC2 bC3 D0    b: mixed with B2 B3 B4 B5
    finish     A0  A1  A2  A3  B0  B1  B2  B3  C0  C1  C2    B runs to its horizon first

With a delay of 2 steps (semantics 10), flush: the old chunk runs on meanwhile, and after a flush
the robot holds. The next chunk is asked for so early that it is there when the horizon is over::

    step        0   1   2   3   4   5   6   7   8   9  10
    asked for   A               B           C
    late_chunk:
    time        -   -  A2  A3  A4  A5  B2  -   -  C2  C3     a new key step at 7: C
    pose        -   -  A0  A1  A2  A3  B2  -   -  C0  C1

`time` drops the rows of the delay. `pose` begins at the first row if the arm has held since the
observation, or the motion of these rows would be lost; where the old chunk has moved it, at the
row whose start is nearest (that of this step, if both chunks agree).

Blending runs over n steps, `BLEND_STEPS` or `exec_horizon` if that is less: row j of them is
(1 - w) old + w new with w = (j + 1) / (n + 1), as long as the old chunk has rows; the vacuum is
the new chunk's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from c2a_controller.chunk_alignment import LATE_CHUNK, nearest_row
from c2a_controller.chunk_metrics import ChunkMetrics, Reaction, make_seam
from c2a_controller.policy import Policy
from c2a_core.delay import delay_steps
from c2a_core.spaces import (
    ACTION_DIM,
    CONTROL_DT,
    MAX_ROTATION_RAD,
    MAX_TRANSLATION_M,
    MOTION,
    ROTATION,
    TRANSLATION,
    hold_action,
)
from c2a_core.types import (
    ActionChunk,
    Command,
    CommandSource,
    EndReason,
    FloatArray,
    KeyStep,
    Observation,
)

ON_NEW_KEY_STEP = ('flush', 'blend', 'finish')

EXEC_HORIZON = 3
"""0.15 s: a quarter of a chunk of preset tiny. After it the world is looked at again; whatever a
chunk does after a contact that it has not seen yet is a guess."""

BLEND_STEPS = 4
"""0.2 s: about the time the arm needs to take up another velocity without a visible jerk."""

LIMIT_FACTOR = 2.0
"""A learned policy oversteps a little and is clipped; twice the bound is another unit."""

DONE_CODE = 'done()'


@dataclass
class _Chunk:
    """An accepted chunk and where it is.

    Attributes:
        chunk: its actions.
        effect_step: first control step at which it may run.
        pose_world_made: (7,) end-effector pose of its observation.
        first_step: control step of its row 0; settled when it takes over.
        blends_from: the chunk that it takes over from.
    """

    chunk: ActionChunk
    effect_step: int
    pose_world_made: FloatArray
    first_step: int
    blends_from: _Chunk | None = None

    def index(self, step: int) -> int:
        """The row for a step, whether there is one or not."""
        return step - self.first_step

    def row(self, step: int) -> FloatArray | None:
        """The action (7,) for a step; None where the chunk has none."""
        index = self.index(step)
        return self.chunk.actions[index] if 0 <= index < len(self.chunk.actions) else None


@dataclass(frozen=True)
class ChunkRequest:
    """A chunk that the executor wants, made from this observation and key step."""

    observation: Observation
    key_step: KeyStep
    generation: int


class ChunkExecutor:
    """Turns observations and key steps into one command per control step.

    `command` does it all. Where inference has a thread of its own (`realtime`), use its parts:
    `begin_step`, make the returned request's chunk elsewhere, `deliver` it, and `act`.

    Args:
        policy: makes the chunks.
        exec_horizon: actions executed of a chunk before the next one takes over.
        on_new_key_step: 'flush', 'blend' or 'finish', see the module's timeline.
        delay_s: time charged for a chunk [s]; None charges what it took.
        late_chunk: 'pose' or 'time', see the module's timeline.
        control_dt: control period [s].
        clock: steady clock [s], for measurements and a measured delay.
    """

    def __init__(
        self,
        policy: Policy,
        exec_horizon: int = EXEC_HORIZON,
        on_new_key_step: str = 'flush',
        delay_s: float | None = 0.0,
        late_chunk: str = 'pose',
        control_dt: float = CONTROL_DT,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if exec_horizon < 1:
            raise ValueError(f'exec_horizon is {exec_horizon}, expected 1 or more')
        if on_new_key_step not in ON_NEW_KEY_STEP:
            raise ValueError(
                f'on_new_key_step is {on_new_key_step!r}, expected one of '
                + ', '.join(ON_NEW_KEY_STEP)
            )
        if late_chunk not in LATE_CHUNK:
            raise ValueError(
                f'late_chunk is {late_chunk!r}, expected one of ' + ', '.join(LATE_CHUNK)
            )
        self.policy = policy
        self._exec_horizon = exec_horizon
        self._mode = on_new_key_step
        self._delay_s = delay_s
        self._late_chunk = late_chunk
        self._blend_steps = min(BLEND_STEPS, exec_horizon)
        self._control_dt = control_dt
        self._clock = clock
        self._generation = 0
        self.reset()

    def reset(self) -> None:
        """Forget the episode: no chunk, counters at zero. Chunks still being made are stale."""
        self.metrics = ChunkMetrics()
        self._episode_id: int | None = None
        self._step = 0
        self._pose_world: FloatArray | None = None
        self._moved_step = -1  # the last one at which a chunk moved the arm
        self._lead = 0  # steps that the last chunk took from its observation to its first row
        self._subtask_id = -1
        self._next_chunk_id = 0
        self._running: _Chunk | None = None
        self._pending: _Chunk | None = None
        self._before: _Chunk | None = None  # the chunk before the running one, for seams
        self._executed = 0
        self._is_seam = False
        self._is_new_sub_task = False
        self._flushed = 0
        self._reacting: tuple[int, float] | None = None
        self._last_action: FloatArray | None = None
        self._forget_requests()

    def command(
        self, observation: Observation, key_step: KeyStep
    ) -> tuple[Command, ActionChunk | None]:
        """Command of this control step, and the new chunk if one was made for it.

        Args:
            observation: the newest observation; each one is given once, in order.
            key_step: the key step of that observation.
        """
        request = self.begin_step(observation, key_step)
        chunk = None
        if request is not None:
            started = self._clock()
            actions = self.policy.predict_action_chunk(observation, key_step)
            chunk = self.deliver(request, actions, self._clock() - started)
        return self.act(observation, key_step), chunk

    def begin_step(self, observation: Observation, key_step: KeyStep) -> ChunkRequest | None:
        """Take note of a step's observation and key step; the chunk that is wanted now, if any."""
        if observation.episode_id != self._episode_id:
            self.reset()
            self._episode_id = observation.episode_id
        self._step = observation.step
        self._pose_world = observation.ee_pose
        self._take_over()
        if self._is_idle(key_step):
            self._subtask_id = key_step.subtask_id
            self._reacting = None
            self._flush()
            return None
        if self.policy.follows_key_steps and key_step.subtask_id != self._subtask_id:
            self._on_new_key_step(key_step)
        return self.request(observation, key_step)

    def request(self, observation: Observation, key_step: KeyStep) -> ChunkRequest | None:
        """The chunk that is wanted at a step that has begun, if any and none is being made.

        `begin_step` asks; ask again at the same step after `deliver`, if chunks take longer than
        the horizon.
        """
        is_making = self._is_asking or self._pending is not None
        if is_making or self._is_idle(key_step) or not self._wants_chunk():
            return None
        self._is_asking = True
        return ChunkRequest(observation, key_step, self._generation)

    def may_ask(self, step: int) -> bool:
        """Whether `begin_step` may want a chunk at a step although no new key step comes then.

        For those who take pictures only where a policy will see them.
        """
        if self._pending is not None:
            return step >= self._pending.effect_step
        running = self._running
        if running is None or running.row(step) is None or self._is_new_sub_task:
            return True
        return self._is_horizon_near()

    def deliver(
        self, request: ChunkRequest, actions: FloatArray, latency_s: float
    ) -> ActionChunk | None:
        """Hand in the chunk of a request; None if it is refused (counted in the metrics)."""
        if request.generation != self._generation:
            self.metrics.refused['stale'] += 1
            return None
        self._is_asking = False
        charged_s = latency_s if self._delay_s is None else self._delay_s
        effect_step = request.observation.step + delay_steps(charged_s, self._control_dt)
        age = max(effect_step, self._step) - request.observation.step
        why = _why_refused(actions, age)
        if why:
            self.metrics.refused[why] += 1
            return None
        chunk = self._make_chunk(request, actions, latency_s, effect_step)
        pose_world_made = request.observation.ee_pose
        self._pending = _Chunk(chunk, effect_step, pose_world_made, chunk.step)
        self._take_over()
        return chunk

    def act(self, observation: Observation, key_step: KeyStep) -> Command:
        """Command of this control step from the chunks that are there."""
        running = self._running
        row = None if running is None else running.row(observation.step)
        if running is None or row is None:
            return self._hold(observation, key_step)
        action = self._blend(running, row, observation.step)
        self._measure(running, action, observation.step)
        self._executed += 1
        self._moved_step = observation.step
        self._last_action = action
        return Command(
            episode_id=observation.episode_id,
            step=observation.step,
            source=self.policy.source,
            chunk_id=running.chunk.chunk_id,
            chunk_index=running.index(observation.step),
            action=action,
            subtask_id=running.chunk.subtask_id,
            stamp_ns=observation.stamp_ns,
        )

    def _is_idle(self, key_step: KeyStep) -> bool:
        """Whether there is nothing to do: before the first key step, after done() or the end."""
        if key_step.reason == EndReason.CANCELLED or key_step.reason.startswith(
            EndReason.ABORTED_PREFIX
        ):
            return True
        if not self.policy.follows_key_steps:
            return False
        return key_step.subtask_id < 0 or key_step.code == DONE_CODE

    def _wants_chunk(self) -> bool:
        running = self._running
        if running is None or running.row(self._step) is None:
            return True
        is_due = self._is_new_sub_task and self._mode != 'finish'
        return is_due or self._is_horizon_near()

    def _is_horizon_near(self) -> bool:
        """Whether a chunk that is asked for now will be there when the horizon is over."""
        return self._executed >= self._exec_horizon - self._lead

    def _on_new_key_step(self, key_step: KeyStep) -> None:
        self._subtask_id = key_step.subtask_id
        self._reacting = (self._step, self._clock())
        self._is_new_sub_task = True
        if self._mode == 'flush':
            self._flush()
        else:
            self._forget_requests()
            self._pending = None

    def _flush(self) -> None:
        """Drop what is left of the chunk, and every chunk that is still being made."""
        self._forget_requests()
        self._pending = None
        if self._running is not None:
            self._flushed = len(self._running.chunk.actions) - self._executed
            self._before = self._running
            self._running = None

    def _forget_requests(self) -> None:
        self._generation += 1
        self._is_asking = False

    def _make_chunk(
        self, request: ChunkRequest, actions: FloatArray, latency_s: float, effect_step: int
    ) -> ActionChunk:
        discarded = self._flushed + self._left_over(effect_step)
        is_preempting = self._is_new_sub_task and self._mode != 'finish' and discarded > 0
        chunk = ActionChunk(
            episode_id=request.observation.episode_id,
            step=request.observation.step,
            subtask_id=request.key_step.subtask_id,
            chunk_id=self._next_chunk_id,
            actions=actions,
            dt=self._control_dt,
            preempted=is_preempting,
            discarded=discarded,
            latency_s=latency_s,
            checkpoint=self.policy.checkpoint,
            stamp_ns=request.observation.stamp_ns,
        )
        self._next_chunk_id += 1
        self._flushed = 0
        self.metrics.chunks += 1
        self.metrics.latencies_s.append(latency_s)
        self.metrics.preemptions += is_preempting
        self.metrics.discarded += discarded
        return chunk

    def _left_over(self, effect_step: int) -> int:
        """Rows of the running chunk that will never be executed if another takes over then."""
        if self._running is None:
            return 0
        rows = len(self._running.chunk.actions)
        end_row = min(rows, self._running.index(max(effect_step, self._step)))
        still_to_run = max(0, end_row - self._running.index(self._step))
        return rows - self._executed - still_to_run

    def _take_over(self) -> None:
        """Let the pending chunk run, once its step has come."""
        if self._pending is None or self._step < self._pending.effect_step:
            return
        if self._pending.index(self._step) >= len(self._pending.chunk.actions):
            self.metrics.refused['stale'] += 1
            self._pending = None
            return
        before = self._running
        if before is not None:
            self._before = before
            if self._is_new_sub_task and self._mode == 'blend':
                self._pending.blends_from = before
        self._lead = self._step - self._pending.chunk.step
        self._pending.first_step = self._step - self._first_row(self._pending)
        self._running, self._pending = self._pending, None
        self._executed = 0
        self._is_seam = self._before is not None
        self._is_new_sub_task = False

    def _first_row(self, pending: _Chunk) -> int:
        """The row with which a chunk takes over at this step."""
        by_time = self._step - pending.chunk.step
        if self._late_chunk == 'time' or not by_time or self._pose_world is None:
            return by_time
        if self._moved_step < pending.chunk.step:
            return 0
        return nearest_row(
            pending.chunk.actions, pending.pose_world_made, self._pose_world, by_time
        )

    def _blend(self, running: _Chunk, row: FloatArray, step: int) -> FloatArray:
        """The running chunk's action, mixed with that of the chunk it took over from."""
        old = None if running.blends_from is None else running.blends_from.row(step)
        if old is None or self._executed >= self._blend_steps:
            running.blends_from = None
            return row
        weight = np.float32((self._executed + 1) / (self._blend_steps + 1))
        mixed = row.copy()
        mixed[MOTION] = (1 - weight) * old[MOTION] + weight * row[MOTION]
        return mixed

    def _measure(self, running: _Chunk, action: FloatArray, step: int) -> None:
        if self._is_seam and self._before is not None:
            planned = self._before.row(step)
            self.metrics.seams.append(
                make_seam(step, action, planned, self._last_action, self._control_dt)
            )
            self._is_seam = False
        if self._reacting is not None and running.chunk.subtask_id == self._subtask_id:
            began_step, began_s = self._reacting
            wall_ms = 1000.0 * (self._clock() - began_s)
            self.metrics.reactions.append(Reaction(self._subtask_id, step - began_step, wall_ms))
            self._reacting = None

    def _hold(self, observation: Observation, key_step: KeyStep) -> Command:
        self.metrics.holds[self._why_hold(key_step)] += 1
        self._last_action = hold_action(observation.vacuum_on)
        return hold_command(observation, key_step.subtask_id)

    def _why_hold(self, key_step: KeyStep) -> str:
        if self._is_idle(key_step):
            return 'no key step to follow'
        is_waiting = self._is_asking or self._pending is not None
        return 'waiting for a chunk' if is_waiting else 'no chunk'


def hold_command(observation: Observation, subtask_id: int) -> Command:
    """Command that keeps the robot where it is and the vacuum as it is."""
    return Command(
        episode_id=observation.episode_id,
        step=observation.step,
        source=CommandSource.HOLD,
        chunk_id=-1,
        chunk_index=-1,
        action=hold_action(observation.vacuum_on),
        subtask_id=subtask_id,
        stamp_ns=observation.stamp_ns,
    )


def _why_refused(actions: FloatArray, age: int) -> str:
    """Why a chunk must not move the robot; empty if it may.

    Args:
        actions: (Tp, 7), not trusted.
        age: first row that can still be executed.
    """
    if actions.ndim != 2 or actions.shape[1] != ACTION_DIM:
        return f'shape {actions.shape}, expected (Tp, {ACTION_DIM})'
    if not len(actions):
        return 'no actions left'
    if not np.isfinite(actions).all():
        return 'not finite'
    if age >= len(actions):
        return 'stale'
    translation = np.linalg.norm(actions[:, TRANSLATION], axis=1).max()
    rotation = np.linalg.norm(actions[:, ROTATION], axis=1).max()
    excess = max(translation / MAX_TRANSLATION_M, rotation / MAX_ROTATION_RAD)
    return 'out of bounds' if excess > LIMIT_FACTOR else ''
