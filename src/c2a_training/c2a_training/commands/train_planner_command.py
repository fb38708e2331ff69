# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a train planner`: a planner from demonstrations."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from c2a_training.planner.train_planner import TrainRequest

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = """\
Train the model of the planner: what it should write at each base picture of the demonstrations,
given the instruction and the memory, and answers to questions about the picture.

Preset tiny begins from nothing, tokenizer included: stage `vision` teaches the vision tower with
the simulator's labels of each cell, stage `language` the rest. Preset phi3 puts low-rank adapters
on a LLaVA-Phi-3. OUT/best and OUT/last are sealed checkpoints that run by themselves."""

EPILOG = """\
Killed or interrupted, a training goes on with the same command and --resume; with --steps it
then ends with the very weights that it would have had. Exit code: 0 when it is done, 1 when it
failed, 2 for bad arguments, 130 when it was interrupted.

--set changes any setting by name, such as language.batch_size=64 or examples.questions=6;
a wrong name prints all of them. Many processes: accelerate launch -m c2a_training.cli train
planner ...; docs/training.md has more."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'planner',
        help='the code-generating model of the planner, from demonstrations',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--preset',
        choices=('tiny', 'phi3'),
        help='tiny: a few million parameters from scratch; phi3: adapters on a LLaVA-Phi-3 '
        '(default: tiny, with --resume what the training has)',
    )
    parser.add_argument(
        '--data', nargs='+', type=Path, required=True, metavar='DIR', help='datasets to learn from'
    )
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DIR', help='the training, made or continued'
    )
    parser.add_argument(
        '--resume', action='store_true', help='go on with the training that is in --out'
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        '--steps', type=int, metavar='N', help='steps of the stage language: exactly repeatable'
    )
    length.add_argument(
        '--minutes', type=float, metavar='MIN', help='of the stage language, by the clock'
    )
    parser.add_argument(
        '--vision-minutes',
        type=float,
        metavar='MIN',
        help='of the stage vision, by the clock; 0 leaves it out',
    )
    parser.add_argument(
        '--vision-steps', type=int, metavar='N', help='steps of the stage vision instead'
    )
    parser.add_argument(
        '--model', metavar='ID', help='preset phi3: the LLaVA-Phi-3, hub id or directory'
    )
    parser.add_argument(
        '--init', metavar='CHECKPOINT', help='begin with the weights and tokenizer of a checkpoint'
    )
    parser.add_argument('--seed', type=int, metavar='N', help='of weights and data (default: 0)')
    parser.add_argument(
        '--threads', type=int, metavar='N', help='of one process (default: one per core)'
    )
    parser.add_argument(
        '--set',
        nargs='+',
        action='extend',
        default=[],
        metavar='NAME=VALUE',
        help='other settings by name',
    )


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console()
    try:
        request = check_request(args)
    except ValueError as err:
        console.print(f'[red]error:[/] {escape(str(err))}')
        return EXIT_USAGE
    return _train(request, args, console)


def check_request(args: argparse.Namespace) -> TrainRequest:
    """Turn parsed arguments into a request.

    Raises:
        ValueError: with a sentence that says what to write instead.
    """
    from c2a_training.planner.train_config import change_config, make_config, read_config
    from c2a_training.planner.train_planner import TrainRequest

    changes = _changes(args)
    stored = args.out / 'config.json'
    if args.resume and stored.is_file():
        config = change_config(read_config(stored), changes)
        if args.preset not in (None, config.preset):
            raise ValueError(f'--out has a training of preset {config.preset}, not {args.preset}')
    else:
        config = make_config(args.preset or 'tiny', changes)
    if args.threads is not None and args.threads < 1:
        raise ValueError(f'--threads is {args.threads}, expected at least 1')
    for path in args.data:
        if not path.is_dir():
            raise ValueError(f'--data {path} is no directory: name datasets of `c2a generate`')
    return TrainRequest(
        config=config,
        data=tuple(args.data),
        out=args.out,
        resume=args.resume,
        init=args.init,
        command=f'./c2a {shlex.join(sys.argv[1:])}',
    )


def _changes(args: argparse.Namespace) -> dict[str, object]:
    changes: dict[str, object] = {}
    for text in args.set:
        name, equals, value = text.partition('=')
        if not equals:
            raise ValueError(f'--set {text!r}: expected NAME=VALUE')
        changes[name] = value
    if args.init is not None:
        # The tower of a checkpoint has been taught already, its code too.
        changes = {'vision.steps': 0, 'text.steps': 0} | changes
    flags = (
        ('language.steps', args.steps),
        ('language.minutes', args.minutes),
        ('vision.minutes', args.vision_minutes),
        ('vision.steps', args.vision_steps),
        ('model', args.model),
        ('seed', args.seed),
    )
    # Set last: of a length in steps and one in minutes the last one holds.
    for name, value in flags:
        if value is not None:
            changes.pop(name, None)
            changes[name] = value
    return changes


def _train(request: TrainRequest, args: argparse.Namespace, console: Console) -> int:
    from c2a_core.process_memory import keep_freed_memory

    keep_freed_memory()
    import torch

    from c2a_training.planner.train_planner import train_planner

    if args.threads is not None:
        torch.set_num_threads(args.threads)
    try:
        is_done = train_planner(request, console)
    except KeyboardInterrupt:
        is_done = False
    except (ValueError, FloatingPointError, RuntimeError) as err:
        console.print(f'[red]error:[/] {escape(str(err))}', soft_wrap=True)
        return EXIT_FAILED
    if is_done:
        return EXIT_OK
    words = [word for word in sys.argv[1:] if word != '--resume']
    console.print(
        '[yellow]interrupted:[/] the training goes on from its last state with '
        f'{escape(shlex.join(["./c2a", *words, "--resume"]))}',
        soft_wrap=True,
    )
    return EXIT_INTERRUPTED
