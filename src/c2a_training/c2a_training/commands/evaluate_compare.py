# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a evaluate compare`: several results and the published ones side by side, as Markdown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from c2a_training.evaluation.comparison import Result

EXIT_OK, EXIT_USAGE = 0, 2

EPILOG = """\
With --paired the first result is compared with each other one on the episodes that they share:
how often only one of them succeeded on the same task and seed, the difference of their means
with its 95 % interval (paired bootstrap), and McNemar's exact test.

A cell is success in per cent with its Wilson 95 % interval. The published column is found by the
tasks of the first file; its numbers are of another simulator, planner and oracle."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    from c2a_training.evaluation.published_results import COLUMNS

    parser = subparsers.add_parser(
        'compare',
        help='several results and the published ones side by side',
        description='Print the cells of several results of `c2a evaluate` as a Markdown table.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('files', nargs='+', type=Path, metavar='FILE.json', help='results')
    parser.add_argument(
        '--titles', nargs='+', default=[], metavar='TEXT', help='titles of the columns, in order'
    )
    parser.add_argument(
        '--paired',
        action='store_true',
        help='compare the first result with each other one, episode by episode',
    )
    parser.add_argument(
        '--published',
        choices=('auto', *COLUMNS, 'none'),
        default='auto',
        help='the column of the paper (default: auto)',
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; the exit code."""
    from c2a_training.evaluation.comparison import choose_published, make_markdown, read_result

    titles = args.titles or [''] * len(args.files)
    try:
        if len(titles) != len(args.files):
            raise ValueError(
                f'{len(titles)} titles for {len(args.files)} files: give one for each'
            )
        pairs = zip(args.files, titles, strict=True)
        results = [read_result(path, title) for path, title in pairs]
        paired = _paired(results) if args.paired else []
    except ValueError as err:
        sys.stderr.write(f'error: {err}\n')
        return EXIT_USAGE
    sys.stdout.write(make_markdown(results, choose_published(args.published, results)))
    for table in paired:
        sys.stdout.write(f'\n{table}')
    return EXIT_OK


def _paired(results: Sequence[Result]) -> list[str]:
    from c2a_training.evaluation.paired_comparison import make_paired_markdown

    if len(results) < 2:
        raise ValueError('--paired compares two results or more: name another FILE.json')
    return [make_paired_markdown(results[0], other) for other in results[1:]]
