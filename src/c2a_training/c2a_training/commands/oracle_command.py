# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a oracle`: run the scripted oracle on tasks and seeds and print a success table."""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

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

from c2a_core.task_names import split_task_names
from c2a_training.atomic_file import write_json
from c2a_training.episode_worker import (
    EpisodeJob,
    EpisodeSummary,
    OracleRunner,
    WorkerSettings,
    run_job,
    start_worker,
)
from c2a_training.oracle_report import (
    TaskReport,
    group_by_task,
    make_failure_table,
    make_table,
)
from c2a_training.seeds import parse_seeds, render_seeds

# A video is for people: four times the observation's size costs little in the software renderer.
VIDEO_IMAGE_SIZE = 512
EXIT_OK, EXIT_CRASHED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = """\
Run the scripted oracle on tasks and seeds, in process and without ROS, and print a table:
success with its Wilson 95 % interval; of the successful episodes the mean and 95th percentile of
the control steps and the mean number of skill calls; control steps per second of one process
(observation, oracle and predicates included, resets not) and the wall time of a reset."""

EPILOG = """\
Exit code: 0 when all episodes ran, whatever their success (it is in the table and the JSON);
1 when an episode crashed; 2 for bad arguments; 130 after Ctrl-C, with the table so far.

JSON: {"tasks": [{"task", "n", "successes", "mean_steps", "p95_steps", "steps_per_s",
"wilson95": [low, high], "mean_calls", "mean_reset_s", "failures": [{"seed", "reason"}]}],
"seeds", "images", "robot", "workers", "complete", "wall_s"}.
mean_steps, p95_steps and mean_calls are over successful episodes, null without one."""


@dataclass(frozen=True)
class OracleRun:
    """A checked request: what to run and how."""

    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: WorkerSettings
    workers: int

    @property
    def jobs(self) -> list[EpisodeJob]:
        """All episodes, task by task."""
        return [EpisodeJob(task, seed) for task in self.tasks for seed in self.seeds]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'oracle',
        help='run the scripted oracle and print its success table',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--tasks',
        nargs='+',
        default=['all'],
        metavar='NAME',
        help='task names, variants such as Rotate:num_actors=3,restore=true, or lists: table1, '
        'table2, image, all (default: all); docs/task_list.md has them all',
    )
    parser.add_argument(
        '--seeds',
        default='0-99',
        help='numbers and ranges such as 3, 0-99 or 1,4,7-9 (default: 0-99)',
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the results as JSON')
    parser.add_argument(
        '--video',
        type=Path,
        metavar='DIR',
        help='write a video and a contact sheet of each episode',
    )
    parser.add_argument(
        '--save',
        type=Path,
        metavar='DIR',
        help='write each episode as .npz, for the replay low level',
    )
    parser.add_argument(
        '--images',
        action=argparse.BooleanOptionalAction,
        default=None,
        help='render both cameras at every step (default: only for --video)',
    )
    parser.add_argument(
        '--image-size',
        type=int,
        metavar='PX',
        help='side of the camera pictures (default: 128; 512 with --video)',
    )
    parser.add_argument(
        '--robot', choices=('low_poly', 'detailed'), default='low_poly', help='meshes of the robot'
    )
    parser.add_argument(
        '--split',
        choices=('simple', 'train', 'test'),
        default='simple',
        help='objects to draw from: test has colour-shape pairs that train has not (default: '
        'simple, all pairs)',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=1,
        metavar='N',
        help='processes; episodes do not depend on it (default: 1)',
    )


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console()
    try:
        request = check_request(args)
    except ValueError as err:
        console.print(f'[red]error:[/] {escape(str(err))}')
        return EXIT_USAGE
    _make_folders(args)
    started = time.perf_counter()
    summaries, interrupted = _collect(request, console)
    wall_s = time.perf_counter() - started
    reports = group_by_task(request.tasks, summaries)
    if args.json is not None:
        write_json(
            args.json, make_document(request, reports, complete=not interrupted, wall_s=wall_s)
        )
    _print_reports(reports, console, interrupted=interrupted, total=len(request.jobs))
    if args.json is not None:
        console.print(f'results: {args.json}')
    if request.settings.video_dir is not None:
        console.print(f'videos: {request.settings.video_dir}')
    if interrupted:
        return EXIT_INTERRUPTED
    crashed = any(summary.reason.startswith('error:') for summary in summaries)
    return EXIT_CRASHED if crashed else EXIT_OK


def check_request(args: argparse.Namespace) -> OracleRun:
    """Turn parsed arguments into a request.

    Raises:
        ValueError: with a sentence that says what to write instead.
    """
    if args.workers < 1:
        raise ValueError(f'--workers is {args.workers}, expected at least 1')
    images = args.images if args.images is not None else args.video is not None
    if args.video is not None and not images:
        raise ValueError('--video needs pictures: leave out --no-images')
    default_size = VIDEO_IMAGE_SIZE if args.video is not None else 128
    size = args.image_size if args.image_size is not None else default_size
    if not 16 <= size <= 2048:
        raise ValueError(f'--image-size is {size}, expected 16 to 2048 pixels')
    settings = WorkerSettings(
        images=images,
        image_size=size,
        robot=args.robot,
        split=args.split,
        video_dir=args.video,
        save_dir=args.save,
    )
    seeds = parse_seeds(args.seeds)
    return OracleRun(_check_tasks(args.tasks), seeds, settings, args.workers)


def _make_folders(args: argparse.Namespace) -> None:
    """Make what is written into: a wrong path shows now, not after the last episode.

    Raises:
        OSError: for one that cannot be.
    """
    for folder in (args.json and args.json.parent, args.video, args.save):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)


def _check_tasks(names: Sequence[str]) -> tuple[str, ...]:
    from c2a_sim_bridge.sim.tasks.registry import select_tasks

    words = [word for name in names for word in split_task_names(name)]
    return tuple(select_tasks(words))


def make_document(
    request: OracleRun, reports: Sequence[TaskReport], *, complete: bool, wall_s: float
) -> dict[str, object]:
    """The JSON document."""
    return {
        'tasks': [report.as_json() for report in reports],
        'seeds': render_seeds(request.seeds),
        'images': request.settings.images,
        'robot': request.settings.robot,
        'workers': request.workers,
        'complete': complete,
        'wall_s': round(wall_s, 2),
    }


def _collect(request: OracleRun, console: Console) -> tuple[list[EpisodeSummary], bool]:
    """Run all jobs under a progress bar; what finished, and whether Ctrl-C cut it short."""
    summaries: list[EpisodeSummary] = []
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('ETA'),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task('loading the simulator', total=len(request.jobs))
        try:
            for summary in _summaries(request):
                summaries.append(summary)
                failed = sum(not done.success for done in summaries)
                note = f'[yellow]{failed} failed[/]' if failed else 'all succeeded'
                progress.update(bar, advance=1, description=f'{summary.task}, {note}')
        except KeyboardInterrupt:
            return summaries, True
    return summaries, False


def _summaries(request: OracleRun) -> Iterator[EpisodeSummary]:
    jobs = request.jobs
    if request.workers == 1:
        runner = OracleRunner(request.settings)
        yield from (runner.run(job) for job in jobs)
        return
    # One thread a process: workers that each start a thread per core only get into each other's
    # way.
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    with concurrent.futures.ProcessPoolExecutor(
        min(request.workers, len(jobs)),
        # Spawned, not forked: a renderer's and PhysX's threads do not survive a fork.
        mp_context=multiprocessing.get_context('spawn'),
        initializer=start_worker,
        initargs=(request.settings,),
    ) as pool:
        with _deaf_to_ctrl_c():
            futures = [pool.submit(run_job, job) for job in jobs]
        try:
            for future in concurrent.futures.as_completed(futures):
                yield future.result()
        finally:
            # After Ctrl-C the running episodes end first, a second or so each.
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started in the block ignore Ctrl-C, which reaches the whole process group.

    What to do about it is the parent's decision.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _print_reports(
    reports: Sequence[TaskReport], console: Console, *, interrupted: bool, total: int
) -> None:
    finished = sum(report.n for report in reports)
    if interrupted:
        console.print(f'[yellow]interrupted: {finished} of {total} episodes had finished[/]')
    if reports:
        console.print(make_table(reports))
    failures = make_failure_table(reports)
    if failures is not None:
        console.print(failures)
