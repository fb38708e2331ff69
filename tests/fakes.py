# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Stand-ins at the outermost seams: a simulator without physics, a planner's model, a policy.

Everything between them in the tests is the product's own code.
"""

from __future__ import annotations

import hashlib
import time

import numpy as np

from c2a_core.types import Observation
from c2a_planner.backend import Reply
from c2a_sim_bridge.backends.backend import CameraView, EpisodeInfo, SceneObject

CUBE = "get_actor('red cube', (3, 5))"
TRACE = (
    f"pose_dict['target'] = free_space(actor={CUBE})\nmove3d(actor={CUBE})",
    f'pick(actor={CUBE})',
    "move3d(target_pose=pose_dict['target'])",
    f"place(actor={CUBE}, target_pose=pose_dict['target'])",
)
SKILL_STEPS = 4
TASKS = ('FakeTask', 'OtherTask')


class FakeSimulator:
    """A point that follows its target; each key step of a fixed trace takes `skill_steps` steps.

    Takes a backend's seat. The point covers a third of the way to its target at each step, so
    that a robot that is not stopped goes on moving.

    Args:
        trace: the oracle's key steps.
        skill_steps: control steps that each of them takes.
        needs_steps: steps until success; None means the whole trace; 0 never.
        max_steps: time-out.
        image_size: side of the pictures; 0 for none.
        step_s: wall time that a step takes.
    """

    name = 'maniskill'
    robot_description = '<robot name="fake"><link name="panda_link0"/></robot>'
    robot_position = (-0.65, 0.0, 0.0)

    def __init__(
        self,
        trace=TRACE,
        *,
        skill_steps=SKILL_STEPS,
        needs_steps=None,
        max_steps=100,
        image_size=32,
        step_s=0.0,
    ):
        self.trace = trace
        self.skill_steps = skill_steps
        self.needs_steps = skill_steps * len(trace) if needs_steps is None else needs_steps
        self.max_steps = max_steps
        self.image_size = image_size
        self.step_s = step_s
        self.cameras = tuple(_view(name, image_size) for name in ('base', 'wrist'))
        self.position = np.zeros(3)
        self.resets = []
        self.actions = []
        self.started = []
        self.stops = 0
        self.broken_skills = set()
        self.closed = False

    def check_task(self, task):
        if task not in TASKS:
            raise ValueError(f'there is no task {task!r}: choose one of {", ".join(TASKS)}')

    def reset(self, task, seed, instruction, options):
        if options:
            raise ValueError(f'unknown backend options {sorted(options)}')
        self.check_task(task)
        self.resets.append((task, seed))
        self.k = 0
        self.actions = []
        self.position = np.zeros(3)
        self.target = np.zeros(3)
        self.vacuum_on = False
        self._code, self._left, self._status = '', 0, 'failed: no skill is running'
        return EpisodeInfo(task, seed, instruction or f'do {task}', self.max_steps)

    @property
    def success(self):
        return 0 < self.needs_steps <= self.k

    def observe(self, episode_id):
        shape = (self.image_size, self.image_size, 3)
        pose = np.array([*self.position, 1, 0, 0, 0], np.float32)
        return Observation(
            episode_id=episode_id,
            step=self.k,
            stamp_ns=0,
            base_image=np.full(shape, self.k % 256, np.uint8),
            wrist_image=np.full(shape, 255 - self.k % 256, np.uint8),
            joint_positions=np.full(7, 0.01 * self.k, np.float32),
            joint_velocities=np.zeros(7, np.float32),
            ee_pose=pose,
            vacuum_on=self.vacuum_on,
            vacuum_grasping=False,
            vacuum_ready=False,
        )

    def step(self, action):
        if self.step_s:
            time.sleep(self.step_s)
        self.actions.append(np.array(action))
        if np.any(action[:6]):
            self.target = self.position + np.array(action[:3], float)
        self.position = self.position + (self.target - self.position) / 3.0
        self.vacuum_on = bool(action[6] > 0)
        self._left -= 1
        if self._left <= 0 and self._status == 'running':
            self._status = 'done'
        self.k += 1

    def stop(self):
        self.stops += 1
        self.target = self.position.copy()

    def oracle_code(self):
        number = self.k // self.skill_steps
        return self.trace[number] if number < len(self.trace) else 'done()'

    def start_skill(self, code):
        self.started.append(code)
        if code in self.broken_skills:
            self._status = 'failed: broken'
            raise RuntimeError(f'cannot begin {code!r}')
        self._code, self._status = code, 'running'
        self._left = self.skill_steps

    def skill_action(self):
        action = np.zeros(7, np.float32)
        action[0] = 0.03
        action[2] = 0.001 * len(self.started)
        action[6] = -1.0
        return action

    def skill_status(self):
        return self._status

    def scene(self):
        square = 0.05 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], float)
        return (SceneObject('red cube', (1.0, 0.0, 0.0), square, 0.05, True, -0.025),)

    def object_poses(self):
        return np.array([[0.1, 0.0, 0.025, 0, 0, 0, 1]], np.float32)

    def state_digest(self):
        return hashlib.sha256(b''.join(a.tobytes() for a in self.actions)).hexdigest()

    def close(self):
        self.closed = True


def _view(name, size):
    return CameraView(
        name=name,
        width=size,
        height=size,
        intrinsics=np.eye(3),
        frame=f'camera_{name}_optical_frame',
        parent_frame='world',
        optical_pose=np.eye(4),
    )


class FakeModel:
    """A planner's model that replies with given texts, the last one for ever.

    Args:
        texts: the replies.
        wall_s: wall time that a reply takes.
    """

    name = 'fake'
    checkpoint = 'fake-model'
    writes_code = True
    is_instant = False

    def __init__(self, *texts, wall_s=0.0):
        self.texts = list(texts)
        self.wall_s = wall_s
        self.asked = []

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        self.asked.append((observation.step, instruction, memory, request_key_step))
        time.sleep(self.wall_s)
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        return Reply(text, latency_s=self.wall_s)


class FakePolicy:
    """Chunks that go along x at a constant speed; y says which sub-task they are for.

    Args:
        speed_m: metres per step.
        rows: length of a chunk.
        wall_s: wall time that a chunk takes.
    """

    source = 'policy'
    checkpoint = 'fake-policy'
    follows_key_steps = True
    is_instant = False

    def __init__(self, speed_m=0.02, rows=16, wall_s=0.0):
        self.speed_m = speed_m
        self.rows = rows
        self.wall_s = wall_s
        self.episodes = []
        self.asked = []

    def begin_episode(self, task, seed):
        self.episodes.append((task, seed))

    def predict_action_chunk(self, observation, key_step):
        self.asked.append((observation.step, key_step.code))
        time.sleep(self.wall_s)
        actions = np.zeros((self.rows, 7), np.float32)
        actions[:, 0] = self.speed_m
        actions[:, 1] = 0.001 * (key_step.subtask_id + 1)
        actions[:, 6] = -1.0
        return actions
