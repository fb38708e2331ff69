# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The stage that puts an object on an area."""

from __future__ import annotations

from c2a_sim_bridge.sim.predicates import Settling
from c2a_sim_bridge.sim.predicates_pose import Inside2d
from c2a_sim_bridge.sim.skills.plan import Stage, pick_place_on


def inside_stage(actor: int, area: int) -> Stage:
    """Pick `actor` and place it on the area `area`."""
    return Stage(
        Settling(Inside2d(actor, area)).update,
        lambda state, _assigned: pick_place_on(actor, area, is_held=state.grasped == actor),
    )
