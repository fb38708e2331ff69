# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the bridge node; names equal the launch arguments where there is one."""

from __future__ import annotations

from dataclasses import dataclass

from c2a_core.params import param


@dataclass(frozen=True)
class SimBridgeParams:
    """Everything that can be set at the bridge."""

    backend: str = param(
        'maniskill',
        'Robot side: maniskill; clevrskills and arm are to come.',
        choices=('maniskill', 'clevrskills', 'arm'),
    )
    task: str = param(
        'PlaceNextTo', 'Task of the episodes; several, separated by commas, take turns.'
    )
    seed: int = param(
        0, 'Seed of the first episode; the next ones count up.', lower=0, upper=2**31
    )
    episodes: int = param(
        0,
        'Episodes to run; 0: one after another; -1: none, wait for reset.',
        lower=-1,
        upper=10**6,
    )
    audience: str = param(
        '',
        'Names of further nodes, separated by commas, that must hear the observations before an '
        'episode begins: a recorder for instance.',
    )
    exit: bool = param(
        False, 'End after the last episode; exit code 0 only if all of them succeeded.'
    )
    stepping: str = param(
        'lockstep',
        'lockstep: the world waits for each command; realtime: it moves at the control rate.',
        choices=('lockstep', 'realtime'),
    )
    planner: str = param(
        'oracle',
        'Planner in use; the ground truth is published for the oracle.',
        choices=('oracle', 'vlm', 'openai', 'none'),
    )
    low_level: str = param(
        'oracle',
        'Who moves the arm: scripted skills, the policy or a recorded episode.',
        choices=('oracle', 'policy', 'replay'),
    )
    image_size: int = param(128, 'Side of both camera pictures [pixel].', lower=16, upper=2048)
    render: bool = param(True, 'Draw the camera pictures; false leaves them empty.')
    robot: str = param(
        'low_poly', 'Look of the simulated robot.', choices=('low_poly', 'detailed')
    )
    cameras: str = param(
        'framed',
        'Camera poses: framed on the workspace and the cups, or those of the original suite.',
        choices=('framed', 'original'),
    )
    split: str = param(
        'simple',
        'Objects of the simulated scenes: all pairs of colour and shape, or those of one split.',
        choices=('simple', 'train', 'test'),
    )
    overlay_size: int = param(
        512, 'Side of the picture part of the overlay [pixel].', lower=64, upper=2048
    )
    command_timeout_s: float = param(
        0.5,
        'realtime: without a command for so long the robot is stopped [s].',
        lower=0.05,
        upper=10.0,
    )
