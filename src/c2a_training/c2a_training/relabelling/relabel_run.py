# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""From a dataset to one with a planner's labels: which episodes are left, and where they go.

No argument parsing and no output. Episodes go into shards task by task in the order of the source,
so the same command makes the same bytes, however often it was killed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from c2a_training.dataset.dataset_manifest import Option
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.episode_metadata import EpisodeMetadata
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.relabelling.label_comparison import Comparison, Labels, compare_labels
from c2a_training.relabelling.relabel_worker import RelabelledEpisode

Relabel = Callable[[Sequence[str]], Generator[RelabelledEpisode, None, None]]


@dataclass
class RelabelTally:
    """Counts of a run.

    Attributes:
        episodes: relabelled.
        rows: observations the planner was asked about.
        invalid: replies that were none.
        given_up: episodes that the planner gave up, by why.
    """

    episodes: int = 0
    rows: int = 0
    invalid: int = 0
    given_up: list[str] = field(default_factory=list)

    def add(self, done: RelabelledEpisode) -> None:
        """Count an episode."""
        self.episodes += done.path is not None
        self.rows += done.decisions
        self.invalid += done.invalid
        if done.path is None:
            self.given_up.append(f'{done.episode}: {done.reason}')


def label_options(source: EpisodeStore, checkpoint: str) -> dict[str, Option]:
    """Options of the relabelled dataset: those of its source, and who wrote the labels.

    Args:
        source: the dataset.
        checkpoint: hash of the planner's checkpoint.

    Raises:
        ValueError: if the source has pictures at some rows only, or was relabelled itself.
    """
    options = dict(source.manifest.options)
    if options.get('pictures'):
        raise ValueError(
            f'{source.directory} has pictures at some rows only ({options["pictures"]}), and the '
            'planner has to see every one: generate it with --pictures all'
        )
    if options.get('labels'):
        raise ValueError(
            f'{source.directory} has labels of a planner ({options["labels"]}) already: relabel '
            'the dataset that it was made from'
        )
    return {**options, 'labels': 'relabel', 'label_checkpoint': checkpoint}


def check_same_episodes(source: EpisodeStore, writer: EpisodeWriter) -> None:
    """Refuse a dataset whose episodes are not those of the source.

    Raises:
        ValueError: which names the first of them.
    """
    motions = {episode.episode: episode.sha256 for episode in source.episodes}
    there = [episode for shard in writer.shards for episode in shard.episodes]
    there += [pending.metadata for pending in writer.pending.values()]
    for episode in there:
        if motions.get(episode.episode) != episode.sha256:
            raise ValueError(
                f'{writer.directory} has an episode {episode.episode} that is not the one of '
                f'{source.directory}: name another --out'
            )


def relabel_dataset(
    episodes: Sequence[EpisodeMetadata],
    writer: EpisodeWriter,
    relabel: Relabel,
    on_done: Callable[[RelabelledEpisode], None],
) -> None:
    """Relabel what is left of some episodes.

    Interrupted by any exception, it leaves a dataset that another run continues.

    Args:
        episodes: of the source, in order.
        writer: of the new dataset.
        relabel: relabels episodes by name, in their order.
        on_done: told of each one that has ended.
    """
    by_task: dict[str, list[EpisodeMetadata]] = {}
    for episode in episodes:
        by_task.setdefault(episode.task, []).append(episode)
    left = [
        episode.episode
        for task in by_task.values()
        for episode in task
        if not writer.has(episode.episode) and episode.episode not in writer.dropped
    ]
    with contextlib.closing(relabel(left)) as results:
        for task, metadata in by_task.items():
            waiting: list[str] = []
            for episode in metadata:
                name = episode.episode
                if not writer.has(name) and name not in writer.dropped:
                    _take(next(results), episode, writer, on_done)
                if name in writer.pending:
                    waiting.append(name)
                    moved = writer.make_shards(task, waiting, is_last=False)
                    del waiting[:moved]
            if waiting:
                writer.make_shards(task, waiting, is_last=True)
    writer.save()


def compare_datasets(source: Path, labelled: Path) -> dict[str, list[Comparison]]:
    """Compare the labels of all episodes that both datasets have, by task."""
    before, after = EpisodeDataset(source, threads=1), EpisodeDataset(labelled, threads=1)
    places = {episode.episode: index for index, episode in enumerate(before.episodes)}
    found: dict[str, list[Comparison]] = {}
    for index, episode in enumerate(after.episodes):
        if episode.episode in places:
            pair = (_labels(before, places[episode.episode]), _labels(after, index))
            found.setdefault(episode.task, []).append(compare_labels(*pair))
    return found


def _take(
    done: RelabelledEpisode,
    episode: EpisodeMetadata,
    writer: EpisodeWriter,
    on_done: Callable[[RelabelledEpisode], None],
) -> None:
    if done.path is None:
        writer.drop(episode.task, episode.seed, done.reason, episode.split)
    else:
        writer.adopt(done.path)
    on_done(done)


def _labels(dataset: EpisodeDataset, index: int) -> Labels:
    start, end = dataset.episode_starts[index : index + 2]
    rows = np.arange(start, end - 1)
    return Labels(dataset.texts('code', rows), dataset.is_key_step[rows].tolist())
