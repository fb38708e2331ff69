# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How often the shipped models succeed at each task: what the demo shows, and what it says of it.

`demo_rates.json` is a result of `c2a evaluate` with the checkpoints that ship, copied here::

    c2a evaluate --planner vlm --low-level policy --seeds 1000000-1000019 --json out/rates.json
        --tasks Pick Push Topple PushToTarget PlaceNextTo PlaceOnTop SingleStack StackTopple

The demo shows the tasks that succeed most often, on seeds at which they did: episodes repeat bit
by bit. It prints the rate beside each, so that nobody takes three good episodes for the rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from c2a_training.seeds import parse_seeds

RATES_FILE = Path(__file__).resolve().with_name('demo_rates.json')


@dataclass(frozen=True)
class TaskRate:
    """Episodes of one task.

    Attributes:
        task: its name.
        seeds: that were run.
        failed: those of them that failed.
    """

    task: str
    seeds: tuple[int, ...]
    failed: frozenset[int]

    @property
    def successes(self) -> int:
        """Seeds that succeeded."""
        return len(self.seeds) - len(self.failed)

    @property
    def rate(self) -> float:
        """Share of the seeds that succeeded."""
        return self.successes / len(self.seeds)

    def __str__(self) -> str:
        return f'{self.successes} of {len(self.seeds)} seeds succeed'


@dataclass(frozen=True)
class DemoRates:
    """A measurement.

    Attributes:
        planner: hash of the planner's checkpoint.
        policy: hash of the policy's.
        tasks: in the order of the measurement.
    """

    planner: str
    policy: str
    tasks: tuple[TaskRate, ...]

    def of(self, task: str) -> TaskRate | None:
        """The rate of a task, None if it was not measured."""
        return next((entry for entry in self.tasks if entry.task == task), None)

    def best(self, count: int) -> tuple[str, ...]:
        """The tasks that succeed most often, the best first."""
        ordered = sorted(self.tasks, key=lambda entry: -entry.rate)
        return tuple(entry.task for entry in ordered[:count])

    def good_seed(self, tasks: Sequence[str]) -> int | None:
        """The first seed at which all of the tasks succeed: a round of the bridge has one seed.

        None if there is none, or a task was not measured.
        """
        rates = [self.of(task) for task in tasks]
        known = [rate for rate in rates if rate is not None]
        if len(known) != len(rates) or not known:
            return None
        for seed in known[0].seeds:
            if all(seed in rate.seeds and seed not in rate.failed for rate in known):
                return seed
        return None


def read_rates(path: Path = RATES_FILE) -> DemoRates | None:
    """Read a measurement; None where there is none.

    Raises:
        ValueError: if the file is no result of `c2a evaluate` with planner and policy.
    """
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text(encoding='utf-8'))
        config = document['config']
        return DemoRates(
            planner=config['checkpoint'],
            policy=config['policy_checkpoint'],
            tasks=tuple(_task_rate(cell) for cell in document['cells']),
        )
    except (ValueError, KeyError, TypeError) as err:
        raise ValueError(
            f'{path} is no result of `c2a evaluate --planner vlm --low-level policy`: {err!r}'
        ) from err


def _task_rate(cell: Mapping[str, str]) -> TaskRate:
    failed = parse_seeds(cell['failed_seeds']) if cell['failed_seeds'] else ()
    return TaskRate(cell['task'], parse_seeds(cell['seeds']), frozenset(failed))
