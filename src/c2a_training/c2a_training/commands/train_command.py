# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a train`: the learned models."""

from __future__ import annotations

from c2a_training.command_group import CommandGroup

# name -> (module, one line of help)
COMMANDS: dict[str, tuple[str, str]] = {
    'planner': (
        'c2a_training.commands.train_planner_command',
        'the code-generating model of the planner, from demonstrations',
    ),
    'policy': (
        'c2a_training.commands.train_policy_command',
        'the diffusion policy of the controller, from demonstrations',
    ),
}

GROUP = CommandGroup(
    prog='c2a train',
    description='Training of the learned models, from datasets of `c2a generate`.',
    epilog='c2a train COMMAND --help shows the arguments of a command.',
    commands=COMMANDS,
)
