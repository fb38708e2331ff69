# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a`: the command line of the project.

Subcommands live in modules of their own with ``add_parser(subparsers)`` and ``run(args) ->
int``, or with a ``GROUP`` of subcommands; only the one that is asked for is imported, so
``c2a --help`` is quick and ``c2a doctor`` runs where the simulator does not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from c2a_training.command_group import CommandGroup, say_file_error

DESCRIPTION = (
    'From code to action on ROS 2: robots that write the code of their next move, then move.'
)
EPILOG = """\
c2a COMMAND --help shows the arguments of a command. Through the script ./c2a there are
also: test (all tests), shell (a shell with the environment)."""

# name -> (module, one line of help)
COMMANDS: dict[str, tuple[str, str]] = {
    'demo': (
        'c2a_training.commands.demo',
        'three tasks through the real ROS 2 nodes, with videos',
    ),
    'bringup': (
        'c2a_training.commands.bringup',
        'start bridge, planner and controller; takes name:=value',
    ),
    'oracle': (
        'c2a_training.commands.oracle_command',
        'run the scripted oracle and print its success table',
    ),
    'generate': (
        'c2a_training.commands.generate_command',
        'let the oracle demonstrate tasks and keep its episodes as a dataset',
    ),
    'relabel': (
        'c2a_training.commands.relabel_command',
        'let a trained planner write the code labels of a dataset',
    ),
    'evaluate': (
        'c2a_training.commands.evaluate_command',
        'success of planner and low level over seeds, and of the planner alone',
    ),
    'train': (
        'c2a_training.commands.train_command',
        'train the learned models',
    ),
    'data': (
        'c2a_training.commands.data_command',
        'look at datasets, check, export and import them',
    ),
    'replay': (
        'c2a_training.commands.replay_command',
        'play a recorded bag, or its actions in the simulator',
    ),
    'doctor': (
        'c2a_training.commands.doctor',
        'check this machine: ROS, DDS, renderer, versions, disk',
    ),
}

GROUP = CommandGroup('c2a', DESCRIPTION, EPILOG, COMMANDS)


def make_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Parser of the command line, with the arguments of one plain command."""
    return GROUP.make_parser(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; its exit code."""
    try:
        return GROUP.main(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        return 130
    except OSError as err:
        if err.filename is None:
            raise
        sys.stderr.write(f'error: {say_file_error(err)}\n')
        return 1


if __name__ == '__main__':
    sys.exit(main())
