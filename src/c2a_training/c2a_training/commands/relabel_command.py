# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a relabel`: a trained planner writes the code labels of a dataset."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from c2a_core.task_names import split_task_names
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.relabelling.label_comparison import Comparison, summarize_comparisons
from c2a_training.relabelling.relabel_run import (
    RelabelTally,
    check_same_episodes,
    compare_datasets,
    label_options,
    relabel_dataset,
)
from c2a_training.relabelling.relabel_worker import (
    RelabelledEpisode,
    RelabelSettings,
    relabel_episodes,
)

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = """\
Let a trained planner write the labels of recorded demonstrations: it sees each observation of an
episode in turn, with its own memory, as at run time. Makes a dataset like the one given, with
code, key steps, memory and cache info of the planner; motions, pictures and oracle_code stay. A
low-level policy that is trained on it is told at run time what it was told in training."""

EPILOG = """\
Interrupted or killed, the same command goes on; an episode that the planner gives up is left out
and written down in c2a_dataset.json. The table says how the labels differ from those that were
there: rows whose call is another one; key steps that begin earlier or later, and by how many steps
(5th, 50th and 95th percentile); key steps that were missed or added; rows with a done() that came
too early; cells of objects that are the same, and within one.

Exit code: 0 when all episodes were done; 1 when a worker died; 2 for bad arguments; 130 after
Ctrl-C."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'relabel',
        help='let a trained planner write the code labels of a dataset',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--data', type=Path, required=True, metavar='DIR', help='demonstrations, with all pictures'
    )
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DIR', help='the dataset, made or continued'
    )
    parser.add_argument(
        '--checkpoint',
        default='tiny',
        metavar='NAME',
        help='the planner: a shipped name, a directory or a hub id (default: tiny)',
    )
    parser.add_argument(
        '--tasks', nargs='+', metavar='NAME', help='of these tasks only (default: all)'
    )
    parser.add_argument(
        '--workers',
        type=int,
        metavar='N',
        help='processes; the dataset does not depend on it (default: one per core)',
    )
    parser.add_argument(
        '--early-stop-chars',
        type=int,
        default=8,
        metavar='K',
        help='characters of a reply that decide that the sub-task goes on; 0 is off (default: 8)',
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the table as JSON')


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    from c2a_planner.checkpoint import find_checkpoint

    console = console or Console()
    try:
        if args.workers is not None and args.workers < 1:
            raise ValueError(f'--workers is {args.workers}, expected at least 1')
        if args.out.resolve() == args.data.resolve():
            raise ValueError(f'{args.out} is the dataset itself: name a new directory')
        source = EpisodeStore(args.data)
        names = _choose(source, args.tasks)
        checkpoint = find_checkpoint(args.checkpoint)
        checkpoint.check(str(source.manifest.options.get('base_camera', '')))
        options = label_options(source, checkpoint.label)
        with EpisodeWriter(args.out, options) as writer:
            check_same_episodes(source, writer)
            return _relabel(args, source, names, writer, console)
    except BrokenProcessPool:
        message = (
            'a worker process died, as they do when memory runs out; the same command goes on'
        )
        return _fail(console, message, EXIT_FAILED)
    except (ValueError, FileNotFoundError) as err:
        return _fail(console, str(err), EXIT_USAGE)
    except (RuntimeError, ConnectionError) as err:
        return _fail(console, str(err), EXIT_FAILED)


def _choose(source: EpisodeStore, tasks: Sequence[str] | None) -> list[str]:
    """Tasks to relabel; refuses those that the dataset has not.

    Raises:
        ValueError: which names those that it has.
    """
    there = list(dict.fromkeys(episode.task for episode in source.episodes))
    wanted = [name for word in tasks or there for name in split_task_names(word)]
    missing = [name for name in wanted if name not in there]
    if missing or not wanted:
        raise ValueError(
            f'{source.directory} has no episodes of {", ".join(missing) or "any task"}; it has '
            f'{", ".join(there) or "none at all"}'
        )
    return wanted


def _relabel(
    args: argparse.Namespace,
    source: EpisodeStore,
    tasks: Sequence[str],
    writer: EpisodeWriter,
    console: Console,
) -> int:
    episodes = [episode for episode in source.episodes if episode.task in tasks]
    settings = RelabelSettings(args.data, args.out, args.checkpoint, args.early_stop_chars)
    workers = args.workers or len(os.sched_getaffinity(0))
    tally = RelabelTally()
    code = EXIT_OK
    known = sum(e.n_rows for e in episodes if writer.has(e.episode))
    rows = {episode.episode: episode.n_rows for episode in episodes}
    try:
        with _make_progress(console) as progress:
            bar = progress.add_task('loading', total=sum(rows.values()), completed=known)

            def show(done: RelabelledEpisode) -> None:
                if not tally.rows:
                    # What was there already must not count as speed.
                    progress.reset(bar, completed=known)
                tally.add(done)
                progress.update(bar, advance=rows[done.episode], description=done.episode)

            relabel_dataset(
                episodes, writer, lambda left: relabel_episodes(settings, left, workers), show
            )
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
        console.print('[yellow]interrupted:[/] the same command goes on')
    _print_summary(args, tally, writer, console)
    return code


def _print_summary(
    args: argparse.Namespace, tally: RelabelTally, writer: EpisodeWriter, console: Console
) -> None:
    if tally.rows:
        share = 100 * tally.invalid / tally.rows
        console.print(
            f'this run: {tally.episodes} episodes, {tally.rows} observations, {tally.invalid} '
            f'invalid replies ({share:.2f}%)'
        )
    for line in tally.given_up:
        console.print(f'[yellow]given up:[/] {escape(line)}', soft_wrap=True)
    if not writer.shards:
        return
    by_task = compare_datasets(args.data, args.out)
    summaries = {task: summarize_comparisons(found) for task, found in by_task.items()}
    if len(by_task) > 1:
        everything: list[Comparison] = [entry for found in by_task.values() for entry in found]
        summaries['all'] = summarize_comparisons(everything)
    console.print(make_table(summaries))
    total = sum(shard.n_rows for shard in writer.shards)
    console.print(
        f'dataset: {args.out}, {len(writer.closed)} episodes, {total} rows, '
        f'{len(writer.dropped)} left out',
        soft_wrap=True,
    )
    if args.json is not None:
        from c2a_training.atomic_file import write_json

        args.json.parent.mkdir(parents=True, exist_ok=True)
        write_json(args.json, {'data': str(args.data), 'out': str(args.out), 'tasks': summaries})


def make_table(summaries: Mapping[str, Mapping[str, object]]) -> Table:
    """One row a task."""
    table = Table(
        title='labels',
        title_justify='left',
        title_style='bold',
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column('task', no_wrap=True)
    for heading in (
        *('episodes', 'other', 'moved', 'by steps', 'missed', 'added', 'done'),
        *('cell', '±1'),
    ):
        table.add_column(heading, justify='right', no_wrap=True)
    for task, values in summaries.items():
        table.add_row(
            task,
            str(values['episodes']),
            _percent(values['rows_differing']),
            _percent(values['borders_moved']),
            _steps(values),
            str(values['missed']),
            str(values['added']),
            str(values['early_done_rows']),
            _percent(values['cells_exact']),
            _percent(values['cells_within_one']),
        )
    return table


def _steps(values: Mapping[str, object]) -> str:
    if values['shift_median'] is None:
        return '-'
    return ' '.join(f'{values[name]:+.0f}' for name in ('shift_p5', 'shift_median', 'shift_p95'))


def _percent(share: float | None) -> str:
    return '-' if share is None else f'{100 * share:.1f}%'


def _make_progress(console: Console) -> Progress:
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn('rows'),
        TimeElapsedColumn(),
        TextColumn('ETA'),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _fail(console: Console, message: str, code: int) -> int:
    console.print(f'[red]error:[/] {escape(message)}', soft_wrap=True)
    return code
