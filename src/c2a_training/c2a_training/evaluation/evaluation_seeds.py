# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which seeds results may be measured on: none that a model may have been trained on."""

from __future__ import annotations

from collections.abc import Sequence

from c2a_training.evaluation.checkpoint_facts import CheckpointFacts
from c2a_training.generation.generate_plan import FIRST_EVALUATION_SEED


def check_seeds(seeds: Sequence[int]) -> None:
    """Refuse seeds that belong to training.

    Raises:
        ValueError: which says which ones to take.
    """
    low = min(seeds)
    if low < FIRST_EVALUATION_SEED:
        raise ValueError(
            f'seed {low} belongs to training data, as all under {FIRST_EVALUATION_SEED}: take '
            f'{FIRST_EVALUATION_SEED}-{FIRST_EVALUATION_SEED + 63}, or say --any-seeds for a test '
            'that is no result'
        )


def check_unseen(seeds: Sequence[int], facts: CheckpointFacts) -> None:
    """Refuse seeds that the checkpoint was trained on.

    Raises:
        ValueError: which says which ones.
    """
    for low, high in facts.training_seeds:
        seen = [seed for seed in seeds if low <= seed <= high]
        if seen:
            raise ValueError(
                f'checkpoint {facts.checkpoint} was trained on seeds {low} to {high}, seed '
                f'{seen[0]} among them: evaluate other seeds, or say --any-seeds for a test that '
                'is no result'
            )
