# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the planner node; names equal the launch arguments where there is one."""

from __future__ import annotations

from dataclasses import dataclass

from c2a_core.params import param


@dataclass(frozen=True)
class PlannerParams:
    """Everything that can be set at the planner."""

    planner: str = param(
        'oracle',
        'Who writes the key steps: oracle or none; vlm and openai are to come.',
        choices=('oracle', 'vlm', 'openai', 'none'),
    )
    low_level: str = param(
        'oracle',
        'Who moves the arm: with oracle the planner has each key step executed as a skill.',
        choices=('oracle', 'policy', 'replay'),
    )
    stepping: str = param(
        'lockstep',
        'lockstep: replies are made in turn; realtime: in a thread, the last key step stands.',
        choices=('lockstep', 'realtime'),
    )
    early_stop_chars: int = param(
        0,
        'Characters of a reply after which it is known to repeat the last key step; 0 is off.',
        lower=0,
        upper=4000,
    )
    planner_delay_s: str = param(
        '0.0', 'Inference time charged to robot time in lockstep [s], or measured.'
    )
    autostart: bool = param(
        True, 'Configure and activate by itself; false leaves it to a lifecycle manager.'
    )
