# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for key steps, made from the tables: a new form is tested at once."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st

from c2a_core.skill_api import ActorRef, KeyStepCode, PoseCall, PoseField, PoseRead, SkillCall
from c2a_core.skill_signatures import (
    DESCRIPTIONS,
    MAX_DEGREES,
    MAX_NAME_LENGTH,
    POSE_FUNCTIONS,
    SKILLS,
    Kind,
)

# The same examples on every machine and every run.
PROPERTY = settings(max_examples=150, deadline=None, derandomize=True, database=None)

_plain = st.sampled_from(
    ['red cube', 'blue cylinder', 'target', 'free', 'start_a', '# x', 'done()', 'a=b, c']
)
_any_text = st.text(min_size=1, max_size=MAX_NAME_LENGTH).filter(
    lambda s: s.isprintable() and s == s.strip() and not set(s) & set('\'"\\[]')
)
names = _plain | _any_text
cells = st.tuples(st.integers(0, 9), st.integers(0, 9))
actors = st.builds(ActorRef, names, cells)
reads = st.builds(PoseRead, names)
angles = st.floats(-math.pi, math.pi)
directions = st.builds(
    lambda yaw, pitch: (
        math.cos(yaw) * math.cos(pitch),
        math.sin(yaw) * math.cos(pitch),
        math.sin(pitch),
    ),
    angles,
    angles,
)


def _values(kind: str, depth: int) -> st.SearchStrategy:
    """What an argument of a kind may hold; `depth` calls that give poses may be nested in it."""
    return {
        Kind.ACTOR: actors,
        Kind.POSE: poses(depth),
        Kind.POSITION: st.builds(PoseField, poses(depth), st.just('p')),
        Kind.ORIENTATION: st.builds(PoseField, poses(depth), st.just('q')),
        Kind.DIRECTION: directions,
        Kind.DESCRIPTION: st.sampled_from(DESCRIPTIONS),
        Kind.DEGREES: st.floats(-MAX_DEGREES, MAX_DEGREES) | st.integers(-360, 360),
        Kind.FLAG: st.just(True),
    }[kind]


def _calls(table: dict, build: type, depth: int) -> st.SearchStrategy:
    forms = [(function, form) for function, forms in table.items() for form in forms]
    return st.one_of(*(_call(function, form, build, depth) for function, form in forms))


def _call(function: str, form: object, build: type, depth: int) -> st.SearchStrategy:
    values = {p.name: _values(p.kind, depth) for p in form.parameters if p.is_required}
    optional = {p.name: _values(p.kind, depth) for p in form.parameters if not p.is_required}
    arguments = st.fixed_dictionaries(values, optional=optional)
    return arguments.map(lambda given: build(function, tuple(given.items())))


def poses(depth: int = 2) -> st.SearchStrategy:
    if depth == 0:
        return reads
    return reads | st.deferred(lambda: _calls(POSE_FUNCTIONS, PoseCall, depth - 1))


skill_calls = _calls(SKILLS, SkillCall, 2)
key_steps = st.builds(
    KeyStepCode, st.lists(st.tuples(names, poses()), max_size=3).map(tuple), skill_calls
)
