# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Finds tasks by name. A new task is one file in this package that lists it in `TASKS`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import zlib
from functools import cache

import numpy as np

from c2a_sim_bridge.sim import tasks
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance


def task_names() -> list[str]:
    """All tasks in their fixed order."""
    return list(_tasks())


def get_task(name: str) -> Task:
    """The task of that name.

    Raises:
        ValueError: if there is none; the message lists the nearest names.
    """
    known = _tasks()
    if name in known:
        return known[name]
    by_lower = {other.lower(): other for other in known}
    near = [by_lower[m] for m in difflib.get_close_matches(name.lower(), by_lower, cutoff=0.5)]
    hint = f'did you mean {" or ".join(near)}? ' if near else ''
    raise ValueError(f'unknown task {name!r}: {hint}expected one of {", ".join(known)}')


def sample_episode(name: str, seed: int) -> TaskInstance:
    """Draw the episode of a task and seed: the same on every machine and in every process."""
    if seed < 0:
        raise ValueError(f'seed of an episode must be 0 or more, got {seed}')
    task = get_task(name)
    return task.sample(np.random.default_rng([zlib.crc32(name.encode()), seed]))


@cache
def _tasks() -> dict[str, Task]:
    """Name to task, from all modules of the package."""
    found: list[Task] = []
    for module in pkgutil.iter_modules(tasks.__path__):
        loaded = importlib.import_module(f'{tasks.__name__}.{module.name}')
        found.extend(getattr(loaded, 'TASKS', ()))
    found.sort(key=lambda task: (task.order, task.name))
    by_name = {task.name: task for task in found}
    if len(by_name) != len(found):
        raise RuntimeError(f'two tasks have one name: {[task.name for task in found]}')
    return by_name
