# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a evaluate planner`: a planner's model alone, on the rows of datasets."""

from __future__ import annotations

import argparse
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

from c2a_training.atomic_file import write_json

EXIT_OK, EXIT_USAGE, EXIT_INTERRUPTED = 0, 2, 130

DESCRIPTION = """\
Ask a planner's model what should be running at recorded observations, with the memory as it was
recorded, and compare word by word. Of key steps that were asked for: exact, function, call (all
but the objects), names of the objects, cells. Of the request at every observation: whether it
notices a new key step (precision and recall) and goes on otherwise. Of questions about the
picture: right answers by kind. docs/evaluation.md explains the figures."""

EPILOG = """\
Rows are drawn as the dataset has them, from episodes that training leaves out (by a hash of
their names); --all-episodes is for datasets that the model was not trained on. Precision depends
on how many rows are borders: of a dataset with pictures at key steps only, more than in a run.

JSON: {"total": {...}, "tasks": [{"task", ...}], "mistakes": [{"kind", "right", "said",
"count"}], "config": {...}}.

Exit code: 0, 2 for bad arguments, 130 after Ctrl-C, with the table so far."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'planner',
        help='the planner alone, on the rows of a dataset',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--checkpoint',
        default='tiny',
        metavar='NAME',
        help='a shipped name, a directory or a hub id (default: tiny)',
    )
    parser.add_argument(
        '--data', nargs='+', type=Path, required=True, metavar='DIR', help='datasets'
    )
    parser.add_argument(
        '--rows', type=int, default=1000, metavar='N', help='rows at most (default: 1000)'
    )
    parser.add_argument(
        '--questions',
        type=int,
        default=4,
        metavar='N',
        help='questions about a picture at most (default: 4)',
    )
    parser.add_argument(
        '--all-episodes',
        action='store_true',
        help='also episodes that training may have seen: for other datasets than its own',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of the choice of rows and questions (default: 0)'
    )
    parser.add_argument(
        '--threads', type=int, default=0, metavar='N', help='of the model (default: as torch has)'
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures as JSON')


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console()
    try:
        return _evaluate(args, console)
    except (ValueError, FileNotFoundError) as err:
        console.print(f'[red]error:[/] {escape(str(err))}')
        return EXIT_USAGE


def _evaluate(args: argparse.Namespace, console: Console) -> int:
    for name, least in (('rows', 1), ('questions', 0), ('seed', 0), ('threads', 0)):
        if getattr(args, name) < least:
            raise ValueError(f'--{name} is {getattr(args, name)}, expected at least {least}')
    # Here, not above: the command line has to refuse bad arguments without loading torch.
    import torch

    from c2a_planner.vlm import VisionLanguageModel
    from c2a_training.evaluation.planner_questioner import PlannerQuestioner
    from c2a_training.evaluation.planner_report import ScoreSheet
    from c2a_training.evaluation.source_commit import source_commit

    commit = source_commit()
    if args.threads:
        torch.set_num_threads(args.threads)
    model = VisionLanguageModel.load(args.checkpoint)
    questioner = PlannerQuestioner(
        model,
        args.data,
        count=args.rows,
        questions=args.questions,
        held_out=not args.all_episodes,
        seed=args.seed,
    )
    sheet = ScoreSheet()
    asked = _ask(questioner, sheet, console)
    document = sheet.as_json(
        {
            'checkpoint': model.checkpoint.label if model.checkpoint else '',
            'data': questioner.fingerprints,
            'rows': asked,
            'questions': args.questions,
            'all_episodes': args.all_episodes,
            'seed': args.seed,
            'validation_share': questioner.validation_share,
            'commit': commit,
        }
    )
    if args.json is not None:
        write_json(args.json, document)
    _print(document, console)
    if args.json is not None:
        console.print(f'results: {args.json}', soft_wrap=True)
    return EXIT_OK if asked == len(questioner) else EXIT_INTERRUPTED


def _ask(questioner, sheet, console: Console) -> int:
    """Ask about all rows under a progress bar; how many were, if Ctrl-C cut it short."""
    asked = 0
    columns = (
        TextColumn('{task.description}'),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('ETA'),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task('rows', total=len(questioner))
        try:
            for said in questioner.ask():
                sheet.add(said)
                asked += 1
                exact = sheet.total.shares['exact']
                share = f'{100 * exact.hits / exact.n:.1f}% exact' if exact.n else 'rows'
                progress.update(bar, advance=1, description=share)
        except KeyboardInterrupt:
            console.print(f'[yellow]interrupted after {asked} of {len(questioner)} rows[/]')
    return asked


def _print(document, console: Console) -> None:
    from c2a_training.evaluation.planner_report import (
        make_mistake_table,
        make_question_table,
        make_score_table,
    )

    console.print(make_score_table(document))
    console.print(make_question_table(document))
    mistakes = make_mistake_table(document)
    if mistakes is not None:
        console.print(mistakes)
