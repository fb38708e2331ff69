# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Success of stacking objects in any order. `OnTop` is in `predicates.py`."""

from __future__ import annotations

import itertools

import numpy as np

from c2a_sim_bridge.sim.predicates import OnTop, Predicate
from c2a_sim_bridge.sim.state import WorldState


class Stacked(Predicate):
    """All objects are in one stack, in whatever order: each but one rests on another of them."""

    def __init__(self, actors: tuple[int, ...]) -> None:
        """Stack the `actors`; a single one is a stack."""
        self.objects = actors
        self._pairs = tuple(OnTop(a, b) for a, b in itertools.permutations(actors, 2))

    def relations(self, state: WorldState) -> list[tuple[int, int]]:
        """Pairs (top, bottom) that hold now."""
        return [pair.objects for pair in self._pairs if pair.update(state)]

    def is_near(self, state: WorldState) -> bool:
        """Enough of them are let go at most a drop above another."""
        return sum(pair.is_near(state) for pair in self._pairs) >= len(self.objects) - 1

    def goal_positions(self, state: WorldState) -> np.ndarray:
        """Above the middles of all that may be the support."""
        return np.array(
            [[*state.positions[k, :2], state.top_z(k)] for k in self.objects]
            if len(self.objects) > 1
            else np.zeros((0, 3))
        )

    def _evaluate(self, state: WorldState) -> bool:
        return len(self.relations(state)) == len(self.objects) - 1
