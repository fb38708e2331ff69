# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The seat of the planner's model: text in, text out.

A backend knows nothing about episodes, ids and messages; `planner.py` judges its replies. The
learned models take this seat without a change to anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from c2a_core.types import Observation

AVAILABLE = ('oracle', 'none')
PLANNED = ('vlm', 'openai')


@dataclass(frozen=True)
class Reply:
    """What a backend wrote about one observation.

    Attributes:
        text: a key step, or the last key step with `# ` before each line.
        early_stopped: writing stopped as soon as the text was seen to repeat the last key step.
        latency_s: time it took [s].
    """

    text: str
    early_stopped: bool = False
    latency_s: float = 0.0


class PlannerBackend(Protocol):
    """Writes one reply per observation.

    Attributes:
        name: goes into messages where there is no checkpoint.
        checkpoint: hash of the checkpoint, or the name where it has none.
        writes_code: replies are code; False: the instruction stands in for code, nothing is asked.
        is_instant: a reply takes no time worth a thread.
    """

    name: str
    checkpoint: str
    writes_code: bool
    is_instant: bool

    def reply(
        self,
        observation: Observation,
        instruction: str,
        memory: tuple[str, ...],
        request_key_step: bool,
        oracle_code: str | None,
    ) -> Reply:
        """Answer one observation.

        Args:
            observation: the newest observation.
            instruction: what the robot is asked to do.
            memory: key steps so far, oldest first.
            request_key_step: ask for the next key step directly; a commented reply is invalid.
            oracle_code: ground truth code at this observation, where there is a simulator.
        """


def make_backend(name: str) -> PlannerBackend:
    """Build a backend by the name used in parameters and launch arguments.

    Raises:
        ValueError: for a name that is unknown or not there yet.
    """
    # Imported here: a learned backend must not cost the others its imports.
    if name == 'oracle':
        from c2a_planner.oracle_backend import OracleBackend

        return OracleBackend()
    if name == 'none':
        from c2a_planner.none_backend import NoneBackend

        return NoneBackend()
    if name in PLANNED:
        raise ValueError(
            f"planner '{name}' is not there yet: learned planners come with a later version, "
            'use planner:=oracle'
        )
    raise ValueError(
        f"there is no planner '{name}': choose one of {', '.join(AVAILABLE + PLANNED)}"
    )
