# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The one loop: observe, plan, act, step.

Oracle runs, data generation and evaluation all go through `run_episode`; the ROS nodes run the
same planner and executor objects, so an episode here equals the episode over DDS step by step.
No ROS, no argument parsing, no files.

Row k of an episode (one observation = one control step)::

    observation k -> planner -> key step k -> low level -> command k -> simulator

Delays (robot time charged for inference) live in the planner and in the chunk executor, which
skip observations and drop actions on their own: the loop stays the same. An episode of T actions
has T+1 rows; the last one has the code ``done()`` and no action.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from c2a_controller.chunk_executor import ChunkExecutor, hold_command
from c2a_controller.chunk_metrics import ChunkMetrics
from c2a_core.spaces import ACTION_DIM, CONTROL_RATE_HZ
from c2a_core.types import Command, CommandSource, EndReason, KeyStep, Observation
from c2a_training.rollout_rows import OnStep, RolloutRows, is_done

# After the planner says done() the predicates get half a second of robot time to become true.
DONE_HOLD_STEPS = round(0.5 * CONTROL_RATE_HZ)


class EpisodeInfo(Protocol):
    """What a reset tells about the new episode."""

    task: str
    seed: int
    instruction: str
    max_steps: int


class OracleStep(Protocol):
    """The follower's answer for one observation: the running code, and whether it begins now."""

    code: str
    is_new: bool


class Simulator(Protocol):
    """The part of `c2a_sim_bridge.sim.simulator.Simulator` that the loop uses."""

    episode_id: int

    @property
    def success(self) -> bool:
        """Whether the task's predicates hold."""

    def reset(self, task: str, seed: int, instruction: str | None = None) -> EpisodeInfo:
        """Build the episode's world."""

    def observe(self, with_pictures: bool = True) -> Observation:
        """Make the observation of the current state; without pictures they have size 0."""

    def oracle_key_step(self) -> OracleStep:
        """Ask the ground-truth follower, once per observation."""

    def step(self, action: np.ndarray) -> None:
        """Advance one control step with an action (7,)."""

    def start_skill(self, code: str) -> None:
        """Begin the scripted skill of one key step."""

    def skill_action(self) -> np.ndarray:
        """Next action (7,) of the running skill."""

    def skill_status(self) -> str:
        """Whether the skill is ``running``, ``done`` or ``failed: why``."""

    def state_digest(self) -> str:
        """Hash of the whole state, bit-exact."""


class Planner(Protocol):
    """Writes one key step per observation (see `c2a_planner.planner.Planner`)."""

    def reset(self, episode_id: int, instruction: str) -> None:
        """Forget the last episode."""

    def plan(self, observation: Observation, oracle_step: OracleStep | None = None) -> KeyStep:
        """Answer one observation."""


class LowLevel(Protocol):
    """Turns the running key step into one command per control step."""

    def reset(self, episode: EpisodeInfo) -> None:
        """Prepare for an episode."""

    def act(self, observation: Observation, key_step: KeyStep) -> Command:
        """Answer one observation joined with its key step."""


Look = Callable[[OracleStep], bool]


@dataclass(frozen=True)
class EpisodeResult:
    """One finished episode of T control steps.

    Attributes:
        task: task name.
        seed: seed of the episode's world.
        instruction: natural language instruction.
        success: whether the predicates held at the end.
        reason: ``success``, ``time-out``, ``early done`` or ``aborted: why``.
        max_steps: the time-out in control steps.
        actions: (T, 7) float32, layout of `c2a_core.spaces`.
        codes: (T+1) running key steps, uncommented; the last is ``done()``.
        key_step_rows: rows at which a key step began, without the closing ``done()``.
        digests: (T+1) state hashes, empty unless asked for.
        reset_s: wall time of the reset [s].
        loop_s: wall time of the loop: observing, planning, acting, stepping and the `on_step`
            hook [s].
    """

    task: str
    seed: int
    instruction: str
    success: bool
    reason: str
    max_steps: int
    actions: np.ndarray
    codes: tuple[str, ...]
    key_step_rows: tuple[int, ...]
    digests: tuple[str, ...]
    reset_s: float
    loop_s: float

    @property
    def steps(self) -> int:
        """Number of control steps T."""
        return len(self.actions)

    @property
    def key_steps(self) -> tuple[str, ...]:
        """The code trace: the text of each key step in order."""
        return tuple(self.codes[row] for row in self.key_step_rows)

    @property
    def skill_calls(self) -> int:
        """Number of skill calls; the closing ``done()`` is not one."""
        return len(self.key_step_rows)


class OracleLowLevel:
    """Runs each key step as a scripted skill of the simulator, until the skill's own done test.

    When the skill has ended or failed and no new key step came, it holds: what to do next is the
    planner's to say.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._forget()

    def reset(self, episode: EpisodeInfo) -> None:
        """Forget the last episode's skill."""
        del episode
        self._forget()

    @property
    def status(self) -> str:
        """State of the running key step's skill.

        One of ``idle`` (none began yet), ``running``, ``done`` and ``failed: why``.
        """
        if self._subtask_id < 0:
            return 'idle'
        return self._failed_start or self._simulator.skill_status()

    def restart(self) -> None:
        """Begin the skill of the next key step even if it is the same key step again."""
        self._subtask_id = -1

    def act(self, observation: Observation, key_step: KeyStep) -> Command:
        """Command of the running skill for this observation."""
        if key_step.subtask_id < 0 or is_done(key_step):
            return hold_command(observation, key_step.subtask_id)
        if key_step.subtask_id != self._subtask_id:
            self._start(key_step)
        status = self.status
        if status != 'running':
            self._note_failure(status)
            return hold_command(observation, key_step.subtask_id)
        self.has_acted = True
        return Command(
            episode_id=observation.episode_id,
            step=observation.step,
            source=CommandSource.SKILL,
            chunk_id=-1,
            chunk_index=-1,
            action=self._simulator.skill_action(),
            subtask_id=key_step.subtask_id,
            stamp_ns=observation.stamp_ns,
        )

    def _forget(self) -> None:
        self.failures: list[str] = []
        self.has_acted = False
        self._subtask_id = -1
        self._failed_start = ''

    def _start(self, key_step: KeyStep) -> None:
        self._subtask_id = key_step.subtask_id
        self._failed_start = ''
        self.has_acted = False
        try:
            self._simulator.start_skill(key_step.code)
        # Bad code or an object that is not there: the planner's mistake, not the end of the run.
        except (ValueError, RuntimeError) as err:
            self._failed_start = f'failed: {err}'

    def _note_failure(self, status: str) -> None:
        why = status.removeprefix('failed: ')
        if status != why and (not self.failures or self.failures[-1] != why):
            self.failures.append(why)


class PolicyLowLevel:
    """Runs a policy's action chunks through the controller's own executor.

    Attributes:
        latencies_s: wall time of each chunk of the episode that was accepted [s].
    """

    def __init__(self, executor: ChunkExecutor) -> None:
        self._executor = executor
        self.latencies_s: list[float] = []

    @property
    def metrics(self) -> ChunkMetrics:
        """What the executor measured in the episode so far."""
        return self._executor.metrics

    def reset(self, episode: EpisodeInfo) -> None:
        """Drop the last episode's chunk and prepare the policy."""
        self._executor.reset()
        self._executor.policy.begin_episode(episode.task, episode.seed)
        self.latencies_s = []

    def looks(self, step: int) -> bool:
        """Whether a chunk may be asked for at a step though no new key step comes then."""
        return self._executor.may_ask(step)

    def act(self, observation: Observation, key_step: KeyStep) -> Command:
        """Next action of the current chunk; makes a new chunk when one is due."""
        command, chunk = self._executor.command(observation, key_step)
        if chunk is not None:
            self.latencies_s.append(chunk.latency_s)
        return command


def is_aborted(key_step: KeyStep) -> bool:
    """Whether the planner gave up (too many invalid replies or key steps)."""
    return key_step.reason.startswith(EndReason.ABORTED_PREFIX)


def run_episode(
    simulator: Simulator,
    planner: Planner,
    low_level: LowLevel,
    *,
    task: str,
    seed: int,
    instruction: str | None = None,
    episode_id: int = 0,
    on_reset: Callable[[EpisodeInfo], None] | None = None,
    on_step: OnStep | None = None,
    look: Look | None = None,
    with_digests: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> EpisodeResult:
    """Run one episode to its end.

    Args:
        simulator: the world.
        planner: writes the key steps.
        low_level: writes the commands.
        task: task name.
        seed: seed of the world.
        instruction: another instruction than the task's own.
        episode_id: goes into every message.
        on_reset: called with the new episode before its first observation.
        on_step: called with each row before the world moves; the last row has no command. A hook
            for video, printing and recording; what it costs counts as loop time.
        look: whether the observation that comes next needs its pictures, given what the follower
            says about it; None takes all of them. The world does not notice.
        with_digests: hash the whole state at each row.
        clock: steady clock [s], for the wall times only.

    Returns:
        The episode's actions, codes and verdict.
    """
    started = clock()
    simulator.episode_id = episode_id
    info = simulator.reset(task, seed, instruction)
    planner.reset(episode_id, info.instruction)
    low_level.reset(info)
    if on_reset is not None:
        on_reset(info)
    rows = RolloutRows(on_step, simulator.state_digest if with_digests else None)
    looping = clock()
    reason = _run_loop(simulator, planner, low_level, info.max_steps, rows, look)
    rows.close(_observe(simulator, simulator.oracle_key_step(), look))
    ended = clock()
    return EpisodeResult(
        task=task,
        seed=seed,
        instruction=info.instruction,
        success=reason == EndReason.SUCCESS,
        reason=reason,
        max_steps=info.max_steps,
        actions=np.asarray(rows.actions, np.float32).reshape(-1, ACTION_DIM),
        codes=tuple(rows.codes),
        key_step_rows=tuple(rows.key_step_rows),
        digests=tuple(rows.digests),
        reset_s=looping - started,
        loop_s=ended - looping,
    )


def _run_loop(
    simulator: Simulator,
    planner: Planner,
    low_level: LowLevel,
    max_steps: int,
    rows: RolloutRows,
    look: Look | None,
) -> str:
    """Step until the episode ends; the reason."""
    done_steps = 0
    while True:
        oracle_step = simulator.oracle_key_step()
        observation = _observe(simulator, oracle_step, look)
        key_step = planner.plan(observation, oracle_step)
        if is_aborted(key_step):
            return key_step.reason
        command = low_level.act(observation, key_step)
        rows.add(observation, key_step, command)
        simulator.step(command.action)
        done_steps = done_steps + 1 if is_done(key_step) else 0
        if simulator.success:
            return EndReason.SUCCESS
        if done_steps >= DONE_HOLD_STEPS:
            return EndReason.EARLY_DONE
        if len(rows.actions) >= max_steps:
            return EndReason.TIME_OUT


def _observe(simulator: Simulator, oracle_step: OracleStep, look: Look | None) -> Observation:
    if look is None or look(oracle_step):
        return simulator.observe()
    return simulator.observe(with_pictures=False)
