# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Names of tasks as text: `Swap`, or a variant such as `Rotate:num_actors=3,restore=true`.

What they mean is the simulator's business (`c2a_sim_bridge.sim.tasks.registry`).
"""

from __future__ import annotations

import re

# A comma separates names, but within a variant its arguments.
_BETWEEN_NAMES = re.compile(r',(?!\s*\w+=)')
_NOT_FOR_FILES = re.compile(r'[^A-Za-z0-9_.=-]+')


def split_task_names(text: str) -> list[str]:
    """The names in a comma separated list.

    >>> split_task_names('Swap, Rotate:num_actors=3,restore=true')
    ['Swap', 'Rotate:num_actors=3,restore=true']
    """
    return [name.strip() for name in _BETWEEN_NAMES.split(text) if name.strip()]


def task_file_stem(name: str) -> str:
    """The name as a part of file names on any system.

    >>> task_file_stem('Rotate:num_actors=3,restore=true')
    'Rotate-num_actors=3-restore=true'
    """
    return _NOT_FOR_FILES.sub('-', name)
