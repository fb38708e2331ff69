# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a trained planner's checkpoint says about its training: description and model card."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from c2a_planner.checkpoint import CheckpointInfo, model_card
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.evaluation.source_commit import source_commit
from c2a_training.planner.train_config import PlannerTrainConfig
from c2a_training.planner.train_state import Progress


def make_info(
    config: PlannerTrainConfig,
    progress: Progress,
    cameras: Iterable[str],
    datasets: Sequence[EpisodeDataset] = (),
) -> CheckpointInfo:
    """Description of a checkpoint, without its files' hashes."""
    seeds = [[episode.seed for episode in dataset.episodes] for dataset in datasets]
    return CheckpointInfo(
        preset=config.preset,
        data_fingerprint=_joined(progress.data),
        commit=source_commit(),
        seed=config.seed,
        metrics={name: round(value, 5) for name, value in progress.metrics.items()},
        base_camera='+'.join(sorted(cameras)),
        training_seeds=tuple(sorted({(min(found), max(found)) for found in seeds})),
    )


def make_card(
    info: CheckpointInfo,
    config: PlannerTrainConfig,
    progress: Progress,
    command: str,
    datasets: Sequence[EpisodeDataset],
) -> str:
    """The model card: what every checkpoint says, and how this one was made."""
    rows = '\n'.join(
        f'| `{dataset.directory.name}` | {len(dataset.episodes)} | {len(dataset)} | '
        f'`{dataset.fingerprint[:12]}` |'
        for dataset in datasets
    )
    settings = json.dumps(config.as_dict(), indent=2)
    return f"""{model_card(info)}
The metrics are of held-out episodes of the training data, teacher-forced: the share of replies
that are right word for word.

## Training

    {command or 'c2a train planner'}

{progress.total_steps} steps in {progress.total_seconds / 60:.1f} minutes on {describe_machine()}.

| data | episodes | rows | fingerprint |
|---|---|---|---|
{rows}

```json
{settings}
```
"""


def describe_machine() -> str:
    """What the training ran on, for people."""
    cores = len(os.sched_getaffinity(0))
    if torch.cuda.is_available():
        return f'{torch.cuda.device_count()} x {torch.cuda.get_device_name()}, {cores} CPU cores'
    return f'{cores} CPU cores ({_cpu_name()}), torch {torch.__version__}'


def _cpu_name() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()


def _joined(fingerprints: Sequence[str]) -> str:
    """One fingerprint of several datasets, whatever their order."""
    if len(fingerprints) == 1:
        return fingerprints[0]
    return hashlib.sha256('\n'.join(sorted(fingerprints)).encode()).hexdigest()
