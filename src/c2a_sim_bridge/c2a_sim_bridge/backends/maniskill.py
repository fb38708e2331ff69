# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The embedded simulator in the backend's seat."""

from __future__ import annotations

import numpy as np

from c2a_core.spaces import FRAME_BASE_CAMERA, FRAME_WRIST_CAMERA
from c2a_core.types import FloatArray, Observation
from c2a_sim_bridge.backends.backend import CameraView, EpisodeInfo, SceneObject
from c2a_sim_bridge.sim.cameras import CameraModel
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.tasks.registry import get_task

_FRAMES = {'base': FRAME_BASE_CAMERA, 'wrist': FRAME_WRIST_CAMERA}
ROBOT_POSITION = (-0.65, 0.0, 0.0)


class ManiskillBackend:
    """Adapter over `sim.Simulator`.

    Args:
        simulator: the simulator, or a stand-in of the same shape.
    """

    name = 'maniskill'
    robot_position = ROBOT_POSITION

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.robot_description: str = simulator.robot_description
        self.cameras = tuple(map(_view, (simulator.base_camera, simulator.wrist_camera)))

    @classmethod
    def create(
        cls,
        image_size: int,
        render: bool,
        robot: str,
        cameras: str = 'framed',
        split: str = 'simple',
    ) -> ManiskillBackend:
        """Make the simulator with the options that the bridge has as parameters."""
        config = SimConfig(
            image_size=image_size,
            render=render,
            robot=robot,
            base_camera=cameras,
            wrist_camera=cameras,
            split=split,
        )
        return cls(Simulator(config))

    def check_task(self, task: str) -> None:
        """Refuse a task that is not there."""
        get_task(task)

    def reset(
        self, task: str, seed: int, instruction: str | None, options: dict[str, str]
    ) -> EpisodeInfo:
        """Begin an episode; see `Backend.reset`. The option `split` chooses its objects."""
        unknown = sorted(set(options) - {'split'})
        if unknown:
            raise ValueError(
                f'unknown backend options {", ".join(unknown)}: maniskill has split, '
                'the bridge itself knows scene=keep'
            )
        info = self.simulator.reset(task, seed, instruction, split=options.get('split'))
        return EpisodeInfo(info.task, info.seed, info.instruction, info.max_steps, info.split)

    @property
    def success(self) -> bool:
        """Whether the task's predicates hold."""
        return bool(self.simulator.success)

    def observe(self, episode_id: int) -> Observation:
        """Cameras and sensors now."""
        self.simulator.episode_id = episode_id
        return self.simulator.observe()

    def step(self, action: FloatArray) -> None:
        """One control step."""
        self.simulator.step(action)

    def stop(self) -> None:
        """The present place becomes the target."""
        self.simulator.stop()

    def oracle_code(self) -> str | None:
        """What the follower says."""
        return self.simulator.oracle_key_step().code

    def start_skill(self, code: str) -> None:
        """Begin a scripted skill."""
        self.simulator.start_skill(code)

    def skill_action(self) -> FloatArray:
        """Next action of the scripted skill."""
        return self.simulator.skill_action()

    def skill_status(self) -> str:
        """Whether the scripted skill still runs."""
        return self.simulator.skill_status()

    def scene(self) -> tuple[SceneObject, ...]:
        """Objects of the task's instance."""
        instance = self.simulator.instance
        goal = set(getattr(instance.goal, 'objects', ()))
        return tuple(
            SceneObject(
                name=placed.spec.name,
                rgb=placed.spec.rgb,
                footprint=placed.spec.footprint,
                height=placed.spec.height,
                is_in_goal=index in goal,
                bottom=float(placed.spec.vertices[:, 2].min()),
                is_ball=placed.spec.shape == 'sphere',
            )
            for index, placed in enumerate(instance.objects)
        )

    def object_poses(self) -> FloatArray:
        """Poses (N, 7), world, xyzw."""
        state = self.simulator.state
        xyzw = np.roll(state.quats_wxyz, -1, axis=1)
        return np.concatenate((state.positions, xyzw), axis=1).astype(np.float32)

    def close(self) -> None:
        """Nothing to free: the engine's scene goes with the object."""


def _view(camera: CameraModel) -> CameraView:
    return CameraView(
        name=camera.name,
        width=camera.size,
        height=camera.size,
        intrinsics=camera.intrinsics,
        frame=_FRAMES[camera.name],
        parent_frame=camera.parent_frame,
        optical_pose=camera.optical_pose,
    )
