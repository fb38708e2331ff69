# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the controller node; names equal the launch arguments where there is one."""

from __future__ import annotations

from dataclasses import dataclass

from c2a_core.params import param


@dataclass(frozen=True)
class ControllerParams:
    """Everything that can be set at the controller."""

    low_level: str = param(
        'oracle',
        'replay: send the actions of recorded episodes; oracle: be silent; policy is to come.',
        choices=('oracle', 'policy', 'replay'),
    )
    stepping: str = param(
        'lockstep',
        'lockstep: chunks are made in turn; realtime: in a thread, the last key step stands.',
        choices=('lockstep', 'realtime'),
    )
    replay_dir: str = param('', 'Directory of recorded episodes, for low_level replay.')
    on_new_key_step: str = param(
        'flush',
        'What a new key step does to the rest of the running chunk.',
        choices=('flush', 'blend', 'finish'),
    )
    exec_horizon: int = param(
        8, 'Actions executed of a chunk before a new one is made.', lower=1, upper=256
    )
    policy_delay_s: str = param(
        '0.0', 'Inference time charged to robot time in lockstep [s], or measured.'
    )
    autostart: bool = param(
        True, 'Configure and activate by itself; false leaves it to a lifecycle manager.'
    )
