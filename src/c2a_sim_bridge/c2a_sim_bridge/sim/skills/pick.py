# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`pick`: lower the cups onto an object, seal, and lift it."""

from __future__ import annotations

import math

import numpy as np

from c2a_core.geometry import quat_multiply_wxyz, quat_wxyz_from_rotation_vector
from c2a_sim_bridge.sim.skills.motion import MAX_STEP_M, Motion, angle_to, world_action
from c2a_sim_bridge.sim.skills.tool_heading import kept_orientation
from c2a_sim_bridge.sim.state import WorldState

LIFT_M = 0.03  # height of the object's bottom at the end
LIFT_STEP_M = 0.025
ALIGNED_M = 0.02  # beside the face's axis by more than this the tool first goes above it
ALIGNED_RAD = 0.1
APPROACH_M = 0.03
MISSED_M = 0.004  # under the face without a seal
LEVEL_COS = 0.9995  # a face that leans less is level: the tool comes straight down


class Pick:
    """`pick(actor=A)`: by its most upward face, which need not be level if the object fell."""

    def __init__(self, actor: int, state: WorldState) -> None:
        """Pick object `actor`; the lift is measured from where it stands now.

        The tool keeps the heading that it has: `move3d` chose it.
        """
        self._actor = actor
        self._quat = kept_orientation(state)
        self._lifted_z = (0.0 if state.grasped == actor else state.bottom_z(actor)) + LIFT_M
        self._motion = Motion()

    def act(self, state: WorldState) -> np.ndarray:
        """Square onto the face with the vacuum on, then straight up."""
        if state.grasped == self._actor:
            step = np.array([0.0, 0.0, LIFT_STEP_M])
            return world_action(state, step, vacuum=True, quat_wxyz=state.ee_quat_wxyz)
        contact, normal = self._face(state)
        quat = self._facing(normal)
        gap, aside = _resolve(state.ee_position - contact, normal)
        is_aligned = math.sqrt(float(aside @ aside)) <= ALIGNED_M
        if not is_aligned or angle_to(state, quat) > ALIGNED_RAD or state.grasped >= 0:
            above = contact + normal * APPROACH_M
            return self._motion.towards(state, above, vacuum=False, quat_wxyz=quat)
        step = -0.5 * aside - normal * min(max(0.6 * gap, 0.002), 0.02)
        length = math.sqrt(float(step @ step))
        if length > MAX_STEP_M:
            step *= MAX_STEP_M / length
        return world_action(state, step, vacuum=True, quat_wxyz=quat)

    def is_done(self, state: WorldState) -> bool:
        """The object is held and lifted."""
        return state.grasped == self._actor and state.bottom_z(self._actor) >= self._lifted_z

    def is_lost(self, state: WorldState) -> bool:
        """Another object hangs on the cups, or they passed the face without a seal."""
        if state.grasped >= 0:
            return state.grasped != self._actor
        contact, normal = self._face(state)
        gap, aside = _resolve(state.ee_position - contact, normal)
        return math.sqrt(float(aside @ aside)) <= ALIGNED_M and -0.05 < gap < -MISSED_M

    def _face(self, state: WorldState) -> tuple[np.ndarray, np.ndarray]:
        """Middle (3,) and outward normal (3,) of the object's most upward face, world."""
        spec, rotation = state.specs[self._actor], state.rotations[self._actor]
        upward = spec.face_normals @ rotation[2]
        face = int(np.argmax(upward))
        normal = np.array([0.0, 0.0, 1.0])
        if upward[face] < LEVEL_COS:
            normal = rotation @ spec.face_normals[face]
        return state.positions[self._actor] + normal * spec.face_offsets[face], normal

    def _facing(self, normal: np.ndarray) -> np.ndarray:
        """Tool orientation (4,) that looks against a normal, turned from straight down."""
        axis = np.array([-normal[1], normal[0], 0.0])
        sine = math.hypot(axis[0], axis[1])
        if sine < 1e-9:
            return self._quat
        angle = math.atan2(sine, float(normal[2]))
        return quat_multiply_wxyz(
            quat_wxyz_from_rotation_vector(axis * (angle / sine)), self._quat
        )


def _resolve(way: np.ndarray, normal: np.ndarray) -> tuple[float, np.ndarray]:
    """A way (3,) as a length along a unit normal and the rest (3,) across it."""
    along = float(way @ normal)
    return along, way - along * normal
