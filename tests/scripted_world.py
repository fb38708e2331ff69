# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A world without physics: each key step of a fixed code trace takes a fixed number of steps.

It has the shape of the real simulator, so that the loop, the planner and the executor that are
tested with it are the real ones.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from c2a_core.types import Observation

CELL = "get_actor('red cube', (3, 5))"
TRACE = (
    f"pose_dict['target'] = free_space(actor={CELL})\nmove3d(actor={CELL})",
    f'pick(actor={CELL})',
    "move3d(target_pose=pose_dict['target'])",
    f"place(actor={CELL}, target_pose=pose_dict['target'])",
)
SKILL_STEPS = 3
STEP_NS = 50_000_000


@dataclass(frozen=True)
class Info:
    """Answer of a reset."""

    task: str
    seed: int
    instruction: str
    max_steps: int


@dataclass(frozen=True)
class Step:
    """Answer of the follower."""

    code: str
    is_new: bool


class ScriptedWorld:
    """Counts steps; a follower that walks along the trace; skills that move by their number."""

    def __init__(
        self,
        trace: tuple[str, ...] = TRACE,
        *,
        max_steps: int = 100,
        needs_steps: int | None = None,
    ) -> None:
        self.trace = trace
        self.max_steps = max_steps
        self.needs_steps = SKILL_STEPS * len(trace) if needs_steps is None else needs_steps
        self.episode_id = 0
        self.resets: list[tuple[str, int]] = []
        self.log: list[str] = []
        self.pictured: list[int] = []
        self.started: list[str] = []
        self.broken_skills: set[str] = set()

    def reset(self, task: str, seed: int, instruction: str | None = None) -> Info:
        """Begin again."""
        self.resets.append((task, seed))
        self.k = 0
        self.actions: list[np.ndarray] = []
        self._left = 0
        self._status = 'done'
        return Info(task, seed, instruction or f'do {task}', self.max_steps)

    @property
    def success(self) -> bool:
        """Enough steps were done."""
        return self.k >= self.needs_steps

    def observe(self, with_pictures: bool = True) -> Observation:
        """Observation without pictures."""
        self.log.append(f'observe {self.k}')
        self.pictured += [self.k] if with_pictures else []
        zeros = np.zeros(7, np.float32)
        return Observation(
            episode_id=self.episode_id,
            step=self.k,
            stamp_ns=self.k * STEP_NS,
            base_image=np.zeros((0, 0, 3), np.uint8),
            wrist_image=np.zeros((0, 0, 3), np.uint8),
            joint_positions=zeros,
            joint_velocities=zeros,
            ee_pose=np.array([0, 0, 0, 0, 1, 0, 0], np.float32),
            vacuum_on=self.k >= SKILL_STEPS,
            vacuum_grasping=False,
            vacuum_ready=False,
        )

    def step(self, action: np.ndarray) -> None:
        """One control step."""
        self.log.append(f'step {self.k}')
        self.actions.append(action)
        self.k += 1

    def oracle_key_step(self) -> Step:
        """The trace's call at this step, `done()` after the last."""
        number = self.k // SKILL_STEPS
        code = self.trace[number] if number < len(self.trace) else 'done()'
        return Step(code, self.k % SKILL_STEPS == 0 and number <= len(self.trace))

    def start_skill(self, code: str) -> None:
        """Begin a skill that takes `SKILL_STEPS` steps."""
        self.started.append(code)
        if code in self.broken_skills:
            self._status = 'failed: no object'
            raise RuntimeError(f'no object for {code!r}')
        self._left = SKILL_STEPS
        self._status = 'running'

    def skill_action(self) -> np.ndarray:
        """Action that names its skill."""
        self._left -= 1
        if self._left == 0:
            self._status = 'done'
        return np.full(7, 0.01 * len(self.started), np.float32)

    def skill_status(self) -> str:
        """Status of the skill."""
        return self._status

    def state_digest(self) -> str:
        """Hash of the actions so far."""
        return hashlib.sha256(b''.join(action.tobytes() for action in self.actions)).hexdigest()
