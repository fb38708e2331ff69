# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation: one HTML file with tables, plots and videos in it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from c2a_training.atomic_file import atomic_path
from c2a_training.evaluation.episode_record import EpisodeRecord
from c2a_training.evaluation.evaluation_cells import failures_in_words
from c2a_training.evaluation.evaluation_films import Film
from c2a_training.evaluation.evaluation_output import describe, what_happened
from c2a_training.evaluation.published_results import Published, find_column
from c2a_training.evaluation.report_plots import cell_error_plot, failure_plot, success_plot

# What is said of each, and the factor to its unit in the table.
_SPREADS = {'key_step_to_action_steps': 1, 'seam_jump_m': 1000, 'seam_jump_mps': 1000}
# A longer list is for a program: the journal has all episodes.
MAX_FAILURES = 200

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a202c; margin: 2rem auto; max-width: 68rem;
  padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-size: 0.86rem; width: 100% }
th, td { text-align: left; padding: 0.22rem 0.6rem; border-bottom: 1px solid #e2e6ec;
  vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
tr.mean td { font-weight: 600 }
pre { margin: 0; font: 0.82rem/1.45 ui-monospace, monospace; white-space: pre-wrap }
svg { max-width: 100%; height: auto }
.films { display: grid; grid-template-columns: repeat(auto-fill, minmax(30rem, 1fr)); gap: 1rem }
figure { margin: 0 } video { width: 100%; background: #111 } figcaption { font-size: 0.84rem }
.good { color: #2f7d46 } .bad { color: #b83a42 }
"""


def write_report(
    path: Path,
    document: Mapping[str, object],
    records: Iterable[EpisodeRecord],
    films: Sequence[Film],
) -> None:
    """Write the report, atomically.

    Args:
        path: of the HTML file.
        document: the JSON document of the run.
        records: its episodes.
        films: videos, which are put into the file.
    """
    cells, config = document['cells'], document['config']
    tasks = [cell['task'] for cell in cells]
    published = find_column(tasks, config['low_level'], config['planner'])
    title = f'Evaluation: {describe(config)}'
    parts = [
        f'<h1>{escape(title)}</h1>',
        _results_table(document, published),
        f'<h2>Success</h2>{success_plot(cells, published)}',
        _section('Failures', failure_plot(cells)),
        _section('Cells of named objects', cell_error_plot(cells)),
        _section('Action chunks', _chunk_table(cells)),
        _section('Videos', _film_grid(films)),
        _section('Failed episodes', _failures_table(records)),
        _section('Configuration', _config_table(config)),
    ]
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>'
        f'{"".join(parts)}</body></html>\n'
    )
    with atomic_path(path) as part:
        part.write_text(page, encoding='utf-8')


def _section(title: str, content: str) -> str:
    return f'<h2>{title}</h2>{content}' if content else ''


def _results_table(document: Mapping[str, object], published: Published | None) -> str:
    heads = ['success', '%', 'Wilson 95 %', 'steps', 'time limit', 'calls', 'cell within 1']
    if published is not None:
        heads.append(published.title)
    rows = [_result_row(cell, published) for cell in document['cells']]
    mean = document['mean_success']
    if len(rows) > 1 and mean is not None:
        blank = [''] * (len(heads) - 2)
        if published is not None and len(rows) == len(published.success):
            blank[-1] = f'{published.mean:.1f}'
        numbers = _numbers(['', f'{100 * mean:.1f}', *blank])
        rows.append(f'<tr class="mean"><td>mean of tasks</td>{numbers}<td></td></tr>')
    head = ''.join(f'<th class="number">{escape(name)}</th>' for name in heads)
    return f'<table><tr><th>task</th>{head}<th>failures</th></tr>{"".join(rows)}</table>'


def _result_row(cell: Mapping[str, object], published: Published | None) -> str:
    low, high = cell['wilson95']
    within_one = cell['cell_errors']['within_one']
    values = [
        f'{cell["successes"]}/{cell["n"]}',
        f'{100 * cell["successes"] / cell["n"]:.1f}',
        f'{100 * low:.1f}–{100 * high:.1f}',
        _number(cell['mean_steps']),
        str(cell['max_steps']),
        _number(cell['mean_calls']),
        '' if within_one is None else f'{100 * within_one:.1f} %',
    ]
    if published is not None:
        values.append(_number(published.success.get(cell['task'])))
    failures = escape(failures_in_words(cell['failures']))
    return f'<tr><td>{escape(cell["task"])}</td>{_numbers(values)}<td>{failures}</td></tr>'


def _chunk_table(cells: Sequence[Mapping[str, object]]) -> str:
    """What a policy's chunks were like; nothing without a policy."""
    rows = [_chunk_row(cell['task'], cell['chunks']) for cell in cells if 'chunks' in cell]
    if not rows:
        return ''
    heads = ['chunks', 'preempted', 'actions unused', 'key step to action [steps]']
    heads += ['seam [mm]', 'seam [mm/s]']
    head = ''.join(f'<th class="number">{escape(name)}</th>' for name in heads)
    note = '<p>Pairs are median and 95th percentile.</p>'
    return f'<table><tr><th>task</th>{head}<th>refused</th></tr>{"".join(rows)}</table>{note}'


def _chunk_row(task: str, chunks: Mapping[str, object]) -> str:
    values = [str(chunks[name]) for name in ('chunks', 'preemptions', 'discarded_actions')]
    for name, factor in _SPREADS.items():
        spread = chunks[name]
        pair = (factor * spread[part] for part in ('median', 'p95')) if spread['n'] else ()
        values.append(', '.join(f'{value:.1f}' for value in pair))
    refused = ', '.join(f'{why}: {count}' for why, count in chunks['refused'].items())
    return f'<tr><td>{escape(task)}</td>{_numbers(values)}<td>{escape(refused)}</td></tr>'


def _film_grid(films: Sequence[Film]) -> str:
    if not films:
        return ''
    return f'<div class="films">{"".join(map(_film, films))}</div>'


def _film(film: Film) -> str:
    data = base64.b64encode(film.path.read_bytes()).decode()
    record = film.record
    kind, verdict = ('good', 'success') if record.success else ('bad', record.failure)
    return (
        f'<figure><video controls preload="none" src="data:video/mp4;base64,{data}"></video>'
        f'<figcaption>{escape(record.task)}, seed {record.seed}: '
        f'<span class="{kind}">{escape(verdict)}</span> after {record.steps} steps</figcaption>'
        '</figure>'
    )


def _failures_table(records: Iterable[EpisodeRecord]) -> str:
    failed = [record for record in records if not record.success]
    failed.sort(key=lambda record: (record.failure, record.task, record.seed))
    if not failed:
        return ''
    rows = [
        f'<tr><td>{escape(record.failure)}</td><td>{escape(record.task)}</td>'
        f'<td class="number">{record.seed}</td><td><pre>{escape(what_happened(record))}</pre></td>'
        '</tr>'
        for record in failed[:MAX_FAILURES]
    ]
    more = len(failed) - len(rows)
    note = f'<p>{more} more are in the journal.</p>' if more else ''
    head = '<tr><th>class</th><th>task</th><th class="number">seed</th><th>what happened</th></tr>'
    return f'<table>{head}{"".join(rows)}</table>{note}'


def _config_table(config: Mapping[str, object]) -> str:
    rows = ''.join(
        f'<tr><td>{escape(name)}</td><td>{escape(_value(value))}</td></tr>'
        for name, value in config.items()
    )
    return f'<table>{rows}</table>'


def _value(value: object) -> str:
    return ', '.join(map(str, value)) if isinstance(value, list) else str(value)


def _numbers(values: Sequence[str]) -> str:
    return ''.join(f'<td class="number">{escape(value)}</td>' for value in values)


def _number(value: float | None) -> str:
    return '' if value is None else f'{value:.1f}'
