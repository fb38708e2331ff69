# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import changed, make_state, place
from unit.c2a_sim_bridge.worlds import Table

from c2a_sim_bridge.sim.robot import BASE_POSITION
from c2a_sim_bridge.sim.skills.motion import INNER_REACH_M, Motion


@pytest.mark.parametrize('side', [1.0, -1.0])
def test_way_from_one_side_of_the_base_to_the_other_leads_round_it(side: float):
    table = Table(place('red cube', -0.38, 0.29 * side), place('blue cube', -0.38, -0.2 * side))
    red, blue = ("get_actor('red cube', (8, 3))", "get_actor('blue cube', (3, 3))")
    nearest = []

    for code in (f'move3d(actor={red})', f'pick(actor={red})'):
        assert table.run(code) >= 0
    skill = table.start(f'move3d(target_actor={blue})')
    for _ in range(40):
        if skill.is_done(table.state):
            break
        table.world.step(skill.act(table.state))
        nearest.append(np.linalg.norm((table.state.ee_position - BASE_POSITION)[:2]))

    assert skill.is_done(table.state)
    assert min(nearest) > INNER_REACH_M - 0.01


def test_way_in_front_of_the_base_is_straight():
    state = changed(make_state([]), ee_position=np.array([-0.3, 0.2, 0.2]))

    action = Motion().towards(state, np.array([-0.3, -0.2, 0.2]), vacuum=False)

    # In the tool's frame: x as in the world, y the other way round.
    assert action[0] == pytest.approx(0.0, abs=1e-6)
    assert action[1] > 0.0
