# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a data from-bag`: recorded episodes become the rows of a dataset."""

from __future__ import annotations

import argparse
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from c2a_training.atomic_file import write_json
from c2a_training.bags.bag_convert import Thresholds, convert_bag
from c2a_training.bags.bag_mcap import BagError
from c2a_training.bags.bag_reader import find_bags
from c2a_training.bags.bag_report import BagReport, ConversionReport, print_report
from c2a_training.bags.bag_split import NO_SPLIT, SPLITS
from c2a_training.dataset.episode_rows import EpisodeRows
from c2a_training.dataset.episode_writer import EpisodeWriter

EXIT_OK, EXIT_NOTHING, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

Converted = tuple[BagReport, list[EpisodeRows]]

DESCRIPTION = """\
Convert recorded episodes (rosbag2 folders, MCAP files, or folders full of them) into a dataset
with the same rows as `c2a generate` makes, and report gaps, drops, duplicates and skew. An
episode that is not good enough is refused, and the report says why."""

EPILOG = """\
A step is incomplete when its observation, key step or command is missing. In realtime a command
that is missing or came late is no gap: the bridge held, and so does the row.

The same episode in two bags (same task and seed) is taken once. The command can be repeated when
it was interrupted, and with further bags; the options must be the same.

Exit code: 0 when every bag could be read and gave an episode, or its episodes were in the dataset
before; 1 when a bag could not be read or none of the episodes was good enough; 2 for bad
arguments; 130 after Ctrl-C.

JSON: {"bags": [{"bag", "size_bytes", "error", "notes", "foreign_topics", "topics": [{"topic",
"messages", "dropped", "duplicates", "max_skew_ms", "median_delay_ms", "max_delay_ms"}],
"episodes": [{"episode_id", "task", "seed", "split", "instruction", "success", "reason", "steps",
"rows", "missing_steps", "longest_gap", "filled_steps", "held_steps", "duplicates", "max_skew_ms",
"refused", "is_known"}]}], "accepted", "refused", "unreadable", "rows", "size_bytes", "wall_s",
"complete"}. Skew is of stamps (robot time), delay of receive times (wall time), both against the
observation of the same step or stamp."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'from-bag',
        help='rosbags of recorded episodes to a dataset',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'bags', type=Path, nargs='+', metavar='DIR_OR_BAG', help='bags, or folders with bags'
    )
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DATASET', help='directory of the dataset'
    )
    parser.add_argument(
        '--max-gap-steps',
        type=int,
        default=0,
        metavar='N',
        help='so many incomplete steps in a row are filled from the step before (default: 0)',
    )
    parser.add_argument(
        '--max-skew-ms',
        type=float,
        default=0.0,
        metavar='MS',
        help='so much may the stamp of a key step or command be off its observation (default: 0)',
    )
    parser.add_argument(
        '--keep-failures', action='store_true', help='take episodes without success as well'
    )
    parser.add_argument(
        '--split',
        choices=SPLITS,
        default='',
        help='objects of the recorded scenes, only for bags that do not say it (before version 2)',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=os.cpu_count() or 1,
        metavar='N',
        help='bags that are converted at the same time (default: one for each core)',
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the report as JSON')


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console()
    try:
        thresholds = check_thresholds(args)
        bags = find_bags(args.bags)
        report = convert(bags, args.out, thresholds, args.workers, console)
    except (BagError, ValueError, RuntimeError) as err:
        console.print(f'[red]error:[/] {escape(str(err))}')
        return EXIT_USAGE
    print_report(report, console)
    _print_summary(report, args.out, console)
    if args.json is not None:
        write_json(args.json, report.as_json())
    if not report.complete:
        return EXIT_INTERRUPTED
    known = any(episode.is_known for episode in report.episodes)
    return EXIT_NOTHING if report.unreadable or not (report.accepted or known) else EXIT_OK


def check_thresholds(args: argparse.Namespace) -> Thresholds:
    """Turn parsed arguments into thresholds.

    Raises:
        ValueError: with a sentence that says what to write instead.
    """
    if args.workers < 1:
        raise ValueError(f'--workers is {args.workers}, expected at least 1')
    if args.max_gap_steps < 0:
        raise ValueError(f'--max-gap-steps is {args.max_gap_steps}, expected 0 or more')
    if not args.max_skew_ms >= 0:
        raise ValueError(f'--max-skew-ms is {args.max_skew_ms}, expected 0 or more')
    return Thresholds(args.max_gap_steps, args.max_skew_ms, args.keep_failures, args.split)


def convert(
    bags: Sequence[Path],
    out: Path,
    thresholds: Thresholds,
    workers: int = 1,
    console: Console | None = None,
) -> ConversionReport:
    """Convert bags into a dataset, which is made or continued.

    Args:
        bags: as `find_bags` gives them.
        out: directory of the dataset.
        thresholds: what is acceptable.
        workers: bags that are converted at the same time.
        console: for the progress bar, None for none.

    Raises:
        ValueError: the directory is no dataset, or one that was made with other options.
        RuntimeError: another process is writing the dataset.
    """
    started = time.perf_counter()
    report = ConversionReport()
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn('ETA'),
        TimeRemainingColumn(),
    )
    quiet = Console(quiet=True)
    with (
        EpisodeWriter(out, _options(thresholds)) as writer,
        Progress(*columns, console=console or quiet, transient=True) as progress,
    ):
        bar = progress.add_task('reading bags', total=sum(map(_size, bags)))
        try:
            for bag_report, rows in _convert_all(bags, thresholds, workers):
                report.bags.append(_add(writer, bag_report, rows))
                note = f'{report.accepted} episodes, {report.refused} refused'
                progress.update(bar, advance=bag_report.size_bytes, description=note)
        except KeyboardInterrupt:
            report.complete = False
        writer.finish()
    report.wall_s = time.perf_counter() - started
    return report


def _convert_all(
    bags: Sequence[Path], thresholds: Thresholds, workers: int
) -> Iterator[Converted]:
    """Convert bags at the same time; results in the order of the bags.

    Threads are enough: pictures are compressed without Python's lock. Only a few bags are ahead of
    the one that is waited for, because each holds its episode in memory.
    """
    waiting: deque[Future[Converted]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for bag in bags:
                waiting.append(pool.submit(convert_bag, bag, thresholds))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _add(writer: EpisodeWriter, report: BagReport, rows: Sequence[EpisodeRows]) -> BagReport:
    """Add a bag's episodes to the dataset; the report, with those refused that are there."""
    remaining = iter(rows)
    episodes = []
    for episode in report.episodes:
        if not episode.refused:
            made = next(remaining)
            name = made.metadata.episode
            if writer.has(name):
                why = f'the dataset has an episode {name} already'
                episode = replace(episode, rows=0, refused=why, is_known=True)
            else:
                writer.add(made)
        if episode.refused and episode.task and not episode.is_known:
            split = episode.split or NO_SPLIT
            writer.drop(episode.task, episode.seed, episode.refused, split)
        episodes.append(episode)
    return replace(report, episodes=tuple(episodes))


def _options(thresholds: Thresholds) -> dict[str, str | int | float | bool]:
    return {
        'source': 'bag',
        'max_gap_steps': thresholds.max_gap_steps,
        'max_skew_ms': thresholds.max_skew_ms,
        'keep_failures': thresholds.keep_failures,
    }


def _size(bag: Path) -> int:
    files = bag.iterdir() if bag.is_dir() else [bag]
    return sum(file.stat().st_size for file in files if file.is_file())


def _print_summary(report: ConversionReport, out: Path, console: Console) -> None:
    if not report.complete:
        console.print('[yellow]interrupted: run it again to go on[/]')
    rate = report.size_bytes / 1e9 / max(report.wall_s, 1e-9) * 60
    console.print(
        f'{report.accepted} episodes ({report.rows} rows) to {escape(str(out))}, '
        f'{report.refused} refused, {report.unreadable} bags unreadable; '
        f'{report.size_bytes / 1e6:.1f} MB in {report.wall_s:.1f} s ({rate:.1f} GB/min)'
    )
