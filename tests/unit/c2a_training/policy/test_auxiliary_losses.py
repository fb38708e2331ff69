# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a policy is also asked while it is trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sample_episodes import make_rows
from small_policy import SMALL_POLICY

from c2a_controller.policy_config import PolicyConfig
from c2a_controller.policy_net import PolicyNet
from c2a_controller.policy_objective import make_objective
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.policy.auxiliary_losses import (
    GOAL_M,
    UNKNOWN,
    AuxiliaryHeads,
    AuxiliarySettings,
    token_cells,
)
from c2a_training.policy.frame_source import FrameSource
from c2a_training.policy.policy_data import PolicyBatches, WindowTensors
from c2a_training.policy.policy_start import make_start
from c2a_training.policy.policy_train_config import make_config
from c2a_training.policy.policy_train_net import PolicyTrainNet
from c2a_training.policy.windows import PolicyWindows

CONFIG = make_config('tiny', SMALL_POLICY)
STEPS = 12
ASKED = AuxiliarySettings(0.5, 2.0)
BLIND = {
    'auxiliary.dense_weight': 0.3,
    'model.base_eye': 'resnet',
    'model.cell_features': False,
}


@pytest.fixture(scope='module')
def windows(tmp_path_factory):
    """Windows of an episode with labels, and of one without."""
    directory = tmp_path_factory.mktemp('sets') / 'set'
    with EpisodeWriter(directory, {'image_size': 32}) as writer:
        writer.add(make_rows('Pick', 0, STEPS))
        writer.add(make_rows('Pick', 1, STEPS, with_labels=False))
        writer.finish()
    settings = replace(CONFIG.windows, validation_share=0.0)
    return PolicyWindows([EpisodeDataset(directory, threads=1)], settings, pred_horizon=4)


@pytest.fixture(scope='module')
def batch(windows):
    start = make_start(windows, CONFIG.model, None)
    source = FrameSource(windows.datasets, 32)
    parts = windows, source, start.tokenizer, start.normalisation, CONFIG.model
    return PolicyBatches(
        WindowTensors(*parts, ASKED),
        make_objective(CONFIG.model),
        batch_size=8,
        repeats=3,
        seed=1,
    ).make(0)


@pytest.fixture
def moving(windows, monkeypatch):
    """The end effector moves along the world's y, a metre a row; its states can be changed."""
    states = np.zeros_like(windows.datasets[0].proprioception)
    states[:, 15] = np.arange(len(states))
    states[:, 20] = 1.0
    monkeypatch.setattr(windows.datasets[0], 'proprioception', states)
    return states


def goals(windows, rows):
    return windows.goals(np.array([windows.rows[:, 1].tolist().index(row) for row in rows]))


def test_the_way_leads_to_the_last_row_of_the_sub_task(windows, moving):
    # Sub-tasks begin at 0, 4 and 8; the last row, 12, has no action.
    assert goals(windows, (0, 1, 3, 9)).tolist() == [[0, 3, 0], [0, 2, 0], [0, 0, 0], [0, 2, 0]]


def test_the_way_is_told_in_the_end_effectors_frame(windows, moving):
    # Turned by a quarter about z: its x axis looks along the world's y.
    moving[:, 19] = moving[:, 20] = np.sqrt(0.5)
    assert goals(windows, [0])[0] == pytest.approx([3.0, 0.0, 0.0], abs=1e-5)


def test_a_tokens_answer_is_that_of_the_cell_it_lies_in(windows):
    assert token_cells(PolicyConfig()).tolist() == list(range(100))
    cells = token_cells(PolicyConfig(base_eye='resnet')).reshape(8, 8)
    assert cells[0].tolist() == [0, 1, 3, 4, 5, 6, 8, 9]
    assert cells[:, 0].tolist() == [0, 10, 30, 40, 50, 60, 80, 90]
    colors, shapes = windows.cell_labels(np.array([2, STEPS]))
    dataset, row = windows.datasets[0], windows.rows[2, 1]
    labels = dataset.labels(row)
    assert np.array_equal(colors[0], labels.cell_colors)
    assert np.array_equal(shapes[0], labels.cell_shapes)
    assert (colors[1] == -1).all()


def test_answers_come_with_the_batch(windows, batch):
    assert batch['token_colors'].shape == batch['token_shapes'].shape == (8, 4)
    assert batch['goal'].shape == (8, 3)
    is_unknown = (batch['token_colors'] == UNKNOWN).all(1)
    assert is_unknown.any()
    assert not is_unknown.all()
    assert (batch['token_colors'][~is_unknown] >= 0).all()


def test_heads_learn_the_answers_from_tokens_that_hold_them():
    model = CONFIG.model
    torch.manual_seed(0)
    heads = AuxiliaryHeads(model, AuxiliarySettings(1.0, 1.0))
    numbers = torch.Generator().manual_seed(0)
    colors = torch.randint(0, 3, (16, 4), generator=numbers)
    goal = torch.randn(16, 3, generator=numbers)
    images = torch.zeros(16, 8, model.token_dim)
    images[:, :4].scatter_(2, colors[..., None], 4.0)  # the base camera's tokens come first
    condition = torch.cat([goal, torch.zeros(16, model.condition_dim - 3)], 1)
    answers = {'token_colors': colors, 'token_shapes': colors, 'goal': goal}
    before = heads.figures(images, condition, answers)
    optimizer = torch.optim.Adam(heads.parameters(), 0.05)
    for _ in range(100):
        optimizer.zero_grad()
        heads.loss(images, condition, answers).mean().backward()
        optimizer.step()
    after = {n: s / c for n, (s, c) in heads.figures(images, condition, answers).items()}
    assert after['color_right'] == after['shape_right'] == 1.0
    assert after['goal_mm'] < 0.2 * before['goal_mm'][0] / before['goal_mm'][1]
    # As far as was to be known, in millimetres.
    far = heads.figures(images, condition, answers | {'goal': goal + 1e3})
    assert far['goal_mm'][0] / 16 == pytest.approx(1e3 * GOAL_M * 1e3 * np.sqrt(3), rel=0.01)


def test_nobodys_labels_teach_nothing(batch):
    heads = AuxiliaryHeads(CONFIG.model, AuxiliarySettings(dense_weight=1.0))
    images = torch.randn(8, 8, CONFIG.model.token_dim)
    losses = heads.loss(images, torch.zeros(8, CONFIG.model.condition_dim), batch)
    is_unknown = (batch['token_colors'] == UNKNOWN).all(1)
    assert not losses[is_unknown].any()
    assert (losses[~is_unknown] > 0).all()


def test_they_are_added_by_weight_and_leave_the_chunks_loss_alone(batch):
    torch.manual_seed(0)
    policy = PolicyNet(CONFIG.model).eval()
    plain, asked = PolicyTrainNet(policy), PolicyTrainNet(policy, ASKED)
    with torch.no_grad():
        alone, both = plain(batch), asked(batch)
        seen = asked.observe(batch)
        extra = asked.auxiliary.loss(seen.images, seen.condition, batch)
    assert not list(plain.auxiliary.parameters())
    assert both['n'] == alone['n']
    per_row = both['loss'] / both['n'] - alone['loss'] / alone['n']
    assert bool(batch['mask'].all())
    assert per_row == pytest.approx(float(extra.mean()), rel=1e-4)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'auxiliary.goal_weight': -1.0}, 'expected 0 or more'),
        ({**BLIND, 'model.image_tokens': 'single'}, 'set it to 0'),
        ({**BLIND, 'model.cameras': ('wrist',)}, 'add base to model.cameras'),
    ],
)
def test_what_cannot_be_asked_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        make_config('tiny', changes)


def test_the_full_preset_is_asked_nothing():
    assert make_config('full').auxiliary == AuxiliarySettings()
