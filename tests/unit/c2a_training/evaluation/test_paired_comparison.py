# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from c2a_training.cli import main
from c2a_training.evaluation.comparison import Result
from c2a_training.evaluation.paired_comparison import bootstrap_interval, pair_results
from c2a_training.statistics import mcnemar_p

M = 1_000_000
CONFIG = {
    **{'planner': 'vlm', 'low_level': 'policy', 'split': 'simple', 'blind': False},
    **{'seeds': f'{M}-{M + 9}', 'commit': 'abc'},
}


def cell(task, failed, seeds=f'{M}-{M + 9}', n=10):
    failures = failed.count(',') + 1 if failed else 0
    return {
        **{'task': task, 'n': n, 'successes': n - failures, 'wilson95': [0.1, 0.9]},
        **{'max_steps': 50, 'seeds': seeds, 'failed_seeds': failed},
    }


def result(title, *cells):
    return Result(title, {cell['task']: cell for cell in cells}, CONFIG)


def test_episodes_are_paired_by_task_and_seed():
    ours = result('ours', cell('Pick', f'{M},{M + 1}'), cell('Push', ''))
    flat = result('flat', cell('Pick', f'{M + 1},{M + 2},{M + 3}'), cell('Swap', ''))
    (pair,) = pair_results(ours, flat)
    assert (pair.task, pair.n) == ('Pick', 10)
    assert (pair.only_first, pair.only_second) == (2, 1)
    assert pair.difference == pytest.approx(0.1)


def test_only_seeds_that_both_have_count():
    ours = result('ours', cell('Pick', f'{M}', seeds=f'{M}-{M + 3}', n=4))
    flat = result('flat', cell('Pick', '', seeds=f'{M + 2}-{M + 9}', n=8))
    (pair,) = pair_results(ours, flat)
    assert (pair.n, pair.only_first, pair.only_second) == (2, 0, 0)


@pytest.mark.parametrize(
    ('counts', 'p'), [((0, 0), 1.0), ((5, 5), 1.0), ((0, 5), 0.0625), ((1, 9), 0.021484375)]
)
def test_mcnemars_test_is_the_one_of_a_fair_coin(counts, p):
    assert mcnemar_p(*counts) == mcnemar_p(*counts[::-1]) == pytest.approx(p)


def test_the_interval_is_around_the_difference_and_repeats():
    ours = result('ours', cell('Pick', f'{M}'), cell('Push', f'{M}'))
    flat = result('flat', cell('Pick', f'{M}-{M + 4}'), cell('Push', f'{M}-{M + 2}'))
    pairs = pair_results(ours, flat)
    low, high = bootstrap_interval(pairs)
    assert 0.0 < low < 0.3 < high < 0.6
    assert bootstrap_interval(pairs) == (low, high)
    same = bootstrap_interval(pair_results(ours, ours))
    assert same == (0.0, 0.0)


def test_the_command_adds_a_paired_table_for_each_other_file(tmp_path, capsys):
    paths = [tmp_path / name for name in ('ours.json', 'flat.json', 'old.json')]
    for path, failed in zip(
        paths, ('', f'{M},{M + 1},{M + 2},{M + 3},{M + 4},{M + 5}'), strict=False
    ):
        path.write_text(json.dumps({'cells': [cell('Pick', failed)], 'config': CONFIG}))
    words = ['evaluate', 'compare', *map(str, paths[:2]), '--paired', '--titles', 'ours', 'flat']
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert '| Pick | 10 | 100.0 | 40.0 | 6 | 0 | +60.0 | 0.0312 |' in lines
    assert any(
        line.startswith('| **mean** | 10 | **100.0** | **40.0** | 6 | 0 |') for line in lines
    )
    old = cell('Pick', '')
    del old['failed_seeds']
    paths[2].write_text(json.dumps({'cells': [old], 'config': CONFIG}))
    assert main(['evaluate', 'compare', str(paths[0]), str(paths[2]), '--paired']) == 2
    assert 'anew from the journal' in capsys.readouterr().err
    assert main(['evaluate', 'compare', str(paths[0]), '--paired']) == 2
