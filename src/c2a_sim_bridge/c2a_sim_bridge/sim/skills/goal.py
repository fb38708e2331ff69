# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`move3d(goal=G)`: bring the end effector to a goal mark, around what floats in the air.

Over a table of prisms a motion goes straight or over the top (`motion.py`). Among floating
obstacles the whole arm has to fit: a few ways by one to three points are tried on a model of the
arm as capsules, and the first that keeps its distance is taken. No randomness: the same state
gives the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from c2a_core.geometry import (
    quat_conjugate_wxyz,
    quat_multiply_wxyz,
    quat_wxyz_from_rotation_vector,
    rotation_matrix_from_quat_wxyz,
    rotation_vector_from_quat_wxyz,
)
from c2a_sim_bridge.sim import kinematics
from c2a_sim_bridge.sim.objects import ObjectKind, ObjectSpec
from c2a_sim_bridge.sim.robot import BASE_POSITION
from c2a_sim_bridge.sim.skills.motion import TOOL_DOWN_WXYZ, Motion, angle_to
from c2a_sim_bridge.sim.state import WorldState

REACHED_M = 0.01
REACHED_RAD = math.radians(3.0)
VIA_REACHED_M = 0.025
CLEARANCE_M = 0.02  # between the arm's model and an obstacle

ARM_CAPSULES = (
    (1, 2, 0.09),
    (2, 3, 0.09),
    (3, 4, 0.085),
    (5, 6, 0.075),
    (6, 7, 0.065),
    (7, 8, 0.055),
)
"""The arm from the shoulder on, as capsules between the points of `kinematics.link_points`: first
point, last point, radius in m. The last one is the gripper with its cups."""

_STARTS = [first for first, _, _ in ARM_CAPSULES]
_ENDS = [last for _, last, _ in ARM_CAPSULES]
_RADII = np.array([radius for _, _, radius in ARM_CAPSULES])

_SAMPLE_M = 0.04  # distance of the places at which a way is checked
_SAMPLE_RAD = 0.22
_IK_TOLERANCE = 2e-3
_IK_SETTLED = 5e-4  # m and rad: a check needs no more
_HEIGHTS_M = (0.26, 0.34, 0.42, 0.5)
_ASIDE_M = (0.12, 0.2)


class MoveToGoal:
    """`move3d(goal=G[, match_ori=True])`."""

    def __init__(self, state: WorldState, goal: int, *, match_ori: bool = False) -> None:
        """Go to the pose of object `goal`; without `match_ori` the tool points straight down."""
        self._goal = goal
        self._match_ori = match_ori
        self._vias: list[np.ndarray] | None = None
        self._motion = Motion()

    def act(self, state: WorldState) -> np.ndarray:
        """Along the way, vacuum as it is."""
        quat = self._orientation(state)
        if self._vias is None:  # only who moves needs a way, a judge does not
            self._vias = find_way(
                state.joint_positions,
                state.ee_quat_wxyz,
                state.positions[self._goal],
                quat,
                obstacles(state.specs, state.positions),
            )
        while len(self._vias) > 1 and math.dist(self._vias[0], state.ee_position) < VIA_REACHED_M:
            self._vias.pop(0)
        target = self._vias[0] if len(self._vias) > 1 else state.positions[self._goal]
        return self._motion.towards(
            state, target, vacuum=state.vacuum_on, quat_wxyz=quat, over_obstacles=False
        )

    def is_done(self, state: WorldState) -> bool:
        """The end effector is at the goal."""
        return (
            math.dist(state.ee_position, state.positions[self._goal]) < REACHED_M
            and angle_to(state, self._orientation(state)) < REACHED_RAD
        )

    def is_lost(self, state: WorldState) -> bool:
        """Never: a goal does not move."""
        return False

    def _orientation(self, state: WorldState) -> np.ndarray:
        return state.quats_wxyz[self._goal] if self._match_ori else TOOL_DOWN_WXYZ


def obstacles(specs: Sequence[ObjectSpec], positions: np.ndarray) -> np.ndarray:
    """Spheres (K, 4) about what floats in the air: centre and radius, m, world."""
    rows = [
        [*position, math.hypot(spec.radius, 0.5 * spec.height)]
        for spec, position in zip(specs, positions, strict=True)
        if spec.kind == ObjectKind.FIXED
    ]
    return np.array(rows).reshape(-1, 4)


def find_way(
    joints: np.ndarray,
    start_quat: np.ndarray,
    goal: np.ndarray,
    quat_wxyz: np.ndarray,
    spheres: np.ndarray,
) -> list[np.ndarray]:
    """Points (3,) [m, world] to go by, the goal last; the best one found if none is free.

    Args:
        joints: (7,) where the arm is, rad.
        start_quat: (4,) orientation of the end effector there.
        goal: (3,) where it goes, m, world.
        quat_wxyz: (4,) its orientation at the goal.
        spheres: (K, 4) obstacles.
    """
    start = kinematics.forward(joints)[:3, 3] + BASE_POSITION
    best, best_clearance = [goal], -math.inf
    for way in _candidates(start, goal):
        clearance = way_clearance(joints, start_quat, way, quat_wxyz, spheres)[0]
        if clearance >= CLEARANCE_M or not len(spheres):
            return way
        if clearance > best_clearance:
            best, best_clearance = way, clearance
    return best


def way_clearance(
    joints: np.ndarray,
    start_quat: np.ndarray,
    way: Sequence[np.ndarray],
    quat_wxyz: np.ndarray,
    spheres: np.ndarray,
) -> tuple[float, np.ndarray]:
    """How far from obstacles and table the arm stays on a way, and its joints (7,) at the end.

    Returns:
        Metres, −inf where the arm cannot follow; and radians.
    """
    position = kinematics.forward(joints)[:3, 3] + BASE_POSITION
    smallest, quat = math.inf, start_quat
    for point in way:
        steps = max(1, math.ceil(math.dist(point, position) / _SAMPLE_M))
        turns = math.ceil(_angle(quat, quat_wxyz) / _SAMPLE_RAD) if point is way[-1] else 0
        for step in range(1, max(steps, turns) + 1):
            quat = _turned(quat, quat_wxyz)
            place = position + (point - position) * min(1.0, step / steps)
            joints, error = kinematics.inverse(_target(place, quat), joints, tolerance=_IK_SETTLED)
            if error > _IK_TOLERANCE:
                return -math.inf, joints
            smallest = min(smallest, arm_clearance(joints, spheres))
            if smallest < 0.0:
                return smallest, joints
        position = np.asarray(point)
    return smallest, joints


def arm_clearance(joints: np.ndarray, spheres: np.ndarray) -> float:
    """Distance [m] of the arm's capsules to the nearest obstacle or the table, negative inside."""
    points = kinematics.link_points(joints) + BASE_POSITION
    first, last = points[_STARTS], points[_ENDS]
    # The tip of the cups may go down to the table; the head above it has the capsule's radius.
    table = float((np.minimum(first, last)[:-1, 2] - _RADII[:-1]).min())
    if not len(spheres):
        return table
    axis = last - first  # (C, 3)
    offset = spheres[:, None, :3] - first  # (K, C, 3)
    length = np.maximum((axis * axis).sum(axis=1), 1e-12)
    along = np.clip((offset * axis).sum(axis=2) / length, 0.0, 1.0)
    gap = offset - along[..., None] * axis
    distance = np.sqrt((gap * gap).sum(axis=2)) - _RADII - spheres[:, 3:]
    return min(table, float(distance.min()))


def _candidates(start: np.ndarray, goal: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Ways to try: straight, over the top, aside."""
    yield [goal]
    for height in _HEIGHTS_M:
        if height > max(start[2], goal[2]):
            above_start, above_goal = start.copy(), goal.copy()
            above_start[2] = above_goal[2] = height
            yield [above_start, above_goal, goal]
    way = goal - start
    length = math.hypot(way[0], way[1])
    aside = np.array([-way[1], way[0], 0.0]) / length if length > 0.05 else np.array([0, 1.0, 0])
    for distance in _ASIDE_M:
        for sign in (1.0, -1.0):
            for up in (0.0, 0.1):
                shift = sign * distance * aside + [0.0, 0.0, up]
                yield [start + 0.5 * way + shift, goal]
                yield [start + shift, goal + shift, goal]


def _target(position: np.ndarray, quat: np.ndarray) -> np.ndarray:
    """Pose (4, 4) in the arm's base frame."""
    target = np.eye(4)
    target[:3, :3] = rotation_matrix_from_quat_wxyz(quat)
    target[:3, 3] = position - BASE_POSITION
    return target


def _angle(quat: np.ndarray, other: np.ndarray) -> float:
    return 2.0 * math.acos(min(1.0, abs(float(quat @ other))))


def _turned(quat: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """The orientation one sample nearer to the goal's."""
    turn = rotation_vector_from_quat_wxyz(quat_multiply_wxyz(quat_conjugate_wxyz(quat), goal))
    angle = math.sqrt(float(turn @ turn))
    if angle <= _SAMPLE_RAD:
        return goal
    return quat_multiply_wxyz(quat, quat_wxyz_from_rotation_vector(turn * (_SAMPLE_RAD / angle)))
