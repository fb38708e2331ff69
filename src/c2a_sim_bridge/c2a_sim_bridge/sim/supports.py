# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What stands on what: loads of a fixture's parts, by contact and by geometry."""

from __future__ import annotations

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


def support_top(state: WorldState, support: int) -> float:
    """Height in metres at which an object that is put on the support comes to stand.

    The top of an ordinary object; on a fixture's part, which is loaded with several objects, the
    top of the highest one there. By geometry: contacts come and go while a scale moves.
    """
    top = state.top_z(support)
    if state.specs[support].kind != ObjectKind.PART:
        return top
    reach = state.specs[support].radius
    highest = top
    for index, spec in enumerate(state.specs):
        if not spec.is_movable or index == state.grasped:
            continue
        is_above = -_SUNK_M < state.bottom_z(index) - top < _HIGHEST_M
        if is_above and state.planar_distance(index, support) < reach:
            highest = max(highest, state.top_z(index))
    return highest
