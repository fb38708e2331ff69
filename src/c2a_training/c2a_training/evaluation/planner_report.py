# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Tables and JSON of a planner's scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich import box
from rich.markup import escape
from rich.table import Table

from c2a_training.evaluation.planner_scores import PlannerScores, Said

TOP_MISTAKES = 15
_COLUMNS = ('exact', 'function', 'call', 'objects', 'invalid', 'goes_on')


class ScoreSheet:
    """Scores of each task and of all of them."""

    def __init__(self) -> None:
        self.total = PlannerScores()
        self.tasks: dict[str, PlannerScores] = {}

    def add(self, said: Iterable[Said]) -> None:
        """Count replies."""
        for reply in said:
            self.total.add(reply)
            self.tasks.setdefault(reply.task, PlannerScores()).add(reply)

    def as_json(self, config: Mapping[str, object]) -> dict[str, object]:
        """The document."""
        return {
            'total': self.total.as_json(),
            'tasks': [{'task': t, **scores.as_json()} for t, scores in sorted(self.tasks.items())],
            'mistakes': [
                {'kind': kind, 'right': truth, 'said': text, 'count': count}
                for (kind, truth, text), count in self.total.mistakes.most_common(TOP_MISTAKES)
            ],
            'config': dict(config),
        }


def make_score_table(document: Mapping[str, object]) -> Table:
    """Key steps and borders by task."""
    table = _table('code, per cent')
    table.add_column('task', no_wrap=True)
    headings = ('n', *_COLUMNS, 'precision', 'recall', 'cell ≤1')
    for heading in headings:
        table.add_column(heading.replace('_', ' '), justify='right', no_wrap=True)
    for scores in document['tasks']:
        table.add_row(scores['task'], *_cells(scores))
    table.add_section()
    table.add_row('all', *_cells(document['total']), style='bold')
    return table


def make_question_table(document: Mapping[str, object]) -> Table:
    """Auxiliary questions by kind, and the cells."""
    total = document['total']
    table = _table('questions and cells')
    for heading in ('kind', 'n', 'right %', 'median error', 'exact %', 'within one %'):
        table.add_column(heading, justify='left' if heading == 'kind' else 'right')
    cells = total['cell_error']
    table.add_row('cells of key steps', str(cells['n']), '', *_errors(cells))
    for kind, share in total['questions'].items():
        errors = _errors(total['where_error']) if kind == 'where' else ('', '', '')
        table.add_row(kind, str(share['n']), _percent(share['share']), *errors)
    return table


def make_mistake_table(document: Mapping[str, object]) -> Table | None:
    """What was said instead, the most frequent first; None without a mistake."""
    if not document['mistakes']:
        return None
    table = _table('what was said instead (without cells)')
    table.add_column('n', justify='right')
    table.add_column('kind', no_wrap=True)
    table.add_column('right')
    table.add_column('said')
    for mistake in document['mistakes']:
        words = (mistake['kind'], mistake['right'], mistake['said'])
        table.add_row(str(mistake['count']), *map(escape, words))
    return table


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify='left', title_style='bold', box=box.SIMPLE_HEAD, pad_edge=False
    )


def _cells(scores: Mapping[str, object]) -> list[str]:
    shares = [scores[name]['share'] for name in _COLUMNS]
    shares += [scores[f'key_step_{name}']['share'] for name in ('precision', 'recall')]
    shares.append(scores['cell_error']['within_one'])
    return [str(scores['exact']['n']), *map(_percent, shares)]


def _errors(errors: Mapping[str, object]) -> tuple[str, str, str]:
    median = errors['median']
    return (
        '-' if median is None else f'{median:g}',
        _percent(errors['exact']),
        _percent(errors['within_one']),
    )


def _percent(share: float | None) -> str:
    return '-' if share is None else f'{100 * share:.1f}'
