# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What `c2a evaluate` prints and what it says about time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from c2a_controller.chunk_executor import EXEC_HORIZON
from c2a_training.atomic_file import write_json
from c2a_training.evaluation.episode_record import EpisodeRecord
from c2a_training.evaluation.evaluation_cells import make_table
from c2a_training.statistics import percentile

# Settings that are named where they are not as usual.
_WORTH_SAYING = {
    **{'planner_delay_s': 0.0, 'policy_delay_s': 0.0, 'on_new_key_step': 'flush'},
    **{'exec_horizon': EXEC_HORIZON, 'denoising_steps': 0, 'scheduler': '', 'warm_start': None},
    **{'noise_scale': None, 'late_chunk': 'pose'},
}
# More failures than fit on a screen are in the journal.
_FAILURES_SHOWN = 12


def print_results(
    document: Mapping[str, object], records: Sequence[EpisodeRecord], console: Console
) -> None:
    """Print the table, and the first failures with what was said and what was right."""
    if not records:
        return
    console.print(make_table(document['cells'], escape(describe(document['config']))))
    with_chunks = [cell for cell in document['cells'] if 'chunks' in cell]
    if with_chunks:
        console.print(_chunk_table(with_chunks))
    failed = sorted(
        (record for record in records if not record.success),
        key=lambda record: (record.failure, record.task, record.seed),
    )
    if failed:
        console.print(_failure_table(failed))


def describe(config: Mapping[str, object]) -> str:
    """Planner and low level in words."""
    planner = str(config['planner'])
    if config.get('checkpoint') not in (None, '', planner):
        planner += f' {config["checkpoint"]}'
    low_level = str(config['low_level'])
    if config.get('policy_checkpoint'):
        low_level += f' {config["policy_checkpoint"]}'
    extra = [] if config['split'] == 'simple' else [f'split {config["split"]}']
    extra += [f'looks {config["looks"]}'] if 'looks' in config else []
    extra += ['blind'] if config['blind'] else []
    extra += [
        f'{name.replace("_", " ")} {config[name]}'
        for name, usual in _WORTH_SAYING.items()
        if config.get(name, usual) != usual
    ]
    return ', '.join([f'planner {planner}', f'low level {low_level}', *extra])


def timing(fresh: Sequence[EpisodeRecord], workers: int, wall_s: float) -> dict[str, object]:
    """Wall times of the episodes of a run."""

    def total(name: str) -> float:
        return sum(record.wall.get(name, 0.0) for record in fresh)

    steps, decisions, loop_s = sum(r.steps for r in fresh), total('decisions'), total('loop_s')
    planner_s = total('planner_s')
    chunk_s = [s for record in fresh for s in record.wall.get('chunk_s', [])]
    reaction_ms = [ms for record in fresh for ms in record.wall.get('reaction_ms', [])]
    cost = {
        'episodes': len(fresh),
        'workers': workers,
        'wall_s': round(wall_s, 2),
        'episodes_per_minute': round(60 * len(fresh) / wall_s, 1) if wall_s else None,
        'ms_per_reset': _ms(total('reset_s'), len(fresh)),
        'ms_per_decision': _ms(planner_s, decisions),
        'ms_per_step_without_decisions': _ms(loop_s - planner_s - sum(chunk_s), steps),
        'decisions': int(decisions),
        'steps': steps,
    }
    if chunk_s:
        cost |= {
            'chunks': len(chunk_s),
            'ms_per_chunk': _spread([1000 * s for s in chunk_s]),
            'ms_key_step_to_action': _spread(reaction_ms),
        }
    return cost


def write_results(
    path: Path, document: Mapping[str, object], cost: Mapping[str, object] | None
) -> None:
    """Write the JSON document, and what the run cost beside it.

    Args:
        path: of the document.
        document: see `evaluation_cells.make_document`.
        cost: see `timing`; None leaves what is there.
    """
    write_json(path, document)
    if cost is not None:
        write_json(path.with_name(f'{path.stem}.timing.json'), cost)


def print_timing(cost: Mapping[str, object], console: Console) -> None:
    """Print what a run cost; see `timing`."""
    workers = cost['workers']
    processes = 'process' if workers == 1 else 'processes'
    chunk_ms = cost.get('ms_per_chunk')
    chunk = '' if chunk_ms is None else f'chunk {chunk_ms["median"]} ms in the median, '
    console.print(
        f'{cost["episodes"]} episodes in {cost["wall_s"]:.0f} s, {workers} {processes}: '
        f'{cost["episodes_per_minute"]} a minute; reset {cost["ms_per_reset"]} ms, decision '
        f'{cost["ms_per_decision"]} ms, {chunk}the rest of a step '
        f'{cost["ms_per_step_without_decisions"]} ms'
    )


def _chunk_table(cells: Sequence[Mapping[str, object]]) -> Table:
    """What the policy's chunks were like, one row a task; pairs are median and 95th percentile."""
    table = Table(
        title='action chunks',
        title_justify='left',
        title_style='bold',
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column('task', no_wrap=True)
    for heading in ('chunks', 'preempted', 'unused', 'steps to act', 'seam mm', 'seam mm/s'):
        table.add_column(heading, justify='right', no_wrap=True)
    table.add_column('refused')
    for cell in cells:
        chunks = cell['chunks']
        table.add_row(
            cell['task'],
            str(chunks['chunks']),
            str(chunks['preemptions']),
            str(chunks['discarded_actions']),
            _median_p95(chunks['key_step_to_action_steps'], 1),
            _median_p95(chunks['seam_jump_m'], 1000),
            _median_p95(chunks['seam_jump_mps'], 1000),
            ', '.join(f'{why}: {count}' for why, count in chunks['refused'].items()),
        )
    return table


def _median_p95(spread: Mapping[str, float | None], factor: float) -> str:
    if not spread['n']:
        return '-'
    return f'{factor * spread["median"]:.1f}, {factor * spread["p95"]:.1f}'


def _failure_table(failed: Sequence[EpisodeRecord]) -> Table:
    shown = failed[:_FAILURES_SHOWN]
    more = f' (the first {len(shown)} of {len(failed)})' if len(shown) < len(failed) else ''
    table = Table(title=f'failures{more}', title_justify='left', title_style='bold')
    for heading in ('class', 'task'):
        table.add_column(heading, no_wrap=True)
    table.add_column('seed', justify='right', no_wrap=True)
    table.add_column('what happened')
    for record in shown:
        # What a model wrote may look like markup: `[/INST]`.
        happened = escape(what_happened(record))
        table.add_row(record.failure, record.task, str(record.seed), happened)
    return table


def what_happened(record: EpisodeRecord) -> str:
    """One or two lines on why an episode failed."""
    for answer in record.answers:
        if answer.deviation:
            return f'step {answer.step}: {answer.text}\nright: {answer.oracle}'
    if record.skill_failures:
        return f'{record.reason} (skill failed: {record.skill_failures[-1]})'
    return record.reason


def _spread(values_ms: Sequence[float]) -> dict[str, float | None]:
    """Median and 99th percentile, of wall times [ms]."""
    pair = (percentile(values_ms, 50), percentile(values_ms, 99))
    median, p99 = (None if value is None else round(value, 2) for value in pair)
    return {'median': median, 'p99': p99}


def _ms(seconds: float, count: float) -> float | None:
    return round(1000 * seconds / count, 2) if count else None
