# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a generate`: demonstrations by the oracle, as a dataset."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from c2a_core.task_names import split_task_names
from c2a_training.dataset.dataset_manifest import software_versions
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.generation.generate import Generation
from c2a_training.generation.generate_plan import (
    FIRST_EVALUATION_SEED,
    MAX_FAILURES_IN_A_ROW,
    SeedRequest,
    TaskPlan,
)
from c2a_training.generation.generate_pool import EpisodePool, InProcessPool, ProcessPool
from c2a_training.generation.generate_report import Tally, make_progress, make_table
from c2a_training.generation.generate_worker import GenerateSettings, MadeEpisode
from c2a_training.generation.picture_rule import parse_picture_rule
from c2a_training.generation.ray_pool import RayPool
from c2a_training.seeds import parse_seeds

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
MAX_NOISE_M = 0.05  # as far as the longest action
MAX_LATE = 20

DESCRIPTION = """\
Let the scripted oracle demonstrate tasks, and keep its successful episodes as a dataset of
Parquet shards: pictures, proprioception, action, running code, cache info, memory and labels of
every control step. The same command makes the same bytes, whatever the number of workers."""

EPILOG = """\
Killed or interrupted, a run loses no episode that was closed: the same command goes on. Some of
them may wait outside of the shards then; with fewer --episodes or --seeds the command only puts
those that are there into shards. More tasks, seeds or episodes may be added to a dataset later,
with the same other options.

With --ray the rows come back over the network: DIR is needed on this machine only, C2A on all.

Exit code: 0 when everything that was asked for is there; 1 when an episode crashed, a task has
too few successes, or a worker died; 2 for bad arguments; 130 after Ctrl-C."""

PoolMaker = Callable[['GenerateRun'], EpisodePool]


@dataclass(frozen=True)
class GenerateRun:
    """A checked request: what to make and how."""

    tasks: tuple[str, ...]
    seeds: SeedRequest
    settings: GenerateSettings
    directory: Path
    workers: int | None
    ray: str | None

    @property
    def total(self) -> int:
        """Episodes that there are in the end at most."""
        return len(self.tasks) * self.seeds.size


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'generate',
        help='let the oracle demonstrate tasks and keep its episodes as a dataset',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--tasks',
        nargs='+',
        required=True,
        metavar='NAME',
        help='task names, variants such as Rotate:num_actors=3,restore=true, or lists: table1, '
        'table2, image, all; docs/task_list.md has them all',
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        '--episodes', type=int, metavar='N', help='of each task, the first N successful seeds'
    )
    which.add_argument(
        '--seeds',
        metavar='A-B',
        help='of each task, the successful ones of these seeds: 3, 0-99 or 1,4,7-9',
    )
    parser.add_argument(
        '--first-seed',
        type=int,
        default=0,
        metavar='SEED',
        help='where --episodes begins (default: 0); seeds from '
        f'{FIRST_EVALUATION_SEED:,} on belong to evaluation',
    )
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DIR', help='the dataset, made or continued'
    )
    parser.add_argument(
        '--workers',
        type=int,
        metavar='N',
        help='processes; the dataset does not depend on it (default: one per core)',
    )
    parser.add_argument(
        '--ray',
        metavar='ADDRESS',
        help='make the episodes on a Ray cluster: its address, auto, or local',
    )
    parser.add_argument(
        '--split',
        choices=('simple', 'train', 'test'),
        default='simple',
        help='objects to draw from: test has colour-shape pairs that train has not (default: '
        'simple, all pairs)',
    )
    parser.add_argument(
        '--image-size',
        type=int,
        default=128,
        metavar='PX',
        help='side of the camera pictures (default: 128)',
    )
    parser.add_argument(
        '--pictures',
        default='all',
        metavar='RULE',
        help='all: both cameras in every row, as a policy needs them; key-steps:N: the base '
        "camera's at key steps and in about N more rows of each sub-task, enough for a planner "
        'and several times as fast (default: all)',
    )
    parser.add_argument(
        '--noise',
        type=float,
        default=0.0,
        metavar='METRES',
        help='push the arm aside in bursts of Gaussian noise of this deviation in a step '
        '(default: 0)',
    )
    parser.add_argument(
        '--late',
        type=int,
        default=0,
        metavar='N',
        help='let each key step come up to N observations late; the robot holds meanwhile '
        '(default: 0)',
    )
    parser.add_argument(
        '--robot', choices=('low_poly', 'detailed'), default='low_poly', help='meshes of the robot'
    )
    for camera in ('base', 'wrist'):
        parser.add_argument(
            f'--{camera}-camera',
            choices=('framed', 'original'),
            default='framed',
            help=f"place of the {camera} camera: C2A's own or the paper's (default: framed)",
        )


def run(
    args: argparse.Namespace, console: Console | None = None, make_pool: PoolMaker | None = None
) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console()
    try:
        request = check_request(args)
        writer = EpisodeWriter(request.directory, request.settings.options())
    except (ValueError, RuntimeError) as err:
        return _fail(console, err, EXIT_USAGE)
    with writer:
        try:
            return _generate(request, writer, console, make_pool or start_pool)
        except BrokenProcessPool:
            err = RuntimeError(
                'a worker process died, as they do when memory runs out; '
                f'{_how_to_go_on(writer)}, perhaps with fewer --workers'
            )
            return _fail(console, err, EXIT_FAILED)
        except RuntimeError as err:
            return _fail(console, err, EXIT_FAILED)
        except OSError as err:
            err = RuntimeError(f'{err}; once that is put right, {_how_to_go_on(writer)}')
            return _fail(console, err, EXIT_FAILED)


def check_request(args: argparse.Namespace) -> GenerateRun:
    """Turn parsed arguments into a request.

    Raises:
        ValueError: with a sentence that says what to write instead.
    """
    from c2a_sim_bridge.sim.tasks.registry import select_tasks

    if args.workers is not None and args.workers < 1:
        raise ValueError(f'--workers is {args.workers}, expected at least 1')
    if not 16 <= args.image_size <= 2048:
        raise ValueError(f'--image-size is {args.image_size}, expected 16 to 2048 pixels')
    if not 0.0 <= args.noise <= MAX_NOISE_M:
        raise ValueError(f'--noise is {args.noise}, expected 0 to {MAX_NOISE_M} metres')
    if not 0 <= args.late <= MAX_LATE:
        raise ValueError(f'--late is {args.late}, expected 0 to {MAX_LATE} observations')
    words = [word for name in args.tasks for word in split_task_names(name)]
    return GenerateRun(
        tasks=tuple(select_tasks(words)),
        seeds=_check_seeds(args),
        settings=GenerateSettings(
            image_size=args.image_size,
            robot=args.robot,
            split=args.split,
            base_camera=args.base_camera,
            wrist_camera=args.wrist_camera,
            pictures=parse_picture_rule(args.pictures),
            noise_m=args.noise,
            late=args.late,
        ),
        directory=args.out,
        workers=args.workers,
        ray=args.ray,
    )


def start_pool(request: GenerateRun) -> EpisodePool:
    """Where the request's episodes are made."""
    if request.ray is not None:
        return RayPool(request.settings, request.ray, request.workers)
    workers = min(request.workers or len(os.sched_getaffinity(0)), max(1, request.total))
    if workers == 1:
        return InProcessPool.with_oracle(request.settings, request.directory)
    return ProcessPool(request.settings, request.directory, workers)


def _check_seeds(args: argparse.Namespace) -> SeedRequest:
    if args.seeds is not None:
        if args.first_seed:
            raise ValueError('--first-seed goes with --episodes, not with --seeds')
        seeds = parse_seeds(args.seeds)
        _refuse_evaluation(max(seeds))
        return SeedRequest(seeds=seeds)
    if args.episodes < 1 or args.first_seed < 0:
        raise ValueError(
            f'--episodes {args.episodes} from seed {args.first_seed} on, expected at least 1 from '
            'a seed of 0 or more'
        )
    _refuse_evaluation(args.first_seed + args.episodes - 1)
    return SeedRequest(episodes=args.episodes, start=args.first_seed)


def _refuse_evaluation(seed: int) -> None:
    if seed >= FIRST_EVALUATION_SEED:
        raise ValueError(
            f'seed {seed} belongs to evaluation, as all from {FIRST_EVALUATION_SEED} on: '
            'demonstrations of them would make every result worthless, take smaller ones'
        )


def _generate(
    request: GenerateRun, writer: EpisodeWriter, console: Console, make_pool: PoolMaker
) -> int:
    _note_versions(writer, console)
    plans = [TaskPlan(task, request.seeds) for task in request.tasks]
    generation = Generation(plans, writer, request.settings.split)
    tally = Tally()
    code = EXIT_OK
    try:
        _run_with_progress(generation, request, console, make_pool, tally)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    _print_summary(request, writer, console, tally)
    if code == EXIT_INTERRUPTED:
        console.print(f'[yellow]interrupted:[/] {escape(_how_to_go_on(writer))}')
        return code
    return EXIT_FAILED if _print_shortfall(plans, tally, console) else EXIT_OK


def _run_with_progress(
    generation: Generation,
    request: GenerateRun,
    console: Console,
    make_pool: PoolMaker,
    tally: Tally,
) -> None:
    with make_progress(console) as progress:
        bar = progress.add_task('loading the simulator', total=request.total, rate='')

        def show(made: MadeEpisode) -> None:
            is_first = not tally.ended
            tally.add(made)
            done = sum(len(plan.kept) for plan in generation.plans)
            failed = sum(len(plan.failed) for plan in generation.plans)
            if request.seeds.episodes is None:
                done += failed
            if is_first:
                # What was there already must not count as speed.
                progress.reset(bar, completed=max(0, done - 1))
            note = f', [yellow]{failed} dropped[/]' if failed else ''
            progress.update(
                bar, completed=done, description=f'{made.task}{note}', rate=tally.text()
            )

        with make_pool(request) as pool:
            generation.run(pool, show)


def _note_versions(writer: EpisodeWriter, console: Console) -> None:
    """Say when the dataset was begun with other software: the same seeds may differ then."""
    then, now = writer.versions, software_versions()
    differing = [
        f'{name} {then.get(name, "none")} then and {now.get(name, "none")} now'
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]
    if differing:
        console.print(
            f'[yellow]the dataset was begun with other software:[/] {", ".join(differing)}; '
            'its episodes stay as they are, new ones may not repeat elsewhere bit for bit'
        )


def _print_summary(
    request: GenerateRun, writer: EpisodeWriter, console: Console, tally: Tally
) -> None:
    shards = writer.shards
    episodes = [episode for shard in shards for episode in shard.episodes]
    waiting = [pending.metadata for pending in writer.pending.values()]
    dropped = [(d.task, d.reason) for d in writer.dropped.values()]
    console.print(make_table(request.tasks, [*episodes, *waiting], tally, dropped))
    if tally.kept:
        console.print(f'this run: {tally.kept.total()} episodes, {tally.text()}')
    rows = sum(shard.n_rows for shard in shards)
    size = sum(shard.path.stat().st_size for shard in shards)
    per_row = f' ({size / rows / 1000:.1f} kB a step)' if rows else ''
    console.print(
        f'dataset: {request.directory}, {len(episodes)} episodes, {rows} rows, '
        f'{size / 1e6:.1f} MB{per_row}',
        soft_wrap=True,
    )


def _print_shortfall(plans: Sequence[TaskPlan], tally: Tally, console: Console) -> bool:
    """Say what is missing; whether anything is."""
    for plan in plans:
        if plan.is_given_up:
            console.print(
                f'[red]{plan.task}: gave up after {MAX_FAILURES_IN_A_ROW} seeds in a row without '
                f'success:[/] `c2a oracle --tasks {plan.task}` shows why'
            )
    if tally.crashes:
        console.print(
            f'[red]{tally.crashes} episodes crashed:[/] the same command tries their seeds again'
        )
    return bool(tally.crashes) or any(plan.is_given_up for plan in plans)


def _how_to_go_on(writer: EpisodeWriter) -> str:
    return (
        f'{len(writer.closed)} episodes are in shards, {len(writer.pending)} more are safe and '
        'get into shards when the same command goes on'
    )


def _fail(console: Console, err: Exception, code: int) -> int:
    console.print(f'[red]error:[/] {escape(str(err))}')
    return code
