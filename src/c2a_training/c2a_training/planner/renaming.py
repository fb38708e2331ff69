# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Other names for the objects of a text: what must be copied cannot be learned by heart.

A language model that only ever reads of the names that training scenes have learns which shape
goes with which colour, and names those when it is asked for others. Without a picture any name
is as true as another: instruction, memory and reply are renamed alike, so that the only way to
the right name is to read it. Every colour comes with every shape, also where the pictures of a
split never show them together: what is held out is a look, the words are free.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from c2a_sim_bridge.sim.objects import COLORS, SHAPES

# Words of no scene.
OTHER_COLORS = ('pink', 'brown', 'golden', 'silver', 'shiny', 'dark', 'wooden', 'spotted')
OTHER_NOUNS = ('ring', 'star', 'cone', 'ball', 'box', 'mug', 'bottle', 'pyramid')
# How often words of no scene are among the new ones.
_OTHER_SHARE = 0.3

_COLOR = re.compile(rf'\b({"|".join(COLORS)})\b')
_NOUN = re.compile(rf'\b({"|".join(SHAPES)})(?=s?\b)')


def rename(texts: Sequence[str], rng: np.random.Generator) -> list[str]:
    """The texts with other colours and shapes, the same ones in all of them.

    Args:
        texts: instruction, key steps, replies.
        rng: chooses the words.
    """
    with_others = rng.random() < _OTHER_SHARE
    colors = (*COLORS, *OTHER_COLORS) if with_others else tuple(COLORS)
    nouns = (*SHAPES, *OTHER_NOUNS) if with_others else tuple(SHAPES)
    color_of = dict(zip(COLORS, rng.permutation(colors).tolist(), strict=False))
    noun_of = dict(zip(SHAPES, rng.permutation(nouns).tolist(), strict=False))
    return [_replace(_NOUN, noun_of, _replace(_COLOR, color_of, text)) for text in texts]


def _replace(pattern: re.Pattern[str], word_of: Mapping[str, str], text: str) -> str:
    return pattern.sub(lambda match: word_of[match[0]], text)
