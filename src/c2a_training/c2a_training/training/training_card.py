# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a model card says about a training, whatever was trained."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.planner.train_state import Progress


def training_section(
    command: str,
    progress: Progress,
    datasets: Sequence[EpisodeDataset],
    settings: Mapping[str, object],
) -> str:
    """Command, length, machine, data and settings of a training, as a section of Markdown.

    Args:
        command: as it was typed.
        progress: where the training is.
        datasets: that it learns from.
        settings: all of them.
    """
    rows = '\n'.join(
        f'| `{dataset.directory.name}` | {len(dataset.episodes)} | {len(dataset)} | '
        f'`{dataset.fingerprint[:12]}` |'
        for dataset in datasets
    )
    return f"""## Training

    {command}

{progress.total_steps} steps in {progress.total_seconds / 60:.1f} minutes on {describe_machine()}.

| data | episodes | rows | fingerprint |
|---|---|---|---|
{rows}

```json
{json.dumps(settings, indent=2)}
```
"""


def training_seeds(datasets: Sequence[EpisodeDataset]) -> tuple[tuple[int, int], ...]:
    """(first, last) seed of the scenes in each dataset."""
    seeds = [[episode.seed for episode in dataset.episodes] for dataset in datasets]
    return tuple(sorted({(min(found), max(found)) for found in seeds}))


def joined_fingerprint(fingerprints: Sequence[str]) -> str:
    """One fingerprint of several datasets, whatever their order."""
    if len(fingerprints) == 1:
        return fingerprints[0]
    return hashlib.sha256('\n'.join(sorted(fingerprints)).encode()).hexdigest()


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
