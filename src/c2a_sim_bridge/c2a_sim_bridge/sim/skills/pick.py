# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`pick`: lower the cups onto an object, seal, and lift it."""

from __future__ import annotations

import math

import numpy as np

from c2a_sim_bridge.sim.skills.motion import MAX_STEP_M, Motion, world_action
from c2a_sim_bridge.sim.state import WorldState

LIFT_M = 0.03  # height of the object's bottom at the end
LIFT_STEP_M = 0.025
ALIGNED_M = 0.02  # beside the object's axis by more than this the tool first goes above it
APPROACH_M = 0.03


class Pick:
    """`pick(actor=A)`."""

    def __init__(self, actor: int, state: WorldState) -> None:
        """Pick object `actor`; the lift is measured from where it stands now."""
        self._actor = actor
        self._lifted_z = (0.0 if state.grasped == actor else state.bottom_z(actor)) + LIFT_M
        self._motion = Motion()

    def act(self, state: WorldState) -> np.ndarray:
        """Down onto the object with the vacuum on, then straight up."""
        actor = self._actor
        if state.grasped == actor:
            return world_action(state, np.array([0.0, 0.0, LIFT_STEP_M]), vacuum=True)
        offset = state.positions[actor] - state.ee_position
        top = state.top_z(actor)
        if math.hypot(offset[0], offset[1]) > ALIGNED_M or state.grasped >= 0:
            above = state.positions[actor].copy()
            above[2] = top + APPROACH_M
            return self._motion.towards(state, above, vacuum=False)
        gap = float(state.ee_position[2]) - top
        step = np.array([0.5 * offset[0], 0.5 * offset[1], -min(max(0.6 * gap, 0.002), 0.02)])
        length = float(np.linalg.norm(step))
        if length > MAX_STEP_M:
            step *= MAX_STEP_M / length
        return world_action(state, step, vacuum=True)

    def is_done(self, state: WorldState) -> bool:
        """The object is held and lifted."""
        return state.grasped == self._actor and state.bottom_z(self._actor) >= self._lifted_z

    def is_lost(self, state: WorldState) -> bool:
        """Another object hangs on the cups."""
        return state.grasped >= 0 and state.grasped != self._actor
