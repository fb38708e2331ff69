# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How scripted skills move: straight, smooth steps of the end effector that clear all objects.

No planner: over a table of prisms a straight line is free unless something stands under it, and
then the way leads over its top. A step depends on the present state and on the last step's
length only, so a skill can take over in any state that a learned policy left behind.
"""

from __future__ import annotations

import math

import numpy as np

from c2a_core.geometry import (
    quat_conjugate_wxyz,
    quat_multiply_wxyz,
    rotation_matrix_from_quat_wxyz,
    rotation_vector_from_quat_wxyz,
)
from c2a_core.spaces import MAX_ROTATION_RAD, MAX_TRANSLATION_M, make_action
from c2a_sim_bridge.sim.robot import BASE_POSITION
from c2a_sim_bridge.sim.skills.tool_heading import TOOL_DOWN_WXYZ, reachable_turn
from c2a_sim_bridge.sim.state import WorldState

TOOL_RADIUS_M = 0.037  # of the gripper's head, its widest part near the cups
MAX_STEP_M = 0.045  # a little inside the action's bound, so that corrections fit in
ACCELERATION_M = 0.015  # change of the step's length from one step to the next
BRAKING_M = 0.012  # and towards the goal, where it is a distance to stop in
PASS_CLEARANCE_M = 0.025  # above what lies under the way
PASS_MARGIN_M = 0.012  # beside it
APPROACH_SLACK_M = 0.02  # at the goal itself
INNER_REACH_M = 0.295  # nearer to the base the tool cannot point down; ways lead round it …
ROUND_BASE_M = 0.32  # … at this distance
LONG_TURN_RAD = 1.2  # from here on it matters which way round the wrist goes


class Motion:
    """Moves the end effector to a goal, over obstacles, with limited acceleration."""

    def __init__(self) -> None:
        """Begin at rest."""
        self._last_step_m = 0.0

    def towards(
        self,
        state: WorldState,
        goal: np.ndarray,
        *,
        vacuum: bool,
        quat_wxyz: np.ndarray = TOOL_DOWN_WXYZ,
        over_obstacles: bool = True,
        ignore: tuple[int, ...] = (),
        max_step_m: float = MAX_STEP_M,
    ) -> np.ndarray:
        """One action on the way to a pose of the end effector.

        Args:
            state: the present state.
            goal: (3,) in the world, m.
            vacuum: whether the vacuum is on.
            quat_wxyz: orientation of the end effector at the goal, world.
            over_obstacles: lift over what lies in the way; else go straight.
            ignore: indices of objects that may be touched.
            max_step_m: longest step.

        Returns:
            Action (7,) float32.
        """
        position = state.ee_position
        waypoint, stop = goal, True
        if over_obstacles:
            waypoint, stop = self._waypoint(state, goal, ignore)
            around = _around_base(position, waypoint)
            if around is not None:
                waypoint, stop = around, False
        way = waypoint - position
        distance = math.sqrt(float(way @ way))
        rest = distance if stop else distance + MAX_STEP_M
        length = min(
            distance,
            max_step_m,
            self._last_step_m + ACCELERATION_M,
            max(math.sqrt(2.0 * BRAKING_M * rest), 0.003),
        )
        self._last_step_m = length
        step = way * (length / distance) if distance > 1e-9 else np.zeros(3)
        return world_action(state, step, vacuum=vacuum, quat_wxyz=quat_wxyz, goal=goal)

    def _waypoint(
        self, state: WorldState, goal: np.ndarray, ignore: tuple[int, ...]
    ) -> tuple[np.ndarray, bool]:
        """Where to head for now, and whether to come to rest there."""
        position = state.ee_position
        needed = _needed_height(state, goal, ignore)
        if needed <= -math.inf:
            return goal, True
        planar = math.hypot(goal[0] - position[0], goal[1] - position[1])
        if planar < 0.008 or position[2] >= needed - 0.004:
            if planar < 0.008:
                return goal, True
            # High enough: across, sinking to the goal only as far as the way allows.
            return np.array([goal[0], goal[1], max(goal[2], needed)]), goal[2] >= needed
        return np.array([position[0], position[1], needed + 0.005]), False


def world_action(
    state: WorldState,
    step: np.ndarray,
    *,
    vacuum: bool,
    quat_wxyz: np.ndarray = TOOL_DOWN_WXYZ,
    goal: np.ndarray | None = None,
) -> np.ndarray:
    """Action (7,) float32 for a step (3,) in the world [m] and a wanted orientation.

    The turn goes round the way that the wrist can go at `goal`, by default where the tool is.
    """
    rotation = rotation_matrix_from_quat_wxyz(state.ee_quat_wxyz)
    turn = rotation_vector_from_quat_wxyz(
        quat_multiply_wxyz(quat_conjugate_wxyz(state.ee_quat_wxyz), quat_wxyz)
    )
    angle = math.sqrt(float(turn @ turn))
    if angle > LONG_TURN_RAD and abs(turn[2]) > 0.9 * angle:
        turn = reachable_turn(state, turn, goal)
        angle = math.sqrt(float(turn @ turn))
    if angle > MAX_ROTATION_RAD:
        turn = turn * (MAX_ROTATION_RAD / angle)
    length = math.sqrt(float(step @ step))
    if length > MAX_TRANSLATION_M:
        step = step * (MAX_TRANSLATION_M / length)
    return make_action(step @ rotation, turn, vacuum)


def angle_to(state: WorldState, quat_wxyz: np.ndarray) -> float:
    """Angle in rad between the end effector's orientation and another."""
    dot = abs(float(state.ee_quat_wxyz @ quat_wxyz))
    return 2.0 * math.acos(min(1.0, dot))


def _around_base(position: np.ndarray, goal: np.ndarray) -> np.ndarray | None:
    """Where (3,) to head for if the straight way leads too near by the base; None if not."""
    start_x, start_y = position[0] - BASE_POSITION[0], position[1] - BASE_POSITION[1]
    way_x, way_y = goal[0] - position[0], goal[1] - position[1]
    length_squared = way_x * way_x + way_y * way_y
    if length_squared < 1e-9:
        return None
    part = -(start_x * way_x + start_y * way_y) / length_squared
    if not 0.0 < part < 1.0:
        return None
    x, y = start_x + part * way_x, start_y + part * way_y
    distance = math.hypot(x, y)
    if distance >= INNER_REACH_M or distance < 1e-6:
        return None
    out = ROUND_BASE_M / distance
    height = position[2] + part * (goal[2] - position[2])
    return np.array([BASE_POSITION[0] + out * x, BASE_POSITION[1] + out * y, height])


def _needed_height(state: WorldState, goal: np.ndarray, ignore: tuple[int, ...]) -> float:
    """Height of the end effector that clears what lies under the way; −inf if nothing does.

    What counts is the tool's disc, or the held object's, swept along the straight way. An object
    that the straight line itself passes high above is no obstacle.
    """
    start = state.ee_position
    held = state.grasped
    radius, hang = TOOL_RADIUS_M, 0.0
    centre_offset = np.zeros(2)
    if held >= 0:
        spec = state.specs[held]
        radius = max(radius, spec.radius)
        hang = float(start[2]) - state.bottom_z(held)
        centre_offset = state.positions[held, :2] - start[:2]
    way = goal[:2] - start[:2]
    length_squared = float(way @ way)
    needed = -math.inf
    for index in range(len(state.specs)):
        if index == held or index in ignore or not state.specs[index].is_solid:
            continue
        reach = radius + state.specs[index].radius + PASS_MARGIN_M
        offset = state.positions[index, :2] - start[:2] - centre_offset
        along = 0.0
        if length_squared > 1e-12:
            along = min(1.0, max(0.0, float(offset @ way) / length_squared))
        gap = offset - along * way
        if float(gap @ gap) >= reach * reach:
            continue
        clear = state.top_z(index) + PASS_CLEARANCE_M + hang
        # First and last point of the line within reach of the object: the line is lowest at one.
        if length_squared > 1e-12:
            half = math.sqrt(max(reach * reach - float(gap @ gap), 0.0) / length_squared)
            first, last = max(0.0, along - half), min(1.0, along + half)
        else:
            first = last = 0.0
        rise = float(goal[2] - start[2])
        at_first, at_last = float(start[2]) + first * rise, float(start[2]) + last * rise
        if last >= 1.0 and at_first >= clear and goal[2] >= clear - APPROACH_SLACK_M:
            continue  # coming down to a goal above or close beside it
        if min(at_first, at_last) < clear:
            needed = max(needed, clear)
    return needed
