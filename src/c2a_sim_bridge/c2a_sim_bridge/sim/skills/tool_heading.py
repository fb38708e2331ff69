# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The tool's heading: how far the gripper, pointing down, is turned about the vertical.

The vacuum holds an object at any heading, so the heading is free; but the wrist cannot turn on and
on. It is in the middle of its range where the heading is 45 degrees more than the bearing of the
place from the robot's base (the gripper's mounting angle), and reaches about 2.8 rad either way
from there. Before an object is turned the tool takes a heading from which the whole turn fits.
"""

from __future__ import annotations

import math

import numpy as np

from c2a_core.geometry import (
    Pose,
    quat_multiply_wxyz,
    quat_wxyz_from_yaw,
    wrap_angle,
    yaw_from_quat_wxyz,
)
from c2a_core.skill_api import PoseCall
from c2a_sim_bridge.sim.robot import BASE_POSITION
from c2a_sim_bridge.sim.state import WorldState

TOOL_DOWN_WXYZ = np.array([0.0, 1.0, 0.0, 0.0])
MIDDLE_RAD = math.pi / 4  # heading minus bearing where the wrist is in the middle of its range
PLANNED_RANGE_RAD = 2.6  # from the middle; the wrist has 2.8 or more, wherever the elbow is
STRAIGHT_RAD = 0.1  # headings nearer to 0 than this are 0: what a hand or a policy is off by

_WRIST = 6  # index of the joint


def tool_down(heading: float) -> np.ndarray:
    """Orientation (4,) of the tool that points straight down, turned by `heading` in rad."""
    return quat_multiply_wxyz(quat_wxyz_from_yaw(heading), TOOL_DOWN_WXYZ)


def tool_heading(state: WorldState) -> float:
    """The tool's present heading in rad, -pi to pi."""
    return yaw_from_quat_wxyz(quat_multiply_wxyz(state.ee_quat_wxyz, TOOL_DOWN_WXYZ))


def kept_orientation(state: WorldState) -> np.ndarray:
    """Straight down at the present heading; exactly `TOOL_DOWN_WXYZ` where that is about 0."""
    heading = tool_heading(state)
    return TOOL_DOWN_WXYZ if abs(heading) < STRAIGHT_RAD else tool_down(heading)


def heading_before_turn(state: WorldState, actor: int, target: Pose | None) -> float:
    """Heading at which to pick an object that will be turned.

    Args:
        state: the present state.
        actor: the object.
        target: the pose it will be placed at; None where it is not known yet.

    Returns:
        The heading nearest to 0 from which the wrist reaches the one at the target; the middle of
        its range if there is no target.
    """
    here = _bearing(state.positions[actor]) + MIDDLE_RAD
    if target is None:
        return wrap_angle(here)
    turn = wrap_angle(
        yaw_from_quat_wxyz(target.quat_wxyz) - yaw_from_quat_wxyz(state.quats_wxyz[actor])
    )
    there = _bearing(target.position) + MIDDLE_RAD - turn
    lowest = max(here, there) - PLANNED_RANGE_RAD
    highest = min(here, there) + PLANNED_RANGE_RAD
    return min(max(0.0, lowest), highest)


def reachable_turn(state: WorldState, turn: np.ndarray, goal: np.ndarray | None) -> np.ndarray:
    """The turn to an orientation, the other way round if the wrist cannot go the short way.

    Args:
        state: the present state.
        turn: shortest rotation vector (3,) to the orientation, rad, tool frame.
        goal: where the tool will be then, (2,) or (3,), world, m; None: where it is.

    Returns:
        That rotation vector, or the one that goes round the other way.
    """
    angle = math.sqrt(float(turn @ turn))
    bearing = _bearing(state.ee_position)
    excursion = wrap_angle(tool_heading(state) - bearing - MIDDLE_RAD)
    # Of the headings that look the same, the one that the wrist is really at.
    wrist = -float(state.joint_positions[_WRIST])
    excursion += 2.0 * math.pi * round((wrist - excursion) / (2.0 * math.pi))
    # The tool's z axis points down. On the way the arm as a whole turns too.
    end = excursion - float(turn[2]) + bearing - (bearing if goal is None else _bearing(goal))
    if abs(end) <= math.pi:
        return turn
    return turn * (1.0 - 2.0 * math.pi / angle)


def is_turn(expression: object) -> bool:
    """Whether a pose expression turns another pose."""
    return isinstance(expression, PoseCall) and expression.function == 'rotate_z'


def _bearing(point: np.ndarray) -> float:
    """Direction in rad in which the robot's base sees a point."""
    return math.atan2(point[1] - BASE_POSITION[1], point[0] - BASE_POSITION[0])
