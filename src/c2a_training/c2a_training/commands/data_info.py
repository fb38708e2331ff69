# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a data info`: counts and statistics of a dataset."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from c2a_training.atomic_file import write_json
from c2a_training.dataset.dataset_summary import make_document, summarize_tasks
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.pending_file import count_pending

EXIT_OK, EXIT_USAGE = 0, 2
# Where `--json` without a file writes to.
STDOUT = Path('-')

DESCRIPTION = """\
Print what is in a dataset: episodes, control steps and key steps of each task, the size on disk,
how it was made and its fingerprint (a hash over the content of all episodes). Only the manifest
and the shards' footers are read; c2a data verify looks at every row."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'info',
        help='counts and statistics of each task',
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('directory', type=Path, metavar='DIR')
    parser.add_argument(
        '--json',
        type=Path,
        nargs='?',
        const=STDOUT,
        metavar='FILE',
        help='write JSON instead of the table: to the file, or to standard output',
    )


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console(highlight=False)
    try:
        store = EpisodeStore(args.directory)
    except (OSError, ValueError) as err:
        console.print(f'[red]error:[/] {escape(str(err))}', soft_wrap=True)
        return EXIT_USAGE
    document = make_document(store, summarize_tasks(store))
    if args.json is None:
        print_document(document, console)
        if waiting := count_pending(args.directory):
            console.print(
                f'{waiting} more episodes wait for a shard: give the command that made them again'
            )
    elif args.json == STDOUT:
        console.out(json.dumps(document, indent=2), highlight=False)
    else:
        write_json(args.json, document)
        console.print(f'results: {args.json}')
    return EXIT_OK


def print_document(document: dict[str, object], console: Console) -> None:
    """Print the table and what holds for the whole dataset."""
    tasks: list[dict[str, object]] = document['tasks']  # type: ignore[assignment]
    heads = {
        'episodes': 'episodes',
        'dropped': 'dropped',
        'steps': 'steps',
        'mean_steps': 'mean',
        'p95_steps': 'p95',
        'mean_key_steps': 'calls',
        'mb': 'MB',
        'kb_per_step': 'kB/step',
    }
    if not any(task['dropped'] for task in tasks):
        del heads['dropped']
    rows = [[_shown(task[key]) for key in heads] for task in tasks]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    # Where the terminal is narrow, long names of variants are folded; numbers stay whole.
    table.add_column('task', overflow='fold')
    for head, *cells in zip(heads.values(), *rows, strict=True):
        table.add_column(
            head, justify='right', no_wrap=True, min_width=max(map(len, (head, *cells)))
        )
    for task, cells in zip(tasks, rows, strict=True):
        table.add_row(escape(str(task['task'])), *cells)
    console.print(table)
    console.print(
        f'[bold]{escape(str(document["directory"]))}: {document["episodes"]} episodes[/], '
        f'{document["steps"]} steps in {document["shards"]} shards, {_shown(document["mb"])} MB'
        + (f' ({document["kb_per_step"]} kB a step)' if document['kb_per_step'] else ''),
        soft_wrap=True,
    )
    for name in ('splits', 'sources', 'backends', 'options', 'versions'):
        console.print(f'{name:<12} {_words(document[name])}', soft_wrap=True)
    console.print(f'{"schema":<12} version {document["schema_version"]}')
    console.print(f'{"fingerprint":<12} {document["fingerprint"]}', soft_wrap=True)


def _shown(value: object) -> str:
    if value is None:
        return '-'
    return f'{value:.1f}' if isinstance(value, float) else str(value)


def _words(value: object) -> str:
    if isinstance(value, dict):
        return escape(', '.join(f'{key} {item}' for key, item in value.items())) or '-'
    return escape(', '.join(map(str, value))) or '-'  # type: ignore[call-overload]
