# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The seat of the robot side: what the bridge node needs from a world, simulated or real.

Backends know nothing of ROS, episodes' numbers, stepping and watchdogs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from c2a_core.types import FloatArray, Observation

PLANNED = {
    'clevrskills': "backend 'clevrskills' (the original task suite) is not there yet",
    'arm': "backend 'arm' (a real robot) is not there yet",
}


@dataclass(frozen=True)
class EpisodeInfo:
    """What a reset tells about the new episode.

    Attributes:
        task: name of the task.
        seed: seed of the scene.
        instruction: what the robot is asked to do.
        max_steps: control steps after which the episode times out.
        split: which objects the scene was drawn from; empty where the backend has none.
    """

    task: str
    seed: int
    instruction: str
    max_steps: int
    split: str = ''


@dataclass(frozen=True, eq=False)
class CameraView:
    """A camera as its standard topics describe it.

    Attributes:
        name: one of `spaces.CAMERAS`.
        width: pixels.
        height: pixels.
        intrinsics: (3, 3) camera matrix.
        frame: optical frame.
        parent_frame: frame that carries the camera.
        optical_pose: (4, 4) pose of the optical frame in its parent frame [m].
    """

    name: str
    width: int
    height: int
    intrinsics: np.ndarray
    frame: str
    parent_frame: str
    optical_pose: np.ndarray


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One object of an episode, for the markers.

    Attributes:
        name: what instructions and code call it.
        rgb: colour, each channel in 0..1.
        footprint: (n, 2) outline seen from above, counter-clockwise, object frame [m].
        height: extent along its z [m].
        is_in_goal: the task's goal is about it.
        bottom: z of its lowest point, object frame [m].
        is_ball: a sphere of diameter `height` instead of a prism.
    """

    name: str
    rgb: tuple[float, float, float]
    footprint: np.ndarray
    height: float
    is_in_goal: bool
    bottom: float
    is_ball: bool = False


class Backend(Protocol):
    """One world at a time; `reset` first."""

    name: str
    robot_description: str
    robot_position: tuple[float, float, float]
    cameras: tuple[CameraView, ...]

    def check_task(self, task: str) -> None:
        """Refuse a task that is not there.

        Raises:
            ValueError: with the nearest names.
        """

    def reset(
        self, task: str, seed: int, instruction: str | None, options: dict[str, str]
    ) -> EpisodeInfo:
        """Begin an episode.

        Args:
            task: name of the task.
            seed: seed of the scene.
            instruction: other words for the task; None takes its own.
            options: backend options; unknown keys are refused.

        Raises:
            ValueError: for an unknown task, seed or option, with what to give instead.
        """

    @property
    def success(self) -> bool:
        """Whether the task's predicates hold."""

    def observe(self, episode_id: int) -> Observation:
        """Cameras and sensors now; step and stamp are the caller's to set."""

    def step(self, action: FloatArray) -> None:
        """One control step with an action (7,) within bounds."""

    def stop(self) -> None:
        """End all motion at once: the present place becomes the target."""

    def oracle_code(self) -> str | None:
        """The right key step at the present state; None where nobody knows."""

    def start_skill(self, code: str) -> None:
        """Begin to execute a key step.

        Raises:
            ValueError: if the text is not a key step (`SkillCodeError` is one).
            RuntimeError: if it cannot begin in this state, or there are no skills.
        """

    def skill_action(self) -> FloatArray:
        """Next action (7,) of the running skill."""

    def skill_status(self) -> str:
        """'running', 'done' or 'failed: …'."""

    def scene(self) -> tuple[SceneObject, ...]:
        """The episode's objects; empty where nobody knows."""

    def object_poses(self) -> FloatArray:
        """Poses (N, 7) of the objects: x y z [m], qx qy qz qw, world."""

    def close(self) -> None:
        """Free what the world holds."""


def make_backend(
    name: str,
    image_size: int,
    render: bool,
    robot: str,
    cameras: str = 'framed',
    split: str = 'simple',
) -> Backend:
    """Build a backend by its name in parameters and launch arguments.

    Args:
        name: 'maniskill', or a name that is not there yet.
        image_size: pixels along each side of both pictures.
        render: whether there are pictures at all.
        robot: 'low_poly' or 'detailed'.
        cameras: 'framed' or 'original' poses.
        split: objects of simulated scenes: 'simple', 'train' or 'test'.

    Raises:
        ValueError: for a name that is unknown or not there yet.
    """
    if name == 'maniskill':
        # Imported here: the engine takes a second to load, and other backends do not need it.
        from c2a_sim_bridge.backends.maniskill import ManiskillBackend

        return ManiskillBackend.create(image_size, render, robot, cameras, split)
    if name in PLANNED:
        raise ValueError(f'{PLANNED[name]}: use backend:=maniskill')
    raise ValueError(
        f"there is no backend '{name}': choose maniskill (clevrskills and arm are to come)"
    )
