# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a evaluate run`: tasks and seeds in closed loop, with a table, JSON, report and videos."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
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

from c2a_training.commands.evaluate_request import EvaluationRun, add_arguments, check_request
from c2a_training.evaluation.episode_record import EpisodeRecord

EXIT_OK, EXIT_CRASHED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = """\
Run a planner and a low level on tasks and seeds, in process and without ROS, with the library
code of the nodes, and print a table: success with its Wilson 95 % interval; of the successful
episodes the mean number of control steps and of skill calls; the time limit in control steps
(three times the oracle's 95th percentile); how many of the objects that the planner named it
placed within one grid cell; and why the others failed (docs/evaluation.md has the rules)."""

EPILOG = """\
With --json each episode is kept as it ends, in FILE's neighbour *.journal.jsonl: interrupted or
killed, the same command goes on, and more tasks and seeds may be added. A run with other
settings or another checkpoint is refused there. Wall times are in *.timing.json: the results
themselves repeat byte by byte, whatever the number of workers.

JSON: {"cells": [{"task", "planner", "low_level", "n", "successes", "wilson95": [low, high],
"mean_steps", "mean_calls", "failures": {class: count}, "max_steps", "invalid_replies",
"mean_decision_tokens", "cell_errors": {...}}], "mean_success", "config": {...}}.

Exit code: 0 when all episodes ran, whatever their success; 1 when an episode crashed or a worker
died; 2 for bad arguments; 130 after Ctrl-C, with the table so far."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'run',
        help='closed loop: success of tasks over seeds',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console()
    try:
        request = check_request(args)
        _make_folders(request)
        _note_looks(request, console)
        return _evaluate(request, console)
    except BrokenProcessPool:
        err = 'a worker process died, as they do when memory runs out; what had ended is kept'
        return _fail(console, err, EXIT_CRASHED)
    except ValueError as err:
        return _fail(console, str(err), EXIT_USAGE)
    except RuntimeError as err:
        return _fail(console, str(err), EXIT_CRASHED)


def _make_folders(request: EvaluationRun) -> None:
    """Make what is written into: a wrong path shows now, not after the last episode."""
    for path in (request.json, request.html):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    if request.video is not None:
        request.video.mkdir(parents=True, exist_ok=True)


def _note_looks(request: EvaluationRun, console: Console) -> None:
    """Say what results on split test are worth: whether it was held out in the training."""
    from c2a_training.evaluation.checkpoint_facts import HELD_OUT, SEEN

    why = {
        HELD_OUT: 'all training data were of split train, which has no pair of split test',
        SEEN: '[yellow]the training data had pairs of split test: no result on unseen looks[/]',
    }.get(request.looks, '[yellow]nobody knows which splits the training data were of[/]')
    if request.looks:
        console.print(f'looks {request.looks}: {why}')


@dataclass
class _Outcome:
    """What has been evaluated.

    Attributes:
        records: all episodes of the request so far.
        fresh: those of this run.
        commits: versions of the software that they are of.
        interrupted: Ctrl-C cut it short.
    """

    records: dict[tuple[str, int], EpisodeRecord] = field(default_factory=dict)
    fresh: list[EpisodeRecord] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    interrupted: bool = False


def _evaluate(request: EvaluationRun, console: Console) -> int:
    from c2a_training.evaluation.evaluation_cells import make_document
    from c2a_training.evaluation.evaluation_output import (
        print_results,
        print_timing,
        timing,
        write_results,
    )

    started = time.perf_counter()
    outcome = _collect(request, console)
    wall_s = time.perf_counter() - started
    records = list(outcome.records.values())
    config = request.document_config(outcome.commits, complete=not outcome.interrupted)
    document = make_document(request.tasks, records, config)
    cost = timing(outcome.fresh, request.workers, wall_s) if outcome.fresh else None
    # First of all: hours may be in it.
    if request.json is not None:
        write_results(request.json, document, cost)
    print_results(document, records, console)
    if cost is not None:
        print_timing(cost, console)
    if request.json is not None:
        console.print(f'results: {request.json}', soft_wrap=True)
    if outcome.interrupted:
        total = len(request.tasks) * len(request.seeds)
        console.print(f'[yellow]interrupted: {len(records)} of {total} episodes had finished[/]')
        return EXIT_INTERRUPTED
    if request.video is not None or request.html is not None:
        _illustrate(request, document, records, console)
    return EXIT_CRASHED if any(record.is_crash for record in records) else EXIT_OK


def _collect(request: EvaluationRun, console: Console) -> _Outcome:
    """Evaluate what no journal has yet, under a progress bar."""
    from c2a_training.evaluation.evaluation_journal import EvaluationJournal, journal_path
    from c2a_training.evaluation.evaluation_pool import evaluate_jobs
    from c2a_training.evaluation.evaluation_worker import jobs_of
    from c2a_training.evaluation.source_commit import source_commit

    commit = source_commit()
    jobs = jobs_of(request.tasks, request.seeds)
    outcome = _Outcome()
    with contextlib.ExitStack() as stack:
        journal = None
        if request.json is not None:
            path = journal_path(request.json)
            journal = stack.enter_context(EvaluationJournal(path, request.config, commit))
            # A crash is not the seed's fault: it is tried again.
            ended = {job: journal.records.get((job.task, job.seed)) for job in jobs}
            outcome.records = {
                (record.task, record.seed): record
                for record in ended.values()
                if record is not None and not record.is_crash
            }
            _note_resumed(len(outcome.records), journal.commits, commit, console)
        left = [job for job in jobs if (job.task, job.seed) not in outcome.records]
        known = list(outcome.records.values())
        bar = stack.enter_context(EvaluationBar(console, len(jobs), known))
        try:
            for record in evaluate_jobs(request.settings, left, request.workers):
                if journal is not None:
                    journal.add(record)
                outcome.records[record.task, record.seed] = record
                outcome.fresh.append(record)
                bar.add(record)
        except KeyboardInterrupt:
            outcome.interrupted = True
        outcome.commits = [commit] if journal is None else journal.commits
    return outcome


def _note_resumed(count: int, commits: Sequence[str], commit: str, console: Console) -> None:
    if not count:
        return
    console.print(f'going on: {count} episodes have been evaluated already')
    others = [other for other in commits if other != commit]
    if others:
        console.print(
            f'[yellow]they are of other software:[/] {", ".join(others)} then and {commit} now; '
            'they stay as they are'
        )


class EvaluationBar:
    """Progress bar with running success; a context manager."""

    def __init__(self, console: Console, total: int, records: Sequence[EpisodeRecord]) -> None:
        self._progress = Progress(
            TextColumn('{task.description}'),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn('ETA'),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._n = len(records)
        self._successes = sum(record.success for record in records)
        self._bar = self._progress.add_task('loading', total=total, completed=self._n)

    def __enter__(self) -> EvaluationBar:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def add(self, record: EpisodeRecord) -> None:
        """Count one episode."""
        if not self._progress.tasks[self._bar].speed:
            # What was there already must not count as speed.
            self._progress.reset(self._bar, completed=self._n)
        self._n += 1
        self._successes += record.success
        note = f'{record.task}, {100 * self._successes / self._n:.1f}% success'
        self._progress.update(self._bar, completed=self._n, description=note)


def _illustrate(
    request: EvaluationRun,
    document: Mapping[str, object],
    records: Sequence[EpisodeRecord],
    console: Console,
) -> None:
    """Film and report."""
    from c2a_training.evaluation.evaluation_films import film_examples
    from c2a_training.evaluation.html_report import write_report

    with contextlib.ExitStack() as stack:
        folder = request.video
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with console.status('filming one success and one failure of each task'):
            films = film_examples(request.settings, request.tasks, records, folder)
        if request.video is not None:
            console.print(f'videos: {request.video}', soft_wrap=True)
        if request.html is not None:
            write_report(request.html, document, records, films)
            console.print(f'report: {request.html}', soft_wrap=True)


def _fail(console: Console, message: str, code: int) -> int:
    console.print(f'[red]error:[/] {escape(message)}')
    return code
