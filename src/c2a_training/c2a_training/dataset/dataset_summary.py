# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Counts and statistics of a dataset, from its manifest and its shards' footers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from c2a_training.dataset.dataset_manifest import Dropped
from c2a_training.dataset.episode_metadata import EpisodeMetadata
from c2a_training.dataset.episode_store import EpisodeStore


@dataclass
class TaskSummary:
    """Episodes of one task.

    Attributes:
        task: its name.
        episodes: of the dataset.
        dropped: seeds that were tried and not kept.
        bytes: of its rows on disk.
    """

    task: str
    episodes: list[EpisodeMetadata] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    bytes: float = 0.0

    @property
    def steps(self) -> int:
        """Actions of all episodes."""
        return sum(episode.n_steps for episode in self.episodes)

    def as_json(self) -> dict[str, object]:
        """One entry of the JSON document."""
        lengths = [episode.n_steps for episode in self.episodes]
        return {
            'task': self.task,
            'episodes': len(self.episodes),
            'steps': self.steps,
            'key_steps': sum(episode.skill_calls for episode in self.episodes),
            'mean_steps': round(float(np.mean(lengths)), 2) if lengths else None,
            'p95_steps': round(float(np.percentile(lengths, 95)), 2) if lengths else None,
            'mean_key_steps': _mean([episode.skill_calls for episode in self.episodes]),
            'successes': sum(episode.success for episode in self.episodes),
            'dropped': len(self.dropped),
            'splits': sorted({episode.split for episode in self.episodes}),
            'mb': round(self.bytes / 1e6, 3),
            'kb_per_step': _per_step(self.bytes, self.steps),
        }


def summarize_tasks(store: EpisodeStore) -> list[TaskSummary]:
    """Statistics of each task, by name."""
    tasks: dict[str, TaskSummary] = {}
    for shard in store.shards:
        size = shard.path.stat().st_size
        for episode in shard.episodes:
            task = tasks.setdefault(episode.task, TaskSummary(episode.task))
            task.episodes.append(episode)
            # A shard has one task as it is written; one that was made otherwise is shared.
            task.bytes += size * episode.n_rows / shard.n_rows
    for dropped in store.manifest.dropped:
        task = tasks.setdefault(dropped.task, TaskSummary(dropped.task))
        task.dropped.append(dropped)
    return [tasks[name] for name in sorted(tasks)]


def make_document(store: EpisodeStore, tasks: Sequence[TaskSummary]) -> dict[str, object]:
    """Everything that `c2a data info` knows, for JSON."""
    size = sum(task.bytes for task in tasks)
    steps = sum(task.steps for task in tasks)
    return {
        'directory': str(store.directory),
        'schema_version': store.manifest.schema_version,
        'fingerprint': store.fingerprint,
        'episodes': len(store),
        'rows': store.n_rows,
        'steps': steps,
        'shards': len(store.shards),
        'mb': round(size / 1e6, 3),
        'kb_per_step': _per_step(size, steps),
        'sources': sorted({episode.source for episode in store.episodes}),
        'backends': sorted({episode.backend for episode in store.episodes}),
        'splits': sorted({episode.split for episode in store.episodes}),
        'options': store.manifest.options,
        'versions': store.manifest.versions,
        'tasks': [task.as_json() for task in tasks],
    }


def _mean(values: Sequence[int]) -> float | None:
    return round(float(np.mean(values)), 2) if values else None


def _per_step(size: float, steps: int) -> float | None:
    return round(size / steps / 1e3, 2) if steps else None
