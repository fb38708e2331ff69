# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a data query`: which code, chunk and checkpoints moved the arm at an instant of a bag."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from c2a_core.spaces import ACTION_NAMES
from c2a_training.bags.bag_convert import read_episodes
from c2a_training.bags.bag_mcap import BagError
from c2a_training.bags.bag_query import Answer, QueryError, answer, find_step

EXIT_OK, EXIT_NO_ANSWER = 0, 2

DESCRIPTION = """\
Say what moved the arm at an instant of a recorded episode: the key step that was running, the
action chunk and its row, who made the action, and the checkpoints of planner and policy."""

EPILOG = """\
T is robot time, that of the messages' stamps, which RViz and /clock show. An action moves the arm
from its observation's stamp to the next one.

Exit code: 0 with an answer; 2 if the bag cannot be read or has no such time or step."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'query',
        help='which code, chunk and checkpoints moved the arm when',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('bag', type=Path, metavar='BAG', help='folder of the bag, or its file')
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument('--at', type=float, metavar='T', help='robot time [s]')
    when.add_argument('--step', type=int, metavar='K', help='control step of the episode')
    parser.add_argument(
        '--episode', type=int, metavar='ID', help='number of the episode, if the bag has several'
    )
    parser.add_argument('--json', action='store_true', help='write the answer as JSON to stdout')


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console()
    try:
        episodes = read_episodes(args.bag)
        episode, step = find_step(episodes, at_s=args.at, step=args.step, episode_id=args.episode)
    except (BagError, QueryError) as err:
        sys.stderr.write(f'c2a data query: {err}\n')
        return EXIT_NO_ANSWER
    found = answer(episode, step)
    if args.json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2) + '\n')
    else:
        console.print(_table(found))
    return EXIT_OK


def _table(found: Answer) -> Table:
    head = f'{found.task} seed {found.seed}, episode {found.episode_id}, step {found.step}'
    table = Table(title=escape(head), show_header=False)
    table.add_column(style='bold')
    table.add_column(overflow='fold')
    for name, text in _lines(found):
        table.add_row(name, escape(text))
    return table


def _lines(found: Answer) -> list[tuple[str, str]]:
    since = '' if found.key_step_since is None else f', since step {found.key_step_since}'
    lines = [
        ('instruction', found.instruction),
        ('robot time', f'{found.start_s:.3f} to {found.end_s:.3f} s'),
        ('key step', f'{found.subtask_id}{since}'),
        ('code', found.code or '–'),
        ('cache info', found.cache_info or '–'),
        ('moved by', found.source or '–'),
        ('chunk', _chunk(found)),
        ('planner', found.planner_checkpoint or '–'),
        ('policy', found.policy_checkpoint or '–'),
    ]
    if found.action is not None:
        numbers = zip(ACTION_NAMES, found.action, strict=True)
        lines.append(('action', '  '.join(f'{name} {value:+.4f}' for name, value in numbers)))
    return lines + [('note', note) for note in found.notes]


def _chunk(found: Answer) -> str:
    if found.chunk_id < 0:
        return 'none'
    text = f'{found.chunk_id}, row {found.chunk_index}'
    if found.chunk_rows is None:
        return text
    preempted = ', after a new key step' if found.chunk_preempted else ''
    return f'{text} of {found.chunk_rows}, made at step {found.chunk_step}{preempted}'
