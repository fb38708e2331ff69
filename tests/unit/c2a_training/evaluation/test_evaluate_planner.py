# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Scores of replies, and the command with a model that makes known mistakes."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console
from sample_episodes import make_rows

from c2a_core.skill_api import comment
from c2a_training.commands import evaluate_planner
from c2a_training.commands.evaluate_command import GROUP
from c2a_training.evaluation.planner_scores import PlannerScores, Said

pytest.importorskip('transformers', reason='transformers is not installed')

RED, BLUE = "get_actor('red cube', (3, 5))", "get_actor('blue cube', (7, 2))"
PICK, MOVE = f'pick(actor={RED})', f'move3d(actor={RED})'


def scores(*said, kind='key_step', memory=(MOVE,)):
    counted = PlannerScores()
    for truth, text in said:
        counted.add(Said('Pick', kind, truth, text, memory))
    return counted.as_json()


def test_key_steps_are_compared_by_function_call_objects_and_cells():
    found = scores(
        (PICK, PICK),
        (PICK, PICK.replace('(3, 5)', '(4, 7)')),
        (PICK, f'pick(actor={BLUE})'),
        (PICK, f'topple(actor={RED})'),
        (PICK, f'pick(actor={RED}'),
        ('done()', 'done()'),
    )
    shares = {name: found[name]['share'] for name in ('exact', 'function', 'call', 'objects')}
    # The missing bracket is invalid: it is no function, call or object.
    assert shares == {'exact': 0.3333, 'function': 0.6667, 'call': 0.6667, 'objects': 0.6}
    assert found['objects']['n'] == 5
    assert found['invalid'] == {'share': 0.1667, 'n': 6}
    assert found['cell_error']['histogram'][:3] == [2, 0, 1]
    assert (found['cell_error']['median'], found['cell_error']['within_one']) == (0, 0.6667)


def test_borders_have_precision_and_recall():
    goes_on = comment(MOVE)
    found = scores(
        (PICK, PICK),
        (PICK, f'topple(actor={RED})'),
        (PICK, goes_on),
        (goes_on, goes_on),
        (goes_on, MOVE),
        (goes_on, PICK),
        (goes_on, 'pick('),
        kind='step',
    )
    assert found['key_step_precision'] == {'share': 0.6667, 'n': 3}
    assert found['key_step_recall'] == {'share': 0.6667, 'n': 3}
    assert found['goes_on'] == {'share': 0.25, 'n': 4}
    assert found['invalid'] == {'share': 0.1429, 'n': 7}
    assert found['exact']['n'] == 0


def test_where_is_scored_in_cells_too():
    truth = 'The red cube is at (3, 5).'
    said = [truth, 'The red cube is at (3, 6).', 'There is no red cube.']
    found = scores(*((truth, text) for text in said), kind='where')
    assert found['questions'] == {'where': {'share': 0.3333, 'n': 3}}
    assert found['where_error']['histogram'][:2] == [1, 1]


def test_mistakes_are_counted_without_their_cells():
    counted = PlannerScores()
    for cell in ('(1, 1)', '(2, 2)'):
        counted.add(Said('Pick', 'key_step', PICK, f"pick(actor=get_actor('blue cube', {cell}))"))
        counted.add(Said('Pick', 'key_step', PICK, PICK.replace('(3, 5)', cell)))
    assert counted.mistakes.most_common() == [
        (
            (
                'key_step',
                "pick(actor=get_actor('red cube', (·, ·)))",
                "pick(actor=get_actor('blue cube', (·, ·)))",
            ),
            2,
        )
    ]


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """The command on a small dataset; the model answers `done()` to whatever it is asked."""
    from c2a_planner import vlm
    from c2a_training.dataset.episode_writer import EpisodeWriter
    from c2a_training.evaluation import planner_questioner

    with EpisodeWriter(tmp_path / 'set', {'image_size': 32}) as writer:
        for task, seed in (('Pick', 0), ('Pick', 1), ('Swap', 0)):
            writer.add(make_rows(task, seed, 9))
        writer.finish()
    prompts = []
    model = SimpleNamespace(checkpoint=None, encode_prompt=lambda *words: prompts.append(words))
    monkeypatch.setattr(vlm.VisionLanguageModel, 'load', lambda name: model)
    monkeypatch.setattr(
        planner_questioner, 'write_reply', lambda *a, **k: SimpleNamespace(text='done()')
    )

    def ask(*words):
        screen = io.StringIO()
        words = ['planner', '--data', tmp_path / 'set', *words]
        args = GROUP.make_parser('planner').parse_args([str(word) for word in words])
        code = evaluate_planner.run(args, Console(file=screen, width=160))
        return code, screen.getvalue(), prompts

    ask.model = model
    return ask


def test_the_command_prints_tables_and_writes_the_figures(ask, tmp_path):
    path = tmp_path / 'p.json'
    code, screen, prompts = ask('--all-episodes', '--rows', 12, '--json', path)
    assert code == 0
    document = json.loads(path.read_text())
    assert document['config']['rows'] == 12
    assert [task['task'] for task in document['tasks']] == ['Pick', 'Swap']
    asked = {words[2] for words in prompts}
    assert {'Which code should be running now?', 'Which key step comes next?'} <= asked
    assert document['mistakes']
    assert document['mistakes'][0]['said'] == 'done()'
    for text in ('precision', 'cells of key steps', 'what was said instead', 'Swap'):
        assert text in screen
    first = path.read_bytes()
    ask('--all-episodes', '--rows', 12, '--json', path)
    assert path.read_bytes() == first


@pytest.mark.parametrize('share', [0.5, None])
def test_rows_are_of_the_episodes_that_the_checkpoint_says_it_left_out(ask, tmp_path, share):
    from c2a_training.planner.examples import ExampleSettings
    from c2a_training.training.held_out import is_held_out

    ask.model.checkpoint = SimpleNamespace(
        label='abc', info=SimpleNamespace(validation_share=share)
    )
    path = tmp_path / 'p.json'
    code, screen, _ = ask('--json', path)
    usual = ExampleSettings().validation_share
    held = [name for name in ('Pick-0', 'Pick-1', 'Swap-0') if is_held_out(name, share or usual)]
    if share is None:
        # Three episodes are too few for the usual share.
        assert (code, held) == (2, [])
        return
    assert code == 0
    document = json.loads(path.read_text())
    assert document['config']['validation_share'] == share
    assert {entry['task'] for entry in document['tasks']} == {name[:-2] for name in held}


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--rows', 0), 'expected at least 1'),
        ((), 'no rows with a base picture for validation'),
    ],
)
def test_what_cannot_be_asked_is_refused(ask, words, message):
    code, screen, _ = ask(*words)
    assert (code, message in screen.replace('\n', ' ')) == (2, True)
