# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Success of throws: what was hit by an object that nobody held."""

from __future__ import annotations

import math

import numpy as np

from c2a_sim_bridge.sim.polygons import polygon_distance
from c2a_sim_bridge.sim.predicates import TOPPLED_RAD, Predicate
from c2a_sim_bridge.sim.state import WorldState

HIT_POSITION_M = 0.1


class Hit(Predicate):
    """The object, let go, has touched the target; with `topple` the target is tilted now."""

    def __init__(self, actor: int, target: int, *, topple: bool = False) -> None:
        """Throw `actor` at `target`, which shall fall over if `topple`."""
        self.objects = (actor, target)
        self._topple = topple
        self._was_hit = False

    def _evaluate(self, state: WorldState) -> bool:
        actor, target = self.objects
        if state.grasped != actor:
            self._was_hit = self._was_hit or self._is_hit(state)
        return self._was_hit and (not self._topple or state.tilt_rad(target) > TOPPLED_RAD)

    def goal_positions(self, state: WorldState) -> np.ndarray:
        """The target's middle."""
        return state.positions[self.objects[1]][None].copy()

    def _is_hit(self, state: WorldState) -> bool:
        return bool(state.pair_contact[self.objects])


class HitFromAbove(Hit):
    """The object, let go, was over the target: their outlines seen from above met.

    Flying over it counts, as in ClevrSkills' two-dimensional mode.
    """

    def _is_hit(self, state: WorldState) -> bool:
        actor, target = self.objects
        radii = state.specs[actor].radius + state.specs[target].radius
        tallest = max(state.specs[actor].height, state.specs[target].height)
        if state.planar_distance(actor, target) > radii + tallest:
            return False
        outlines = (state.world_footprint(actor), state.world_footprint(target))
        return polygon_distance(*outlines) < 0.0


class HitPosition(Predicate):
    """The object, let go, has touched the table at a place: within 0.1 m and its own radius."""

    def __init__(self, actor: int, position: np.ndarray) -> None:
        """Throw `actor` to `position` (3,) in metres, world frame."""
        self.objects = (actor,)
        self._position = np.array(position, dtype=np.float64)
        self._was_hit = False

    def _evaluate(self, state: WorldState) -> bool:
        actor = self.objects[0]
        if state.grasped != actor and state.is_grounded(actor):
            spec = state.specs[actor]
            radius = math.hypot(spec.radius, 0.5 * spec.height)
            gap = math.dist(state.positions[actor], self._position) - radius
            self._was_hit = self._was_hit or gap < HIT_POSITION_M
        return self._was_hit

    def goal_positions(self, state: WorldState) -> np.ndarray:  # noqa: ARG002
        """The place."""
        return self._position[None].copy()
