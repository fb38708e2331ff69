# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Finds tasks by name. A new task is one file in this package that lists it in `TASKS`.

A name may carry arguments, `Rotate:num_actors=3,restore=true`: a variant of the task, with the
arguments that `ClevrSkills` calls so.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import pkgutil
import zlib
from collections.abc import Iterable
from functools import cache

import numpy as np

from c2a_sim_bridge.sim import tasks
from c2a_sim_bridge.sim.object_pool import POOLS
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance

ALL_TASKS = 'all'
_FLAGS = {'true': True, 'false': False}


def task_names() -> list[str]:
    """All tasks in their fixed order."""
    return list(_tasks())


def task_lists() -> dict[str, list[str]]:
    """Names of lists of tasks, e.g. `table1`, with the tasks in them; `all` has every task."""
    lists: dict[str, list[str]] = {ALL_TASKS: task_names()}
    for name, task in _tasks().items():
        for table in task.tables:
            lists.setdefault(table, []).append(name)
    return lists


def select_tasks(selectors: Iterable[str]) -> list[str]:
    """Task names for what a user asked for: names, variants and lists, each task once, in order.

    Raises:
        ValueError: if one is neither a task nor a list.
    """
    lists = task_lists()
    names: list[str] = []
    for selector in selectors:
        names += lists.get(selector) or [canonical_name(selector)]
    return list(dict.fromkeys(names))


def get_task(name: str) -> Task:
    """The task of that name, with the arguments in it.

    Raises:
        ValueError: if there is none; the message lists the nearest names. Or if the task has not
            such an argument.
    """
    base, _, arguments = name.partition(':')
    task = _get_preset(base)
    if not arguments:
        return task
    changes = dict(_parse_argument(task, part) for part in arguments.split(','))
    return dataclasses.replace(task, **changes)


def canonical_name(name: str) -> str:
    """The one spelling of a task's or variant's name: arguments in order, defaults left out.

    Raises:
        ValueError: as `get_task`.
    """
    task = get_task(name)
    preset = _get_preset(task.name)
    changed = [
        f'{field.name}={_render(getattr(task, field.name))}'
        for field in dataclasses.fields(task)
        if getattr(task, field.name) != getattr(preset, field.name)
    ]
    return task.name + (f':{",".join(changed)}' if changed else '')


def sample_episode(name: str, seed: int, split: str = 'simple') -> TaskInstance:
    """Draw the episode of a task and seed: the same on every machine and in every process.

    Args:
        name: a task's or variant's name.
        seed: 0 or more.
        split: a key of `object_pool.POOLS`.

    Raises:
        ValueError: for a name, seed or split that does not exist.
    """
    if seed < 0:
        raise ValueError(f'seed of an episode must be 0 or more, got {seed}')
    if split not in POOLS:
        raise ValueError(f'unknown split {split!r}, expected one of {", ".join(POOLS)}')
    name = canonical_name(name)
    rng = np.random.default_rng([zlib.crc32(name.encode()), seed])
    instance = get_task(name).sample(rng, POOLS[split])
    return dataclasses.replace(instance, task=name)


def _get_preset(name: str) -> Task:
    known = _tasks()
    if name in known:
        return known[name]
    by_lower = {other.lower(): other for other in known}
    near = [by_lower[m] for m in difflib.get_close_matches(name.lower(), by_lower, cutoff=0.5)]
    hint = f'did you mean {" or ".join(near)}? ' if near else ''
    raise ValueError(f'unknown task {name!r}: {hint}expected one of {", ".join(known)}')


def _parse_argument(task: Task, text: str) -> tuple[str, bool | int | str]:
    """Name and value of `argument=value`; the type is that of the task's own value."""
    name, _, value = text.strip().partition('=')
    known = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)}
    if name not in known:
        has = ', '.join(f'{key}={_render(own)}' for key, own in known.items())
        raise ValueError(
            f'task {task.name} has no argument {name!r}, ' + (f'it has {has}' if has else 'or any')
        )
    own = known[name]
    if isinstance(own, bool):
        if value.lower() not in _FLAGS:
            raise ValueError(f'{task.name}: {name} is true or false, got {value!r}')
        return name, _FLAGS[value.lower()]
    if isinstance(own, int):
        try:
            return name, int(value)
        except ValueError as err:
            raise ValueError(f'{task.name}: {name} is a whole number, got {value!r}') from err
    return name, value


def _render(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


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
