# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`push`, `topple` and `touch`: move an object with the side of the gripper."""

from __future__ import annotations

import math

import numpy as np

from c2a_core.geometry import Pose
from c2a_core.spaces import hold_action
from c2a_sim_bridge.sim.skills.motion import world_action
from c2a_sim_bridge.sim.skills.move3d import contact_height, push_direction
from c2a_sim_bridge.sim.state import WorldState

PUSHED_M = 0.15  # how far `push` without a target moves an object
TARGET_REACHED_M = 0.02
TOPPLED_RAD = math.radians(50.0)
FALLEN_M = 0.03  # an object that came down by this has fallen off what it stood on
PUSH_STEP_M = 0.025
TOPPLE_STEP_M = 0.045
TOUCH_STEP_M = 0.02
PUSH_BRAKING = 0.2  # of the rest of the way in one step: faster, it would slide past its target
SLOW_STEP_M = 0.006
AWAY_M = 0.1  # between the object's rim and a tool that cannot be the one that pushes it
BEHIND_COS = 0.3  # seen from the target, a tool that is less behind the object slides off it
SIDE_GAIN = 0.8  # how quickly the tool returns to the line behind the object


class Push:
    """`push(actor=A)`: away from the robot; `push(actor=A, target_pose=E)`: to a place."""

    def __init__(self, state: WorldState, actor: int, target_pose: Pose | None = None) -> None:
        """Push object `actor` from where it is now."""
        self._actor = actor
        self._start = state.positions[actor].copy()
        direction = push_direction(state, actor, target_pose)
        if target_pose is None:
            self._goal = self._start[:2] + direction * (PUSHED_M + 0.02)
        else:
            self._goal = target_pose.position[:2].copy()
        self._has_target = target_pose is not None
        self._direction = direction

    def act(self, state: WorldState) -> np.ndarray:
        """Level, towards the target or along the line away from the robot."""
        position = state.positions[self._actor, :2]
        way = self._goal - position
        rest = math.hypot(*way)
        direction = way / rest if rest > 0.01 else self._direction
        step = np.empty(3)
        if self._has_target:
            # The object sticks to the tool and goes where the tool goes, without turning. So the
            # tool need not stay behind its centre; pressing sideways would push it aside.
            step[:2] = direction * min(PUSH_STEP_M, max(PUSH_BRAKING * rest, SLOW_STEP_M))
        else:
            tool = state.ee_position[:2] - position
            aside = tool - direction * float(tool @ direction)
            step[:2] = direction * min(PUSH_STEP_M, max(rest, 0.008)) - SIDE_GAIN * aside
        step[2] = contact_height(state, self._actor, high=False) - float(state.ee_position[2])
        return world_action(state, step, vacuum=False)

    def is_done(self, state: WorldState) -> bool:
        """Far enough, or at the goal, or past it."""
        moved = state.positions[self._actor] - self._start
        if not self._has_target:
            return math.sqrt(float(moved @ moved)) > PUSHED_M
        way = self._goal - state.positions[self._actor, :2]
        return math.hypot(*way) < TARGET_REACHED_M or float(way @ self._direction) < 0.0

    def is_lost(self, state: WorldState) -> bool:
        """The tool is beside or in front of the object or away from it: it cannot push it on."""
        position = state.positions[self._actor, :2]
        tool = state.ee_position[:2] - position
        if float(tool @ self._direction) > 0.01:
            return True
        if not self._has_target or self.is_done(state):
            return False
        distance = math.hypot(*tool)
        if distance > state.specs[self._actor].radius + AWAY_M:
            return True
        way = self._goal - position
        return -float(tool @ way) < BEHIND_COS * distance * math.hypot(*way)


class Topple:
    """`topple(actor=A)`: push near the top until it falls."""

    def __init__(self, state: WorldState, actor: int) -> None:
        """Topple object `actor` away from the robot."""
        self._actor = actor
        self._start = state.positions[actor].copy()
        # What leans already, fallen but not down, has to turn or to go as far from here.
        self._leans = state.tilt_rad(actor) >= TOPPLED_RAD
        self._start_axis = state.up_axis(actor).copy() if self._leans else np.array([0, 0, 1.0])
        self._direction = push_direction(state, actor, None)
        self._height = contact_height(state, actor, high=True)

    def act(self, state: WorldState) -> np.ndarray:
        """Fast, straight and level."""
        step = np.empty(3)
        step[:2] = self._direction * TOPPLE_STEP_M
        step[2] = self._height - float(state.ee_position[2])
        return world_action(state, step, vacuum=False)

    def is_done(self, state: WorldState) -> bool:
        """Tilted past its balance, or fallen off its support."""
        position = state.positions[self._actor]
        return (
            float(state.up_axis(self._actor) @ self._start_axis) <= math.cos(TOPPLED_RAD)
            or float(position[2]) < self._start[2] - FALLEN_M
            or (self._leans and math.dist(position[:2], self._start[:2]) > PUSHED_M)
        )

    def is_lost(self, state: WorldState) -> bool:
        """The tool went past it."""
        tool = state.ee_position[:2] - state.positions[self._actor, :2]
        return float(tool @ self._direction) > 0.05 and not self.is_done(state)


class Touch:
    """`touch(actor=A)`: approach until something of the gripper is in contact with it."""

    def __init__(self, actor: int) -> None:
        """Touch object `actor`."""
        self._actor = actor

    def act(self, state: WorldState) -> np.ndarray:
        """Towards the object's axis at the present height."""
        if state.ee_contact[self._actor]:
            return hold_action(vacuum=False)
        way = state.positions[self._actor, :2] - state.ee_position[:2]
        distance = max(math.hypot(*way), 1e-6)
        step = np.array([*(way / distance * min(TOUCH_STEP_M, distance)), 0.0])
        return world_action(state, step, vacuum=False)

    def is_done(self, state: WorldState) -> bool:
        """In contact."""
        return bool(state.ee_contact[self._actor])

    def is_lost(self, state: WorldState) -> bool:
        """Never: the object is followed."""
        return False


class Done:
    """`done()`: nothing is left to do; hold."""

    def act(self, state: WorldState) -> np.ndarray:
        """Hold, the vacuum as it is."""
        return hold_action(vacuum=state.vacuum_on)

    def is_done(self, state: WorldState) -> bool:
        """Never: the episode ends by its predicates or its planner."""
        return False

    def is_lost(self, state: WorldState) -> bool:
        """Never."""
        return False
