# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The shipped policy listens: another object in the code changes the first chunk."""

from __future__ import annotations

import pytest

pytest.importorskip('torch', reason='torch is not installed')
pytest.importorskip('diffusers', reason='diffusers is not installed')
pytest.importorskip('sapien', reason='sapien is not installed')

from c2a_controller.conditioning import measure_conditioning
from c2a_controller.diffusion_policy import DiffusionPolicy
from c2a_controller.policy import PolicyOptions
from c2a_controller.policy_checkpoint import SHIPPED_FOLDER
from c2a_core.sealed_directory import INFO_NAME
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_training.evaluation.conditioning_cases import conditioning_cases

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (SHIPPED_FOLDER / 'policy_tiny' / INFO_NAME).is_file(),
        reason='the policy checkpoint tiny does not ship yet: ./c2a train policy',
    ),
]

# Beyond every training's.
FIRST_SEED, SCENES = 1_500_000, 40


def test_another_object_in_the_code_changes_the_first_chunk_in_nine_cases_of_ten():
    policy = DiffusionPolicy.load(PolicyOptions('tiny', threads=1))
    seeds = range(FIRST_SEED, FIRST_SEED + SCENES)
    found = measure_conditioning(policy, conditioning_cases(Simulator(SimConfig()), seeds))
    assert found.changed >= 0.9, sorted(found.distances_m)
