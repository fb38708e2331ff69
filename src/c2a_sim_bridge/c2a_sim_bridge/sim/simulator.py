# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The embedded simulator as its users see it: reset, observe, step, and what the oracle knows.

One object for data generation, evaluation, notebooks and the ROS bridge. Hides engine and
renderer; knows nothing of ROS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from c2a_core.geometry import quat_xyzw_from_wxyz
from c2a_core.skill_api import parse_key_step
from c2a_core.spaces import CONTROL_DT_NS, clip_action, hold_action
from c2a_core.types import Observation
from c2a_sim_bridge.sim import cameras
from c2a_sim_bridge.sim.labels import ObjectLabels, label_objects
from c2a_sim_bridge.sim.object_pool import POOLS
from c2a_sim_bridge.sim.rendering import SHADERS, Pictures, make_render_system
from c2a_sim_bridge.sim.robot import ROBOT_MODELS, robot_description
from c2a_sim_bridge.sim.skills.contact import Done
from c2a_sim_bridge.sim.skills.follower import Follower, OracleStep
from c2a_sim_bridge.sim.skills.interpreter import Interpreter
from c2a_sim_bridge.sim.skills.skill import Skill, SkillFailedError
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode
from c2a_sim_bridge.sim.tasks.task import TaskInstance
from c2a_sim_bridge.sim.world import World

SKILL_MAX_STEPS = 150  # a skill that takes longer than 7.5 s will not end
STALL_STEPS = 20  # nor will one whose arm has stood still for a second
STALL_M = 5e-4
# What was thrown or toppled rests within two seconds, a loaded scale within ten.
SETTLE_STEPS = 200
CAMERAS = ('base', 'wrist')
_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True)
class SimConfig:
    """Options of the simulator.

    Attributes:
        image_size: pixels along each side of both pictures.
        render: whether there are pictures at all.
        robot: `low_poly` or `detailed`.
        base_camera: `framed` or `original`, see `cameras.base_camera`.
        wrist_camera: `framed` or `original`, see `cameras.wrist_camera`.
        shader: `fast`, or SAPIEN's `minimal` and `default`, see `rendering.make_render_system`.
        shadows: cast shadows; handsome, slow without a GPU, not with the `fast` shader.
        split: which objects scenes may have, a key of `object_pool.POOLS`.
        cameras: whose pictures are taken; the others' have size 0, and cost nothing.
    """

    image_size: int = 128
    render: bool = True
    robot: str = 'low_poly'
    base_camera: str = 'framed'
    wrist_camera: str = 'framed'
    shader: str = 'fast'
    shadows: bool = False
    split: str = 'simple'
    cameras: tuple[str, ...] = CAMERAS

    def __post_init__(self) -> None:
        """Refuse what no simulator can be made of, before an episode begins."""
        if not 16 <= self.image_size <= 2048:
            raise ValueError(f'image_size must be 16 to 2048 pixels, got {self.image_size}')
        if self.robot not in ROBOT_MODELS:
            raise ValueError(f'robot must be one of {ROBOT_MODELS}, got {self.robot!r}')
        if self.shader not in SHADERS:
            raise ValueError(f'shader must be one of {SHADERS}, got {self.shader!r}')
        if self.split not in POOLS:
            raise ValueError(f'split must be one of {tuple(POOLS)}, got {self.split!r}')
        if self.shadows and self.shader == 'fast':
            raise ValueError("the 'fast' shader casts no shadows: take shader 'minimal' for them")
        unknown = set(self.cameras) - set(CAMERAS)
        if unknown or not self.cameras:
            raise ValueError(f'cameras must be some of {CAMERAS}, got {self.cameras}')
        cameras.base_camera(self.base_camera, self.image_size)
        cameras.wrist_camera(self.wrist_camera, self.image_size)


@dataclass(frozen=True, slots=True)
class EpisodeInfo:
    """What a reset tells.

    Attributes:
        task: name of the task.
        seed: with the task it determines the whole episode.
        instruction: the task in words.
        max_steps: control steps after which the episode times out.
        split: which objects the scene was drawn from.
    """

    task: str
    seed: int
    instruction: str
    max_steps: int
    split: str


class Simulator:
    """One world at a time. `reset` first; then for each step `observe`, decide, `step`."""

    def __init__(self, config: SimConfig | None = None) -> None:
        """Make a simulator without a world.

        Args:
            config: options; defaults where None.
        """
        self.config = config or SimConfig()
        self.episode_id = 0
        self.base_camera = cameras.base_camera(self.config.base_camera, self.config.image_size)
        self.wrist_camera = cameras.wrist_camera(self.config.wrist_camera, self.config.image_size)
        self.success = False
        self._skill: Skill | None = None

    @property
    def state(self) -> WorldState:
        """State of the world after the last step."""
        return self._world.state

    @property
    def instance(self) -> TaskInstance:
        """The running episode's task: objects, goal, instruction."""
        return self._instance

    @property
    def robot_description(self) -> str:
        """URDF of the robot in use."""
        return robot_description(self.config.robot)

    def reset(
        self, task: str, seed: int, instruction: str | None = None, *, split: str | None = None
    ) -> EpisodeInfo:
        """Begin an episode in a new world. The same task and seed give the same one, bit for bit.

        Args:
            task: a name of `tasks.registry.task_names()`.
            seed: ≥ 0.
            instruction: other words for the task; None takes the task's own.
            split: which objects the scene may have; None takes the configured one.

        Raises:
            ValueError: for an unknown task (with the nearest names), a negative seed or an
                unknown split.
            RuntimeError: if pictures are wanted and no Vulkan device is usable.
        """
        split = split or self.config.split
        self._instance = sample_episode(task, seed, split)
        self._pictures = None
        self._is_pictured = False
        self._world = self._build_world()
        self._interpreter = self._new_interpreter()
        self._follower = Follower(self._instance.stages, self._new_interpreter(), self.cell_of)
        self._oracle_step: tuple[int, OracleStep] | None = None
        self._asked: tuple[int, OracleStep] | None = None
        self._is_oracle_step_unasked = False
        self._skill, self._skill_steps, self._skill_start = None, 0, 0
        self._oracle_new_step, self._settling_since = 0, -1
        self._stall_position, self._stall_since = self.state.ee_position, 0
        self.success = self._instance.goal.update(self.state)
        words = self._instance.instruction if instruction is None else instruction
        return EpisodeInfo(task, seed, words, get_task(task).max_steps, split)

    def observe(self, with_pictures: bool = True) -> Observation:
        """What cameras and sensors say now.

        Args:
            with_pictures: draw them; otherwise they have size 0. The world does not notice.
        """
        state = self.state
        pictures = dict.fromkeys(CAMERAS, _NO_PICTURE)
        self._is_pictured = False
        if self._pictures is not None and with_pictures:
            self._pictures.refresh()
            pictures.update({name: self._pictures.take(name) for name in self.config.cameras})
            self._is_pictured = True
        pose = np.empty(7, np.float32)
        pose[:3] = state.ee_position
        pose[3:] = quat_xyzw_from_wxyz(state.ee_quat_wxyz)
        return Observation(
            episode_id=self.episode_id,
            step=state.step,
            stamp_ns=state.step * CONTROL_DT_NS,
            base_image=pictures['base'],
            wrist_image=pictures['wrist'],
            joint_positions=state.joint_positions.astype(np.float32),
            joint_velocities=state.joint_velocities.astype(np.float32),
            ee_pose=pose,
            vacuum_on=state.vacuum_on,
            vacuum_grasping=state.grasped >= 0,
            vacuum_ready=state.vacuum_ready,
        )

    def step(self, action: np.ndarray) -> None:
        """Apply an action (7,) for one control step, clipped to its bounds.

        Raises:
            ValueError: for a wrong shape or a number that is not finite; the world stands still.
        """
        state = self._world.step(clip_action(action))
        self.success = self._instance.goal.update(state)
        self._skill_steps += 1
        if float(np.abs(state.ee_position - self._stall_position).max()) > STALL_M:
            self._stall_position, self._stall_since = state.ee_position, state.step
        if self._skill is not None:
            # Skills wait with the oracle, whether anybody else asks for it or not: it has to have
            # seen every step.
            self._follow()

    def hold(self) -> None:
        """One control step in which the arm keeps its target and the vacuum stays as it is."""
        self.step(hold_action(self.state.vacuum_on))

    def stop(self) -> None:
        """Make the arm's present place its target, ending all motion at once; no step."""
        self._world.stop()

    def oracle_key_step(self) -> OracleStep:
        """The oracle's key step now; `is_new` if it began since this was asked at another step."""
        step = self.state.step
        if self._asked is None or self._asked[0] != step:
            answer = self._follow()
            self._asked = (step, OracleStep(answer.code, self._is_oracle_step_unasked))
            self._is_oracle_step_unasked = False
        return self._asked[1]

    def _follow(self) -> OracleStep:
        """Let the oracle see this step, once."""
        step = self.state.step
        if self._oracle_step is None or self._oracle_step[0] != step:
            answer = self._follower.update(self.state, is_solved=self.success)
            self._oracle_step = (step, answer)
            if answer.is_new:
                self._oracle_new_step, self._is_oracle_step_unasked = step, True
        return self._oracle_step[1]

    def start_skill(self, code_text: str) -> None:
        """Begin to execute a key step: its poses are stored, its skill runs from now on.

        Raises:
            SkillCodeError: if the text is no key step or reads an unset pose.
            SkillFailedError: if it cannot begin in this state. The last skill is over then.
        """
        self._follow()
        self._skill = None
        self._skill = self._interpreter.start(parse_key_step(code_text), self.state)
        self._skill_steps, self._skill_start = 0, self.state.step
        self._settling_since = -1

    def skill_action(self) -> np.ndarray:
        """The running skill's next action (7,) float32; without a skill the arm holds."""
        if self._skill is None or self._settling_since >= 0:
            return hold_action(self.state.vacuum_on)
        return self._skill.act(self.state)

    def skill_status(self) -> str:
        """'running', 'done' or 'failed: …', of the skill that was started last.

        A skill whose work is done goes on, holding still, while something moves that the oracle
        waits for as well: nobody can say what is next before a thrown object has landed.
        """
        if self._skill is None:
            return 'failed: no skill is running'
        if self._skill.is_lost(self.state):
            return 'failed: the object was lost'
        if self._skill.is_done(self.state):
            return 'running' if self._settles() else 'done'
        self._settling_since = -1
        if self._skill_steps >= SKILL_MAX_STEPS:
            return f'failed: not done after {SKILL_MAX_STEPS} steps'
        stalled = self.state.step - max(self._stall_since, self._skill_start)
        if stalled >= STALL_STEPS and not isinstance(self._skill, Done):
            return f'failed: the arm has not moved for {stalled} steps'
        return 'running'

    def state_digest(self) -> str:
        """Hash of the whole state, bit for bit."""
        return self._world.digest()

    def cell_of(self, index: int) -> tuple[int, int]:
        """Grid cell (column, row) of an object in the base camera's picture, now."""
        return cameras.grid_cell(self.base_camera, self.state.world_vertices(index))

    def bounding_boxes(self) -> np.ndarray:
        """Boxes (N, 4) of the objects in the base picture, pixels; −1 where behind the camera."""
        count = len(self.state.specs)
        boxes = [
            cameras.bounding_box(self.base_camera, self.state.world_vertices(i))
            for i in range(count)
        ]
        return np.array(boxes).reshape(count, 4)

    def object_labels(self) -> ObjectLabels:
        """What of each object can be seen in the base picture of the last `observe`.

        Raises:
            RuntimeError: if this simulator makes no base pictures, or made none of this step.
        """
        if self._pictures is None or 'base' not in self.config.cameras:
            raise RuntimeError(
                'labels need pictures: make the simulator with render=True and a base camera'
            )
        if not self._is_pictured:
            raise RuntimeError('labels need a picture: observe this step with its pictures')
        specs = self.state.specs
        cells = [self.cell_of(index) for index in range(len(specs))]
        return label_objects(specs, cells, self._pictures.segment('base'))

    def _settles(self) -> bool:
        """Whether a skill that has done its work waits for what it set in motion."""
        state = self.state
        begins_later = self._oracle_new_step <= self._skill_start and not self.success
        moves = (i for i in range(len(state.specs)) if i != state.grasped)
        if not begins_later or all(state.is_static(i) for i in moves):
            return False
        if self._settling_since < 0:
            self._settling_since = state.step
        return state.step - self._settling_since < SETTLE_STEPS

    def _build_world(self) -> World:
        instance = self._instance
        world = World(
            instance.objects,
            held=instance.held,
            fixture=instance.fixture,
            robot_model=self.config.robot,
            render_system=make_render_system(self.config.shader) if self.config.render else None,
        )
        if not self.config.render:
            return world
        self._pictures = Pictures(
            world,
            tuple(
                c for c in (self.base_camera, self.wrist_camera) if c.name in self.config.cameras
            ),
            shadows=self.config.shadows,
        )
        return world

    def _new_interpreter(self) -> Interpreter:
        return Interpreter(self.cell_of, self._instance.free_pose)


__all__ = ['EpisodeInfo', 'OracleStep', 'SimConfig', 'Simulator', 'SkillFailedError']
