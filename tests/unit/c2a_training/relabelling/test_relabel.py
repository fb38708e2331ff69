# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A planner's labels on recorded episodes: whose they are, what they keep, and the command."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console
from sample_episodes import assert_equal_rows, make_rows
from scripted_world import TRACE

from c2a_core.skill_api import comment
from c2a_planner import checkpoint
from c2a_planner.backend import Reply
from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import MAX_INVALID_IN_A_ROW, Planner
from c2a_training.cli import make_parser
from c2a_training.commands import relabel_command
from c2a_training.dataset.episode_check import check_rows
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.relabelling import relabel_worker
from c2a_training.relabelling.label_comparison import Labels, compare_labels
from c2a_training.relabelling.relabel_episode import relabel_episode

OPTIONS = {'generator': 'oracle', 'split': 'simple', 'base_camera': 'framed'}


class LateBackend(OracleBackend):
    """The truth of some rows ago; it looks at every picture. 'Swap' it does not know."""

    late = 1

    def __init__(self):
        self.heard = []
        self.shapes = set()

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        if observation.step == 0:
            self.heard = []
        self.heard.append(oracle_code)
        self.shapes.add((observation.base_image.shape, request_key_step))
        if 'Swap' in instruction:
            return Reply('swap everything')
        known = self.heard[max(0, len(self.heard) - 1 - self.late)]
        return super().reply(observation, instruction, memory, request_key_step, known)


class PromptBackend(LateBackend):
    """The truth in time."""

    late = 0


def relabel(rows, backend):
    return relabel_episode(rows, Planner(backend))


def test_the_demonstrators_own_labels_come_back_from_one_who_knows_them():
    rows = make_rows(steps=9)
    done = relabel(rows, PromptBackend())
    assert_equal_rows(done.rows, rows)
    assert (done.decisions, done.invalid, done.reason) == (9, 0, '')


def test_every_observation_is_asked_about_with_its_picture_and_the_step_request():
    backend = LateBackend()
    relabel(make_rows(steps=9), backend)
    assert backend.shapes == {((32, 32, 3), False)}
    assert len(backend.heard) == 9


def test_labels_move_together_and_all_else_stays():
    rows = make_rows(steps=9)
    late = relabel(rows, LateBackend()).rows
    assert np.nonzero(rows.is_key_step)[0].tolist() == [0, 3, 6, 9]
    assert np.nonzero(late.is_key_step)[0].tolist() == [0, 4, 7, 9]
    assert late.code[3:5] == TRACE[:2]
    assert late.subtask_id.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 3]
    assert late.memory[4] == TRACE[:1]
    assert late.oracle_code == rows.oracle_code
    assert late.base_jpeg == rows.base_jpeg
    assert late.metadata.sha256 == rows.metadata.sha256
    assert late.metadata.content_sha256 != rows.metadata.content_sha256
    assert not list(check_rows(late))


class EarlyBackend(OracleBackend):
    """Thinks that it is done after two steps."""

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        if observation.step >= 2:
            return Reply('done()')
        return super().reply(observation, instruction, memory, request_key_step, oracle_code)


def test_a_planner_that_says_done_too_early_has_said_it_for_good():
    rows = relabel(make_rows(steps=9), EarlyBackend()).rows
    assert rows.code == (TRACE[0],) * 2 + ('done()',) * 8
    assert rows.is_key_step.tolist() == [True, False, True, *[False] * 7]
    assert rows.metadata.skill_calls == 1
    assert not list(check_rows(rows))


class MutteringBackend(OracleBackend):
    """Says the last key step, commented, and for every third observation something unheard of."""

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        if observation.step % 3 == 1:
            return Reply('fly(me=1)')
        if not memory:
            return Reply(oracle_code)
        return Reply(comment(memory[-1]))


def test_invalid_replies_are_counted_and_change_nothing():
    done = relabel(make_rows(steps=9), MutteringBackend())
    assert (done.invalid, set(done.rows.code[:-1])) == (3, {TRACE[0]})


def test_a_task_that_the_planner_gives_up_has_no_labels():
    done = relabel(make_rows('Swap', steps=30), LateBackend())
    assert done.rows is None
    assert 'invalid replies in a row' in done.reason
    assert done.decisions == MAX_INVALID_IN_A_ROW


def test_rows_without_pictures_are_refused():
    with pytest.raises(ValueError, match='--pictures all'):
        relabel(make_rows(sparse=True), LateBackend())


def test_borders_that_moved_are_counted_apart_from_key_steps_that_are_not_the_same():
    def labels(*runs):
        code = [text for text, length in runs for _ in range(length)]
        begins = [i == 0 for _, length in runs for i in range(length)]
        return Labels(code, begins)

    pick, place = (
        "pick(actor=get_actor('red cube', (3, 5)))",
        "touch(actor=get_actor('x', (1, 1)))",
    )
    near = pick.replace('(3, 5)', '(4, 5)')
    found = compare_labels(
        labels((pick, 3), (place, 3), (TRACE[2], 3)), labels((near, 5), (place, 2), ('done()', 2))
    )
    assert found.shifts == (2,)
    assert (found.missed, found.added, found.early_done) == (1, 0, 2)
    assert sorted(found.cell_errors) == [0, 1]
    assert found.differing == 2 + 3


@pytest.fixture
def command(monkeypatch, tmp_path):
    source = tmp_path / 'demos'
    with EpisodeWriter(source, OPTIONS, shard_bytes=20_000) as writer:
        for seed in range(4):
            writer.add(make_rows('Pick', seed, 9))
        writer.add(make_rows('Swap', 0, 30))
        writer.finish()
    monkeypatch.setattr(relabel_worker, '_load_backend', lambda settings: LateBackend())
    monkeypatch.setattr(
        checkpoint, 'find_checkpoint', lambda name: checkpoint.Checkpoint('model', '.')
    )

    def run(*words, out=tmp_path / 'labels'):
        screen = io.StringIO()
        arguments = ['relabel', '--data', source, '--out', out, '--workers', 1, *words]
        args = make_parser('relabel').parse_args([str(word) for word in arguments])
        code = relabel_command.run(args, Console(file=screen, width=300))
        return code, screen.getvalue().replace('\n', ' ')

    run.source, run.out = source, tmp_path / 'labels'
    return run


def test_the_command_makes_a_dataset_and_says_how_its_labels_differ(command, tmp_path):
    code, screen = command('--json', tmp_path / 'labels.json')
    assert code == 0
    assert 'given up: Swap-0' in screen
    store, source = EpisodeStore(command.out), EpisodeStore(command.source)
    assert [e.episode for e in store.episodes] == [f'Pick-{seed}' for seed in range(4)]
    assert store.manifest.options == {
        **OPTIONS, 'labels': 'relabel', 'label_checkpoint': 'model',
    }  # fmt: skip
    assert [d.task for d in store.manifest.dropped] == ['Swap']
    expected = relabel(source.read('Pick-2'), LateBackend()).rows
    assert_equal_rows(store.read('Pick-2'), expected)
    summary = json.loads((tmp_path / 'labels.json').read_text())['tasks']['Pick']
    assert (summary['shift_median'], summary['borders_moved']) == (1.0, 1.0)
    assert (summary['missed'], summary['added'], summary['cells_exact']) == (0, 0, 1.0)
    assert summary['rows_differing'] == round(8 / 36, 4)


def test_killed_and_continued_it_makes_the_same_bytes(command, tmp_path, monkeypatch):
    command()
    whole = {p.name: p.read_bytes() for p in (command.out / 'data').iterdir()}
    real = relabel_worker.Relabeller.relabel

    def dies(self, episode):
        if episode == 'Pick-2':
            raise KeyboardInterrupt
        return real(self, episode)

    other = tmp_path / 'other'
    monkeypatch.setattr(relabel_worker.Relabeller, 'relabel', dies)
    assert command(out=other)[0] == 130
    asked = []
    monkeypatch.setattr(
        relabel_worker.Relabeller, 'relabel', lambda self, e: (asked.append(e), real(self, e))[1]
    )
    assert command(out=other)[0] == 0
    assert asked == ['Pick-2', 'Pick-3', 'Swap-0']
    assert {p.name: p.read_bytes() for p in (other / 'data').iterdir()} == whole
    asked.clear()
    assert command(out=other)[0] == 0
    assert not asked


def test_what_cannot_be_relabelled_is_refused(command, tmp_path):
    assert command('--tasks', 'Push')[0] == 2
    assert 'has Pick, Swap' in command('--tasks', 'Push')[1]
    assert 'name a new directory' in command(out=command.source)[1]
    sparse = tmp_path / 'sparse'
    with EpisodeWriter(sparse, {**OPTIONS, 'pictures': 'key-steps:2'}) as writer:
        writer.add(make_rows(sparse=True))
        writer.finish()
    assert '--pictures all' in command('--data', sparse)[1]
    command()
    assert 'labels of a planner' in command('--data', command.out, out=tmp_path / 'twice')[1]
    with EpisodeWriter(tmp_path / 'mixed', EpisodeStore(command.out).manifest.options) as writer:
        writer.add(make_rows('Pick', 1, 12))
        writer.finish()
    assert 'is not the one of' in command(out=tmp_path / 'mixed')[1]
