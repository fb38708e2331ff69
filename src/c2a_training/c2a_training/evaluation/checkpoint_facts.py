# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What an evaluation has to know about the planner's checkpoint before it loads it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from c2a_training.evaluation.evaluation_settings import EvaluationSettings


@dataclass(frozen=True)
class CheckpointFacts:
    """Facts of a checkpoint.

    Attributes:
        checkpoint: its hash, or the planner's name where it has none.
        base_camera: the base camera that it knows, empty if any will do.
        image_size: side of the pictures it was trained on [px], 0 if any will do.
        training_seeds: (first, last) of each range of seeds in its training data.
    """

    checkpoint: str
    base_camera: str = ''
    image_size: int = 0
    training_seeds: tuple[tuple[int, int], ...] = ()

    def adapt(self, settings: EvaluationSettings) -> EvaluationSettings:
        """The settings with the cameras that the checkpoint knows."""
        return replace(
            settings,
            base_camera=self.base_camera or settings.base_camera,
            image_size=self.image_size or settings.image_size,
        )


def read_facts(settings: EvaluationSettings) -> CheckpointFacts:
    """Read the facts of the planner in the settings.

    Raises:
        ValueError: if its checkpoint is not there or does not fit.
    """
    return CheckpointFacts(settings.planner)
