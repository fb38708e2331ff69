# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a evaluate`: how good planner and low level are, together and apart."""

from __future__ import annotations

from c2a_training.command_group import CommandGroup

# name -> (module, one line of help)
COMMANDS: dict[str, tuple[str, str]] = {
    'run': (
        'c2a_training.commands.evaluate_run',
        'closed loop: success of tasks over seeds; the word run may be left out',
    ),
    'study': (
        'c2a_training.commands.evaluate_study',
        'several runs that answer one question, compared episode by episode',
    ),
    'planner': (
        'c2a_training.commands.evaluate_planner',
        'the planner alone, on the rows of a dataset',
    ),
    'compare': (
        'c2a_training.commands.evaluate_compare',
        'several results and the published ones side by side',
    ),
}

GROUP = CommandGroup(
    prog='c2a evaluate',
    description='How good planner and low level are, together and apart.',
    epilog='c2a evaluate COMMAND --help shows the arguments of a command. `c2a evaluate --planner '
    '...` is `c2a evaluate run --planner ...`.',
    commands=COMMANDS,
    default='run',
)
