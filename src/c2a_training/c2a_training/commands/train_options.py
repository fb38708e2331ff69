# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the trainings' commands have in common: options, errors, exit codes, an end at any time."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.markup import escape

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

Config = TypeVar('Config')
Request = TypeVar('Request')


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of every training."""
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


def typed_changes(texts: Iterable[str], flags: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Changes of settings by name.

    Args:
        texts: NAME=VALUE, as `--set` has them.
        flags: settings that have an option of their own, None where it was not given.

    Raises:
        ValueError: for a text without a value.
    """
    changes: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition('=')
        if not equals:
            raise ValueError(f'--set {text!r}: expected NAME=VALUE')
        changes[name] = value
    # Set last: of a length in steps and one in minutes the last one holds.
    for name, value in flags:
        if value is not None:
            changes.pop(name, None)
            changes[name] = value
    return changes


def choose_config(
    args: argparse.Namespace,
    make: Callable[[str], Config],
    go_on: Callable[[], Config],
) -> Config:
    """The settings of a new training, or of the one in `--out` that goes on.

    Args:
        args: of the command.
        make: settings of a preset.
        go_on: settings of the training in `--out`.

    Raises:
        ValueError: for a preset or an argument that does not fit.
    """
    if args.resume and (args.out / 'config.json').is_file():
        config = go_on()
        if args.preset not in (None, config.preset):
            raise ValueError(f'--out has a training of preset {config.preset}, not {args.preset}')
    else:
        config = make(args.preset or 'tiny')
    if args.threads is not None and args.threads < 1:
        raise ValueError(f'--threads is {args.threads}, expected at least 1')
    _check_data(args.data)
    return config


def _check_data(paths: Iterable[Path]) -> None:
    from c2a_training.dataset.dataset_manifest import MANIFEST

    for path in paths:
        if not path.is_dir():
            raise ValueError(f'--data {path} is no directory: name datasets of `c2a generate`')
        if not (path / MANIFEST).is_file():
            raise ValueError(
                f'--data {path} is no dataset, there is no {MANIFEST} in it: name directories '
                'that `c2a generate` made'
            )


def typed_command() -> str:
    """The command as it was typed, for the model card."""
    return f'./c2a {shlex.join(sys.argv[1:])}'


def run_training(
    args: argparse.Namespace,
    console: Console,
    check: Callable[[argparse.Namespace], Request],
    train: Callable[[Request, Console], bool],
) -> int:
    """Check the arguments and train; the exit code.

    Args:
        args: of the command.
        console: where people read.
        check: turns arguments into a request.
        train: trains, and says whether it is done; imported as late as possible.
    """
    try:
        request = check(args)
    except ValueError as err:
        console.print(f'[red]error:[/] {escape(str(err))}', soft_wrap=True)
        return EXIT_USAGE
    try:
        is_done = _train(request, args, console, train)
    except (ValueError, FloatingPointError, RuntimeError, OSError) as err:
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


def _train(
    request: Request,
    args: argparse.Namespace,
    console: Console,
    train: Callable[[Request, Console], bool],
) -> bool:
    from c2a_core.process_memory import keep_freed_memory
    from c2a_training.evaluation.source_commit import source_commit

    # Later the checkout may be another one than what runs here.
    source_commit()
    keep_freed_memory()
    import torch

    if args.threads is not None:
        torch.set_num_threads(args.threads)
    try:
        return train(request, console)
    except KeyboardInterrupt:
        return False
