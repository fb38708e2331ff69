# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which objects a scene may contain: the splits of colours and shapes.

`simple` has all 32 combinations. `train` and `test` share them out: every colour and every shape
occurs in both, but eight combinations (one shape of each colour, two colours of each shape) are
kept for `test`. So a model that was trained on `train` knows the words of every test scene, and
has never seen its objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from c2a_sim_bridge.sim.objects import COLORS, SHAPES

_COLOR_NAMES = tuple(COLORS)
_MAX_DRAWS = 500

HELD_OUT = frozenset(
    (color, SHAPES[index % len(SHAPES)]) for index, color in enumerate(_COLOR_NAMES)
)
"""(colour, shape) of the objects that only test scenes have."""


@dataclass(frozen=True)
class ObjectPool:
    """A set of looks to draw from.

    Attributes:
        name: the split's name.
        looks: the (colour, shape) pairs there are.
    """

    name: str
    looks: frozenset[tuple[str, str]]

    def draw(
        self, rng: np.random.Generator, count: int, shapes: Sequence[str] | None = None
    ) -> list[tuple[str, str]]:
        """Draw `count` (colour, shape) pairs, no colour twice, shapes freely.

        Args:
            rng: the episode's generator.
            count: how many, at most eight.
            shapes: one per object where the task prescribes them. Where the pool has not enough
                colours for them, as few pairs as possible are from outside the pool.
        """
        if count > len(_COLOR_NAMES):
            raise ValueError(f'a scene has {len(_COLOR_NAMES)} colours, got {count} objects')
        if len(self.looks) == len(_COLOR_NAMES) * len(SHAPES):
            colors = [str(color) for color in rng.permutation(_COLOR_NAMES)[:count]]
            if shapes is None:
                shapes = [str(shape) for shape in rng.choice(SHAPES, size=count)]
            return list(zip(colors, shapes, strict=True))
        if shapes is None:
            colors = [str(color) for color in rng.permutation(_COLOR_NAMES)[:count]]
            return [(color, self.draw_shape(rng, color)) for color in colors]
        return self._draw_colors(rng, shapes)

    def draw_shape(self, rng: np.random.Generator, color: str) -> str:
        """A shape for an object of the colour."""
        shapes = [shape for shape in SHAPES if (color, shape) in self.looks]
        return shapes[int(rng.integers(len(shapes)))]

    def draw_color(self, rng: np.random.Generator, shape: str) -> str:
        """A colour for an object of the shape."""
        colors = [color for color in _COLOR_NAMES if (color, shape) in self.looks]
        return colors[int(rng.integers(len(colors)))]

    def _draw_colors(
        self, rng: np.random.Generator, shapes: Sequence[str]
    ) -> list[tuple[str, str]]:
        best: list[tuple[str, str]] = []
        best_count = -1
        for _ in range(_MAX_DRAWS):
            colors = rng.permutation(_COLOR_NAMES)[: len(shapes)]
            looks = [(str(color), shape) for color, shape in zip(colors, shapes, strict=True)]
            in_pool = sum(look in self.looks for look in looks)
            if in_pool > best_count:
                best, best_count = looks, in_pool
            if in_pool == len(looks):
                break
        return best


_ALL = frozenset((color, shape) for color in _COLOR_NAMES for shape in SHAPES)

SIMPLE = ObjectPool('simple', _ALL)
TRAIN = ObjectPool('train', _ALL - HELD_OUT)
TEST = ObjectPool('test', HELD_OUT)

POOLS = {pool.name: pool for pool in (SIMPLE, TRAIN, TEST)}
"""Split name to pool; `simple` is the paper's (appendix E.1)."""
