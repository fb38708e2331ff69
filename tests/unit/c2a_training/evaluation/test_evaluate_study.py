# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import json
from dataclasses import asdict

import pytest
from rich.console import Console

from c2a_controller.policy_checkpoint import INFO_NAME, PolicyInfo
from c2a_training.commands.evaluate_command import GROUP
from c2a_training.commands.evaluate_study import run
from c2a_training.evaluation import evaluation_pool
from c2a_training.evaluation.episode_record import EpisodeRecord
from c2a_training.evaluation.studies import STUDIES

M = 1_000_000


class ListeningEvaluator:
    """Even seeds succeed with a planner; without one nothing does."""

    seen: list = []

    def __init__(self, settings):
        self._planner = settings.planner
        ListeningEvaluator.seen.append(settings)

    def evaluate(self, job):
        success = self._planner != 'none' and job.seed % 2 == 0
        reason = '' if success else 'time-out'
        return EpisodeRecord(job.task, job.seed, success, reason, reason, 42, 2, 42)


def seal(folder, name, **fields):
    directory = folder / name
    directory.mkdir()
    info = PolicyInfo('tiny', 'data', 'commit', 0, files={}, **fields)
    (directory / INFO_NAME).write_text(json.dumps(asdict(info)))
    return str(directory)


@pytest.fixture
def study(monkeypatch, tmp_path):
    monkeypatch.setattr(evaluation_pool, 'EpisodeEvaluator', ListeningEvaluator)
    monkeypatch.setattr(ListeningEvaluator, 'seen', [])
    policy = seal(tmp_path, 'policy')

    def study(name, *words):
        screen = io.StringIO()
        arguments = ['study', name, '--out', str(tmp_path / name), '--policy-checkpoint', policy]
        arguments += ['--seeds', f'{M}-{M + 3}', '--tasks', 'Pick', *words]
        code = run(
            GROUP.make_parser('study').parse_args(arguments), Console(file=screen, width=300)
        )
        return code, screen.getvalue(), tmp_path / name

    return study


def test_cells_are_compared_episode_by_episode(study, tmp_path):
    code, screen, out = study(
        'cells', '--flat-checkpoint', seal(tmp_path, 'f', text='instruction')
    )
    assert code == 0
    assert '1 of 5: VLM + policy' in screen
    page = (out / 'README.md').read_text()
    assert (
        '| task | VLM + policy | flat | oracle + policy | VLM + oracle | oracle + oracle |' in page
    )
    assert '| Pick | 4 | 50.0 | 0.0 | 2 | 0 |' in page
    told = {(one.planner, one.low_level) for one in ListeningEvaluator.seen}
    assert told == {
        *(('vlm', 'policy'), ('none', 'policy'), ('oracle', 'policy')),
        *(('vlm', 'oracle'), ('oracle', 'oracle')),
    }


def test_it_goes_on_where_it_was_and_leaves_out_flat_without_one(study):
    assert study('cells')[0] == 0
    ListeningEvaluator.seen.clear()
    code, screen, out = study('cells')
    assert code == 0
    assert ListeningEvaluator.seen == []
    assert 'going on: 4 episodes' in screen
    assert not (out / 'flat.json').exists()


@pytest.mark.parametrize('name', [name for name in STUDIES if name != 'cells'])
def test_every_study_runs_and_its_runs_differ(study, name):
    code, _, out = study(name)
    assert code == 0
    runs = STUDIES[name].runs
    assert len(list(out.glob('*.journal.jsonl'))) == len(runs)
    assert len({str(one) for one in ListeningEvaluator.seen}) == len(runs)


def test_a_policy_that_is_not_there_ends_it(study):
    code, screen, out = study('delays', '--policy-checkpoint', 'nowhere')
    assert code == 2
    assert 'there is no policy checkpoint' in screen
    assert not (out / 'README.md').exists()
