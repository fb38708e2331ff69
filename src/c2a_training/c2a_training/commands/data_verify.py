# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a data verify`: check every shard and episode of a dataset."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from c2a_training.atomic_file import write_json
from c2a_training.dataset.dataset_check import (
    Problem,
    ShardFile,
    check_episode,
    check_file,
    check_shard,
    check_totals,
    shard_files,
)
from c2a_training.dataset.dataset_manifest import Manifest, read_manifest
from c2a_training.dataset.shard_file import Shard

EXIT_OK, EXIT_DAMAGED, EXIT_USAGE = 0, 1, 2

DESCRIPTION = """\
Check a dataset: that every shard is there with the bytes that were written, and of every episode
that its rows hash to what was written, steps count up, all code parses, memory, cache info and
sub-task numbers follow from the code, actions are within bounds and all pictures decode."""

EPILOG = """\
Exit code: 0 if all is well, 1 if something is wrong (the table names shard and episode), 2 if
there is no dataset or its manifest cannot be read."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'verify',
        help='check every shard and episode; names what is wrong',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('directory', type=Path, metavar='DIR')
    parser.add_argument(
        '--quick', action='store_true', help='files, hashes and footers only, no rows'
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the problems as JSON')


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console(highlight=False)
    try:
        manifest = read_manifest(args.directory)
    except (OSError, ValueError) as err:
        console.print(f'[red]error:[/] {escape(str(err))}', soft_wrap=True)
        return EXIT_USAGE
    shards, problems = verify(args.directory, manifest, console, with_rows=not args.quick)
    print_verdict(shards, problems, console, with_rows=not args.quick)
    if args.json is not None:
        write_json(args.json, {'problems': [vars(problem) for problem in problems]})
    return EXIT_DAMAGED if problems else EXIT_OK


def verify(
    directory: Path, manifest: Manifest, console: Console, *, with_rows: bool
) -> tuple[list[tuple[ShardFile, Shard]], list[Problem]]:
    """Check everything; the readable shards and what is wrong."""
    problems: list[Problem] = []
    shards: list[tuple[ShardFile, Shard]] = []
    for file in shard_files(directory, manifest):
        problems += check_file(file, manifest)
        shards += [(file, shard) for shard in check_shard(file, problems)]
    problems += check_totals(manifest, shards)
    if with_rows:
        total = sum(len(shard.episodes) for _, shard in shards)
        with _progress(console) as progress:
            bar = progress.add_task('checking', total=total)
            for file, shard in shards:
                for index in range(len(shard.episodes)):
                    problems += check_episode(file, shard, index)
                    progress.update(bar, advance=1, description=shard.path.name)
    return shards, problems


def print_verdict(
    shards: list[tuple[ShardFile, Shard]],
    problems: list[Problem],
    console: Console,
    *,
    with_rows: bool,
) -> None:
    """Print the problems and what was looked at."""
    for file, _ in shards:
        if not file.is_listed:
            console.print(
                f'{file.file} is not in the manifest yet: its writer was stopped just then; '
                'the next run puts that right'
            )
    if problems:
        table = Table('shard', 'episode', 'problem')
        for problem in problems:
            table.add_row(problem.shard or '-', problem.episode or '-', escape(problem.what))
        console.print(table)
    episodes = sum(len(shard.episodes) for _, shard in shards)
    rows = sum(shard.n_rows for _, shard in shards)
    looked_at = f'{len(shards)} shards, {episodes} episodes'
    looked_at += f', {rows} rows' if with_rows else '; rows were not read'
    verdict = f'[red]{len(problems)} problems[/]' if problems else '[green]all is well[/]'
    console.print(f'{verdict}: {looked_at}')


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn('ETA'),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)
