# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a data import-clevrskills`: trajectories of the public ClevrSkills suite to a dataset."""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from c2a_training.atomic_file import write_json
from c2a_training.clevrskills.clevrskills_media import TrajectorySkippedError
from c2a_training.clevrskills.clevrskills_rows import (
    SOURCE,
    ImportSettings,
    convert_trajectory,
    name_of,
    task_of,
)
from c2a_training.clevrskills.clevrskills_trajectory import ROBOTS, find_trajectories
from c2a_training.dataset.dataset_manifest import MANIFEST, Option, read_manifest
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.dataset.pending_file import write_pending

EXIT_OK, EXIT_NOTHING, EXIT_USAGE = 0, 1, 2
# Folders that the table names for each reason; the JSON report has them all.
EXAMPLES = 3
# Rows of the table; some reasons name objects and steps, so there may be one for each folder.
MAX_REASONS = 40
# So often the importer looks whether there are enough episodes for a shard.
EPISODES_PER_LOOK = 32

DESCRIPTION = """\
Read trajectories as the public ClevrSkills suite writes them (folders traj_<seed>, anywhere below
the directories) and write a dataset like that of c2a generate: states, pictures, code, memory.
The action of a step is the motion that was measured in it, so that it means what our actions mean.
Code comes from the action trace, with the cells of our grid. Only successful trajectories are
kept; what misses a part or says what the skill API cannot say is skipped and reported.

Action traces are pickles. They are read by a reader that executes nothing in them and refuses
everything that is not plain data."""

EPILOG = """\
The same command continues an interrupted import. One dataset holds one robot.
Exit code: 0 if the dataset has episodes, 1 if none could be imported, 2 for bad arguments."""


@dataclass(frozen=True)
class Job:
    """A folder to convert."""

    folder: Path
    task: str
    directory: Path
    settings: ImportSettings


@dataclass(frozen=True)
class Outcome:
    """What became of a folder.

    Attributes:
        job: the folder.
        path: of the pending episode, None if it was skipped.
        reason: why it was skipped.
        clipped: actions that were over our bounds.
        steps: actions of the episode.
    """

    job: Job
    path: Path | None
    reason: str = ''
    clipped: int = 0
    steps: int = 0


@dataclass
class Report:
    """What an import did."""

    imported: int = 0
    present: int = 0
    steps: int = 0
    clipped: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """For `--report`."""
        return {
            'imported': self.imported,
            'already_there': self.present,
            'steps': self.steps,
            'clipped_actions': self.clipped,
            'skipped': [{'folder': folder, 'reason': reason} for folder, reason in self.skipped],
        }


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'import-clevrskills',
        help='trajectories of the public ClevrSkills suite to a dataset',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('directories', nargs='+', type=Path, metavar='DIR')
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DATASET', help='directory of the dataset'
    )
    parser.add_argument(
        '--image-size',
        type=int,
        default=128,
        metavar='PX',
        help='side of the pictures (default: 128)',
    )
    parser.add_argument(
        '--task',
        metavar='NAME',
        help="task of all trajectories (default: the folder's parent, push_to becomes PushTo)",
    )
    parser.add_argument(
        '--workers', type=int, default=1, metavar='N', help='processes (default: 1)'
    )
    parser.add_argument('--report', type=Path, metavar='FILE', help='write the report as JSON')


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console(highlight=False)
    try:
        jobs = make_jobs(args)
        report = import_all(jobs, args.out, args.workers, console)
    except (ValueError, RuntimeError, OSError) as err:
        console.print(f'[red]error:[/] {escape(str(err))}', soft_wrap=True)
        return EXIT_USAGE
    print_report(report, console)
    if args.report is not None:
        write_json(args.report, report.as_json())
    return EXIT_OK if report.imported or report.present else EXIT_NOTHING


def make_jobs(args: argparse.Namespace) -> list[Job]:
    """Folders to convert, task by task.

    Raises:
        ValueError: for bad arguments, or directories without trajectories.
    """
    if not 16 <= args.image_size <= 2048:
        raise ValueError(f'--image-size is {args.image_size}, expected 16 to 2048 pixels')
    if args.workers < 1:
        raise ValueError(f'--workers is {args.workers}, expected at least 1')
    if args.task is not None and not args.task.isalnum():
        raise ValueError(f'--task is {args.task!r}, expected letters and digits')
    folders = []
    for directory in args.directories:
        if not directory.is_dir():
            raise ValueError(f'{directory} is no directory')
        folders += find_trajectories(directory)
    if not folders:
        raise ValueError(
            f'no folder called traj_<seed> in {", ".join(map(str, args.directories))}: name the '
            'directory that the ClevrSkills oracle recorded into'
        )
    settings = ImportSettings(args.image_size, _find_robot(folders, args.out))
    jobs = [Job(folder, args.task or task_of(folder), args.out, settings) for folder in folders]
    return sorted(jobs, key=lambda job: (job.task, str(job.folder)))


def import_all(jobs: Sequence[Job], directory: Path, workers: int, console: Console) -> Report:
    """Convert all folders that the dataset does not have yet.

    Raises:
        ValueError: if the dataset was made with other options.
        RuntimeError: if somebody else is writing it.
    """
    report = Report()
    settings = jobs[0].settings
    options: dict[str, Option] = {
        'source': SOURCE,
        'image_size': settings.image_size,
        'robot': settings.robot,
    }
    with EpisodeWriter(directory, options) as writer:
        new: dict[str, Job] = {}
        for job in jobs:
            name = name_of(job.folder, job.task)
            if writer.has(name):
                report.present += 1
            elif name in new:
                report.skipped.append((str(job.folder), f'another folder is {name} too'))
            else:
                new[name] = job
        shards = _Shards(writer)
        with _progress(console) as progress:
            bar = progress.add_task('importing', total=len(new))
            for outcome in _outcomes(list(new.values()), workers):
                _take(outcome, writer, report)
                shards.add(outcome)
                note = f'{outcome.job.task}, {len(report.skipped)} skipped'
                progress.update(bar, advance=1, description=note)
        writer.finish()
    return report


def convert(job: Job) -> Outcome:
    """Convert one folder into a pending episode; what a worker process does."""
    try:
        converted = convert_trajectory(job.folder, job.task, job.settings)
    except TrajectorySkippedError as err:
        return Outcome(job, None, str(err))
    except Exception as err:
        # Whatever a damaged folder does to a library: hundreds of thousands of others wait.
        return Outcome(job, None, f'cannot be read: {type(err).__name__} {err}')
    path = write_pending(job.directory, converted.rows)
    return Outcome(job, path, '', converted.clipped, converted.rows.metadata.n_steps)


def print_report(report: Report, console: Console) -> None:
    """Print what was imported and what was not."""
    if report.skipped:
        kinds: dict[str, list[Path]] = {}
        for folder, reason in report.skipped:
            kinds.setdefault(reason, []).append(Path(folder))
        commonest = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
        table = Table('skipped', 'why', 'for example', title_justify='left')
        for reason, folders in commonest[:MAX_REASONS]:
            shown = '\n'.join(f'{path.parent.name}/{path.name}' for path in folders[:EXAMPLES])
            table.add_row(str(len(folders)), escape(reason), escape(shown))
        console.print(table)
        if len(commonest) > MAX_REASONS:
            rest = sum(len(folders) for _, folders in commonest[MAX_REASONS:])
            console.print(
                f'and {rest} for {len(commonest) - MAX_REASONS} other reasons: --report has all'
            )
    there = f', {report.present} were there' if report.present else ''
    console.print(
        f'[bold]{report.imported} trajectories imported[/] ({report.steps} steps){there}, '
        f'{len(report.skipped)} skipped'
    )
    if report.clipped:
        console.print(
            f'{report.clipped} actions were faster than our robot is and were cut to its bounds'
        )


class _Shards:
    """Makes shards while episodes come in, so that they lie on the disk only once."""

    def __init__(self, writer: EpisodeWriter) -> None:
        self._writer = writer
        self._task = ''
        self._waiting: list[str] = []

    def add(self, outcome: Outcome) -> None:
        """Take note of a pending episode; they come task by task."""
        if outcome.path is None:
            return
        if outcome.job.task != self._task:
            self._flush(is_last=True)
            self._task = outcome.job.task
        self._waiting.append(name_of(outcome.job.folder, outcome.job.task))
        if len(self._waiting) % EPISODES_PER_LOOK == 0:
            self._flush(is_last=False)

    def _flush(self, *, is_last: bool) -> None:
        if self._waiting:
            moved = self._writer.make_shards(self._task, self._waiting, is_last=is_last)
            self._waiting = self._waiting[moved:]


def _take(outcome: Outcome, writer: EpisodeWriter, report: Report) -> None:
    job = outcome.job
    if outcome.path is None:
        report.skipped.append((str(job.folder), outcome.reason))
        return
    writer.adopt(outcome.path)
    report.imported += 1
    report.steps += outcome.steps
    report.clipped += outcome.clipped


def _outcomes(jobs: list[Job], workers: int) -> Iterator[Outcome]:
    if workers == 1 or len(jobs) < 2:
        yield from map(convert, jobs)
        return
    with concurrent.futures.ProcessPoolExecutor(
        min(workers, len(jobs)),
        mp_context=multiprocessing.get_context('spawn'),
        # Ctrl-C reaches the whole process group; what to do about it is the parent's decision.
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        yield from pool.map(convert, jobs, chunksize=4)


def _find_robot(folders: Sequence[Path], out: Path) -> str:
    """Robot of the dataset: that which it has, else that of the first readable trajectory."""
    if (out / MANIFEST).is_file():
        robot = read_manifest(out).options.get('robot')
        if isinstance(robot, str):
            return robot
    for folder in folders:
        try:
            joints = np.load(folder / 'agent' / 'qpos.npy', mmap_mode='r', allow_pickle=False)
        except (OSError, ValueError, EOFError):
            continue
        robot = ROBOTS.get(joints.shape[-1])
        if robot is not None:
            return robot
    return next(iter(ROBOTS.values()))


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn('ETA'),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)
