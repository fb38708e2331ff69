# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""From episodes to the cells of the results: counts, intervals, means, and their table.

The document has no wall times: the same experiment gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.table import Table

from c2a_core.types import ReplyStatus
from c2a_training.evaluation.chunk_facts import summarize
from c2a_training.evaluation.episode_record import Answer, EpisodeRecord
from c2a_training.evaluation.failure_class import FAILURES
from c2a_training.seeds import render_seeds
from c2a_training.statistics import percentile, wilson_interval

Cell = Mapping[str, object]


def make_document(
    tasks: Sequence[str],
    records: Iterable[EpisodeRecord],
    config: Mapping[str, object],
) -> dict[str, object]:
    """The JSON document: one cell a task, and the configuration.

    Args:
        tasks: in order; those without an episode are left out.
        records: of any order.
        config: of the run; its `planner` and `low_level` are in each cell.
    """
    by_task: dict[str, list[EpisodeRecord]] = {task: [] for task in tasks}
    for record in records:
        by_task[record.task].append(record)
    cells = [
        make_cell(task, sorted(found, key=lambda record: record.seed), config)
        for task, found in by_task.items()
        if found
    ]
    return {'cells': cells, 'mean_success': mean_success(cells), 'config': dict(config)}


def make_cell(task: str, records: Sequence[EpisodeRecord], config: Cell) -> dict[str, object]:
    """One cell: a task under one planner and low level.

    Means of steps and calls are over successful episodes, None without one. Seeds are there so
    that two results can be compared episode by episode.
    """
    n, successes = len(records), sum(record.success for record in records)
    failures = Counter(record.failure for record in records if not record.success)
    good = [record for record in records if record.success]
    answers = [answer for record in records for answer in record.answers]
    cell: dict[str, object] = {
        'task': task,
        'planner': config['planner'],
        'low_level': config['low_level'],
        'n': n,
        'successes': successes,
        'wilson95': [round(bound, 4) for bound in wilson_interval(successes, n)],
        'mean_steps': _mean([record.steps for record in good]),
        'mean_calls': _mean([record.calls for record in good]),
        'failures': {name: failures[name] for name in FAILURES},
        'max_steps': max(record.max_steps for record in records),
        'invalid_replies': sum(answer.status == ReplyStatus.INVALID for answer in answers),
        'mean_decision_tokens': _mean([a.tokens for a in answers if a.tokens is not None]),
        'cell_errors': cell_errors(answers),
        'seeds': render_seeds(tuple(record.seed for record in records)),
        'failed_seeds': render_seeds(tuple(r.seed for r in records if not r.success)),
    }
    chunks = [record.chunks for record in records if record.chunks is not None]
    if chunks:
        cell['chunks'] = summarize(chunks)
    return cell


def cell_errors(answers: Iterable[Answer]) -> dict[str, object]:
    """How far the cells of named objects were off, where there was an object of that name.

    A unique name finds its object whatever the cell (semantics 5): success alone says little about
    what the planner sees, this does.
    """
    named = [entry for answer in answers for entry in answer.objects]
    errors = [entry.error for entry in named if entry.error is not None]
    counts = Counter(min(error, 5) for error in errors)
    n = len(errors)
    return {
        'n': n,
        'no_such_object': len(named) - n,
        'exact': round(counts[0] / n, 4) if n else None,
        'within_one': round((counts[0] + counts[1]) / n, 4) if n else None,
        'median': percentile(errors, 50),
        'histogram': [counts[error] for error in range(6)],
    }


def mean_success(cells: Sequence[Cell]) -> float | None:
    """Mean over the tasks of their success rates, each task counting the same."""
    return _mean([cell['successes'] / cell['n'] for cell in cells], 4)


def make_table(cells: Sequence[Cell], title: str) -> Table:
    """The table on the screen."""
    table = Table(
        title=title,
        title_justify='left',
        title_style='bold',
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column('task', no_wrap=True)
    for heading in ('success', '%', 'Wilson %', 'steps', 'limit', 'calls', 'cell'):
        table.add_column(heading, justify='right', no_wrap=True)
    table.add_column('failures')
    for cell in cells:
        table.add_row(*_row(cell), style='' if cell['successes'] == cell['n'] else 'yellow')
    if len(cells) > 1:
        n, successes = (sum(cell[name] for cell in cells) for name in ('n', 'successes'))
        low, high = wilson_interval(successes, n)
        table.add_section()
        table.add_row(
            'mean of tasks',
            f'{successes}/{n}',
            f'{100 * mean_success(cells):.1f}',
            f'{100 * low:.1f}–{100 * high:.1f}',
            style='bold',
        )
    return table


def failures_in_words(failures: Mapping[str, int]) -> str:
    """The classes that occurred, the most frequent first."""
    found = sorted(failures.items(), key=lambda item: -item[1])
    return ', '.join(f'{name} {count}' for name, count in found if count)


def _row(cell: Cell) -> tuple[str, ...]:
    low, high = cell['wilson95']
    within_one = cell['cell_errors']['within_one']
    return (
        cell['task'],
        f'{cell["successes"]}/{cell["n"]}',
        f'{100 * cell["successes"] / cell["n"]:.1f}',
        f'{100 * low:.1f}–{100 * high:.1f}',
        _number(cell['mean_steps']),
        str(cell['max_steps']),
        _number(cell['mean_calls']),
        '-' if within_one is None else f'{100 * within_one:.0f}%',
        failures_in_words(cell['failures']),
    )


def _mean(values: Sequence[float], digits: int = 2) -> float | None:
    return round(sum(values) / len(values), digits) if values else None


def _number(value: float | None) -> str:
    return '-' if value is None else f'{value:.1f}'
