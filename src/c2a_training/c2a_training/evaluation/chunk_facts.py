# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What is kept of an episode's action chunks, and what a cell of the results says about them.

Counts and steps only, which repeat: wall times are in the record's `wall`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from c2a_controller.chunk_metrics import ChunkMetrics
from c2a_training.statistics import percentile

# A hundredth of a millimetre, and of a millimetre a second: what is below says nothing.
_POSITION_DIGITS, _VELOCITY_DIGITS = 5, 5


@dataclass(frozen=True)
class ChunkFacts:
    """The chunks of one episode.

    Attributes:
        chunks: that were accepted.
        preemptions: that were dropped because a new key step began.
        discarded: actions that were predicted and never executed.
        holds: commands that kept the robot where it is, by why.
        refused: chunks that were refused, by why.
        reaction_steps: control steps from each key step to the first action made for it.
        position_jumps_m: at each border of chunks, how far the new chunk's action is from what the
            old one had for that step [m]; only where it had something.
        velocity_jumps_mps: at each border, the change of commanded velocity [m/s].
    """

    chunks: int = 0
    preemptions: int = 0
    discarded: int = 0
    holds: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    reaction_steps: tuple[int, ...] = ()
    position_jumps_m: tuple[float, ...] = ()
    velocity_jumps_mps: tuple[float, ...] = ()


def chunk_facts(metrics: ChunkMetrics) -> ChunkFacts:
    """The facts of the episode that has just ended."""
    jumps = [seam.position_jump_m for seam in metrics.seams]
    return ChunkFacts(
        chunks=metrics.chunks,
        preemptions=metrics.preemptions,
        discarded=metrics.discarded,
        holds=dict(sorted(metrics.holds.items())),
        refused=dict(sorted(metrics.refused.items())),
        reaction_steps=tuple(reaction.steps for reaction in metrics.reactions),
        position_jumps_m=tuple(round(m, _POSITION_DIGITS) for m in jumps if not np.isnan(m)),
        velocity_jumps_mps=tuple(
            round(seam.velocity_jump_mps, _VELOCITY_DIGITS) for seam in metrics.seams
        ),
    )


def facts_from_json(value: Mapping[str, object] | None) -> ChunkFacts | None:
    """The facts again, after JSON made lists of tuples.

    Raises:
        TypeError: for unknown names.
    """
    if value is None:
        return None
    return ChunkFacts(**{k: tuple(v) if isinstance(v, list) else v for k, v in value.items()})


def summarize(facts: Sequence[ChunkFacts]) -> dict[str, object]:
    """The chunks of a cell's episodes, as JSON values."""
    return {
        'chunks': sum(entry.chunks for entry in facts),
        'preemptions': sum(entry.preemptions for entry in facts),
        'discarded_actions': sum(entry.discarded for entry in facts),
        'holds': _sum(entry.holds for entry in facts),
        'refused': _sum(entry.refused for entry in facts),
        'key_step_to_action_steps': _spread(
            [steps for entry in facts for steps in entry.reaction_steps]
        ),
        'seam_jump_m': _spread([jump for entry in facts for jump in entry.position_jumps_m]),
        'seam_jump_mps': _spread([jump for entry in facts for jump in entry.velocity_jumps_mps]),
    }


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items()))


def _spread(values: Sequence[float]) -> dict[str, float | int | None]:
    return {
        'n': len(values),
        'median': _rounded(percentile(values, 50)),
        'p95': _rounded(percentile(values, 95)),
        'max': max(values, default=None),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _POSITION_DIGITS)
