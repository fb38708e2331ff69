# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a train policy`: a policy from demonstrations."""

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
Train the diffusion policy of the controller: chunks of actions from both cameras' pictures,
proprioception, the running key step's code and its cache info.

Preset tiny sees through a planner's vision tower, frozen, and learns the rest on two CPU cores;
full is the paper's network, with a frozen T5. OUT/best and OUT/last are sealed checkpoints that
run by themselves."""

EPILOG = """\
Labels: recorded takes the code that each row holds; oracle the ground truth's; shift:N moves its
borders by up to N steps; relabel and rollout make sure that the data are of `./c2a relabel`, or
of `./c2a generate --planner vlm`. --flat is the baseline: the instruction in place of the code,
all else alike; compare it at the same --data, --weights, --labels and --steps.

Killed or interrupted, a training goes on with the same command and --resume; with --steps it
then ends with the very weights that it would have had. Exit code: 0 when it is done, 1 when it
failed, 2 for bad arguments, 130 when it was interrupted.

--set changes any setting by name, such as train.batch_size=64 or model.objective=flow;
OUT/config.json has them all. Many processes: accelerate launch -m c2a_training.cli train policy
...; docs/training.md has more."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'policy',
        help='the diffusion policy of the controller, from demonstrations',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--preset',
        choices=('tiny', 'full'),
        help='tiny: a few million parameters from scratch; full: as in the paper (default: tiny, '
        'with --resume what the training has)',
    )
    parser.add_argument(
        '--data',
        nargs='+',
        type=Path,
        required=True,
        metavar='DIR',
        help='datasets to learn from, with pictures in every row',
    )
    parser.add_argument(
        '--weights',
        nargs='+',
        metavar='NAME=W',
        help="rows of this task, or of the dataset with this directory's name, are drawn W times "
        'as often; 0 leaves them out (default: 1 each)',
    )
    parser.add_argument(
        '--labels',
        metavar='HOW',
        help='whose code: recorded, oracle, shift:N, relabel or rollout (default: recorded)',
    )
    parser.add_argument(
        '--flat', action='store_true', help='the instruction in place of the code, no cache info'
    )
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DIR', help='the training, made or continued'
    )
    parser.add_argument(
        '--resume', action='store_true', help='go on with the training that is in --out'
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument('--steps', type=int, metavar='N', help='how long: exactly repeatable')
    length.add_argument('--minutes', type=float, metavar='MIN', help='how long, by the clock')
    parser.add_argument('--model', metavar='ID', help='preset full: the T5, hub id or directory')
    parser.add_argument(
        '--init',
        metavar='CHECKPOINT',
        help='begin with the weights, tokenizer and statistics of a checkpoint',
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
    from c2a_training.policy.policy_train_config import change_config, make_config, read_config
    from c2a_training.training.train_request import TrainRequest

    changes = _changes(args)
    config = choose_config(
        args,
        lambda preset: make_config(preset, changes),
        lambda: change_config(read_config(args.out / 'config.json'), changes),
    )
    names = [path.resolve().name for path in args.data]
    if len(set(names)) < len(names):
        raise ValueError(
            f'--data names two directories {max(names, key=names.count)}: datasets are told '
            'apart by their directory names, give them different ones'
        )
    return TrainRequest(
        config=config,
        data=tuple(path.resolve() for path in args.data),
        out=args.out,
        resume=args.resume,
        init=args.init,
        command=typed_command(),
    )


def _changes(args: argparse.Namespace) -> dict[str, object]:
    flags = (
        ('train.steps', args.steps),
        ('train.minutes', args.minutes),
        ('windows.labels', args.labels),
        ('windows.weights', None if args.weights is None else tuple(args.weights)),
        ('windows.flat', args.flat or None),
        ('model.text_model', args.model),
        ('seed', args.seed),
    )
    return typed_changes(args.set, flags)


def _train(request: TrainRequest, console: Console) -> bool:
    from c2a_training.policy.train_policy import train_policy

    return train_policy(request, console)
