# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the network learns to undo, and how chunks are made with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_planner import STEPS
from small_policy_net import SIZE, small_config, small_net, small_tokenizer

torch = pytest.importorskip('torch', reason='torch is not installed')
pytest.importorskip('diffusers', reason='diffusers is not installed')

from c2a_controller.policy_objective import (  # noqa: E402
    PolicyBatch,
    Sampling,
    _level_weights,
    make_objective,
    policy_loss,
    sample,
)

FLOW = {'objective': 'flow', 'scheduler': 'flow'}
KINDS = {
    'epsilon': {},
    'sample': {'prediction': 'sample'},
    'v': {'prediction': 'v_prediction'},
    'flow': FLOW,
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def make_batch(batch=2):
    numbers = generator(3)
    codes = [STEPS[1], STEPS[1].replace('red', 'blue')] * (batch // 2)
    return PolicyBatch(
        small_tokenizer().encode(codes, [''] * batch),
        {
            name: torch.randint(0, 256, (batch, 3, SIZE, SIZE), generator=numbers)
            for name in ('base', 'wrist')
        },
        torch.randn(batch, 24, generator=numbers),
        torch.rand(batch, 16, 7, generator=numbers) * 1.6 - 0.8,
        torch.ones(batch, 16, dtype=torch.bool),
    )


class Clairvoyant:
    """A network that knows the actions, and so predicts what a perfect one would."""

    def __init__(self, config, actions):
        self.config, self.actions = config, actions
        self.calls = 0
        from diffusers import DDPMScheduler

        schedule = DDPMScheduler(config.train_steps, beta_schedule='squaredcos_cap_v2')
        self.signal = schedule.alphas_cumprod

    def denoise(self, noisy, times, condition):
        self.calls += 1
        if self.config.objective == 'flow':
            share = times[:, None, None] / self.config.train_steps
            return (self.actions - noisy) / (1 - share)
        signal = self.signal[times.long()][:, None, None]
        noise = (noisy - signal.sqrt() * self.actions) / (1 - signal).sqrt()
        return {
            'epsilon': noise,
            'sample': self.actions,
            'v_prediction': signal.sqrt() * noise - (1 - signal).sqrt() * self.actions,
        }[self.config.prediction]


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
    'changes',
    [{}, {'denoising_steps': 7}, {'denoising_steps': 100}],
    ids=['4 steps', '7 steps', '100 steps'],
)
def test_sampling_with_perfect_predictions_gives_the_actions(kind, changes):
    config = small_config(**KINDS[kind], **changes)
    actions = make_batch().actions
    net = Clairvoyant(config, actions)
    made = sample(
        net, make_objective(config), torch.zeros(2, 32), Sampling.of(config), generator()
    )
    assert torch.allclose(made, actions, atol=2e-3)
    assert net.calls == config.denoising_steps


@pytest.mark.parametrize('changes', [{'scheduler': 'ddpm', 'denoising_steps': 100}, {}])
def test_ddpm_and_trailing_steps_get_there_too(changes):
    config = small_config(spacing='trailing', prediction='v_prediction', **changes)
    actions = make_batch().actions
    made = sample(
        Clairvoyant(config, actions),
        make_objective(config),
        torch.zeros(2, 32),
        Sampling.of(config),
        generator(),
    )
    assert torch.allclose(made, actions, atol=0.02)


@pytest.mark.parametrize('kind', KINDS)
def test_perfect_predictions_have_no_loss(kind):
    config = small_config(**KINDS[kind])
    objective = make_objective(config)
    batch = make_batch()

    def net(text, images, proprio, noisy, times):
        actions = batch.actions[:, None].expand_as(noisy).flatten(0, 1)
        known = Clairvoyant(config, actions)
        return known.denoise(noisy.flatten(0, 1), times.flatten(), None).view_as(noisy)

    assert policy_loss(net, objective, batch, generator(), 8).item() < 1e-5
    wrong = replace(batch, actions=batch.actions + 0.3)
    assert policy_loss(net, objective, wrong, generator(), 8).item() > 0.01


def test_the_same_generator_gives_the_same_chunk_and_another_gives_another():
    config = small_config()
    net, objective = small_net(config), make_objective(config)
    known = torch.randn(1, 32, generator=generator())
    made = [sample(net, objective, known, Sampling.of(config), generator(n)) for n in (1, 1, 2)]
    assert torch.equal(made[0], made[1])
    assert not torch.allclose(made[0], made[2], atol=1e-2)
    assert all(chunk.abs().max() <= 1 for chunk in made)


@pytest.mark.parametrize('kind', ['epsilon', 'flow'])
def test_without_noise_every_generator_gives_the_same_chunk(kind):
    config = small_config(**KINDS[kind])
    net, objective = small_net(config), make_objective(config)
    known = torch.randn(1, 32, generator=generator())

    def made(scale, seed):
        sampling = replace(Sampling.of(config), noise_scale=scale)
        return sample(net, objective, known, sampling, generator(seed))

    assert torch.equal(made(0.0, 1), made(0.0, 2))
    away = [(made(scale, 1) - made(0.0, 1)).abs().mean() for scale in (0.1, 1.0)]
    assert 0 < away[0] < away[1]


@pytest.mark.parametrize('kind', ['epsilon', 'flow'])
def test_a_warm_start_skips_steps_and_stays_near_the_chunk_it_begins_with(kind):
    config = small_config(**KINDS[kind], denoising_steps=10)
    start = make_batch().actions
    net = Clairvoyant(config, start)
    sampling = Sampling(config.scheduler, 10, warm_start=0.7)
    arguments = torch.zeros(2, 32), sampling, generator()
    objective = make_objective(config)
    made = sample(net, objective, *arguments, start)
    assert net.calls == 3
    assert torch.allclose(made, start, atol=2e-3)
    sample(net, objective, *arguments)
    assert net.calls == 3 + 10


def test_rows_that_do_not_count_change_neither_loss_nor_gradient():
    config = small_config()
    objective = make_objective(config)
    net = small_net(config)
    batch = make_batch()
    mask = batch.mask.clone()
    mask[0, 10:] = False

    def loss_of(actions, mask):
        return policy_loss(
            net, objective, replace(batch, actions=actions, mask=mask), generator(), 2
        )

    full = loss_of(batch.actions, batch.mask)
    masked = loss_of(batch.actions, mask)
    assert not torch.isclose(full, masked)
    # What was counted is what a mask of its own counts, weighed by how much there is.
    other = loss_of(batch.actions, ~mask)
    share = mask.float().mean()
    assert torch.isclose(share * masked + (1 - share) * other, full, rtol=1e-4)
    assert loss_of(batch.actions, torch.zeros_like(mask)).item() == 0.0


def test_noise_levels_are_spread_evenly_over_a_batch():
    config = small_config()
    noised = make_objective(config).corrupt(torch.zeros(10, 16, 7), 10, generator())
    assert torch.equal(noised.times.flatten().sort().values, torch.arange(100.0))


def test_the_elbo_weighs_the_noise_by_the_fall_of_the_log_signal_to_noise_ratio():
    config = small_config(loss_weighting='elbo')
    signal = make_objective(config)._noise.alphas_cumprod.double()
    weights = _level_weights(signal, config).double()
    fall = -(signal / (1 - signal)).log().diff()
    middle = slice(10, 90)
    assert torch.allclose(weights[1:][middle] / weights[50], fall[middle] / fall[49], rtol=1e-4)
    assert weights.mean() == pytest.approx(1.0)
    uniform = _level_weights(signal, small_config(loss_weighting='uniform'))
    assert torch.equal(uniform, torch.ones(100))


def test_two_steps_that_differ_in_their_code_alone_are_learned_by_heart():
    config = small_config(prediction='sample', loss_weighting='uniform')
    net, objective = small_net(config).train(), make_objective(config)
    batch = make_batch()
    seen = {name: image[:1].expand(2, -1, -1, -1) for name, image in batch.images.items()}
    batch = replace(batch, images=seen, proprio=batch.proprio[:1].expand(2, -1))
    optimizer = torch.optim.AdamW(net.parameters(), 8e-3)
    numbers = generator()
    for _ in range(60):
        optimizer.zero_grad()
        policy_loss(net, objective, batch, numbers, 4).backward()
        optimizer.step()
    with torch.no_grad():
        text, shown = net.encode_text(batch.text), net.encode_images(batch.images)
        known = net.condition(text, shown, batch.proprio)
    made = sample(net, objective, known, Sampling.of(config), generator())
    right = (made - batch.actions).square().mean()
    swapped = (made - batch.actions.flip(0)).square().mean()
    assert right < 0.25 * swapped


def test_a_scheduler_of_the_other_objective_is_refused():
    config = small_config()
    with pytest.raises(ValueError, match='scheduler is flow, expected ddim or ddpm'):
        sample(
            small_net(config),
            make_objective(config),
            torch.zeros(1, 32),
            Sampling('flow', 4),
            generator(),
        )
    flow = small_config(**FLOW)
    with pytest.raises(ValueError, match='scheduler is ddim, expected flow'):
        sample(
            small_net(flow), make_objective(flow), torch.zeros(1, 32), Sampling('ddim', 4), None
        )
