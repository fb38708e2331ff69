# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from sample_episodes import make_rows
from small_policy import SMALL_POLICY

from c2a_controller.policy_net import PolicyNet
from c2a_controller.policy_objective import Corrupted, PolicyBatch, make_objective, policy_loss
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.policy.averaging_step import AveragingStep
from c2a_training.policy.frame_source import FrameSource
from c2a_training.policy.moving_average import MovingAverage
from c2a_training.policy.policy_data import (
    PolicyBatches,
    WindowTensors,
    fit_normalisation,
    held_batches,
    text_of,
)
from c2a_training.policy.policy_start import make_start
from c2a_training.policy.policy_train_config import make_config
from c2a_training.policy.policy_train_net import PolicyTrainNet
from c2a_training.policy.windows import PolicyWindows

CONFIG = make_config('tiny', SMALL_POLICY)


@pytest.fixture(scope='module')
def tensors(tmp_path_factory):
    directory = tmp_path_factory.mktemp('sets') / 'set'
    with EpisodeWriter(directory, {'image_size': 32}) as writer:
        for seed in range(3):
            writer.add(make_rows('Pick', seed, 6))
        writer.finish()
    datasets = [EpisodeDataset(directory, threads=1)]
    windows = PolicyWindows(datasets, CONFIG.windows, pred_horizon=CONFIG.model.pred_horizon)
    start = make_start(windows, CONFIG.model, None)
    source = FrameSource(datasets, 32)
    return WindowTensors(windows, source, start.tokenizer, start.normalisation, CONFIG.model)


def batches_of(tensors, share=(0, 1), batch_size=4, **options):
    return PolicyBatches(
        tensors,
        make_objective(CONFIG.model),
        batch_size=batch_size,
        repeats=3,
        seed=5,
        share=share,
        augment=True,
        shift_px=2,
        **options,
    )


def test_a_batch_is_a_function_of_seed_and_step(tensors):
    first, again = batches_of(tensors).make(7), batches_of(tensors).make(7)
    other = batches_of(tensors).make(8)
    for name, value in first.items():
        assert torch.equal(value, again[name]), name
    assert not torch.equal(first['noisy'], other['noisy'])


def test_two_processes_share_the_batch_of_one(tensors):
    whole = batches_of(tensors).make(3)
    parts = [batches_of(tensors, (rank, 2)).make(3) for rank in range(2)]
    for name in ('images', 'proprio', 'actions', 'mask', 'noisy', 'times', 'target', 'weights'):
        for rank, part in enumerate(parts):
            assert torch.equal(part[name], whole[name][rank::2]), name


def test_a_batch_that_cannot_be_shared_is_refused(tensors):
    with pytest.raises(ValueError, match=r'train\.batch_size'):
        batches_of(tensors, (0, 3))


def test_what_the_network_reads_is_the_recorded_row(tensors):
    windows = tensors.windows
    batch = tensors.make(np.array([1, 4]))
    dataset, (_, row) = windows.datasets[0], windows.rows[4].tolist()
    frames = dataset.frames([row])
    assert np.array_equal(batch['images'][1, 1].numpy(), frames.wrist_images[0])
    normalisation = fit_normalisation(windows)
    states = normalisation.proprio.restore(batch['proprio'].numpy())
    assert states[1] == pytest.approx(dataset.proprioception[row], abs=1e-4)
    assert batch['actions'].abs().max() <= 1.0
    actions = normalisation.action.restore(batch['actions'].numpy())
    assert actions[1, 0] == pytest.approx(dataset.actions[row], abs=1e-6)
    ids = text_of(batch).code.ids
    assert ids.shape[0] == 2


def test_held_batches_come_with_the_same_noise_every_time(tensors):
    objective = make_objective(CONFIG.model)
    first, again = (list(held_batches(tensors, objective, 5, 2, 2)) for _ in range(2))
    assert [len(batch['images']) for batch in first] == [2, 2, 1]
    for ours, theirs in zip(first, again, strict=True):
        assert torch.equal(ours['noisy'], theirs['noisy'])


def test_the_trainings_loss_is_the_policys_own(tensors):
    torch.manual_seed(0)
    net = PolicyTrainNet(PolicyNet(CONFIG.model))
    batch = batches_of(tensors).make(0)

    class Drawn:
        """An objective whose noise was drawn already."""

        def corrupt(self, *_):
            return Corrupted(*(batch[n] for n in ('noisy', 'times', 'target', 'weights')))

    images = batch['images'].permute(1, 0, 4, 2, 3)
    plain = PolicyBatch(
        text_of(batch),
        {'base': images[0], 'wrist': images[1]},
        *(batch[name] for name in ('proprio', 'actions', 'mask')),
    )
    with torch.no_grad():
        out = net(batch)
        expected = policy_loss(net.policy, Drawn(), plain, torch.Generator(), 3)
    assert float(out['loss'] / out['n']) == pytest.approx(float(expected), rel=1e-5)


def test_a_batch_that_is_shown_again_and_again_is_learned(tensors):
    torch.manual_seed(0)
    net = PolicyTrainNet(PolicyNet(CONFIG.model))
    step = AveragingStep(net, CONFIG, Accelerator(cpu=True))
    batch = batches_of(tensors).make(0)
    losses = []
    for number in range(30):
        total = step.run(batch, number, 1e-2)
        losses.append(float(total['loss'] / total['n']))
    assert losses[-1] < 0.5 * losses[0]
    # The average comes after.
    with step.average.shown(), torch.no_grad():
        out = net(batch)
    assert losses[-1] < float(out['loss'] / out['n']) < losses[0]


class TestMovingAverage:
    def make(self):
        net = torch.nn.Linear(2, 2)
        net.bias.requires_grad_(False)
        return net, MovingAverage(net, 0.75, 0.9)

    def test_it_follows_the_weights_ever_more_slowly(self):
        net, average = self.make()
        assert [average.keep(step) for step in (0, 15, 10_000)] == [0.0, 0.875, 0.9]
        expected = None
        for step in range(30):
            with torch.no_grad():
                net.weight.fill_(float(step))
            average.update(step)
            keep = average.keep(step)
            expected = step if step == 0 else keep * expected + (1 - keep) * step
        assert average.state()['weight'][0, 0].item() == pytest.approx(expected, rel=1e-5)
        # What does not learn needs no average.
        assert set(average.state()) == {'weight'}

    def test_it_is_shown_for_a_while_only(self):
        net, average = self.make()
        average.update(0)
        with torch.no_grad():
            net.weight.add_(1.0)
        own, mean = net.weight.clone(), average.state()['weight'].clone()
        with average.shown():
            assert torch.equal(net.weight, mean)
        assert torch.equal(net.weight, own)
        assert torch.equal(average.state()['weight'], mean)

    def test_another_nets_state_is_refused(self):
        _, average = self.make()
        with pytest.raises(ValueError, match='bias'):
            average.load({'bias': torch.zeros(2)})
