# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the ground truth says to a planner that has a mind of its own.

The follower judges the world's state, so it is right after a wrong key step, too. But its text
was written when its key step began, and with its own poses in mind. Here it is put into the words
that the planner would have to write now.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from c2a_core.memory import KeyStepMemory
from c2a_core.skill_api import SkillCodeError, check_reads, parse_key_step
from c2a_training.rollout_rows import DONE_CODE

Scene = Sequence[tuple[str, tuple[int, int]]]

_REFERENCE = re.compile(r"get_actor\('([^']*)', \(\d, \d\)\)")


def planner_label(code: str, memory: Sequence[str], scene: Scene) -> str | None:
    """The follower's key step for a planner with this memory.

    Cells become those of the present picture. A key step that differs from the planner's last one
    in cells alone is that one: names decide, where they are unique in the scene.

    Args:
        code: what the follower says, empty before its first key step.
        memory: the planner's key steps so far, oldest first.
        scene: name and present cell (column, row) of each object.

    Returns:
        The label; None where the follower does not know: it has not begun, or its key step reads
        a pose that this planner never stored.
    """
    if not code or code == DONE_CODE:
        return code or None
    count = Counter(name for name, _ in scene)
    cells = {name: cell for name, cell in scene if count[name] == 1}
    label = _with_cells(code, cells)
    if memory and label == _with_cells(memory[-1], cells):
        return memory[-1]
    known = KeyStepMemory()
    for step in memory:
        if step != DONE_CODE:
            known.append(step)
    try:
        check_reads(parse_key_step(label), known.keys())
    except SkillCodeError:
        return None
    return label


def _with_cells(code: str, cells: dict[str, tuple[int, int]]) -> str:
    """A key step with these cells of the objects that it names."""

    def refer(match: re.Match[str]) -> str:
        if match[1] not in cells:
            return match[0]
        column, row = cells[match[1]]
        return f"get_actor('{match[1]}', ({column}, {row}))"

    return _REFERENCE.sub(refer, code)
