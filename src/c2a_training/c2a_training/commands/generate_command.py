# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a generate`: demonstrations by the oracle, as a dataset."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool

from rich.console import Console
from rich.markup import escape

from c2a_training.commands.generate_request import GenerateRun, add_arguments, check_request
from c2a_training.dataset.dataset_manifest import software_versions
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.generation.episode_maker import MadeEpisode
from c2a_training.generation.generate import Generation
from c2a_training.generation.generate_plan import MAX_FAILURES_IN_A_ROW, TaskPlan
from c2a_training.generation.generate_pool import EpisodePool, InProcessPool, ProcessPool
from c2a_training.generation.generate_report import Tally, make_progress, make_table
from c2a_training.generation.ray_pool import RayPool

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = """\
Let the scripted oracle demonstrate tasks, and keep its successful episodes as a dataset of
Parquet shards: pictures, proprioception, action, running code, cache info, memory and labels of
every control step. The same command makes the same bytes, whatever the number of workers.

Options that make better pupils: --noise, --policy and --late for states and moments that the
oracle alone never sees, --planner vlm for a learned planner's own mistakes beside the ground
truth."""

EPILOG = """\
Killed or interrupted, a run loses no episode that was closed: the same command goes on. Some of
them may wait outside of the shards then; with fewer --episodes or --seeds the command only puts
those that are there into shards. More tasks, seeds or episodes may be added to a dataset later,
with the same other options.

With --ray the rows come back over the network: DIR is needed on this machine only, C2A on all.

Exit code: 0 when everything that was asked for is there; 1 when an episode crashed, a task has
too few successes, or a worker died; 2 for bad arguments; 130 after Ctrl-C."""

PoolMaker = Callable[['GenerateRun'], EpisodePool]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'generate',
        help='let the oracle demonstrate tasks and keep its episodes as a dataset',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)


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


def start_pool(request: GenerateRun) -> EpisodePool:
    """Where the request's episodes are made."""
    if request.ray is not None:
        return RayPool(request.settings, request.ray, request.workers)
    workers = min(request.workers or len(os.sched_getaffinity(0)), max(1, request.total))
    if workers == 1:
        return InProcessPool.with_oracle(request.settings, request.directory)
    return ProcessPool(request.settings, request.directory, workers)


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
    if request.settings.keep == 'all':
        failed = sum(not episode.success for episode in (*episodes, *waiting))
        console.print(f'{failed} of {len(episodes) + len(waiting)} episodes kept are failed ones')
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
