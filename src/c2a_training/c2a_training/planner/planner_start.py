# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a planner's training begins with: fresh weights, a checkpoint, or a model of the hub.

A state of preset `phi3` has adapters only. They belong to the weights that they were learned
beside, so a training remembers whose these were.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from c2a_planner.checkpoint import Checkpoint, find_checkpoint
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.planner.train_config import PlannerTrainConfig
from c2a_training.training.train_state import Progress
from c2a_training.training.training_card import begin_after


def find_base(
    config: PlannerTrainConfig, init: str | None, progress: Progress | None
) -> Checkpoint | None:
    """What the weights begin with; None for fresh ones, or if a state has them all.

    Args:
        config: of the training.
        init: checkpoint that the user named, if any.
        progress: of a training that goes on.

    Raises:
        ValueError: if it is not there, damaged, or not what the training began with.
    """
    is_phi3 = config.preset == 'phi3'
    if progress is not None and not is_phi3:
        return None
    init = init or (progress.init if progress else None)
    name = init or (config.model if is_phi3 else None)
    if not name:
        return None
    base = find_checkpoint(name)
    base.check()
    if progress is not None:
        _check_base(base, progress)
    return base


def new_progress(
    config: PlannerTrainConfig,
    datasets: Sequence[EpisodeDataset],
    init: str | None,
    base: Checkpoint | None,
    stage: str,
) -> Progress:
    """Where a training is that begins.

    Args:
        config: of the training.
        datasets: that it learns from.
        init: checkpoint that the user named, if any.
        base: what the weights begin with, see `find_base`.
        stage: the first one.
    """
    progress = Progress(
        stage=stage,
        config=config.as_dict(),
        data=[dataset.fingerprint for dataset in datasets],
        init=init or '',
    )
    if base is not None and base.info is not None:
        begin_after(progress, Path(base.source), base.info)
        progress.base_hash = base.info.hash
        progress.share_before = base.info.validation_share
    return progress


def _check_base(base: Checkpoint, progress: Progress) -> None:
    """Refuse another model than the one that adapters were learned beside."""
    if progress.init is None:
        # A state from before it was noted.
        return
    began = progress.init or progress.config['model']
    found = base.info.hash if base.info else ''
    if found != progress.base_hash or (not found and base.name != began):
        raise ValueError(
            f'the training began with {began}, and what it learned belongs to that model as it '
            f'was then, not to {base.name} as it is now: name that one with --init or --model, '
            'or begin another training'
        )
