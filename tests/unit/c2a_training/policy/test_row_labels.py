# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sample_episodes import episode_parts, make_rows

from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.episode_rows import EpisodeRowsBuilder
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.policy.row_labels import check_strategy, label_rows, shift_borders

STEPS = 9


def write(directory, options, episodes):
    with EpisodeWriter(directory, {'image_size': 32, **options}) as writer:
        for rows in episodes:
            writer.add(rows)
        writer.finish()
    return EpisodeDataset(directory, threads=1)


@pytest.fixture(scope='module')
def demonstrations(tmp_path_factory):
    directory = tmp_path_factory.mktemp('sets') / 'demonstrations'
    return write(directory, {}, [make_rows('Pick', seed, STEPS) for seed in range(2)])


@pytest.fixture(scope='module')
def relabelled(tmp_path_factory):
    """The same, in another planner's words: column `oracle_code` is what it was."""
    builder = EpisodeRowsBuilder('Pick', 0, 'Do Pick 0')
    for observation, key_step, *rest in episode_parts('Pick', 0, STEPS):
        other = replace(key_step, code=key_step.code.replace('red', 'green'), cache_info='')
        builder.add(observation, other, *rest)
    directory = tmp_path_factory.mktemp('sets') / 'relabelled'
    return write(directory, {'labels': 'relabel'}, [builder.finish('0')])


def texts_of(labels, rows):
    return [labels.texts[number] for number in labels.text[rows].tolist()]


def test_recorded_labels_are_the_rows_own(demonstrations):
    labels = label_rows(demonstrations, 'recorded', flat=False, seed=0)
    rows = np.arange(len(demonstrations))
    pairs = zip(
        demonstrations.texts('code', rows), demonstrations.texts('cache_info', rows), strict=True
    )
    assert texts_of(labels, rows) == list(pairs)
    # All but the row with done() of each episode.
    assert np.nonzero(~labels.is_target)[0].tolist() == [STEPS, 2 * STEPS + 1]


def test_ground_truth_of_a_relabelled_dataset_is_the_traces(demonstrations, relabelled):
    truth = label_rows(demonstrations, 'recorded', flat=False, seed=0)
    found = label_rows(relabelled, 'oracle', flat=False, seed=0)
    rows = np.arange(STEPS)
    assert texts_of(found, rows) == texts_of(truth, rows)
    assert found.subtask[rows].tolist() == truth.subtask[rows].tolist()
    relabel = label_rows(relabelled, 'relabel', flat=False, seed=0)
    assert {text.cache_info for text in relabel.texts} == {''}
    assert 'green' in relabel.texts[0].code


@pytest.mark.parametrize('flat', [False, True])
def test_a_policy_does_not_learn_from_where_one_moved_the_arm_throughout(tmp_path, flat):
    options = {'policy': 'abc', 'policy_steps': 'all'}
    led = write(tmp_path / 'led', options, [make_rows('Pick', 0, STEPS)])
    with pytest.raises(ValueError, match='learn from itself'):
        label_rows(led, 'recorded', flat=flat, seed=0)


@pytest.mark.parametrize('strategy', ['recorded', 'shift:2'])
def test_flat_labels_say_the_instruction_and_leave_everything_else(demonstrations, strategy):
    code = label_rows(demonstrations, strategy, flat=False, seed=0)
    labels = label_rows(demonstrations, strategy, flat=True, seed=0)
    assert labels.texts == (('Do Pick 0', ''), ('Do Pick 1', ''))
    assert labels.text.tolist() == [0] * (STEPS + 1) + [1] * (STEPS + 1)
    np.testing.assert_array_equal(labels.subtask, code.subtask)
    np.testing.assert_array_equal(labels.is_target, code.is_target)


@pytest.mark.parametrize('flat', [False, True])
@pytest.mark.parametrize('labels', ['relabel', 'rollout'])
def test_labels_that_the_data_have_not_are_refused(demonstrations, labels, flat):
    with pytest.raises(ValueError, match=r'\./c2a'):
        label_rows(demonstrations, labels, flat=flat, seed=0)


@pytest.mark.parametrize('strategy', ['shift', 'shift:', 'shift:-1', 'shift:N', 'orakel'])
def test_what_is_no_strategy_is_refused(strategy):
    with pytest.raises(ValueError, match='expected one of'):
        check_strategy(strategy)


def test_shifted_borders_keep_their_order_and_every_sub_task_a_row():
    rng = np.random.default_rng(0)
    borders = np.array([2, 3, 6, 20, 21])
    moved = np.array([shift_borders(borders, 23, 4, rng) for _ in range(500)])
    assert (moved[:, 0] == 2).all()
    assert (np.diff(moved, axis=1) >= 1).all()
    assert (moved < 23).all()
    # A border that has room all around goes everywhere within N steps.
    assert set(moved[:, 2].tolist()) >= set(range(6, 11))
    assert abs(moved - borders).max() <= 4 + len(borders)


def test_shifted_texts_stay_what_they_are(demonstrations):
    plain = label_rows(demonstrations, 'oracle', flat=False, seed=0)
    shifted = label_rows(demonstrations, 'shift:2', flat=False, seed=0)
    assert shifted.texts == plain.texts
    assert (shifted.text != plain.text).any()
    for start in (0, STEPS + 1):
        rows = np.arange(start, start + STEPS)
        # The same texts in the same order, each at least once; code and cache info together.
        assert list(dict.fromkeys(shifted.text[rows].tolist())) == list(
            dict.fromkeys(plain.text[rows].tolist())
        )
        assert shifted.text[start] == plain.text[start]
        assert shifted.text[start + STEPS] == plain.text[start + STEPS]
        assert (np.diff(shifted.subtask[rows]) >= 0).all()
    again = label_rows(demonstrations, 'shift:2', flat=False, seed=0)
    assert np.array_equal(again.text, shifted.text)
    other = label_rows(demonstrations, 'shift:2', flat=False, seed=1)
    assert not np.array_equal(other.text, shifted.text)
