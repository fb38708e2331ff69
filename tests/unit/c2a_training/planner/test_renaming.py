# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import numpy as np

from c2a_sim_bridge.sim.object_pool import HELD_OUT
from c2a_sim_bridge.sim.objects import COLORS, SHAPES
from c2a_training.planner.renaming import rename

TEXTS = (
    'A triangle is a wug. Put the wug on the red cube, not on the cylinders',
    "pick(actor=get_actor('red cube', (3, 5)))",
    'done()',
)
WORDS = re.compile(r'red|cube|triangle|cylinder')


def draws(count=200):
    rng = np.random.default_rng(0)
    return [rename(TEXTS, rng) for _ in range(count)]


def test_names_change_alike_in_all_texts_and_nothing_else_does():
    names = set()
    for sentence, step, end in draws():
        color, noun = re.fullmatch(
            r"pick\(actor=get_actor\('(\w+) (\w+)', \(3, 5\)\)\)", step
        ).groups()
        names.add((color, noun))
        thing, others = re.fullmatch(
            rf'A (\w+) is a wug. Put the wug on the {color} {noun}, not on the (\w+)s', sentence
        ).groups()
        assert len({thing, others, noun}) == 3
        assert end == 'done()'
    assert len(names) > 40


def test_all_names_come_up_and_some_of_no_scene():
    names = [tuple(step.split("'")[1].split()) for _, step, _ in draws(400)]
    assert set(names) > HELD_OUT
    known = [color in COLORS and noun in SHAPES for color, noun in names]
    assert 0 < sum(known) < len(known)
