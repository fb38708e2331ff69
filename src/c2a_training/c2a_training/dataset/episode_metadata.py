# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a dataset says about an episode without its rows."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields

import numpy as np

from c2a_core.types import FloatArray

SOURCES = ('generate', 'bag', 'clevrskills')


@dataclass(frozen=True)
class EpisodeMetadata:
    """What a dataset says about an episode without its rows.

    Attributes:
        episode: unique name in a dataset, see `episode_name`.
        task: task name.
        seed: seed of the scene.
        split: which objects the scene was drawn from.
        instruction: the task in words.
        success: the predicates held at the end.
        n_steps: actions T; the episode has T+1 rows.
        skill_calls: key steps without the closing ``done()``.
        source: one of `SOURCES`.
        backend: the simulator or robot that made it.
        state_digest: digest of the simulator's last state, empty if unknown.
        sha256: hash of proprioception and actions alone: equal for equal motions, whatever the
            pictures.
        content_sha256: hash of everything in the rows.
    """

    episode: str
    task: str
    seed: int
    split: str
    instruction: str
    success: bool
    n_steps: int
    skill_calls: int
    source: str
    backend: str
    state_digest: str
    sha256: str
    content_sha256: str

    @property
    def n_rows(self) -> int:
        """Observations: one more than actions."""
        return self.n_steps + 1

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> EpisodeMetadata:
        """From JSON; refuses missing or unknown fields."""
        names = {field.name for field in fields(cls)}
        if set(values) != names:
            wrong = ', '.join(sorted(set(values) ^ names))
            raise ValueError(f'metadata of an episode differs in {wrong}: made by another version')
        return cls(**values)  # type: ignore[arg-type]


def episode_name(task: str, seed: int, split: str = 'simple') -> str:
    """Unique name of an episode in a dataset."""
    return f'{task}-{seed}' if split == 'simple' else f'{task}-{seed}-{split}'


def motion_sha256(states: FloatArray, actions: FloatArray) -> str:
    """Hash of proprioception (N, 24) and actions (T, 7)."""
    sha = hashlib.sha256(np.ascontiguousarray(states, '<f4').tobytes())
    sha.update(np.ascontiguousarray(actions, '<f4').tobytes())
    return sha.hexdigest()
