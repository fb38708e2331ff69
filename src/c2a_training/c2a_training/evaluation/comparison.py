# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Several results side by side, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from c2a_training.evaluation.evaluation_output import describe
from c2a_training.evaluation.published_results import COLUMNS, Published, find_column


@dataclass(frozen=True)
class Result:
    """One JSON file of `c2a evaluate`.

    Attributes:
        title: of its column.
        cells: by task.
        config: of its run.
    """

    title: str
    cells: Mapping[str, Mapping[str, object]]
    config: Mapping[str, object]


def read_result(path: Path, title: str = '') -> Result:
    """Read a file.

    Args:
        path: of the JSON file.
        title: of its column; empty describes the run.

    Raises:
        ValueError: if it has no results of an evaluation.
    """
    try:
        document = json.loads(path.read_text(encoding='utf-8'))
        cells = {cell['task']: cell for cell in document['cells']}
        config = document['config']
        return Result(title or describe(config), cells, config)
    except (UnicodeDecodeError, ValueError, KeyError, TypeError) as err:
        raise ValueError(f'{path} has no results of `c2a evaluate`: {err!r}') from err


def choose_published(name: str, results: Sequence[Result]) -> Published | None:
    """The published column of a name; `auto` finds the one that the first result belongs to."""
    if name != 'auto':
        return COLUMNS.get(name)
    first = results[0]
    config = first.config
    return find_column(list(first.cells), str(config['low_level']), str(config['planner']))


def make_markdown(results: Sequence[Result], published: Published | None) -> str:
    """A table with one row a task and one column a result, and what each result is."""
    tasks = list(dict.fromkeys(task for result in results for task in result.cells))
    heads = ['task', *(result.title for result in results)]
    if published is not None:
        heads.append(published.title)
    rows = [[task, *(_text(result.cells.get(task)) for result in results)] for task in tasks]
    means = ['**mean**', *(_mean(result, tasks) for result in results)]
    if published is not None:
        for task, row in zip(tasks, rows, strict=True):
            row.append(_percent(published.success.get(task)))
        means.append(_published_mean(published, tasks))
    lines = [_line(heads), _line(['---'] * len(heads)), *map(_line, [*rows, means])]
    return '\n'.join([*lines, '', *map(_provenance, results), ''])


def _text(cell: Mapping[str, object] | None) -> str:
    if cell is None:
        return ''
    low, high = cell['wilson95']
    return f'{100 * cell["successes"] / cell["n"]:.1f} ({100 * low:.0f}–{100 * high:.0f})'


def _mean(result: Result, tasks: Sequence[str]) -> str:
    """Mean over the tasks; over fewer than the table has it would not compare."""
    if set(tasks) - set(result.cells):
        return ''
    rates = [cell['successes'] / cell['n'] for cell in result.cells.values()]
    return f'**{100 * sum(rates) / len(rates):.1f}**'


def _published_mean(published: Published, tasks: Sequence[str]) -> str:
    """The mean as it is printed; of the rows where they are fewer."""
    if set(tasks) == set(published.success):
        return f'**{published.mean:.1f}**'
    if set(tasks) - set(published.success):
        return ''
    return f'**{sum(published.success[task] for task in tasks) / len(tasks):.1f}**'


def _provenance(result: Result) -> str:
    config = result.config
    facts = [describe(config), f'seeds {config["seeds"]}', f'commit {config["commit"]}']
    limits = sorted({cell['max_steps'] for cell in result.cells.values()})
    facts.append(f'time limits {limits[0]} to {limits[-1]} steps' if limits else 'no cells')
    facts += [] if config.get('complete', True) else ['not complete']
    return f'* {result.title}: {"; ".join(facts)}.'


def _percent(value: float | None) -> str:
    return '' if value is None else f'{value:.1f}'


def _line(cells: Sequence[str]) -> str:
    return f'| {" | ".join(cells)} |'
