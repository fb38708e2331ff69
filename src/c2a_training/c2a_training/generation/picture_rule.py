# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which rows of an episode get pictures: all of them, or those that a planner learns from.

Pictures are most of the time and nearly all of the bytes of a dataset. A planner learns at the
borders of key steps, and from a few rows in between; a policy needs every row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

ALL = 'all'
_KEY_STEPS = re.compile(r'key-steps:(\d{1,3})')
# Rows of a sub-task, to turn a wish for so many of them into a chance for each.
_TYPICAL_STEPS = 10


@dataclass(frozen=True)
class PictureRule:
    """Which rows get pictures.

    Attributes:
        per_sub_task: None for both pictures of all rows; else base pictures only, of the rows at
            borders and of about so many others in each sub-task.
    """

    per_sub_task: int | None = None

    def __str__(self) -> str:
        return ALL if self.takes_all else f'key-steps:{self.per_sub_task}'

    @property
    def takes_all(self) -> bool:
        """Both pictures of all rows."""
        return self.per_sub_task is None

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras whose pictures are taken."""
        return ('base', 'wrist') if self.takes_all else ('base',)

    def takes_by_chance(self, rng: np.random.Generator) -> bool:
        """Whether the next row gets a picture though it is at no border; asked once a row."""
        chance = float(rng.random())
        return self.takes_all or chance * _TYPICAL_STEPS < (self.per_sub_task or 0)


def parse_picture_rule(text: str) -> PictureRule:
    """Read ``all`` or ``key-steps:N``.

    Raises:
        ValueError: for anything else.
    """
    if text == ALL:
        return PictureRule()
    match = _KEY_STEPS.fullmatch(text)
    if match is None:
        raise ValueError(
            f'--pictures is {text!r}, expected all, or key-steps:N for base pictures at key steps '
            'and in about N more rows of each sub-task, such as key-steps:2'
        )
    return PictureRule(int(match[1]))
