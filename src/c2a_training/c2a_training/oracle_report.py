# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Tables and JSON of oracle runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.markup import escape
from rich.table import Table

from c2a_training.episode_worker import EpisodeSummary
from c2a_training.statistics import percentile, wilson_interval


@dataclass(frozen=True)
class TaskReport:
    """Results of one task over its seeds.

    Attributes:
        task: task name.
        episodes: finished episodes, in seed order.
    """

    task: str
    episodes: tuple[EpisodeSummary, ...]

    @property
    def n(self) -> int:
        """Number of episodes."""
        return len(self.episodes)

    @property
    def successes(self) -> int:
        """Number of episodes whose predicates held at the end."""
        return sum(episode.success for episode in self.episodes)

    @property
    def failures(self) -> tuple[EpisodeSummary, ...]:
        """The other episodes."""
        return tuple(episode for episode in self.episodes if not episode.success)

    @property
    def mean_steps(self) -> float | None:
        """Control steps per successful episode, None without one."""
        return _mean(episode.steps for episode in self.episodes if episode.success)

    @property
    def p95_steps(self) -> float | None:
        """95th percentile of the control steps of successful episodes; time limits follow it."""
        return percentile((e.steps for e in self.episodes if e.success), 95)

    @property
    def mean_calls(self) -> float | None:
        """Skill calls per successful episode, ``done()`` not counted."""
        return _mean(episode.skill_calls for episode in self.episodes if episode.success)

    @property
    def steps_per_s(self) -> float:
        """Control steps per second of one process, resets not counted."""
        loop_s = sum(episode.loop_s for episode in self.episodes)
        return sum(episode.steps for episode in self.episodes) / loop_s if loop_s else 0.0

    @property
    def mean_reset_s(self) -> float | None:
        """Wall time of a reset [s]."""
        return _mean(episode.reset_s for episode in self.episodes)

    def as_json(self) -> dict[str, object]:
        """The task's entry in the JSON file; the format is documented in docs/cli.md."""
        return {
            'task': self.task,
            'n': self.n,
            'successes': self.successes,
            'mean_steps': _rounded(self.mean_steps),
            'p95_steps': _rounded(self.p95_steps),
            'steps_per_s': round(self.steps_per_s, 1),
            'wilson95': [round(bound, 4) for bound in wilson_interval(self.successes, self.n)],
            'mean_calls': _rounded(self.mean_calls),
            'mean_reset_s': _rounded(self.mean_reset_s, 4),
            'failures': [{'seed': e.seed, 'reason': e.reason} for e in self.failures],
        }


def group_by_task(tasks: Sequence[str], episodes: Iterable[EpisodeSummary]) -> list[TaskReport]:
    """Reports in the order of ``tasks``; tasks without a finished episode are left out."""
    by_task: dict[str, list[EpisodeSummary]] = {task: [] for task in tasks}
    for episode in episodes:
        by_task[episode.task].append(episode)
    return [
        TaskReport(task, tuple(sorted(found, key=lambda episode: episode.seed)))
        for task, found in by_task.items()
        if found
    ]


def make_table(reports: Sequence[TaskReport]) -> Table:
    """The success table."""
    # Without vertical lines it fits into 80 columns.
    table = Table(
        title='oracle',
        title_justify='left',
        title_style='bold',
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column('task', no_wrap=True)
    for heading in ('success', 'Wilson %', 'steps', 'p95', 'calls', 'steps/s', 'reset'):
        table.add_column(heading, justify='right', no_wrap=True)
    for report in reports:
        table.add_row(report.task, *_cells(report), style='' if not report.failures else 'yellow')
    if len(reports) > 1:
        table.add_section()
        everything = TaskReport('all', tuple(e for report in reports for e in report.episodes))
        table.add_row('all', *_cells(everything), style='bold')
    return table


def make_failure_table(reports: Sequence[TaskReport]) -> Table | None:
    """Failed episodes with seed and reason, None if there is none."""
    failures = [episode for report in reports for episode in report.failures]
    if not failures:
        return None
    table = Table(title='failures', title_justify='left', title_style='bold')
    table.add_column('task', no_wrap=True)
    table.add_column('seed', justify='right')
    table.add_column('steps', justify='right')
    table.add_column('reason')
    for episode in failures:
        reason = escape(episode.reason)
        table.add_row(episode.task, str(episode.seed), str(episode.steps), reason)
    return table


def _cells(report: TaskReport) -> tuple[str, ...]:
    low, high = wilson_interval(report.successes, report.n)
    return (
        f'{report.successes}/{report.n}',
        f'{100 * low:.1f}–{100 * high:.1f}',
        _number(report.mean_steps),
        _number(report.p95_steps),
        _number(report.mean_calls),
        f'{report.steps_per_s:.0f}',
        f'{1000 * (report.mean_reset_s or 0.0):.0f} ms',
    )


def _mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else None


def _number(value: float | None) -> str:
    return '-' if value is None else f'{value:.1f}'


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)
