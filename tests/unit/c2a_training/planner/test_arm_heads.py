# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from sample_episodes import make_rows

from c2a_core.spaces import PROPRIO_NAMES
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.planner.arm_heads import (
    CENTRE,
    FARTHEST,
    METRES,
    STEPS,
    ArmHeads,
    ArmLabels,
    find_over,
)

# Nine steps of three key steps each, and the row after the last action.
ROWS, SUBTASK = 10, 3
EE = [PROPRIO_NAMES.index(f'ee_{axis}') for axis in 'xyz']


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp('sets') / 'set'
    with EpisodeWriter(directory, {'image_size': 32}) as writer:
        for seed in range(2):
            writer.add(make_rows('Pick', seed, ROWS - 1))
        writer.finish()
    return EpisodeDataset(directory, threads=1)


def make_labels(dataset, targets=None):
    targets = targets or dataset.texts('oracle_code', np.arange(len(dataset)))
    return ArmLabels(dataset, find_over(dataset, targets))


def test_the_arm_is_where_it_was_recorded(dataset):
    rows = np.arange(len(dataset))
    found = make_labels(dataset).arm(rows)
    states = dataset.proprioception
    np.testing.assert_allclose(found[:, :3] * METRES + CENTRE, states[:, EE], atol=1e-6)
    grasping = states[:, PROPRIO_NAMES.index('vacuum_grasping')] > 0
    assert 0 < grasping.sum() < len(rows)
    np.testing.assert_array_equal(found[:, 3], grasping)


def test_progress_counts_to_the_next_key_step_of_the_episode(dataset):
    rows = np.arange(len(dataset))
    found = make_labels(dataset).progress(rows, [True] * len(rows))
    # At a key step what ran before it is over.
    left = [0, 2, 1] * SUBTASK + [0]
    np.testing.assert_allclose(found[:, 0] * STEPS, left * 2, atol=1e-5)
    ends = rows + np.array(left * 2)
    way = dataset.proprioception[ends][:, EE] - dataset.proprioception[:, EE]
    np.testing.assert_allclose(found[:, 1:] * METRES, way, atol=1e-6)


def test_what_the_ground_truth_has_left_is_over(dataset):
    targets = dataset.texts('oracle_code', np.arange(len(dataset)))
    targets[2] = targets[3]
    found = make_labels(dataset, targets).progress(np.array([1, 2]), [True, True])
    np.testing.assert_allclose(found[:, 0] * STEPS, [1, 0], atol=1e-5)


def test_rows_without_ground_truth_are_not_over(dataset):
    is_over = find_over(dataset, [''] * len(dataset))
    np.testing.assert_array_equal(is_over, dataset.is_key_step)


def test_far_is_far(tmp_path):
    with EpisodeWriter(tmp_path / 'set', {'image_size': 32}) as writer:
        writer.add(make_rows('Pick', 0, 90))
        writer.finish()
    found = make_labels(EpisodeDataset(tmp_path / 'set', threads=1)).progress(
        np.array([1]), [True]
    )
    assert found[0, 0] == FARTHEST


def test_where_no_key_step_runs_nothing_is_learned(dataset):
    found = make_labels(dataset).progress(np.array([0, 1]), [False, True])
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
    heads = ArmHeads(8, 8)
    states = torch.randn(2, 8, requires_grad=True)
    heads.progress_loss(states, torch.from_numpy(found)).backward()
    assert (states.grad[0] == 0).all()
    assert (states.grad[1] != 0).any()
    nothing = torch.full((2, 4), torch.nan)
    assert heads.progress_loss(states, nothing) == 0


def test_the_heads_find_an_arm_that_a_token_shows():
    """Where in the picture the token is, must not matter."""
    torch.manual_seed(0)
    heads = ArmHeads(16, 16)
    optimizer = torch.optim.Adam(heads.parameters(), 0.02)

    def batch():
        tokens, labels = torch.zeros(64, 25, 16), torch.rand(64, 4)
        labels[:, 3] = (labels[:, 3] > 0.5).float()
        at = torch.randint(25, (64,))
        tokens[torch.arange(64), at, :4] = labels
        tokens[torch.arange(64), at, 5] = 3.0
        return tokens, labels

    for _ in range(300):
        optimizer.zero_grad()
        heads.arm_loss(*batch()).backward()
        optimizer.step()
    figures = heads.figures(*batch())
    assert figures['arm_mm'] < 15
    assert figures['holds_right'] > 0.9
