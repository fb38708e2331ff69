# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a trained planner's checkpoint says about its training: description and model card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from c2a_planner.checkpoint import CheckpointInfo, model_card
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.planner.train_config import PlannerTrainConfig
from c2a_training.training.train_state import Progress
from c2a_training.training.training_card import (
    joined_fingerprint,
    training_commit,
    training_section,
    training_seeds,
    training_splits,
)


def make_info(
    config: PlannerTrainConfig,
    progress: Progress,
    cameras: Iterable[str],
    datasets: Sequence[EpisodeDataset] = (),
) -> CheckpointInfo:
    """Description of a checkpoint, without its files' hashes."""
    return CheckpointInfo(
        preset=config.preset,
        data_fingerprint=joined_fingerprint(progress.data),
        commit=training_commit(progress),
        seed=config.seed,
        metrics={name: round(value, 5) for name, value in progress.metrics.items()},
        base_camera='+'.join(sorted(cameras)),
        training_seeds=training_seeds(datasets, progress),
        training_splits=training_splits(datasets, progress),
        validation_share=_held_out_share(config, progress),
    )


def make_card(
    info: CheckpointInfo,
    config: PlannerTrainConfig,
    progress: Progress,
    command: str,
    datasets: Sequence[EpisodeDataset],
) -> str:
    """The model card: what every checkpoint says, and how this one was made."""
    command = command or 'c2a train planner'
    return f"""{model_card(info)}
The metrics are of held-out episodes of the training data, teacher-forced: the share of replies
that are right word for word.

{training_section(command, progress, datasets, config.as_dict())}"""


def _held_out_share(config: PlannerTrainConfig, progress: Progress) -> float:
    """Share of the episodes that neither this training nor those before have learned from.

    Episodes are held out by a hash of their names, so the smaller share is part of the larger one.
    """
    share, before = config.examples.validation_share, progress.share_before
    return share if before is None else min(share, before)
