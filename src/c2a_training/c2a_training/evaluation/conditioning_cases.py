# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""First key steps of PlaceNextTo, each beside one that names something else of the scene.

    cases = conditioning_cases(Simulator(SimConfig()), range(40), 'object')
    measure_conditioning(policy, cases).changed

No policy is needed to make them; `benchmarks/policy_conditioning.py` compares all three changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from c2a_controller.conditioning import Case, actors, with_other_actor
from c2a_core.memory import cache_info
from c2a_core.types import KeyStep, ReplyStatus
from c2a_sim_bridge.sim.simulator import Simulator

Change = Literal['object', 'cell', 'name']
CHANGES: dict[Change, str] = {
    'object': 'another object: its name and its cell',
    'cell': 'the cell of another object, the name as it was',
    'name': 'the name of another object, the cell as it was',
}
_TASK = 'PlaceNextTo'


def conditioning_cases(
    simulator: Simulator, seeds: Iterable[int], change: Change = 'object'
) -> list[Case]:
    """One case of each seed.

    Args:
        simulator: with a base camera; it is reset.
        seeds: of the scenes.
        change: what the other key step has from another object, see `CHANGES`.
    """
    return [_case(simulator, seed, change) for seed in seeds]


def _case(simulator: Simulator, seed: int, change: Change) -> Case:
    simulator.reset(_TASK, seed)
    observation = simulator.observe()
    code = simulator.oracle_key_step().code
    key_step = KeyStep(
        *(observation.episode_id, 0, 0, 0, True, code, cache_info([code]), ()),
        ReplyStatus.KEY_STEP,
    )
    (named, *_) = actors(key_step)
    labels = simulator.object_labels()
    name, cell = next(
        (name, cell)
        for name, cell in zip(labels.names, labels.cells, strict=True)
        if name != named.name
    )
    if change == 'cell':
        name = named.name
    elif change == 'name':
        cell = named.cell
    return Case(observation, key_step, with_other_actor(key_step, named, name, cell))
