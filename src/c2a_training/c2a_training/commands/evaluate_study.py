# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a evaluate study`: several runs that answer one question, and a page about them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from c2a_training.atomic_file import atomic_path
from c2a_training.commands import evaluate_run
from c2a_training.commands.evaluate_request import add_arguments, add_seeds, add_workers
from c2a_training.evaluation.studies import FLAT, STUDIES, Study

PAGE = 'README.md'

EPILOG = """\
studies:
{studies}

Each run is DIR/TITLE.json, as of `c2a evaluate run`, with a journal: interrupted, the same command
goes on, and what had ended is not run again. DIR/README.md has the table, and each run compared
with the first one, episode by episode. Exit codes are those of `c2a evaluate run`."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    studies = '\n'.join(
        f'  {name:12s}{study.question}\n{"":14s}{", ".join(study.runs)}'
        for name, study in STUDIES.items()
    )
    parser = subparsers.add_parser(
        'study',
        help='several runs that answer one question, compared episode by episode',
        description='Evaluate several runs on the same tasks and seeds, and compare them.',
        epilog=EPILOG.format(studies=studies),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('study', choices=STUDIES, metavar='STUDY', help=', '.join(STUDIES))
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='of the results')
    parser.add_argument(
        '--tasks', nargs='+', metavar='NAME', help="names or lists (default: the study's)"
    )
    add_seeds(parser)
    add_workers(parser)
    parser.add_argument(
        '--checkpoint', default='tiny', metavar='NAME', help="the planner's (default: tiny)"
    )
    parser.add_argument(
        '--policy-checkpoint', default='tiny', metavar='NAME', help="the policy's (default: tiny)"
    )
    parser.add_argument(
        '--flat-checkpoint',
        default='',
        metavar='NAME',
        help='cells: policy trained with --flat; without it that run is left out',
    )


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console()
    study = STUDIES[args.study]
    titles = [title for title in study.runs if title != FLAT or args.flat_checkpoint]
    for number, title in enumerate(titles, 1):
        console.print(f'[bold]{number} of {len(titles)}: {escape(title)}[/]')
        code = evaluate_run.run(_request(args, study, title), console)
        if code != evaluate_run.EXIT_OK:
            return code
    try:
        page = _page(args, study, titles)
    except ValueError as err:
        console.print(f'[red]error:[/] {escape(str(err))}')
        return evaluate_run.EXIT_USAGE
    path = args.out / PAGE
    with atomic_path(path) as part:
        part.write_text(page, encoding='utf-8')
    console.print(f'comparison: {path}', soft_wrap=True)
    return evaluate_run.EXIT_OK


def _request(args: argparse.Namespace, study: Study, title: str) -> argparse.Namespace:
    """The arguments of a run."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = [*study.runs[title], '--seeds', args.seeds, '--workers', str(args.workers)]
    if 'vlm' in words:
        words += ['--checkpoint', args.checkpoint]
    if 'policy' in words:
        policy = args.flat_checkpoint if title == FLAT else args.policy_checkpoint
        words += ['--policy-checkpoint', policy]
    words += ['--json', str(_json(args, title)), '--tasks', *(args.tasks or study.tasks)]
    return parser.parse_args(words)


def _json(args: argparse.Namespace, title: str) -> Path:
    name = re.sub(r'[^a-z0-9.]+', '-', title.lower()).strip('-')
    return args.out / f'{name}.json'


def _page(args: argparse.Namespace, study: Study, titles: list[str]) -> str:
    from c2a_training.evaluation.comparison import choose_published, make_markdown, read_result
    from c2a_training.evaluation.paired_comparison import make_paired_markdown

    results = [read_result(_json(args, title), title) for title in titles]
    published = choose_published('auto', results) if args.study == 'cells' else None
    parts = [f'# {study.question}\n', make_markdown(results, published)]
    parts += [make_paired_markdown(results[0], other) for other in results[1:]]
    return '\n'.join(parts)
