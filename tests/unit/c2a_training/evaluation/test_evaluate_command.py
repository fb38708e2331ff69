# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The command with an evaluator that invents episodes; and once with the real one."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from c2a_training.cli import GROUP as CLI
from c2a_training.cli import main
from c2a_training.commands import evaluate_run
from c2a_training.commands.evaluate_command import GROUP
from c2a_training.evaluation import evaluation_output, evaluation_pool, evaluation_worker
from c2a_training.evaluation.checkpoint_facts import CheckpointFacts, looks_of
from c2a_training.evaluation.episode_record import Answer, EpisodeRecord, NamedObject
from c2a_training.evaluation.evaluation_films import pick_examples
from c2a_training.evaluation.evaluation_journal import journal_path
from c2a_training.evaluation.evaluation_seeds import check_unseen
from c2a_training.evaluation.evaluation_settings import EvaluationSettings
from c2a_training.evaluation.html_report import write_report

M = 1_000_000
PICK = "pick(actor=get_actor('red cube', (3, 5)))"


class InventingEvaluator:
    """Seeds that end in 3 fail; M + 66 crashes; M + 99 is Ctrl-C; M + 73 speaks in tags."""

    ran: list[tuple[str, int]]

    def __init__(self, settings):
        self.settings = settings

    def evaluate(self, job):
        if job.seed == M + 99:
            raise KeyboardInterrupt
        self.ran.append((job.task, job.seed))
        if job.seed == M + 66:
            return EpisodeRecord(job.task, job.seed, False, 'error: OSError: no', 'crash')
        fails = job.seed % 10 == 3
        said = '[/INST] pick(' if job.seed == M + 73 else PICK.replace('red', 'blue')
        answer = Answer(
            0, 'key_step', PICK, said if fails else PICK,
            deviation='wrong object' if fails else '',
            objects=(NamedObject('red cube', (3, 5), (3, 6)),), tokens=20,
        )  # fmt: skip
        return EpisodeRecord(
            job.task, job.seed, not fails, 'time-out' if fails else 'success',
            'wrong object' if fails else '', 40, 2, 50, (answer,),
            wall={'loop_s': 0.2, 'reset_s': 0.01, 'planner_s': 0.1, 'decisions': 2},
        )  # fmt: skip


@pytest.fixture
def evaluate(monkeypatch):
    monkeypatch.setattr(evaluation_pool, 'EpisodeEvaluator', InventingEvaluator)
    InventingEvaluator.ran = []

    def evaluate(*words):
        screen = io.StringIO()
        args = GROUP.make_parser('run').parse_args(['run', *map(str, words)])
        code = evaluate_run.run(args, Console(file=screen, width=400))
        return code, screen.getvalue()

    return evaluate


def words(*more, seeds=f'{M}-{M + 9}'):
    return ('--planner', 'oracle', '--tasks', 'Pick', 'Swap', '--seeds', seeds, *more)


def test_table_and_json_have_successes_intervals_and_classes(evaluate, tmp_path):
    path = tmp_path / 'deep' / 'e.json'
    code, screen = evaluate(*words('--json', path))
    assert code == 0
    row = next(line for line in screen.splitlines() if line.strip().startswith('Pick'))
    for text in ('9/10', '90.0', '59.6–98.2', '40.0', '50', '2.0', '100%', 'wrong object 1'):
        assert text in row
    assert 'right: pick' in screen
    document = json.loads(path.read_text())
    cell = document['cells'][1]
    assert {name: cell[name] for name in ('task', 'planner', 'low_level', 'n', 'successes')} == {
        'task': 'Swap', 'planner': 'oracle', 'low_level': 'oracle', 'n': 10, 'successes': 9,
    }  # fmt: skip
    assert cell['wilson95'] == [0.5958, 0.9821]
    assert (cell['mean_steps'], cell['mean_calls'], cell['max_steps']) == (40.0, 2.0, 50)
    assert list(cell['failures'].values()) == [0, 1, 0, 0, 0, 0, 0]
    assert cell['mean_decision_tokens'] == 20
    assert (cell['cell_errors']['exact'], cell['cell_errors']['within_one']) == (0.0, 1.0)
    assert document['config']['seeds'] == f'{M}-{M + 9}'
    assert (document['mean_success'], document['config']['complete']) == (0.9, True)
    timing = json.loads((tmp_path / 'deep' / 'e.timing.json').read_text())
    assert timing['ms_per_decision'] == 50.0


def test_what_a_model_wrote_is_no_markup(evaluate):
    code, screen = evaluate(*words(seeds=f'{M + 73}'))
    assert (code, '[/INST] pick(' in screen) == (0, True)


def test_results_are_on_the_disk_before_they_are_printed(evaluate, tmp_path, monkeypatch):
    def fail(*_):
        raise BrokenPipeError

    monkeypatch.setattr(evaluation_output, 'print_results', fail)
    path = tmp_path / 'e.json'
    with pytest.raises(BrokenPipeError):
        evaluate(*words('--json', path))
    assert len(json.loads(path.read_text())['cells']) == 2
    assert json.loads((tmp_path / 'e.timing.json').read_text())['episodes'] == 20


def test_an_interrupted_run_goes_on_to_the_same_bytes(evaluate, tmp_path):
    whole, parts = tmp_path / 'whole.json', tmp_path / 'parts.json'
    evaluate(*words('--json', whole))
    code, screen = evaluate(*words('--json', parts, seeds=f'{M}-{M + 4},{M + 99}'))
    assert (code, 'interrupted: 5 of 12' in screen) == (130, True)
    assert json.loads(parts.read_text())['config']['complete'] is False
    InventingEvaluator.ran.clear()
    # As a kill leaves it: the last line is not whole.
    with journal_path(parts).open('a') as file:
        file.write('{"task": "Pick", "se')
    code, screen = evaluate(*words('--json', parts))
    assert (code, 'going on: 5 episodes' in screen) == (0, True)
    assert len(InventingEvaluator.ran) == 15
    assert parts.read_bytes() == whole.read_bytes()
    evaluate(*words('--json', parts))
    assert len(InventingEvaluator.ran) == 15
    assert parts.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    'more', [('--split', 'test'), ('--low-level', 'replay', '--replay-dir', '.')]
)
def test_a_journal_of_another_experiment_is_refused(evaluate, tmp_path, more):
    path = tmp_path / 'e.json'
    evaluate(*words('--json', path))
    before = journal_path(path).read_bytes()
    code, screen = evaluate(*words('--json', path, *more))
    assert (code, 'is of another evaluation' in screen) == (2, True)
    assert journal_path(path).read_bytes() == before


def test_a_journal_of_another_checkpoint_is_refused(evaluate, tmp_path, monkeypatch):
    path = tmp_path / 'e.json'
    facts = iter([CheckpointFacts('aaa'), CheckpointFacts('bbb')])
    monkeypatch.setattr(
        'c2a_training.evaluation.checkpoint_facts.read_facts', lambda settings: next(facts)
    )
    assert evaluate(*words('--json', path))[0] == 0
    code, screen = evaluate(*words('--json', path))
    assert (code, 'checkpoint is aaa there and bbb here' in screen.replace('\n', ' ')) == (2, True)


def test_a_file_that_is_no_journal_is_left_alone(evaluate, tmp_path):
    path = tmp_path / 'e.json'
    journal_path(path).write_text('my notes\n')
    code, screen = evaluate(*words('--json', path))
    assert (code, 'no journal' in screen) == (2, True)
    assert journal_path(path).read_text() == 'my notes\n'


def test_a_crash_fails_the_command_and_is_tried_again(evaluate, tmp_path):
    path = tmp_path / 'e.json'
    for _ in range(2):
        code, screen = evaluate(*words('--json', path, seeds=f'{M + 66}'))
        assert (code, 'crash 1' in screen) == (1, True)
    assert len(InventingEvaluator.ran) == 4


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('--seeds', '0-9'), 'belongs to training data'),
        (('--tasks', 'Pickk'), 'did you mean Pick'),
        (('--workers', '0'), 'expected at least 1'),
        (('--image-size', '4'), 'expected 16 to 2048'),
        (('--low-level', 'policy', '--policy-checkpoint', 'nothing-here'), 'nothing-here'),
        (('--low-level', 'policy', '--policy-delay-s', 'soon'), '--policy-delay-s: delay is'),
        (('--low-level', 'policy', '--exec-horizon', '0'), '--exec-horizon is 0'),
        (('--low-level', 'policy', '--denoising-steps', '-1'), '--denoising-steps is -1'),
        (('--exec-horizon', '8'), '--exec-horizon is for --low-level policy'),
        (('--planner-delay-s', '-1'), '--planner-delay-s: delay is'),
        (('--planner', 'none'), 'learned policy'),
        (('--planner', 'none', '--low-level', 'replay'), 'needs --replay-dir'),
        (('--planner', 'oracle', '--blind'), 'sees nothing'),
        (('--planner', 'vlm', '--checkpoint', 'nothing-here'), 'there is no checkpoint'),
    ],
)
def test_wrong_arguments_are_refused_with_what_to_write(evaluate, arguments, message):
    code, screen = evaluate(*words(*arguments))
    assert (code, message in screen.replace('\n', ' ')) == (2, True)
    assert not InventingEvaluator.ran


def test_small_seeds_are_for_tests_only(evaluate):
    assert evaluate(*words('--any-seeds', seeds='0-1'))[0] == 0


def test_seeds_of_the_checkpoints_training_data_are_refused():
    facts = CheckpointFacts('abc', training_seeds=((0, 9), (M + 5, M + 7)))
    check_unseen([M, M + 4, M + 8], facts)
    with pytest.raises(ValueError, match=f'abc was trained on seeds {M + 5} to {M + 7}'):
        check_unseen([M, M + 6], facts)


@pytest.mark.parametrize(
    ('splits', 'looks', 'why'),
    [
        (('train',), 'held out', 'which has no pair of split test'),
        (('simple', 'train'), 'seen in training', 'no result on unseen looks'),
        ((), 'unknown', 'nobody knows'),
        (('train', 'unknown'), 'unknown', 'nobody knows'),
    ],
)
def test_split_test_says_whether_its_looks_were_held_out(
    evaluate, tmp_path, monkeypatch, splits, looks, why
):
    monkeypatch.setattr(
        'c2a_training.evaluation.checkpoint_facts.read_facts',
        lambda settings: CheckpointFacts('aaa', training_splits=splits),
    )
    path = tmp_path / 'e.json'
    code, screen = evaluate(*words('--json', path, '--split', 'test'))
    assert (code, f'looks {looks}: ' in screen, why in screen) == (0, True, True)
    document = json.loads(path.read_text())
    assert document['config']['looks'] == looks
    write_report(tmp_path / 'r.html', document, [], [])
    assert f'split test, looks {looks}</h1>' in (tmp_path / 'r.html').read_text()


@pytest.mark.parametrize('more', [('--split', 'train'), ('--split', 'test')])
def test_looks_are_not_spoken_of_where_they_mean_nothing(evaluate, tmp_path, more):
    path = tmp_path / 'e.json'
    assert 'looks ' not in evaluate(*words('--json', path, *more))[1]
    assert 'looks' not in json.loads(path.read_text())['config']


def test_of_two_models_the_one_that_saw_more_counts():
    models = [CheckpointFacts(name, training_splits=(name,)) for name in ('train', 'simple')]
    assert looks_of(models) == 'seen in training'
    assert looks_of([models[0], CheckpointFacts('oracle')]) == 'held out'
    assert looks_of([CheckpointFacts('oracle')]) == ''


@pytest.mark.parametrize(
    ('error', 'kind', 'message'),
    [
        (ValueError('there are no episodes in out/x'), ValueError, 'there are no episodes in'),
        (OSError('no GPU'), RuntimeError, 'a worker could not start: OSError: no GPU'),
    ],
)
def test_a_worker_that_cannot_start_says_why(monkeypatch, error, kind, message):
    class Failing:
        def __init__(self, settings):
            raise error

    monkeypatch.setattr(evaluation_worker, 'EpisodeEvaluator', Failing)
    monkeypatch.setattr(evaluation_worker, '_error', None)
    # In a pool an error here would say that the pool broke.
    evaluation_worker.start_worker(EvaluationSettings())
    with pytest.raises(kind, match=message):
        evaluation_worker.run_job(evaluation_pool.EpisodeJob('Pick', M))


def test_options_right_behind_the_command_are_those_of_run(evaluate, capsys):
    assert main(['evaluate', '--planner', 'oracle', '--tasks', 'Pick', '--seeds', '5']) == 2
    assert 'belongs to training data' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        CLI.main(['evaluate', '--help'])
    assert 'compare' in capsys.readouterr().out


def test_compare_prints_markdown_with_the_papers_column(evaluate, tmp_path, capsys):
    files = [tmp_path / 'a.json', tmp_path / 'b.json']
    evaluate(*words('--json', files[0]))
    evaluate(*words('--json', files[1], seeds=f'{M}-{M + 1}'))
    document = json.loads(files[0].read_text())
    document['config']['planner'] = 'vlm'
    document['cells'] = document['cells'][:1]
    files[0].write_text(json.dumps(document))
    assert main(['evaluate', 'compare', *map(str, files), '--titles', 'ours', 'oracle']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == '| task | ours | oracle | paper, Table 1, VLM+Oracle |'
    assert lines[2] == '| Pick | 90.0 (60–98) | 100.0 (34–100) | 87.0 |'
    assert lines[4].startswith('| **mean** |  | **100.0** |')
    assert f'seeds {M}-{M + 9}' in lines[6]
    assert main(['evaluate', 'compare', str(tmp_path / 'a.timing.json')]) == 2


def test_films_are_of_the_first_success_and_the_first_failure():
    evaluator = InventingEvaluator(None)
    evaluator.ran = []
    jobs = [evaluation_pool.EpisodeJob('Pick', M + seed) for seed in (66, 13, 3, 5, 4)]
    examples = pick_examples(['Swap', 'Pick'], map(evaluator.evaluate, jobs))
    assert [(r.success, r.seed) for r in examples] == [(True, M + 4), (False, M + 3)]


def test_the_report_is_one_file_with_tables_plots_and_films(evaluate, tmp_path):
    from c2a_training.evaluation.evaluation_cells import make_document
    from c2a_training.evaluation.evaluation_films import Film

    evaluator = InventingEvaluator(None)
    evaluator.ran = []
    jobs = [evaluation_pool.EpisodeJob('Pick', M + seed) for seed in range(9)]
    records = [evaluator.evaluate(job) for job in jobs]
    records[3] = replace(records[3], reason='<script>')
    config = {'planner': 'vlm', 'low_level': 'oracle', 'split': 'test', 'blind': True}
    document = make_document(['Pick'], records, config)
    (tmp_path / 'film.mp4').write_bytes(b'moving')
    film = Film(records[3], tmp_path / 'film.mp4')
    write_report(tmp_path / 'r.html', document, records, [film])
    page = (tmp_path / 'r.html').read_text()
    assert page.count('<svg') == 3
    assert 'data:video/mp4;base64,bW92aW5n' in page
    for text in ('8/9', 'paper, Table 1', 'split test, blind', 'wrong object', 'right: pick'):
        assert text in page
    assert '<script>' not in page
    assert 'src="http' not in page
