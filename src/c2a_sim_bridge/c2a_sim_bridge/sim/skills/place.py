# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`place`: set the held object down, let go and clear it."""

from __future__ import annotations

import math

import numpy as np

from c2a_core.geometry import Pose
from c2a_core.spaces import hold_action
from c2a_sim_bridge.sim.objects import ObjectKind
from c2a_sim_bridge.sim.skills.motion import angle_to, world_action
from c2a_sim_bridge.sim.skills.move3d import matching_orientation, support_spot
from c2a_sim_bridge.sim.skills.skill import SkillFailedError
from c2a_sim_bridge.sim.skills.tool_heading import TOOL_DOWN_WXYZ, kept_orientation
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.supports import support_top

RELEASE_GAP_M = 0.002  # between the object's bottom and its support when the cups let go
ALIGNED_M = 0.01
NEAR_M = 0.05  # a released object farther than this from its goal was lost on the way
CLEAR_M = 0.02  # of the cups above the released object at the end
RISE_STEP_M = 0.015
SETTLED_SPEED = 0.02  # m/s


class Place:
    """`place(actor=A, target_actor=B)` and `place(actor=A, target_pose=E)`."""

    def __init__(
        self,
        state: WorldState,
        actor: int,
        *,
        target_actor: int | None = None,
        target_pose: Pose | None = None,
        match_ori: bool = False,
    ) -> None:
        """Place object `actor`.

        Raises:
            SkillFailedError: if it is not held, or the target is an area without room.
        """
        if state.grasped != actor:
            name = state.specs[actor].name
            raise SkillFailedError(f"place needs the '{name}' in the gripper, but it is not held")
        self._actor = actor
        self._target_actor = target_actor
        self._target_pose = target_pose
        self._match_ori = match_ori
        # What was carried above a good spot stays there.
        self._spot = support_spot(state, actor, target_actor, near=state.positions[actor, :2])

    def act(self, state: WorldState) -> np.ndarray:
        """Align, lower, release, rise."""
        if state.grasped != self._actor:
            return self._rise(state)
        goal, support = self._goal(state)
        offset = goal[:2] - state.positions[self._actor, :2]
        gap = state.bottom_z(self._actor) - support
        aside = math.hypot(*offset)
        if gap <= RELEASE_GAP_M and aside < ALIGNED_M:
            return hold_action(vacuum=False)
        quat = TOOL_DOWN_WXYZ
        if self._match_ori and self._target_pose is not None:
            quat = matching_orientation(state, self._actor, self._target_pose)
        down = min(max(0.6 * gap, 0.001), 0.02)
        if aside >= ALIGNED_M or angle_to(state, quat) > 0.05:
            down = min(down, max(gap - 0.02, 0.0))
        step = np.array([0.6 * offset[0], 0.6 * offset[1], -down])
        return world_action(state, step, vacuum=True, quat_wxyz=quat)

    def is_done(self, state: WorldState) -> bool:
        """Released near its goal, at rest, and the cups are clear of it."""
        if state.grasped == self._actor or not self._is_near(state):
            return False
        velocity = state.linear_velocities[self._actor]
        target = self._target_actor
        if target is not None and state.specs[target].kind == ObjectKind.PART:
            velocity = velocity - state.linear_velocities[target]  # at rest on a swinging plate
        return (
            float(velocity @ velocity) < SETTLED_SPEED**2
            and float(state.ee_position[2]) > state.top_z(self._actor) + CLEAR_M
        )

    def is_lost(self, state: WorldState) -> bool:
        """Let go far from its goal."""
        return state.grasped != self._actor and not self._is_near(state)

    def _rise(self, state: WorldState) -> np.ndarray:
        if float(state.ee_position[2]) > state.top_z(self._actor) + CLEAR_M + 0.01:
            return hold_action(vacuum=False)
        step = np.array([0.0, 0.0, RISE_STEP_M])
        return world_action(state, step, vacuum=False, quat_wxyz=kept_orientation(state))

    def _goal(self, state: WorldState) -> tuple[np.ndarray, float]:
        """Centre (3,) that the object shall have, and the height of its support, m, world."""
        if self._target_actor is not None:
            support = support_top(state, self._target_actor)
            position = state.positions[self._target_actor]
            if self._spot is not None:
                position = np.array([*self._spot, position[2]])
            return position, support
        goal = self._target_pose.position
        return goal, float(goal[2]) - 0.5 * state.specs[self._actor].height

    def _is_near(self, state: WorldState) -> bool:
        goal, _ = self._goal(state)
        offset = goal[:2] - state.positions[self._actor, :2]
        return math.hypot(*offset) < NEAR_M
