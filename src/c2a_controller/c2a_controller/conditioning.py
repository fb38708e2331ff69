# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a policy listens: does another object in the code lead to another chunk?

Both chunks of a case are made from the same observation and the same noise, so whatever differs
comes from the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from c2a_controller.policy import Policy
from c2a_core.skill_api import ActorRef, parse_key_step, walk
from c2a_core.spaces import TRANSLATION
from c2a_core.types import FloatArray, KeyStep, Observation

CHANGE_M = 0.005
"""Half the size of the suction cup's lip: nearer paths grasp the same thing."""


@dataclass(frozen=True)
class Case:
    """One observation and two key steps.

    Attributes:
        observation: what is seen.
        key_step: what was said.
        other: what could have been said.
    """

    observation: Observation
    key_step: KeyStep
    other: KeyStep


@dataclass(frozen=True)
class Conditioning:
    """Outcome of some cases.

    Attributes:
        distances_m: largest distance between the paths of each case's two chunks [m].
    """

    distances_m: tuple[float, ...]

    @property
    def changed(self) -> float:
        """Share of the cases whose chunk changed by `CHANGE_M` or more; nan without cases."""
        return (
            float(np.mean(np.array(self.distances_m) >= CHANGE_M)) if self.distances_m else np.nan
        )


def measure_conditioning(policy: Policy, cases: Iterable[Case]) -> Conditioning:
    """Make both chunks of each case, with the same noise.

    Args:
        policy: the policy; episodes are begun on it.
        cases: what to compare.
    """
    distances = []
    for number, case in enumerate(cases):
        chunks = []
        for key_step in (case.key_step, case.other):
            policy.begin_episode('conditioning', number)
            chunks.append(policy.predict_action_chunk(case.observation, key_step))
        distances.append(path_distance(*chunks))
    return Conditioning(tuple(distances))


def path_distance(one: FloatArray, other: FloatArray) -> float:
    """Largest distance [m] between the paths of two chunks (Tp, 7), their rotations left out."""
    paths = [np.cumsum(chunk[:, TRANSLATION], 0) for chunk in (one, other)]
    return float(np.linalg.norm(paths[0] - paths[1], axis=1).max())


def actors(key_step: KeyStep) -> tuple[ActorRef, ...]:
    """Objects that the call of a key step names, in the order of the text.

    Raises:
        SkillCodeError: if its code is none.
    """
    call = parse_key_step(key_step.code).call
    return tuple(part for part in walk(call) if isinstance(part, ActorRef))


def with_other_actor(
    key_step: KeyStep, old: ActorRef, name: str, cell: Sequence[int] | None = None
) -> KeyStep:
    """A key step that names another object wherever it named one.

    Args:
        key_step: the key step; its code and its cache info are changed.
        old: the object as it is named there.
        name: of the other object.
        cell: of the other object; none keeps the cell, so that only the words differ.
    """
    cell = old.cell if cell is None else (int(cell[0]), int(cell[1]))
    before, after = (ActorRef(*one).render() for one in ((old.name, old.cell), (name, cell)))
    return replace(
        key_step,
        code=key_step.code.replace(before, after),
        cache_info=key_step.cache_info.replace(before, after),
    )
