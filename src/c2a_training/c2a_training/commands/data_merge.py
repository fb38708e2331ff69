# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a data merge`: put several datasets into one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from c2a_training.dataset.dataset_manifest import Option
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.episode_writer import EpisodeWriter

EXIT_OK, EXIT_USAGE = 0, 2

DESCRIPTION = """\
Write the episodes of several datasets into a new one. All must have the same options (picture
size, robot, ...) and schema version: a model is trained on pictures of one kind. An episode that
several of them have must be the same in all and is taken once."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'merge',
        help='put several datasets into one',
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('directories', nargs='+', type=Path, metavar='DIR')
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DATASET', help='directory of the new dataset'
    )


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console(highlight=False)
    try:
        stores = [EpisodeStore(directory) for directory in args.directories]
        options = common_options(stores)
        check_episodes(stores)
        if any(args.out.resolve() == store.directory.resolve() for store in stores):
            raise ValueError(f'{args.out} is one of the datasets to merge: name a new directory')
        added, present = merge(stores, args.out, options, console)
    except (OSError, ValueError, RuntimeError) as err:
        console.print(f'[red]error:[/] {escape(str(err))}', soft_wrap=True)
        return EXIT_USAGE
    twice = f', {present} were there already' if present else ''
    console.print(f'[bold]{added} episodes[/] written to {args.out}{twice}', soft_wrap=True)
    return EXIT_OK


def common_options(stores: Sequence[EpisodeStore]) -> dict[str, Option]:
    """Options that all datasets share.

    Raises:
        ValueError: which says what differs between which datasets.
    """
    first = stores[0]
    for other in stores[1:]:
        ours, theirs = first.manifest.options, other.manifest.options
        differing = [
            f'{name} is {ours.get(name, "not set")} and {theirs.get(name, "not set")}'
            for name in sorted({*ours, *theirs})
            if ours.get(name) != theirs.get(name)
        ]
        if differing:
            raise ValueError(
                f'{first.directory} and {other.directory} were made with other options: '
                f'{"; ".join(differing)}: merge only what was made alike'
            )
    return dict(first.manifest.options)


def check_episodes(stores: Sequence[EpisodeStore]) -> None:
    """Refuse two different episodes of one name.

    Raises:
        ValueError: which names the first of them.
    """
    seen: dict[str, tuple[str, Path]] = {}
    for store in stores:
        for episode in store.episodes:
            content, directory = seen.setdefault(
                episode.episode, (episode.content_sha256, store.directory)
            )
            if content != episode.content_sha256:
                raise ValueError(
                    f'{directory} and {store.directory} have different episodes '
                    f'{episode.episode}: they were made by different versions or options'
                )


def merge(
    stores: Sequence[EpisodeStore], out: Path, options: dict[str, Option], console: Console
) -> tuple[int, int]:
    """Write all episodes; how many were added and how many were there already.

    Raises:
        ValueError: if the directory is something else, or a shard is damaged.
    """
    added = present = 0
    with EpisodeWriter(out, options) as writer, console.status('merging') as status:
        for store in stores:
            for dropped in store.manifest.dropped:
                writer.drop(dropped.task, dropped.seed, dropped.reason, dropped.split)
            for rows in store:
                if writer.has(rows.metadata.episode):
                    present += 1
                    continue
                writer.add(rows)
                added += 1
                status.update(f'merging: {added} episodes')
        writer.finish()
    return added, present
