# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What `c2a evaluate` asks of a policy's checkpoint before it runs anything."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict

import pytest
from rich.console import Console

from c2a_controller.policy_checkpoint import INFO_NAME, PolicyInfo
from c2a_training.commands import evaluate_run
from c2a_training.commands.evaluate_command import GROUP
from c2a_training.evaluation import evaluation_pool
from c2a_training.evaluation.chunk_facts import ChunkFacts
from c2a_training.evaluation.episode_record import EpisodeRecord

M = 1_000_000


def seal(folder, name, **fields):
    """A checkpoint that is nothing but its description; its path."""
    directory = folder / name
    directory.mkdir()
    info = PolicyInfo('tiny', 'data', 'commit', 0, files={}, **fields)
    (directory / INFO_NAME).write_text(json.dumps(asdict(info)))
    return directory


class InventingEvaluator:
    """Each episode fails after three chunks."""

    settings = None

    def __init__(self, settings):
        InventingEvaluator.settings = settings

    def evaluate(self, job):
        return EpisodeRecord(
            job.task, job.seed, False, 'time-out', 'time-out', 42, 2, 42,
            chunks=ChunkFacts(3, reaction_steps=(0, 1)), wall={'chunk_s': [0.05, 0.06, 0.07]},
        )  # fmt: skip


@pytest.fixture
def evaluate(monkeypatch):
    monkeypatch.setattr(evaluation_pool, 'EpisodeEvaluator', InventingEvaluator)

    def evaluate(checkpoint, *words, seeds=f'{M}-{M + 1}', planner='oracle'):
        screen = io.StringIO()
        arguments = ['run', '--planner', planner, '--low-level', 'policy', '--tasks', 'Pick']
        arguments += ['--policy-checkpoint', str(checkpoint), '--seeds', seeds, *map(str, words)]
        args = GROUP.make_parser('run').parse_args(arguments)
        code = evaluate_run.run(args, Console(file=screen, width=400))
        return code, screen.getvalue().replace('\n', ' ')

    return evaluate


def test_results_name_the_policy_its_settings_and_its_chunks(evaluate, tmp_path):
    path = tmp_path / 'e.json'
    options = ('--exec-horizon', '4', '--on-new-key-step', 'finish', '--policy-delay-s', '0.10')
    code, screen = evaluate(seal(tmp_path, 'mine'), *options, '--json', path)
    assert code == 0
    document = json.loads(path.read_text())
    config = document['config']
    assert len(config['policy_checkpoint']) == 12
    assert (config['exec_horizon'], config['policy_delay_s']) == (4, 0.1)
    assert (config['on_new_key_step'], config['warm_start']) == ('finish', None)
    assert f'low level policy {config["policy_checkpoint"]}' in screen
    assert document['cells'][0]['chunks']['chunks'] == 6
    timing = json.loads((tmp_path / 'e.timing.json').read_text())
    assert timing['ms_per_chunk'] == {'median': 60.0, 'p99': 70.0}
    assert InventingEvaluator.settings.policy_checkpoint == str(tmp_path / 'mine')


@pytest.mark.parametrize(
    'words', [('--exec-horizon', '8'), ('--denoising-steps', '5'), ('--warm-start', '0.5')]
)
def test_a_journal_of_another_use_of_the_policy_is_refused(evaluate, tmp_path, words):
    path, mine = tmp_path / 'e.json', seal(tmp_path, 'mine')
    assert evaluate(mine, '--json', path)[0] == 0
    code, screen = evaluate(mine, *words, '--json', path)
    assert (code, 'is of another evaluation' in screen) == (2, True)


def test_a_journal_of_another_policy_is_refused(evaluate, tmp_path):
    path, mine = tmp_path / 'e.json', seal(tmp_path, 'mine')
    assert evaluate(mine, '--json', path)[0] == 0
    (mine / 'notes.txt').write_text('')
    files = {'notes.txt': hashlib.sha256(b'').hexdigest()}
    info = asdict(PolicyInfo('tiny', 'data', 'commit', 0, files=files))
    (mine / INFO_NAME).write_text(json.dumps(info))
    code, screen = evaluate(mine, '--json', path)
    assert (code, 'policy_checkpoint is' in screen) == (2, True)


@pytest.mark.parametrize(
    ('fields', 'planner', 'message'),
    [
        ({'text': 'instruction'}, 'oracle', 'use --planner none'),
        ({'text': 'code'}, 'none', 'trained with --flat'),
        ({'training_seeds': ((M, M + 5),)}, 'oracle', f'was trained on seeds {M} to {M + 5}'),
        ({'skill_api_version': 0}, 'oracle', 'another skill API version'),
    ],
    ids=['flat', 'code', 'seeds', 'api'],
)
def test_a_policy_that_does_not_belong_there_is_refused(
    evaluate, tmp_path, fields, planner, message
):
    code, screen = evaluate(seal(tmp_path, 'mine', **fields), planner=planner)
    assert (code, message in screen) == (2, True)


def test_the_flat_baseline_runs_with_its_own_checkpoint(evaluate, tmp_path):
    flat = seal(tmp_path, 'flat', text='instruction')
    assert evaluate(flat, planner='none')[0] == 0
    assert evaluate(flat, '--planner-delay-s', '0.1', planner='none')[0] == 2


def test_the_camera_is_the_one_that_the_checkpoints_know(evaluate, tmp_path):
    assert evaluate(seal(tmp_path, 'old', base_camera='original'))[0] == 0
    assert InventingEvaluator.settings.base_camera == 'original'
    assert evaluate(seal(tmp_path, 'both', base_camera='framed+original'))[0] == 0
    assert InventingEvaluator.settings.base_camera == 'framed'
