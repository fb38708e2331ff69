# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How a key step differs from the ground truth: rules on text and cells, no simulator.

Compared are the calls, not the cells: a cell that is off does no harm as long as it still leads
to the right object (semantics 5).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from c2a_core.skill_api import ActorRef, SkillCodeError, parse_key_step
from c2a_training.evaluation.episode_record import Cell, NamedObject

WRONG_OBJECT = 'wrong object'
WRONG_SKILL = 'wrong skill'
EARLY_DONE = 'early done'

# What the follower says may come a little later than the planner sees it: an object that was let
# go has to settle first. Half a second, the time in which `done()` may become true as well.
LATE_STEPS = 10

Scene = Sequence[tuple[str, Cell]]
"""Name and cell of each object."""

_ACTOR = re.compile(r"get_actor\('[^']*', \(\d+, \d+\)\)")


def find_deviation(said: str, truths: Iterable[str], scene: Scene) -> str:
    """How a key step differs from what the ground-truth follower said.

    Args:
        said: canonical text of the planner's key step.
        truths: the follower's key steps: at the planner's observation first, then those that it
            came to within `LATE_STEPS`. The planner may agree with any of them.
        scene: the objects at the planner's observation.

    Returns:
        `EARLY_DONE`, `WRONG_SKILL`, `WRONG_OBJECT`, or nothing. Of several truths the nearest
        one counts: a wrong object is nearer than a wrong skill.
    """
    found = [_compare(said, truth, scene) for truth in truths]
    for kind in ('', WRONG_OBJECT, EARLY_DONE):
        if kind in found:
            return kind
    return WRONG_SKILL if found else ''


def named_objects(text: str, scene: Scene) -> tuple[NamedObject, ...]:
    """The objects that a key step names, each once, with their true cells."""
    try:
        actors = dict.fromkeys(parse_key_step(text).actors())
    except SkillCodeError:
        return ()
    named = []
    for actor in actors:
        index = resolve(actor, scene)
        named.append(
            NamedObject(actor.name, actor.cell, None if index is None else scene[index][1])
        )
    return tuple(named)


def resolve(actor: ActorRef, scene: Scene) -> int | None:
    """Index of the object that `get_actor` means: of its name, the nearest to its cell."""
    matches = [index for index, (name, _) in enumerate(scene) if name == actor.name]
    return min(matches, key=lambda index: math.dist(scene[index][1], actor.cell), default=None)


def without_objects(text: str) -> str:
    """A canonical key step with its objects blanked: its function and all other arguments."""
    return _ACTOR.sub('get_actor(…)', text)


def _compare(said: str, truth: str, scene: Scene) -> str:
    if said == truth:
        return ''
    if said == 'done()':
        return EARLY_DONE
    if without_objects(said) != without_objects(truth):
        return WRONG_SKILL
    pairs = zip(parse_key_step(said).actors(), parse_key_step(truth).actors(), strict=True)
    for ours, theirs in pairs:
        if ours.name != theirs.name or resolve(ours, scene) != resolve(theirs, scene):
            return WRONG_OBJECT
    return ''
