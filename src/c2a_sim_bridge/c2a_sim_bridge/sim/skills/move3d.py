# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`move3d`: bring the end effector, empty or carrying, to where the next skill begins."""

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
from c2a_sim_bridge.sim.area_spots import is_area, spot_on_area
from c2a_sim_bridge.sim.robot import BASE_POSITION
from c2a_sim_bridge.sim.skills.motion import TOOL_RADIUS_M, Motion, angle_to
from c2a_sim_bridge.sim.skills.skill import SkillFailedError
from c2a_sim_bridge.sim.skills.tool_heading import TOOL_DOWN_WXYZ, tool_down, tool_heading
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.supports import support_top

ABOVE_M = 0.03  # height over the object, or of the carried object over its goal
REACHED_M = 0.01
REACHED_RAD = math.radians(3.0)
BESIDE_GAP_M = 0.03  # between tool and object where a contact skill begins
PUSH_HEIGHT_M = 0.025  # of the cups' tip over the object's bottom
TOPPLE_DEPTH_M = 0.015  # of the cups' tip under the object's top
RETREAT_M = 0.05


class MoveAbove:
    """`move3d(actor=A)`: empty-handed to above an object."""

    def __init__(self, actor: int, heading: float | None = None) -> None:
        """Go above object `actor`.

        Args:
            actor: index of the object.
            heading: the tool's heading there in rad; None where no turn will follow.
        """
        self.actor = actor
        self._quat = None if heading is None else tool_down(heading)
        self._motion = Motion()

    def act(self, state: WorldState) -> np.ndarray:
        """Towards the point above the object, vacuum off."""
        quat = TOOL_DOWN_WXYZ if self._quat is None else self._quat
        return self._motion.towards(state, self._goal(state), vacuum=False, quat_wxyz=quat)

    def is_done(self, state: WorldState) -> bool:
        """Within a centimetre, turned if that matters, nothing in the gripper; or it is held.

        A policy that grasps early has gone further than above: it is to go on from there.
        """
        if state.grasped == self.actor:
            return True
        is_turned = self._quat is None or angle_to(state, self._quat) < REACHED_RAD
        return state.grasped < 0 and is_turned and _is_reached(state, self._goal(state))

    def is_lost(self, state: WorldState) -> bool:
        """Never: objects are followed."""
        return False

    def _goal(self, state: WorldState) -> np.ndarray:
        goal = state.positions[self.actor].copy()
        goal[2] = state.top_z(self.actor) + ABOVE_M
        return goal


class Carry:
    """`move3d(target_actor=B)` and `move3d(target_pose=E)`: carry what is held above its goal."""

    def __init__(
        self,
        state: WorldState,
        *,
        target_actor: int | None = None,
        target_pose: Pose | None = None,
        match_ori: bool = False,
    ) -> None:
        """Begin with whatever is held.

        Raises:
            SkillFailedError: if nothing is held, or the target is an area without room.
        """
        if state.grasped < 0:
            raise SkillFailedError(
                'move3d to a target carries an object, but the gripper is empty'
            )
        self._held = state.grasped
        self._target_actor = target_actor
        self._target_pose = target_pose
        self._match_ori = match_ori
        self._spot = support_spot(state, self._held, target_actor)
        self._motion = Motion()

    def act(self, state: WorldState) -> np.ndarray:
        """Towards the point above the goal, vacuum on."""
        return self._motion.towards(
            state, self._goal(state), vacuum=True, quat_wxyz=self._orientation(state)
        )

    def is_done(self, state: WorldState) -> bool:
        """The held object is above its goal."""
        if state.grasped != self._held:
            return False
        orientation = self._orientation(state) if self._match_ori else TOOL_DOWN_WXYZ
        return _is_reached(state, self._goal(state)) and angle_to(state, orientation) < REACHED_RAD

    def is_lost(self, state: WorldState) -> bool:
        """The object fell."""
        return state.grasped != self._held

    def _goal(self, state: WorldState) -> np.ndarray:
        held = self._held
        if self._target_actor is not None:
            goal = state.positions[self._target_actor].copy()
            support = support_top(state, self._target_actor)
            if self._spot is not None:
                goal[:2] = self._spot
        else:
            goal = self._target_pose.position.copy()
            support = goal[2] - 0.5 * state.specs[held].height
        offset = state.ee_position - state.positions[held]
        goal = goal + offset
        goal[2] = support + ABOVE_M + float(state.ee_position[2]) - state.bottom_z(held)
        return goal

    def _orientation(self, state: WorldState) -> np.ndarray:
        if not self._match_ori or self._target_pose is None:
            return TOOL_DOWN_WXYZ
        return matching_orientation(state, self._held, self._target_pose)


class MoveBeside:
    """`move3d(push_actor=A …)`, `topple_actor`, `touch_actor`: beside an object, low or high.

    The tool goes to the side that is opposite to where the object shall go; by default it faces
    away from the robot.
    """

    def __init__(
        self, state: WorldState, actor: int, *, high: bool = False, target_pose: Pose | None = None
    ) -> None:
        """Go beside object `actor`, near its top if `high`, behind it as seen from a target."""
        self._actor = actor
        self._high = high
        self.direction = push_direction(state, actor, target_pose)
        self._motion = Motion()

    def act(self, state: WorldState) -> np.ndarray:
        """Over the objects to the place, vacuum off."""
        return self._motion.towards(state, self._goal(state), vacuum=False)

    def is_done(self, state: WorldState) -> bool:
        """The tool is at its place."""
        return state.grasped < 0 and _is_reached(state, self._goal(state))

    def is_lost(self, state: WorldState) -> bool:
        """Never: the object is followed."""
        return False

    def _goal(self, state: WorldState) -> np.ndarray:
        actor = self._actor
        extent = float((state.world_footprint(actor) @ -self.direction).max()) + float(
            state.positions[actor, :2] @ self.direction
        )
        goal = np.empty(3)
        goal[:2] = state.positions[actor, :2] - self.direction * (
            extent + TOOL_RADIUS_M + BESIDE_GAP_M
        )
        goal[2] = contact_height(state, actor, self._high)
        return goal


class Retreat:
    """`move3d(retreat_from=A)`: back off from an object after a contact skill."""

    def __init__(self, state: WorldState, actor: int) -> None:
        """Go away from object `actor`, horizontally and up."""
        self._actor = actor
        away = state.ee_position[:2] - state.positions[actor, :2]
        distance = math.hypot(*away)
        away = away / distance if distance > 1e-6 else np.array([-1.0, 0.0])
        self._goal = np.empty(3)
        self._goal[:2] = state.ee_position[:2] + away * RETREAT_M
        self._goal[2] = max(float(state.ee_position[2]), state.top_z(actor)) + RETREAT_M
        self._motion = Motion()

    def act(self, state: WorldState) -> np.ndarray:
        """Straight back and up, vacuum off."""
        return self._motion.towards(state, self._goal, vacuum=False, over_obstacles=False)

    def is_done(self, state: WorldState) -> bool:
        """Clear above the object, or at the planned place."""
        return (
            float(state.ee_position[2]) > state.top_z(self._actor) + ABOVE_M
            or float(np.abs(state.ee_position - self._goal).max()) < REACHED_M
        )

    def is_lost(self, state: WorldState) -> bool:
        """Never."""
        return False


def support_spot(
    state: WorldState, held: int, target_actor: int | None, near: np.ndarray | None = None
) -> np.ndarray | None:
    """Where (2,) on an area the held object goes; None where the target is no area.

    Raises:
        SkillFailedError: if the area has no room.
    """
    if target_actor is None or not is_area(state, target_actor):
        return None
    try:
        return spot_on_area(state, held, target_actor, turn=-tool_heading(state), near=near)
    except RuntimeError as err:
        raise SkillFailedError(str(err)) from err


def push_direction(state: WorldState, actor: int, target_pose: Pose | None) -> np.ndarray:
    """Unit vector (2,) in which an object is to be moved: to the target or away from the base."""
    position = state.positions[actor, :2]
    if target_pose is None:
        way = position - BASE_POSITION[:2]
    else:
        way = target_pose.position[:2] - position
    distance = math.hypot(*way)
    if distance < 1e-6:
        return np.array([1.0, 0.0])
    return way / distance


def contact_height(state: WorldState, actor: int, high: bool) -> float:
    """Height of the cups' tip, world, at which a contact skill works."""
    if high:
        return state.top_z(actor) - TOPPLE_DEPTH_M
    return state.bottom_z(actor) + PUSH_HEIGHT_M


def matching_orientation(state: WorldState, held: int, target: Pose) -> np.ndarray:
    """Tool orientation at which the held object has the heading of a pose."""
    heading = yaw_from_quat_wxyz(target.quat_wxyz) - yaw_from_quat_wxyz(state.quats_wxyz[held])
    turned = quat_multiply_wxyz(quat_wxyz_from_yaw(wrap_angle(heading)), state.ee_quat_wxyz)
    # Only the heading is taken over; the tool stays square to the table.
    x_axis_yaw = yaw_from_quat_wxyz(quat_multiply_wxyz(turned, TOOL_DOWN_WXYZ))
    return quat_multiply_wxyz(quat_wxyz_from_yaw(x_axis_yaw), TOOL_DOWN_WXYZ)


def _is_reached(state: WorldState, goal: np.ndarray) -> bool:
    way = goal - state.ee_position
    return float(way @ way) < REACHED_M * REACHED_M
