# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Reads one folder of the public ClevrSkills dataset and converts its numbers to our conventions.

What the folder says about the arm is measured, so it is taken as it is: joints, end effector,
vacuum. The *commands* are not: ClevrSkills scales them (0.1 m and 0.1 rad) and its drives realise
about 39 % of one within a control step, ours at least 95 %. Sent to our robot they would mean
another motion. So an action is the motion that was measured between two observations, expressed
in the end effector's frame: what our convention calls the action, and what a policy should
learn. Only the vacuum is taken from the command.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from c2a_core.geometry import (
    quat_conjugate_wxyz,
    quat_multiply_wxyz,
    quat_normalize,
    quat_rotate,
    quat_xyzw_from_wxyz,
    rotation_vector_from_quat_wxyz,
)
from c2a_core.spaces import (
    MAX_ROTATION_RAD,
    MAX_TRANSLATION_M,
    grid_cell,
    make_action,
)
from c2a_core.types import NUM_JOINTS, FloatArray
from c2a_training.clevrskills.clevrskills_media import (
    TrajectorySkippedError,
    frame_size,
    instruction,
)
from c2a_training.clevrskills.clevrskills_trace import ActorId, Step, read_trace

# Suction cups ride on joints of their own, after those of the arm.
_CUP_JOINTS = 5
ROBOTS = {NUM_JOINTS + _CUP_JOINTS: 'panda_vacuum', 6 + _CUP_JOINTS: 'xarm6_vacuum'}
FOLDER = re.compile(r'traj_(?P<seed>[0-9]{1,18})(_variant_(?P<variant>[0-9]{1,6}))?')
# A motion that is over our bounds by less is not worth a report.
_NOTABLE = 1.05
_TRACE = 'action_trace.pickle.bz2'
_BOXES = 'extra/actor_mesh_bbox/base_camera'
_STATES = ('qpos', 'qvel', 'ee_pose', 'vacuum_on', 'vacuum_grasping', 'vacuum_ready')


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One successful episode of T actions, cut at its first success.

    Attributes:
        seed: from the folder's name.
        variant: from the folder's name, 0 where it has none.
        robot: 'panda_vacuum' or 'xarm6_vacuum'.
        instruction: the first prompt that needs no picture, placeholders replaced.
        trace: solvers at each of the T steps.
        boxes: box of each object in the base picture (T+1, 2, 2): first and last column and row;
            -1 where the object is behind the camera.
        frame_size: width and height of the base video [px], to which boxes refer.
        joints: (T+1, 7) joint positions [rad]; the seventh of an xArm6 is 0.
        joint_velocities: (T+1, 7) [rad/s].
        ee_pose: (T+1, 7) x y z [m], qx qy qz qw, world.
        vacuum: (T+1, 3) flags: on, grasping, any cup ready.
        actions: (T, 7) float32, layout of `spaces.ACTION`.
        clipped: actions whose measured motion was over our bounds and was cut to them.
    """

    seed: int
    variant: int
    robot: str
    instruction: str
    trace: tuple[Step, ...]
    boxes: dict[ActorId, npt.NDArray[np.int64]]
    frame_size: tuple[int, int]
    joints: FloatArray
    joint_velocities: FloatArray
    ee_pose: FloatArray
    vacuum: npt.NDArray[np.bool_]
    actions: FloatArray
    clipped: int

    def cell(self, actor: ActorId, step: int) -> tuple[int, int]:
        """Grid cell (column, row) of an object at an observation, by our convention.

        Raises:
            TrajectorySkippedError: if the folder has no box of it there.
        """
        boxes = self.boxes.get(actor)
        if boxes is None:
            raise TrajectorySkippedError(f'there is no box of {actor[0]!r} in {_BOXES}')
        (u0, v0), (u1, v1) = boxes[step].tolist()
        if min(u0, v0, u1, v1) < 0:
            raise TrajectorySkippedError(f'{actor[0]!r} is behind the camera at step {step}')
        return grid_cell((u0 + u1) / 2, (v0 + v1) / 2, *self.frame_size)


def find_trajectories(directory: Path) -> list[Path]:
    """Folders of trajectories at or below a directory, in order of their names."""
    if FOLDER.fullmatch(directory.name):
        return [directory]
    found = (path for path in directory.rglob('traj_*') if path.is_dir())
    return sorted(path for path in found if FOLDER.fullmatch(path.name))


def read_trajectory(folder: Path) -> Trajectory:
    """Read a folder, without its videos' frames.

    Raises:
        TrajectorySkippedError: if it has no success, misses a part or contradicts itself.
        TraceRefusedError: if its action trace is not plain data.
        TraceError: if the trace is not one.
    """
    match = FOLDER.fullmatch(folder.name)
    if match is None:
        raise TrajectorySkippedError('the folder is not called traj_<seed>[_variant_<v>]')
    success = _array(folder, 'success.npy').astype(bool)
    if not success.any():
        raise TrajectorySkippedError('no success')
    steps = int(np.argmax(success)) + 1
    commands = _numbers(folder, 'actions.npy', len(success), 7)[:steps]
    states = {name: _array(folder, f'agent/{name}.npy') for name in _STATES}
    for name, array in states.items():
        _check_length(array, len(success) + 1, f'agent/{name}.npy')
    joints = _finite(states['qpos'], 'agent/qpos.npy')
    robot = ROBOTS.get(joints.shape[1])
    if robot is None:
        raise TrajectorySkippedError(
            f'agent/qpos.npy has {joints.shape[1]} joints, expected those of '
            + ' or '.join(f'{name} ({count})' for count, name in ROBOTS.items())
        )
    poses = _numbers(folder, 'agent/ee_pose.npy', len(success) + 1, 7)[: steps + 1]
    actions, clipped = measured_actions(poses, commands[:, 6] > 0)
    trace = read_trace(_existing(folder, _TRACE))
    if len(trace) < steps:
        raise TrajectorySkippedError(f'{_TRACE} has {len(trace)} steps, expected {len(success)}')
    velocities = _finite(states['qvel'], 'agent/qvel.npy')
    return Trajectory(
        seed=int(match['seed']),
        variant=int(match['variant'] or 0),
        robot=robot,
        instruction=instruction(folder),
        trace=trace[:steps],
        boxes=_read_boxes(folder, len(success) + 1),
        frame_size=frame_size(folder),
        joints=_arm(joints)[: steps + 1],
        joint_velocities=_arm(velocities)[: steps + 1],
        ee_pose=np.hstack([poses[:, :3], quat_xyzw_from_wxyz(poses[:, 3:])]).astype(np.float32),
        vacuum=_vacuum(states)[: steps + 1],
        actions=actions,
        clipped=clipped,
    )


def measured_actions(
    poses_wxyz: npt.NDArray[np.float64], vacuum_on: Sequence[bool] | npt.NDArray[np.bool_]
) -> tuple[FloatArray, int]:
    """Actions of our convention that describe a measured motion.

    Args:
        poses_wxyz: (T+1, 7) end effector in world: x y z [m], qw qx qy qz.
        vacuum_on: (T,) what the command of each step asks for.

    Returns:
        Actions (T, 7) float32, and how many had to be cut by more than a twentieth to what our
        robot does in a step.
    """
    actions, clipped = [], 0
    for before, after, is_on in zip(poses_wxyz[:-1], poses_wxyz[1:], vacuum_on, strict=True):
        inverse = quat_conjugate_wxyz(quat_normalize(before[3:]))
        translation = quat_rotate(inverse, after[:3] - before[:3])
        turn = quat_multiply_wxyz(inverse, quat_normalize(after[3:]))
        rotation = rotation_vector_from_quat_wxyz(turn)
        clipped += int(
            np.linalg.norm(translation) > _NOTABLE * MAX_TRANSLATION_M
            or np.linalg.norm(rotation) > _NOTABLE * MAX_ROTATION_RAD
        )
        actions.append(make_action(translation, rotation, bool(is_on)))
    return np.array(actions, np.float32).reshape(-1, 7), clipped


def _read_boxes(folder: Path, count: int) -> dict[ActorId, npt.NDArray[np.int64]]:
    boxes = {}
    for path in sorted(_existing(folder, _BOXES).glob('*.npy')):
        name, _, number = path.stem.rpartition('_')
        if not name or not number.isdecimal():
            raise TrajectorySkippedError(f'{_BOXES}/{path.name} is not called <name>_<id>.npy')
        array = _array(folder, f'{_BOXES}/{path.name}')
        if array.shape != (count, 2, 3):
            raise TrajectorySkippedError(
                f'{_BOXES}/{path.name} has shape {array.shape}, expected ({count}, 2, 3)'
            )
        boxes[(name, int(number))] = array[:, :, :2].astype(np.int64)
    return boxes


def _vacuum(states: dict[str, np.ndarray]) -> npt.NDArray[np.bool_]:
    ready = states['vacuum_ready'].reshape(len(states['vacuum_ready']), -1).any(axis=1)
    return np.stack([states['vacuum_on'] != 0, states['vacuum_grasping'] != 0, ready], axis=1)


def _arm(joints: np.ndarray) -> FloatArray:
    """Joints of the arm without the cups', in seven columns."""
    arm = np.zeros((len(joints), NUM_JOINTS), np.float32)
    count = joints.shape[1] - _CUP_JOINTS
    arm[:, :count] = joints[:, :count]
    return arm


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.exists():
        raise TrajectorySkippedError(f'{name} is missing')
    return path


def _array(folder: Path, name: str) -> np.ndarray:
    path = _existing(folder, name)
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as err:
        raise TrajectorySkippedError(f'{name} cannot be read: {err}') from err
    if not isinstance(array, np.ndarray) or array.dtype.kind not in 'biuf' or array.ndim < 1:
        raise TrajectorySkippedError(f'{name} is no array of numbers')
    return array


def _numbers(folder: Path, name: str, rows: int, columns: int) -> npt.NDArray[np.float64]:
    array = _array(folder, name)
    if array.shape != (rows, columns):
        raise TrajectorySkippedError(
            f'{name} has shape {array.shape}, expected ({rows}, {columns})'
        )
    return _finite(array, name).astype(np.float64)


def _finite(array: np.ndarray, name: str) -> np.ndarray:
    if array.ndim != 2:
        raise TrajectorySkippedError(f'{name} has shape {array.shape}, expected rows of numbers')
    if not np.isfinite(array).all():
        raise TrajectorySkippedError(f'{name} has numbers that are not finite')
    return array


def _check_length(array: np.ndarray, rows: int, name: str) -> None:
    if len(array) != rows:
        raise TrajectorySkippedError(f'{name} has {len(array)} rows, expected {rows}')
