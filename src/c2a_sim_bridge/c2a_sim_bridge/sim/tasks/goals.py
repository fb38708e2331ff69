# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the tasks of the empty gripper share: goals in the air that the arm can reach in turn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

import numpy as np

from c2a_core.geometry import rotation_matrix_from_quat_wxyz
from c2a_sim_bridge.sim import kinematics
from c2a_sim_bridge.sim.cameras import base_camera
from c2a_sim_bridge.sim.objects import ObjectKind, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.placement import MAX_REACH, ROBOT_BASE_XY
from c2a_sim_bridge.sim.predicates import Order, Predicate
from c2a_sim_bridge.sim.robot import BASE_POSITION
from c2a_sim_bridge.sim.skills.goal import (
    ARM_CAPSULES,
    CLEARANCE_M,
    find_way,
    obstacles,
    way_clearance,
)
from c2a_sim_bridge.sim.skills.motion import TOOL_DOWN_WXYZ
from c2a_sim_bridge.sim.skills.plan import Obj, PlanStep, Stage
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.task import the

GOAL_X = (-0.25, 0.05)
GOAL_Y = (-0.3, 0.3)
GOAL_Z = (0.1, 0.4)
SPHERE_SIZE = (0.06, 0.06, 0.06)
GRIPPER_SIZE = (0.09, 0.06, 0.126)

_PICTURE = base_camera()
_BORDER_PX = 2.0
_HIDDEN_SHARE = 0.35


def sphere_goal(color: str) -> ObjectSpec:
    """A mark that shows a place."""
    return ObjectSpec(color, 'sphere', SPHERE_SIZE, kind=ObjectKind.MARK)


def gripper_goal(color: str) -> ObjectSpec:
    """A mark that shows a pose of the gripper."""
    return ObjectSpec(color, 'gripper', GRIPPER_SIZE, kind=ObjectKind.MARK)


def draw_goal_position(rng: np.random.Generator) -> np.ndarray:
    """A place (3,) in the air within the arm's reach, m, world."""
    while True:
        position = np.array([rng.uniform(*GOAL_X), rng.uniform(*GOAL_Y), rng.uniform(*GOAL_Z)])
        if np.hypot(*(position[:2] - ROBOT_BASE_XY)) <= MAX_REACH:
            return position


def are_seen(goals: Sequence[PlacedObject], others: Sequence[PlacedObject]) -> bool:
    """Whether the base camera sees most of each goal, past the arm at home and the others."""
    spheres = [_home_arm()]
    for placed in others:
        spheres.append(np.array([[*placed.position, _reach(placed.spec)]]))
    hiding = np.concatenate(spheres)
    return all(_is_seen(goal, hiding) for goal in goals)


def can_visit(
    goals: Sequence[PlacedObject], others: Sequence[PlacedObject], *, match_ori: bool = False
) -> bool:
    """Whether the arm can go from home to one goal after the other, past all other objects."""
    joints, quat = kinematics.HOME_JOINTS, TOOL_DOWN_WXYZ
    specs = [placed.spec for placed in others]
    positions = np.array([placed.position for placed in others]).reshape(-1, 3)
    floating = obstacles(specs, positions)
    solid = np.column_stack([positions, np.array([_reach(spec) for spec in specs])])
    for goal in goals:
        end = goal.quat_wxyz if match_ori else TOOL_DOWN_WXYZ
        way = find_way(joints, quat, goal.position, end, floating)
        clearance, joints = way_clearance(joints, quat, way, end, solid)
        if clearance < CLEARANCE_M:
            return False
        quat = end
    return True


def visit_stages(reached: Sequence[Predicate], *, match_ori: bool = False) -> tuple[Stage, ...]:
    """One stage for each goal: done when it and all before it were reached in order."""
    args = (('match_ori', True),) if match_ori else ()
    return tuple(
        Stage(
            Order(*reached[: index + 1]).update,
            partial(_steps, (('goal', Obj(goal.objects[0])), *args)),
        )
        for index, goal in enumerate(reached)
    )


def in_turn(goals: Sequence[PlacedObject]) -> str:
    """The goals in a sentence, in their order."""
    return ', then '.join(the(goal) for goal in goals)


def _is_seen(goal: PlacedObject, hiding: np.ndarray) -> bool:
    """Whether a goal lies in the picture, most of it not behind one of the spheres (K, 4)."""
    rotation = rotation_matrix_from_quat_wxyz(goal.quat_wxyz)
    vertices = goal.spec.vertices @ rotation.T + goal.position
    pixels = _PICTURE.project(vertices)[:, :2]
    if (pixels < _BORDER_PX).any() or (pixels > _PICTURE.size - _BORDER_PX).any():
        return False
    eye = _PICTURE.optical_pose[:3, 3]
    rays = vertices - eye  # (V, 3)
    offset = hiding[:, None, :3] - eye  # (K, 1, 3)
    along = np.clip((offset * rays).sum(axis=2) / (rays * rays).sum(axis=1), 0.0, 1.0)
    gap = offset - along[..., None] * rays
    is_hidden = ((gap * gap).sum(axis=2) < hiding[:, 3:] ** 2).any(axis=0)
    return float(is_hidden.mean()) <= _HIDDEN_SHARE


@cache
def _home_arm() -> np.ndarray:
    """Spheres (K, 4) that fill the arm at home: centre and radius, m, world."""
    points = kinematics.link_points(kinematics.HOME_JOINTS) + BASE_POSITION
    parts = np.linspace(0.0, 1.0, 6)[:, None]
    rows = [
        np.column_stack([points[a] + parts * (points[b] - points[a]), np.full(len(parts), radius)])
        for a, b, radius in ARM_CAPSULES
    ]
    return np.concatenate(rows)


def _reach(spec: ObjectSpec) -> float:
    """Radius of the sphere about an object, m."""
    return float(np.linalg.norm(spec.vertices, axis=1).max())


def _steps(
    args: tuple[tuple[str, object], ...], _state: WorldState, _assigned: frozenset[str]
) -> tuple[PlanStep, ...]:
    return (PlanStep('move3d', args),)
