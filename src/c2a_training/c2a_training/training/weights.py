# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Weights of tasks and datasets as they are typed: `NAME=W`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from c2a_training.dataset.episode_dataset import EpisodeDataset


def read_weights(texts: Iterable[str]) -> dict[str, float]:
    """The weights by name.

    Raises:
        ValueError: for what is no weight.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition('=')
        try:
            weight = float(value)
        except ValueError:
            weight = -1.0
        if not equals or not name or not 0 <= weight < float('inf'):
            raise ValueError(f'weight {text!r}: expected NAME=W with W at least 0')
        found[name] = weight
    return found


def check_weights(weights: Iterable[str], datasets: Sequence[EpisodeDataset]) -> None:
    """Refuse names that are no task and no dataset's directory.

    Raises:
        ValueError: for the first such name.
    """
    known = {dataset.directory.name for dataset in datasets}
    known |= {episode.task for dataset in datasets for episode in dataset.episodes}
    unknown = sorted(set(weights) - known)
    if unknown:
        raise ValueError(
            f'no task and no dataset is named {unknown[0]}: the data have '
            f'{", ".join(sorted(known))}'
        )


def weight_of(weights: dict[str, float], dataset: str, task: str) -> float:
    """Weight of a task's rows in a dataset, 1 where nothing was said."""
    return weights.get(dataset, 1.0) * weights.get(task, 1.0)
