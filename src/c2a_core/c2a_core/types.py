# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The values that packages hand to each other: one class per message, without ROS.

Constructors check shapes and convert numbers to float32, so a value that exists is well formed.
This module must not know ROS, torch or the simulator. `messages.py` converts these to `c2a_msgs`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ImageArray = npt.NDArray[np.uint8]

NUM_JOINTS = 7
POSE_DIM = 7
ACTION_COLUMNS = 7


class ReplyStatus:
    """What a planner's reply to one observation was (semantics 3 and 4)."""

    KEY_STEP = 'key_step'
    """A new key step began."""
    SAME = 'same'
    """The commented-out last key step: the same sub-task goes on."""
    REPEATED = 'repeated'
    """Uncommented but identical to the last key step: the same sub-task goes on, no new id."""
    INVALID = 'invalid'
    """Not understood or not allowed; not remembered, the last key step goes on."""
    HOLD = 'hold'
    """The planner was not asked at this step."""
    SKIPPED = 'skipped'
    """The planner was still busy with an older observation."""
    DONE = 'done'
    """The planner said `done()` before."""

    ALL = (KEY_STEP, SAME, REPEATED, INVALID, HOLD, SKIPPED, DONE)


NO_PLANNER = 'none'
"""Checkpoint in the key steps of planner `none`, which hands the instruction on as it is."""


class CommandSource:
    """Who moved the arm at one control step."""

    POLICY = 'policy'
    REPLAY = 'replay'
    SKILL = 'skill'
    HOLD = 'hold'

    ALL = (POLICY, REPLAY, SKILL, HOLD)


class EndReason:
    """How an episode ended; the empty string while it runs."""

    RUNNING = ''
    SUCCESS = 'success'
    TIME_OUT = 'time-out'
    EARLY_DONE = 'early done'
    CANCELLED = 'cancelled'
    ESTOP = 'estop'
    RESET = 'reset'
    ABORTED_PREFIX = 'aborted: '

    @staticmethod
    def aborted(why: str) -> str:
        """Reason of an episode that was given up."""
        return EndReason.ABORTED_PREFIX + why


class ArrayValue:
    """Equality by value for frozen dataclasses that hold arrays: same type, same bits."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Compare all fields, arrays by shape and content."""
        if type(other) is not type(self):
            return NotImplemented
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))  # type: ignore[arg-type]
        return all(
            np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) else a == b
            for a, b in pairs
        )


@dataclass(frozen=True, slots=True, eq=False)
class Observation(ArrayValue):
    """Everything the robot knows at one control step.

    Attributes:
        episode_id: episode this belongs to.
        step: control step in the episode, 0 for the first observation after a reset.
        stamp_ns: robot time of the instant [ns].
        base_image: (H, W, 3) uint8 RGB, base camera; (0, 0, 3) when rendering is off.
        wrist_image: (H, W, 3) uint8 RGB, wrist camera; (0, 0, 3) when rendering is off.
        joint_positions: (7,) float32 [rad].
        joint_velocities: (7,) float32 [rad/s].
        ee_pose: (7,) float32, end effector in world: x y z [m], qx qy qz qw.
        vacuum_on: the vacuum is switched on.
        vacuum_grasping: the vacuum holds an object.
        vacuum_ready: the cup touches something that it would hold if the vacuum were on.
    """

    episode_id: int
    step: int
    stamp_ns: int
    base_image: ImageArray
    wrist_image: ImageArray
    joint_positions: FloatArray
    joint_velocities: FloatArray
    ee_pose: FloatArray
    vacuum_on: bool
    vacuum_grasping: bool
    vacuum_ready: bool

    def __post_init__(self) -> None:
        """Check images and vectors."""
        _check_image(self.base_image, 'base_image')
        _check_image(self.wrist_image, 'wrist_image')
        _set_vector(self, 'joint_positions', NUM_JOINTS)
        _set_vector(self, 'joint_velocities', NUM_JOINTS)
        _set_vector(self, 'ee_pose', POSE_DIM)


@dataclass(frozen=True, slots=True)
class KeyStep:
    """What the planner says about one observation; exactly one per observation (semantics 1).

    Attributes:
        episode_id: episode of the observation this answers.
        step: control step of that observation.
        stamp_ns: stamp of that observation, robot time [ns].
        subtask_id: number of the running key step, -1 before the first one.
        is_key_step: the running key step begins at this step.
        code: the running key step, never commented out; empty before the first one.
        cache_info: pose assignments of the memory including this key step, empty if none.
        memory: key steps before this observation, M(k-1), the memory the planner was asked with.
        reply_status: one of `ReplyStatus.ALL`.
        reason: why, when the reply is invalid or the task was given up; empty otherwise.
        early_stopped: generation stopped as soon as the reply was seen to repeat the last one.
        latency_s: time from receiving the observation to this answer [s].
        checkpoint: hash of the planner's checkpoint, or its name where it has none.
    """

    episode_id: int
    step: int
    stamp_ns: int
    subtask_id: int
    is_key_step: bool
    code: str
    cache_info: str
    memory: tuple[str, ...]
    reply_status: str
    reason: str = ''
    early_stopped: bool = False
    latency_s: float = 0.0
    checkpoint: str = ''

    def __post_init__(self) -> None:
        """Check the status and make the memory a tuple."""
        _check_choice(self.reply_status, ReplyStatus.ALL, 'reply_status')
        if not isinstance(self.memory, tuple):
            object.__setattr__(self, 'memory', tuple(self.memory))


@dataclass(frozen=True, slots=True, eq=False)
class ActionChunk(ArrayValue):
    """Consecutive actions from one inference of the low-level policy.

    Attributes:
        episode_id: episode the chunk belongs to.
        step: control step of the observation it was made from; which row ran at a step is
            `Command.chunk_index`.
        subtask_id: key step it was made for.
        chunk_id: number of the chunk in the episode, from 0.
        actions: (Tp, 7) float32, layout of `spaces.ACTION`.
        dt: time between two rows [s].
        preempted: the chunk before was dropped because a new key step began.
        discarded: actions of the chunk before that were never executed.
        latency_s: time the policy took for this chunk [s].
        checkpoint: hash of the policy's checkpoint, or its name where it has none.
        stamp_ns: stamp of the observation it was made from, robot time [ns].
    """

    episode_id: int
    step: int
    subtask_id: int
    chunk_id: int
    actions: FloatArray
    dt: float
    preempted: bool
    discarded: int
    latency_s: float
    checkpoint: str = ''
    stamp_ns: int = 0

    def __post_init__(self) -> None:
        """Check the shape of the actions."""
        actions = np.ascontiguousarray(self.actions, dtype=np.float32)
        if actions.ndim != 2 or actions.shape[1] != ACTION_COLUMNS or not len(actions):
            raise ValueError(
                f'action chunk has shape {actions.shape}, expected (Tp, {ACTION_COLUMNS}) with '
                'Tp >= 1: a policy must return one action of spaces.ACTION per row'
            )
        object.__setattr__(self, 'actions', actions)


@dataclass(frozen=True, slots=True, eq=False)
class Command(ArrayValue):
    """One action for one control step, with where it came from.

    Attributes:
        episode_id: episode of the observation this answers.
        step: control step this action is for.
        source: one of `CommandSource.ALL`.
        chunk_id: chunk the action was taken from, -1 if from none.
        chunk_index: row of that chunk, -1 if from none.
        action: (7,) float32, layout of `spaces.ACTION`.
        subtask_id: key step the action serves, -1 before the first one.
        stamp_ns: stamp of the observation this answers, robot time [ns].
    """

    episode_id: int
    step: int
    source: str
    chunk_id: int
    chunk_index: int
    action: FloatArray
    subtask_id: int = -1
    stamp_ns: int = 0

    def __post_init__(self) -> None:
        """Check the source and the action's shape."""
        _check_choice(self.source, CommandSource.ALL, 'source')
        _set_vector(self, 'action', ACTION_COLUMNS)


@dataclass(frozen=True, slots=True)
class EpisodeStatus:
    """State of the running episode, latched on its topic.

    Attributes:
        episode_id: number of the episode.
        task: name of the task.
        instruction: what the robot is asked to do.
        seed: seed of the scene.
        step: control steps done so far.
        max_steps: control steps after which the episode times out.
        success: the task's predicates hold.
        done: the episode has ended.
        reason: how it ended, see `EndReason`; empty while it runs.
        stepping: 'lockstep' or 'realtime'.
        low_level: 'policy', 'oracle' or 'replay'.
        backend: 'maniskill', 'clevrskills' or 'arm'.
        control_rate_hz: control steps per second of robot time.
        planner_checkpoint: hash of the planner's checkpoint, or its name; empty until known.
        policy_checkpoint: hash of the policy's checkpoint, or its name; empty until known.
        split: which objects the scene was drawn from; empty where the backend has none.
        stamp_ns: robot time [ns].
    """

    episode_id: int
    task: str
    instruction: str
    seed: int
    step: int
    max_steps: int
    success: bool
    done: bool
    reason: str
    stepping: str
    low_level: str
    backend: str
    control_rate_hz: float
    planner_checkpoint: str
    policy_checkpoint: str
    split: str = ''
    stamp_ns: int = 0

    def __post_init__(self) -> None:
        """Check what other nodes decide on."""
        _check_choice(self.stepping, ('lockstep', 'realtime'), 'stepping')


def _set_vector(value: object, name: str, size: int) -> None:
    """Store field `name` as a float32 vector, without a copy where it is one already."""
    vector = np.ascontiguousarray(getattr(value, name), dtype=np.float32)
    if vector.shape != (size,):
        raise ValueError(f'{name} has shape {vector.shape}, expected ({size},)')
    object.__setattr__(value, name, vector)


def _check_image(image: Any, name: str) -> None:
    """Refuse what is not an (H, W, 3) uint8 picture."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f'{name} is {kind}, expected a numpy array of uint8 (RGB, 0 to 255)')
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f'{name} has shape {image.shape}, expected (H, W, 3)')


def _check_choice(value: str, choices: tuple[str, ...], name: str) -> None:
    """Refuse a word that is not one of the agreed ones."""
    if value not in choices:
        raise ValueError(f'{name} is {value!r}, expected one of {", ".join(choices)}')
