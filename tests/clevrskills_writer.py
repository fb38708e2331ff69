# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Writes trajectory folders as the public ClevrSkills suite does, for tests of the importer.

Names, shapes, types and the classes in the pickle are those of the published recorder; the motion
and the pictures are made up.
"""

from __future__ import annotations

import bz2
import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np

GREEN, WHITE = ('green hexagon', 20), ('white hexagon', 21)
HOME = np.array([-0.1057, 0.0, 0.2955, 0.0, 1.0, 0.0, 0.0])


def pose() -> tuple[list, list]:
    """A pose as the trace has it: lists of numpy numbers."""
    return list(np.float32([0.1, 0.2, 0.03])), list(np.float32([1.0, 0.0, 0.0, 0.0]))


@dataclass
class Trace:
    """Builds a trace, one run of a solver after another.

    Attributes:
        parents: solvers above the deepest, without the top one.
        steps: so far.
    """

    parents: list[dict] = field(default_factory=list)
    steps: list[list[dict]] = field(default_factory=list)
    runs: int = 0

    def new(self, solver: str, **values: object) -> dict:
        """A solver that begins now."""
        self.runs += 1
        return {
            'solver_class': solver,
            'solver_python_id': 140000000000 + self.runs,
            'solver_random_id': int(np.random.default_rng(self.runs).integers(10**9)),
            'action_emitted': False,
            **values,
        }

    def under(self, *parents: dict) -> Trace:
        """Solvers that stand above what comes next."""
        self.parents = list(parents)
        return self

    def run(self, count: int, solver: str | None = None, **values: object) -> Trace:
        """The deepest solver for some steps; None is a hold of the one above."""
        leaf = [] if solver is None else [self.new(solver, **values)]
        for _ in range(count):
            top = {
                **self._top(),
                'prompts': ['Pick and place {obj:green hexagon_20} behind {obj:white hexagon_21}'],
            }
            chain = [dict(entry) for entry in (top, *self.parents, *leaf)]
            chain[-1]['action_emitted'] = True
            self.steps.append(chain)
        return self

    def _top(self) -> dict:
        return {
            'solver_class': 'Solver',
            'solver_python_id': 139999999999,
            'solver_random_id': 7,
            'action_emitted': False,
        }


def next_to_trace() -> Trace:
    """PlaceNextTo as in the specification's example: 4 + 3 + 4 + 2 steps and a hold."""
    trace = Trace()
    parent = trace.new(
        'PickMove3dPlaceSolver',
        actor=GREEN,
        target_actor=None,
        target_pose=pose(),
        target_pose_name='area behind white hexagon',
        match_ori=False,
        lift=0.03,
        target_pose_function='in_area',
        feasible_positions=np.random.default_rng(0).normal(size=(5, 3)),
        area_description='behind',
        area_actor=WHITE,
        area_direction=np.array([-1.0, 0.0, 0.0]),
    )
    trace.under(parent)
    trace.run(4, 'Move3dSolver', **move(vacuum=False))
    trace.run(3, 'PickSolver', actor=GREEN, lift=0.03)
    trace.run(4, 'Move3dSolver', **move(vacuum=True))
    trace.run(2, 'PlaceSolver', actor=GREEN, target_pose=pose(), match_ori_2d=False)
    return trace.run(1)


def move(*, vacuum: bool, match_ori: bool = False, name: str = '{obj:green hexagon_20}') -> dict:
    """Fields of a movement."""
    return {
        'target_pose': pose(),
        'match_ori': match_ori,
        'vacuum': vacuum,
        'extend_bounds': 0.01,
        'target_pose_name': name,
        'grasped': [],
        'grasped_actors': [GREEN] if vacuum else [],
        'check_done': True,
    }


def write_trajectory(
    folder: Path,
    trace: Trace | None = None,
    *,
    actors: Sequence[tuple[str, int]] = (GREEN, WHITE),
    prompts: Sequence[str] | None = None,
    joints: int = 12,
    succeeds: bool = True,
    size: int = 64,
    wrist_size: int = 32,
) -> Path:
    """Write one folder.

    Args:
        folder: called `traj_<seed>`.
        trace: what was done; its length is that of the episode.
        actors: task actors; the k-th one's box moves with the step, see `box`.
        prompts: instructions with placeholders.
        joints: 12 for the Panda, 11 for the xArm6.
        succeeds: whether the last step is a success.
        size: side of the base video [px].
        wrist_size: side of the wrist video [px].

    Returns:
        The folder.
    """
    trace = trace or next_to_trace()
    count = len(trace.steps)
    rng = np.random.default_rng(1)
    for name in (
        'agent',
        'extra/actor_mesh_bbox/base_camera',
        'extra/actor_is_visible/base_camera',
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
    actions = np.clip(rng.normal(size=(count, 7)), -1, 1)
    actions[:, 6] = np.where(np.arange(count) < count // 2, -1.0, 1.0)
    success = np.zeros(count, bool)
    success[-1] = succeeds
    np.save(folder / 'actions.npy', actions)
    np.save(folder / 'success.npy', success)
    np.save(folder / 'rewards.npy', rng.normal(size=count))
    np.save(folder / 'env_states.npy', rng.normal(size=(count + 1, 102)))
    np.save(folder / 'extra' / 'actors.npy', rng.normal(size=(count + 1, 13 * len(actors))))
    agent = {
        'qpos': rng.normal(size=(count + 1, joints)).astype(np.float32),
        'qvel': rng.normal(size=(count + 1, joints)).astype(np.float32),
        'base_pose': np.tile(np.float32([-0.65, 0, 0, 1, 0, 0, 0]), (count + 1, 1)),
        'ee_pose': ee_poses(count),
        'ee_velocity': np.zeros((count + 1, 6), np.float32),
        'vacuum_on': np.arange(count + 1) > count // 2,
        'vacuum_grasping': np.arange(count + 1) > count // 2 + 1,
        'vacuum_ready': np.tile(np.array([False, True, False, False, False]), (count + 1, 1)),
    }
    for name, array in agent.items():
        np.save(folder / 'agent' / f'{name}.npy', array)
    for number, (name, actor_id) in enumerate(actors):
        stem = f'{name}_{actor_id}.npy'
        boxes = np.array([box(number, step, size) for step in range(count + 1)])
        np.save(folder / 'extra' / 'actor_mesh_bbox' / 'base_camera' / stem, boxes)
        np.save(folder / 'extra' / 'actor_is_visible' / 'base_camera' / stem, np.ones(count + 1))
    write_video(folder / 'image' / 'base_camera' / 'rgb.mp4', count + 1, size)
    write_video(folder / 'image' / 'hand_camera' / 'rgb.mp4', count + 1, wrist_size)
    write_trace(folder, trace.steps)
    np.save(folder / 'action_labels.npy', {1: {'mid_act_label': ''}})
    names = [f'{name}_{actor_id}' for name, actor_id in actors]
    default = [f'Pick and place {{obj:{names[0]}}} behind {{obj:{names[-1]}}}']
    info = {
        'prompts': list(prompts or default),
        'textures': {name: [name.split(' ')[0], '[0.0, 1.0, 0.0]'] for name in names},
    }
    info['textual_description'] = info['prompts'][0]
    (folder / 'info.json').write_text(json.dumps(info, indent=2))
    seed = int(folder.name.split('_')[1])
    ep_info = {'episode_id': 0, 'episode_seed': seed, 'control_mode': 'pd_ee_delta_pose'}
    (folder / 'ep_info.json').write_text(json.dumps(ep_info))
    return folder


def ee_poses(count: int) -> np.ndarray:
    """(count+1, 7) float32: 1 cm forward and 1 cm up a step, turning about the tool's axis."""
    poses = np.tile(HOME, (count + 1, 1))
    steps = np.arange(count + 1)
    poses[:, 0] += 0.01 * steps
    poses[:, 2] += 0.01 * steps
    half = 0.05 * steps
    # Home is a half turn about x; a turn about the tool's own z comes after it.
    poses[:, 3:] = np.stack([0 * half, np.cos(half), -np.sin(half), 0 * half], axis=1)
    return poses.astype(np.float32)


def box(number: int, step: int, size: int) -> list[list[int]]:
    """Box of an object at a step: 8 px wide, moving a pixel a step to the right."""
    u, v = 10 + 20 * number + step, 30 + 4 * number
    return [[min(u, size - 9), v, 1], [min(u + 8, size - 1), v + 8, 1]]


def write_trace(folder: Path, document: object) -> None:
    """Pickle and compress a trace."""
    with bz2.BZ2File(folder / 'action_trace.pickle.bz2', 'w') as file:
        pickle.dump(document, file, protocol=4)


def write_video(path: Path, count: int, size: int) -> None:
    """A video whose k-th frame is grey 10 k, as the recorder encodes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=20)
        stream.width = stream.height = size
        stream.pix_fmt = 'yuv444p'
        for k in range(count):
            image = np.full((size, size, 3), 10 * k % 250, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode())
