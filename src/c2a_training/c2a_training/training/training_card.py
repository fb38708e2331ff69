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

from c2a_core.sealed_directory import CARD_NAME, UNKNOWN_SPLIT, Seal
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.evaluation.source_commit import source_commit
from c2a_training.training.train_state import Progress

_TRAINING = '## Training'
_BEFORE = '## Training before'


def begin_after(progress: Progress, directory: Path, seal: Seal | None) -> None:
    """Remember what the checkpoint had learned that a training begins with.

    Args:
        progress: of the new training.
        directory: the checkpoint.
        seal: what it says about itself, None for a model of somebody else.
    """
    if seal is None:
        return
    _take_over(progress, seal)
    try:
        card = (directory / CARD_NAME).read_text(encoding='utf-8')
    except OSError:
        return
    _, heading, section = card.partition(f'\n{_TRAINING}\n')
    if heading:
        progress.before = f'{_BEFORE}\n{section}'


def begin_with_eye(progress: Progress, label: str, seal: Seal | None) -> None:
    """Remember whose vision tower a training takes over, and what that had learned.

    Args:
        progress: of the new training.
        label: of the planner's checkpoint.
        seal: what it says about itself, None for a model of somebody else.
    """
    _take_over(progress, seal)
    progress.before = f'## Eye\n\nThe vision tower of planner `{label}`, frozen.\n'


def _take_over(progress: Progress, seal: Seal | None) -> None:
    progress.seeds_before = [list(seeds) for seeds in seal.training_seeds] if seal else []
    progress.splits_before = list(seal.training_splits if seal else ()) or [UNKNOWN_SPLIT]


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
    before = f'\n{progress.before}' if progress.before else ''
    return f"""{_TRAINING}

    {command}

{progress.total_steps} steps in {progress.total_seconds / 60:.1f} minutes on {describe_machine()}.

| data | episodes | rows | fingerprint |
|---|---|---|---|
{rows}

```json
{json.dumps(settings, indent=2)}
```
{before}"""


def training_seeds(
    datasets: Sequence[EpisodeDataset], progress: Progress
) -> tuple[tuple[int, int], ...]:
    """(first, last) seed of the scenes in each dataset, and in those of trainings before."""
    seeds = [[episode.seed for episode in dataset.episodes] for dataset in datasets]
    found = {(min(numbers), max(numbers)) for numbers in seeds}
    return tuple(sorted(found | {(first, last) for first, last in progress.seeds_before}))


def training_splits(datasets: Sequence[EpisodeDataset], progress: Progress) -> tuple[str, ...]:
    """Which objects the scenes in the datasets, and in those of trainings before, show."""
    found = {episode.split for dataset in datasets for episode in dataset.episodes}
    return tuple(sorted(found.union(progress.splits_before)))


def note_data(progress: Progress, datasets: Sequence[EpisodeDataset]) -> bool:
    """Remember the data that a training goes on with, beside those that it has seen.

    Returns:
        Whether they are others.
    """
    now = [dataset.fingerprint for dataset in datasets]
    is_other = progress.data != now
    if is_other and not progress.splits_before:
        # The state is older than this note.
        progress.splits_before = [UNKNOWN_SPLIT]
    progress.data = now
    progress.seeds_before = [list(seeds) for seeds in training_seeds(datasets, progress)]
    progress.splits_before = list(training_splits(datasets, progress))
    return is_other


def note_commit(progress: Progress) -> None:
    """Remember which version of the software a training runs from here on."""
    if progress.total_steps and not progress.commits:
        # Its states are older than this note.
        progress.commits.append('unknown')
    if source_commit() not in progress.commits[-1:]:
        progress.commits.append(source_commit())


def training_commit(progress: Progress) -> str:
    """The versions of the software that a training ran."""
    return ', '.join(progress.commits) or source_commit()


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
