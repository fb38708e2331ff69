# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a data`: look at datasets, check them, and convert them to and from other formats."""

from __future__ import annotations

from c2a_training.command_group import CommandGroup

# name -> (module, one line of help)
COMMANDS: dict[str, tuple[str, str]] = {
    'info': ('c2a_training.commands.data_info', 'counts and statistics of each task'),
    'verify': (
        'c2a_training.commands.data_verify',
        'check every shard and episode; names what is wrong',
    ),
    'show': (
        'c2a_training.commands.data_show',
        'video, contact sheet and action plot of an episode',
    ),
    'merge': ('c2a_training.commands.data_merge', 'put several datasets into one'),
    'export': (
        'c2a_training.commands.data_export',
        'write LeRobotDataset v3, LLaVA-style JSON, or files for replay',
    ),
    'from-bag': (
        'c2a_training.commands.data_from_bag',
        'rosbags of recorded episodes to a dataset',
    ),
    'query': (
        'c2a_training.commands.data_query',
        'which code, chunk and checkpoints moved the arm when',
    ),
    'import-clevrskills': (
        'c2a_training.commands.data_import_clevrskills',
        'trajectories of the public ClevrSkills suite to a dataset',
    ),
}

GROUP = CommandGroup(
    prog='c2a data',
    description='Datasets of demonstrations: one directory of Parquet shards each, one row a '
    'control step.',
    epilog='c2a data COMMAND --help shows the arguments of a command.',
    commands=COMMANDS,
)
