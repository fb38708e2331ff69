# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The shipped policy listens: another object in the code changes the first chunk."""

from __future__ import annotations

import pytest

pytest.importorskip('torch', reason='torch is not installed')
pytest.importorskip('diffusers', reason='diffusers is not installed')
pytest.importorskip('sapien', reason='sapien is not installed')

from c2a_controller.conditioning import Case, actors, measure_conditioning, with_other_actor
from c2a_controller.diffusion_policy import DiffusionPolicy
from c2a_controller.policy import PolicyOptions
from c2a_controller.policy_checkpoint import SHIPPED_FOLDER
from c2a_core.memory import cache_info
from c2a_core.sealed_directory import INFO_NAME
from c2a_core.types import KeyStep, ReplyStatus
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (SHIPPED_FOLDER / 'policy_tiny' / INFO_NAME).is_file(),
        reason='the policy checkpoint tiny does not ship yet: ./c2a train policy',
    ),
]

# Beyond every training's.
FIRST_SEED, SCENES = 1_500_000, 40


def test_another_colour_in_the_code_changes_the_first_chunk_in_nine_cases_of_ten():
    policy = DiffusionPolicy.load(PolicyOptions('tiny', threads=1))
    simulator = Simulator(SimConfig())
    seeds = range(FIRST_SEED, FIRST_SEED + SCENES)
    cases = [first_step(simulator, seed) for seed in seeds]
    found = measure_conditioning(policy, cases)
    assert found.changed >= 0.9, sorted(found.distances_m)


def first_step(simulator: Simulator, seed: int) -> Case:
    """The first step of PlaceNextTo, and the same with another object of the scene instead."""
    simulator.reset('PlaceNextTo', seed)
    observation = simulator.observe()
    code = simulator.oracle_key_step().code
    key_step = KeyStep(
        *(observation.episode_id, 0, 0, 0, True, code, cache_info([code]), ()),
        ReplyStatus.KEY_STEP,
    )
    (named, *_) = actors(key_step)
    labels = simulator.object_labels()
    others = zip(labels.names, labels.cells, strict=True)
    name, cell = next((name, cell) for name, cell in others if name != named.name)
    return Case(observation, key_step, with_other_actor(key_step, named, name, cell))
