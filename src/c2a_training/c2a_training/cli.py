# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a`: the command line of the project.

Subcommands live in modules of their own with ``add_parser(subparsers)`` and ``run(args) ->
int``; only the one that is asked for is imported, so ``c2a --help`` is quick and ``c2a doctor``
runs where the simulator does not.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Sequence

DESCRIPTION = (
    'From code to action on ROS 2: robots that write the code of their next move, then move.'
)

# name -> (module, one line of help)
COMMANDS: dict[str, tuple[str, str]] = {
    'demo': ('c2a_training.demo', 'three tasks through the real ROS 2 nodes, with videos'),
    'bringup': ('c2a_training.bringup', 'start bridge, planner and controller; takes name:=value'),
    'oracle': (
        'c2a_training.oracle_command',
        'run the scripted oracle and print its success table',
    ),
    'doctor': ('c2a_training.doctor', 'check this machine: ROS, DDS, renderer, versions, disk'),
}


def make_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Parser of the command line.

    Args:
        command: the subcommand whose arguments are wanted; the others get their one line of help
            only.
    """
    parser = argparse.ArgumentParser(
        prog='c2a',
        description=DESCRIPTION,
        epilog='c2a COMMAND --help shows the arguments of a command. '
        'Through the script ./c2a there are also: test (all tests), '
        'shell (a shell with the environment).',
    )
    subparsers = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    for name, (module, help_line) in COMMANDS.items():
        if name == command:
            importlib.import_module(module).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=help_line)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = words[0] if words else None
    if command is not None and not command.startswith('-') and command not in COMMANDS:
        close = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = f': did you mean {close[0]}?' if close else ''
        print(
            f'c2a: no command {command!r}{hint} Commands: {", ".join(COMMANDS)}', file=sys.stderr
        )
        return 2
    if not words:
        make_parser().print_help()
        return 0
    args = make_parser(command).parse_args(words)
    try:
        return int(importlib.import_module(COMMANDS[args.command][0]).run(args))
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())
