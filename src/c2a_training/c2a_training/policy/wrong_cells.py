# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Code that names the right object in a wrong cell: a policy must find what is named.

In the data name and cell always agree, and the cell is the easier one to learn: a policy that saw
nothing else goes where the cell says, whatever the name. Objects are resolved by name, so the
actions stay right if a cell is not.
"""

from __future__ import annotations

import re

import numpy as np

from c2a_core.spaces import GRID_SIZE
from c2a_training.policy.row_labels import LabelText

_ACTOR = re.compile(r"get_actor\('[^']*', (\(\d, \d\))\)")
# Of the wrong cells, those with something in them: the others are easily seen to be wrong.
_COVERED_SHARE = 0.5


def with_wrong_cells(
    text: LabelText, covered: np.ndarray, rng: np.random.Generator, share: float
) -> LabelText:
    """Move actors to other cells, in code and cache info alike.

    Args:
        text: what a window is told.
        covered: (100,) bool, the base picture's cells that something covers, row by row.
        rng: of the window.
        share: chance of each actor.

    Returns:
        The text with these actors elsewhere.
    """
    code, cache_info = text
    actors = sorted({match.group() for match in _ACTOR.finditer(f'{code} {cache_info}')})
    for actor, draw in zip(actors, rng.random(len(actors)), strict=True):
        if draw < share:
            cell = _ACTOR.fullmatch(actor)[1]
            moved = actor.replace(cell, str(_draw(covered, rng)))
            code, cache_info = (part.replace(actor, moved) for part in (code, cache_info))
    return LabelText(code, cache_info)


def _draw(covered: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """A cell as (column, row)."""
    candidates = np.nonzero(covered)[0]
    if not len(candidates) or rng.random() >= _COVERED_SHARE:
        candidates = np.arange(GRID_SIZE**2)
    row, column = divmod(int(rng.choice(candidates)), GRID_SIZE)
    return column, row
