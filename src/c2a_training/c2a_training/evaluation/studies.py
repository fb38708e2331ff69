# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Questions that take several evaluations to answer: which runs, on which tasks.

A study's first run is what the others are compared with, episode by episode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FLAT = 'flat'
"""Title of the run that needs a policy of its own."""

_TABLE_1 = ('table1',)
_PREEMPTED = ('PlaceNextTo', 'PlaceOnTop', 'SingleStack')
_THREE = ('PlaceNextTo', 'PlaceOnTop', 'Push')
_LEARNED = ('--planner', 'vlm', '--low-level', 'policy')
_DELAYS_S = (0.05, 0.1, 0.2, 0.4)


@dataclass(frozen=True)
class Study:
    """Several runs of `c2a evaluate run`.

    Attributes:
        question: what it answers.
        tasks: names or lists of tasks.
        runs: title of a run -> its arguments, checkpoints, tasks and seeds aside.
    """

    question: str
    tasks: tuple[str, ...]
    runs: Mapping[str, tuple[str, ...]]


def _delays() -> dict[str, tuple[str, ...]]:
    runs = {'no delay': _LEARNED}
    for who in ('planner', 'policy'):
        for delay in _DELAYS_S:
            title = f'{who} {1e3 * delay:.0f} ms'
            runs[title] = (*_LEARNED, f'--{who}-delay-s', str(delay))
    return runs


STUDIES: dict[str, Study] = {
    'cells': Study(
        'What do planner and policy each cost, and what does the planner bring?',
        _TABLE_1,
        {
            'VLM + policy': _LEARNED,
            FLAT: ('--planner', 'none', '--low-level', 'policy'),
            'oracle + policy': ('--planner', 'oracle', '--low-level', 'policy'),
            'VLM + oracle': ('--planner', 'vlm', '--low-level', 'oracle'),
            'oracle + oracle': ('--planner', 'oracle', '--low-level', 'oracle'),
        },
    ),
    'preemption': Study(
        'What does it bring to drop the rest of a chunk when a new key step comes?',
        _PREEMPTED,
        {how: (*_LEARNED, '--on-new-key-step', how) for how in ('flush', 'finish', 'blend')},
    ),
    'delays': Study('How slow may planner and policy be?', _THREE, _delays()),
    'early-stop': Study(
        'What does it cost to read only the beginning of a reply?',
        _THREE,
        {'early stop': _LEARNED, 'whole replies': (*_LEARNED, '--early-stop-chars', '0')},
    ),
    'sampling': Study(
        'What do noise, a warm start and more steps of denoising bring?',
        _THREE,
        {
            'as shipped': _LEARNED,
            'with noise': (*_LEARNED, '--noise-scale', '1'),
            'warm start 0.5': (*_LEARNED, '--warm-start', '0.5'),
            '10 steps': (*_LEARNED, '--denoising-steps', '10'),
            'DDPM, all steps': (*_LEARNED, '--scheduler', 'ddpm', '--noise-scale', '1'),
        },
    ),
    'horizon': Study(
        'How often is a new chunk worth its time?',
        _THREE,
        {
            f'{count} of a chunk': (*_LEARNED, '--exec-horizon', str(count))
            for count in (3, 2, 4, 8)
        },
    ),
}
