# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What stands on what: loads of a fixture's parts, by contact and by geometry."""

from __future__ import annotations

import math

import numpy as np

from c2a_sim_bridge.sim.objects import ObjectKind
from c2a_sim_bridge.sim.state import CONTACT_FORCE_N, WorldState

_SUNK_M = 0.01  # what is deeper than this below the part's top stands beside it
_HIGHEST_M = 0.3  # and what is higher above it does not stand there


def loads_of(state: WorldState, support: int) -> tuple[int, ...]:
    """Objects that rest on the support or on each other above it, from contacts, in index order.

    What the gripper holds is no load and carries none.
    """
    found: list[int] = []
    carriers = [support]
    while carriers:
        on_top = np.flatnonzero(state.pair_force[:, carriers.pop()] > CONTACT_FORCE_N)
        for index in map(int, on_top):
            if index != state.grasped and index not in found and state.specs[index].is_movable:
                found.append(index)
                carriers.append(index)
    return tuple(sorted(found))


def standing_on(state: WorldState, support: int) -> list[int]:
    """Objects above the support within its reach, from geometry, in index order.

    Contacts come and go while a scale moves; this does not. What the gripper holds is left out.
    """
    spec = state.specs[support]
    found = []
    for index, other in enumerate(state.specs):
        if not other.is_movable or index in (support, state.grasped):
            continue
        aside_x, aside_y, up = state.rotations[support].T @ (
            state.positions[index] - state.positions[support]
        )
        gap = up - 0.5 * (spec.height + other.height)
        if math.hypot(aside_x, aside_y) < spec.radius and -_SUNK_M < gap < _HIGHEST_M:
            found.append(index)
    return found


def support_top(state: WorldState, support: int) -> float:
    """Height in metres at which an object that is put on the support comes to stand.

    The top of an ordinary object; on a fixture's part, which is loaded with several objects, the
    top of the highest one there.
    """
    top = state.top_z(support)
    if state.specs[support].kind != ObjectKind.PART:
        return top
    return max([top, *(state.top_z(index) for index in standing_on(state, support))])
