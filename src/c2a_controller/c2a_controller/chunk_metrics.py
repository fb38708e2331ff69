# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the chunk executor measures about itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from c2a_core.spaces import MOTION, TRANSLATION
from c2a_core.types import FloatArray


@dataclass(frozen=True)
class Reaction:
    """From a new key step to the first action of a chunk made for it.

    Attributes:
        subtask_id: the key step.
        steps: control steps.
        wall_ms: wall time [ms].
    """

    subtask_id: int
    steps: int
    wall_ms: float


@dataclass(frozen=True)
class Seam:
    """How far an action jumps at a chunk border; in frame 'ee', translation only.

    Attributes:
        step: control step of the first action of the new chunk.
        position_jump_m: distance between this action and what the old chunk had for this step [m];
            nan where it had none.
        velocity_jump_mps: change of commanded velocity from the action before [m/s].
    """

    step: int
    position_jump_m: float
    velocity_jump_mps: float


@dataclass
class ChunkMetrics:
    """Counters and lists of one episode.

    Attributes:
        chunks: chunks that were accepted.
        preemptions: chunks that were dropped because a new key step began.
        discarded: actions that were predicted and never executed.
        holds: commands that kept the robot where it is, by why.
        refused: chunks that were refused, by why.
        reactions: one for each key step that was acted on.
        seams: one for each chunk border.
        latencies_s: time that each accepted chunk took [s].
    """

    chunks: int = 0
    preemptions: int = 0
    discarded: int = 0
    holds: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    reactions: list[Reaction] = field(default_factory=list)
    seams: list[Seam] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, str]:
        """One line each, for diagnostics and logs."""
        steps = [reaction.steps for reaction in self.reactions]
        wall_ms = [reaction.wall_ms for reaction in self.reactions]
        position = [s.position_jump_m for s in self.seams if not np.isnan(s.position_jump_m)]
        velocity = [seam.velocity_jump_mps for seam in self.seams]
        latency_ms = [1000.0 * latency for latency in self.latencies_s]
        return {
            'chunks': str(self.chunks),
            'chunk latency, median [ms]': _median(latency_ms),
            'chunk latency, 99th percentile [ms]': _percentile_99(latency_ms),
            'preemptions': str(self.preemptions),
            'discarded actions': str(self.discarded),
            'holds': _counts(self.holds),
            'refused chunks': _counts(self.refused),
            'key step to first action, median [steps]': _median(steps),
            'key step to first action, median [ms]': _median(wall_ms),
            'seam jump, largest [m]': _largest(position),
            'seam jump, largest [m/s]': _largest(velocity),
        }


def make_seam(
    step: int,
    action: FloatArray,
    planned: FloatArray | None,
    previous: FloatArray | None,
    control_dt: float,
) -> Seam:
    """Measure one chunk border.

    Args:
        step: control step of the new chunk's first action.
        action: that action (7,).
        planned: what the old chunk had for this step (7,), None where it had nothing.
        previous: the action of the step before (7,), None where there was none.
        control_dt: control period [s].
    """
    position = np.nan
    if planned is not None:
        position = float(np.linalg.norm(action[TRANSLATION] - planned[TRANSLATION]))
    before = np.zeros_like(action[MOTION]) if previous is None else previous[MOTION]
    change = action[MOTION] - before
    return Seam(step, position, float(np.linalg.norm(change[TRANSLATION])) / control_dt)


def _counts(counter: Counter[str]) -> str:
    return ', '.join(f'{why}: {n}' for why, n in sorted(counter.items())) or '0'


def _median(values: list[int] | list[float]) -> str:
    return f'{float(np.median(values)):.3g}' if values else '-'


def _percentile_99(values: list[float]) -> str:
    return f'{float(np.percentile(values, 99)):.3g}' if values else '-'


def _largest(values: list[float]) -> str:
    return f'{max(values):.3g}' if values else '-'
