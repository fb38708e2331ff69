# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import numpy as np
import pytest
from sample_episodes import make_rows

from c2a_core.skill_api import uncomment
from c2a_planner.prompt import KEY_STEP_REQUEST, STEP_REQUEST
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.planner.examples import CODE_KINDS, ExampleSettings, PlannerExamples
from c2a_training.training.held_out import is_held_out

CELL = re.compile(r'\(\d, \d\)')
NAME = re.compile(r"get_actor\('([^']*)'")


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    """Ten episodes of one task, two of another."""
    directory = tmp_path_factory.mktemp('sets') / 'set'
    with EpisodeWriter(directory, {'image_size': 32}) as writer:
        for task, count in (('Pick', 10), ('Swap', 2)):
            for seed in range(count):
                writer.add(make_rows(task, seed, 9))
        writer.finish()
    return EpisodeDataset(directory, threads=1)


def examples(dataset, held_out=False, **settings):
    return PlannerExamples([dataset], ExampleSettings(**settings), held_out=held_out)


def code_turns(example):
    return {turn.kind: turn for turn in example.turns if turn.kind in CODE_KINDS}


def test_borders_are_asked_both_ways_and_the_rest_goes_on(dataset):
    made = examples(dataset, memory_noise=0.0, validation_share=0.0)
    assert len(made) == len(dataset)
    for number, is_border in enumerate(made.is_border.tolist()):
        example = made.example(number, np.random.default_rng(number))
        row = example.row
        turns, code = code_turns(example), dataset.texts('code', [row])[0]
        assert example.memory == dataset.memory(row)
        assert is_border == (not example.memory or code != example.memory[-1])
        assert turns['step'].request == STEP_REQUEST
        if is_border:
            assert turns['key_step'][:3] == ('key_step', KEY_STEP_REQUEST, code)
            assert turns['step'].reply == code
        else:
            assert set(turns) == {'step'}
            assert uncomment(turns['step'].reply) == example.memory[-1]
            assert turns['step'].reply.startswith('# ')
    assert 0 < made.is_border.mean() < 1


def test_validation_and_training_share_no_episode(dataset):
    share = 0.4
    parts = [examples(dataset, held, validation_share=share) for held in (False, True)]
    episodes = [set(dataset.episode_of(part.rows[:, 1]).tolist()) for part in parts]
    assert not episodes[0] & episodes[1]
    assert len(episodes[0] | episodes[1]) == len(dataset.episodes)
    for index in episodes[1]:
        assert is_held_out(dataset.episodes[index].episode, share)


def test_moved_cells_are_moved_by_one_in_memory_and_in_what_goes_on(dataset):
    made = examples(dataset, memory_noise=1.0, validation_share=0.0, questions=0)
    moved = 0
    for number in np.nonzero(~made.is_border)[0].tolist():
        example = made.example(number, np.random.default_rng(number))
        assert uncomment(code_turns(example)['step'].reply) == example.memory[-1]
        for shown, true in zip(example.memory, dataset.memory(example.row), strict=True):
            numbers = [[int(c) for c in text if c.isdigit()] for text in (shown, true)]
            assert max(abs(a - b) for a, b in zip(*numbers, strict=True)) <= 1
            moved += shown != true
    assert moved
    again = made.example(0, np.random.default_rng(0), noise=False)
    assert again.memory == dataset.memory(again.row)


def test_prompts_without_pictures_teach_no_cells_but_those_of_the_memory(dataset):
    made = examples(dataset, memory_noise=0.0, validation_share=0.0, has_pictures=False)
    free = known = 0
    for number in np.nonzero(made.is_border)[0].tolist():
        example = made.example(number, np.random.default_rng(number))
        for turn in code_turns(example).values():
            cells = set(CELL.findall(turn.reply))
            told = set(CELL.findall(' '.join(example.memory)))
            assert turn.free_cells == cells - told
            free, known = free + len(cells - told), known + len(cells & told)
    assert free
    assert known


def test_names_change_with_pictures_only_where_the_texts_tell_them(dataset):
    made = examples(dataset, rename_share=1.0, memory_noise=0.0, validation_share=0.0)
    changed = 0
    for number in np.nonzero(made.is_border)[0].tolist():
        example = made.example(number, np.random.default_rng(number))
        row, turns = example.row, code_turns(example)
        told = ' '.join((dataset.texts('instruction', [row])[0], *dataset.memory(row)))
        names = NAME.findall(dataset.texts('code', [row])[0])
        is_told = all(name in told for name in names)
        if turns['key_step'].reply != dataset.texts('code', [row])[0]:
            assert is_told
            changed += 1
        assert bool(turns['key_step'].free_cells) <= is_told
    assert changed


def test_draws_are_balanced_and_repeatable(dataset):
    made = examples(dataset, border_share=0.5, validation_share=0.0, new_name_weight=1.0)
    drawn = made.draw(np.random.default_rng(3), 4000)
    np.testing.assert_array_equal(drawn, made.draw(np.random.default_rng(3), 4000))
    assert made.is_border[drawn].mean() == pytest.approx(0.5, abs=0.03)
    swaps = [dataset.texts('task', [row])[0] == 'Swap' for row in made.rows[drawn, 1].tolist()]
    # Five times as many rows of one task are drawn only √5 times as often.
    assert np.mean(swaps) == pytest.approx(1 / (1 + 5**0.5), abs=0.03)


def test_key_steps_with_new_names_are_drawn_more_often(dataset):
    shares = []
    for weight in (1.0, 4.0):
        made = examples(dataset, border_share=1.0, validation_share=0.0, new_name_weight=weight)
        rows = made.rows[made.draw(np.random.default_rng(0), 4000), 1].tolist()
        shares.append(np.mean([not dataset.memory(row) for row in rows]))
    assert shares[1] > 1.5 * shares[0]


def test_tasks_are_drawn_by_their_weights(dataset):
    made = examples(
        dataset, validation_share=0.0, new_name_weight=1.0, weights=('Swap=5', 'set=2')
    )
    rows = made.rows[made.draw(np.random.default_rng(3), 4000), 1].tolist()
    swaps = np.mean([dataset.texts('task', [row])[0] == 'Swap' for row in rows])
    assert swaps == pytest.approx(5 / (5 + 5**0.5), abs=0.03)
    with pytest.raises(ValueError, match='no task and no dataset is named Stack: the data have'):
        examples(dataset, weights=('Stack=2',))
    with pytest.raises(ValueError, match="weight 'Swap=much': expected NAME=W"):
        examples(dataset, weights=('Swap=much',))


def test_questions_come_from_the_labels(dataset):
    made = examples(dataset, questions=3, validation_share=0.0)
    kinds = set()
    for number in range(len(made)):
        turns = made.example(number, np.random.default_rng(number)).turns
        questions = [turn for turn in turns if turn.kind not in CODE_KINDS]
        assert len(questions) <= 3
        kinds |= {turn.kind for turn in questions}
    assert kinds == {'where', 'presence', 'what', 'which'}


def test_nothing_to_learn_from_is_an_error(dataset):
    with pytest.raises(ValueError, match='no rows with a base picture for validation'):
        examples(dataset, held_out=True, validation_share=0.0)
    with pytest.raises(ValueError, match='border_share must be between 0 and 1, got 2'):
        ExampleSettings(border_share=2)
