# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a train planner`: a planner from demonstrations."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from c2a_training.commands.train_options import (
    add_options,
    choose_config,
    run_training,
    typed_changes,
    typed_command,
)

if TYPE_CHECKING:
    from c2a_training.training.train_request import TrainRequest

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
OUT/config.json has them all. Many processes: accelerate launch -m c2a_training.cli train planner
...; docs/training.md has more."""


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
        '--init',
        metavar='CHECKPOINT',
        help='begin with the weights and tokenizer of a checkpoint: a shipped name, a directory '
        'or a hub id',
    )
    add_options(parser)


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    return run_training(args, console or Console(), check_request, _train)


def check_request(args: argparse.Namespace) -> TrainRequest:
    """Turn parsed arguments into a request.

    Raises:
        ValueError: with a sentence that says what to write instead.
    """
    from c2a_training.planner.train_config import change_config, make_config, read_config
    from c2a_training.training.train_request import TrainRequest

    changes = _changes(args)
    config = choose_config(
        args,
        lambda preset: make_config(preset, changes),
        lambda: change_config(read_config(args.out / 'config.json'), changes),
    )
    return TrainRequest(
        config=config,
        data=tuple(args.data),
        out=args.out,
        resume=args.resume,
        init=args.init,
        command=typed_command(),
    )


def _changes(args: argparse.Namespace) -> dict[str, object]:
    flags = (
        ('language.steps', args.steps),
        ('language.minutes', args.minutes),
        ('vision.minutes', args.vision_minutes),
        ('vision.steps', args.vision_steps),
        ('model', args.model),
        ('seed', args.seed),
    )
    changes = typed_changes(args.set, flags)
    if args.init is not None:
        # The tower of a checkpoint has been taught already, its code too.
        changes = {'vision.steps': 0, 'text.steps': 0} | changes
    return changes


def _train(request: TrainRequest, console: Console) -> bool:
    from c2a_training.planner.train_planner import train_planner

    return train_planner(request, console)
