# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the network learns to undo, and how a chunk is made of noise with it.

`Diffusion`, the paper's: DDPM with a cosine schedule, trained by the ELBO's weighting, sampled by
DDIM. `FlowMatching`: straight paths from noise to actions, sampled by a few Euler steps. Actions
here are normalised; all randomness comes from the generator that is passed.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch

from c2a_controller.policy_config import PolicyConfig, check_denoising
from c2a_controller.policy_net import PolicyNet
from c2a_controller.policy_text import TextBatch


@dataclass(frozen=True)
class PolicyBatch:
    """What the policy learns from, B steps of demonstrations.

    Attributes:
        text: what it was told.
        images: for each camera (B, 3, S, S) uint8 or float, values 0 to 255.
        proprio: (B, P), normalised.
        actions: (B, Tp, A), normalised; row 0 is the action of the step itself.
        mask: (B, Tp) bool, False for rows that do not count.
    """

    text: TextBatch
    images: Mapping[str, torch.Tensor]
    proprio: torch.Tensor
    actions: torch.Tensor
    mask: torch.Tensor

    def to(self, device: torch.device | str) -> PolicyBatch:
        """Itself on a device."""
        return PolicyBatch(
            self.text.to(device),
            {name: image.to(device) for name, image in self.images.items()},
            self.proprio.to(device),
            self.actions.to(device),
            self.mask.to(device),
        )


@dataclass(frozen=True)
class Corrupted:
    """Chunks with noise.

    Attributes:
        noisy: (B, K, Tp, A).
        times: (B, K) float, what the network is told about the noise level.
        target: (B, K, Tp, A), what it shall predict.
        weights: (B, K), of the squared error.
    """

    noisy: torch.Tensor
    times: torch.Tensor
    target: torch.Tensor
    weights: torch.Tensor


@dataclass(frozen=True)
class Sampling:
    """How a chunk is made.

    Attributes:
        scheduler: `ddim`, `ddpm` or `flow`.
        steps: of denoising.
        warm_start: share of the steps that is skipped where there is a chunk to begin with.
        noise_scale: of the noise that a chunk begins with.
    """

    scheduler: str
    steps: int
    warm_start: float = 0.0
    noise_scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse numbers that denoise nothing."""
        check_denoising(self.steps, self.warm_start, self.noise_scale)

    @classmethod
    def of(cls, config: PolicyConfig) -> Sampling:
        """What the configuration says."""
        return cls(config.scheduler, config.denoising_steps, config.warm_start, config.noise_scale)

    def skipped(self, start: torch.Tensor | None) -> int:
        """Steps that are skipped."""
        return 0 if start is None else int(self.warm_start * self.steps)


class Objective(Protocol):
    """A way from noise to actions."""

    def corrupt(
        self, actions: torch.Tensor, repeats: int, generator: torch.Generator
    ) -> Corrupted:
        """Mix noise into actions (B, Tp, A), K = `repeats` times each."""

    def sample(
        self,
        net: PolicyNet,
        condition: torch.Tensor,
        sampling: Sampling,
        generator: torch.Generator,
        start: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Make chunks; see `sample`."""


def make_objective(config: PolicyConfig) -> Objective:
    """The objective that the configuration names."""
    return FlowMatching(config) if config.objective == 'flow' else Diffusion(config)


def policy_loss(
    net: torch.nn.Module,
    objective: Objective,
    batch: PolicyBatch,
    generator: torch.Generator,
    repeats: int = 1,
) -> torch.Tensor:
    """The training's loss.

    Args:
        net: a `PolicyNet`, or what wraps one for compilation or many processes.
        objective: of the net's configuration.
        batch: B steps.
        generator: of noise and noise levels, on any device.
        repeats: noisy chunks for each step: pictures are encoded once for all of them.

    Returns:
        A number: the weighted mean square error of rows that count, 0 if none does.
    """
    noised = objective.corrupt(batch.actions, repeats, generator)
    predicted = net(batch.text, batch.images, batch.proprio, noised.noisy, noised.times)
    error, count = summed_error(predicted, noised, batch.mask)
    return error / count.clamp(min=1)


def summed_error(
    predicted: torch.Tensor, noised: Corrupted, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums whose quotient is the loss.

    Args:
        predicted: (B, K, Tp, A), of the net.
        noised: what it was shown.
        mask: (B, Tp) bool, False for rows that do not count.

    Returns:
        Weighted square error, each row's the mean over its numbers; and the count of rows.
    """
    error = (predicted.float() - noised.target).square().mean(-1)  # (B, K, Tp)
    counts = mask[:, None].expand_as(error)
    weighted = torch.where(counts, error, 0.0) * noised.weights[..., None]
    return weighted.sum(), counts.sum()


@torch.no_grad()
def sample(
    net: PolicyNet,
    objective: Objective,
    condition: torch.Tensor,
    sampling: Sampling,
    generator: torch.Generator,
    start: torch.Tensor | None = None,
) -> torch.Tensor:
    """Make chunks.

    Args:
        net: the network.
        objective: of its configuration.
        condition: (B, C), of `PolicyNet.condition`.
        sampling: how.
        generator: of the noise; the same state gives the same chunks.
        start: (B, Tp, A), normalised chunks to begin with; none begins with noise.

    Returns:
        (B, Tp, A) float32, normalised, within -1..1.
    """
    return objective.sample(net, condition.float(), sampling, generator, start).clamp(-1.0, 1.0)


class Diffusion:
    """DDPM's noise; see `Objective`.

    Args:
        config: of the policy.
    """

    def __init__(self, config: PolicyConfig) -> None:
        from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

        self._config = config
        self._noise = DDPMScheduler(**self._schedule(), variance_type='fixed_small')
        self._weights = _level_weights(self._noise.alphas_cumprod, config)
        self._scheduler = functools.lru_cache(8)(self._make_scheduler)

    def corrupt(
        self, actions: torch.Tensor, repeats: int, generator: torch.Generator
    ) -> Corrupted:
        """Mix noise into actions; see `Objective.corrupt`."""
        clean = actions.float()[:, None].expand(-1, repeats, -1, -1)
        noise = _noise(clean.shape, generator, clean.device)
        share = _spread(clean.shape[:2], generator, clean.device)
        levels = (share * self._config.train_steps).long()
        flat = levels.flatten()
        arguments = clean.flatten(0, 1), noise.flatten(0, 1), flat
        noisy = self._noise.add_noise(*arguments).view_as(noise)
        if self._config.prediction == 'v_prediction':
            target = self._noise.get_velocity(*arguments).view_as(noise)
        else:
            target = noise if self._config.prediction == 'epsilon' else clean
        weights = self._weights.to(clean.device)[levels]
        return Corrupted(noisy, levels.float(), target, weights)

    def sample(
        self,
        net: PolicyNet,
        condition: torch.Tensor,
        sampling: Sampling,
        generator: torch.Generator,
        start: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Make chunks; see `sample`."""
        config = self._config
        scheduler = self._scheduler(sampling.scheduler, sampling.steps)
        levels = scheduler.timesteps[sampling.skipped(start) :]
        shape = (len(condition), config.pred_horizon, config.action_dim)
        x = sampling.noise_scale * _noise(shape, generator, condition.device)
        if start is not None:
            x = scheduler.add_noise(start.to(x), x, levels[:1].expand(len(x)))
        for level in levels.tolist():
            times = torch.full((len(x),), float(level), device=x.device)
            predicted = net.denoise(x, times, condition).float()
            x = scheduler.step(predicted, level, x, generator=generator).prev_sample
        return x

    def _make_scheduler(self, name: str, steps: int):
        from diffusers.schedulers.scheduling_ddim import DDIMScheduler

        # It checks the number of steps.
        self._config.replace(scheduler=name, denoising_steps=steps)
        spacing = {'timestep_spacing': self._config.spacing}
        if name == 'ddim':
            scheduler = DDIMScheduler(**self._schedule(), **spacing)
        else:
            scheduler = type(self._noise)(
                **self._schedule(), **spacing, variance_type='fixed_small'
            )
        scheduler.set_timesteps(steps)
        return scheduler

    def _schedule(self) -> dict[str, object]:
        return {
            'num_train_timesteps': self._config.train_steps,
            'beta_schedule': 'squaredcos_cap_v2',
            'clip_sample': True,
            'prediction_type': self._config.prediction,
        }


class FlowMatching:
    """Straight paths from noise to actions (https://arxiv.org/abs/2210.02747); see `Objective`.

    Args:
        config: of the policy.
    """

    def __init__(self, config: PolicyConfig) -> None:
        self._config = config

    def corrupt(
        self, actions: torch.Tensor, repeats: int, generator: torch.Generator
    ) -> Corrupted:
        """Mix noise into actions; see `Objective.corrupt`."""
        clean = actions.float()[:, None].expand(-1, repeats, -1, -1)
        noise = _noise(clean.shape, generator, clean.device)
        share = _spread(clean.shape[:2], generator, clean.device)
        noisy = noise + share[..., None, None] * (clean - noise)
        times = share * self._config.train_steps
        return Corrupted(noisy, times, clean - noise, torch.ones_like(share))

    def sample(
        self,
        net: PolicyNet,
        condition: torch.Tensor,
        sampling: Sampling,
        generator: torch.Generator,
        start: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Make chunks; see `sample`."""
        config = self._config
        if sampling.scheduler != 'flow':
            config.replace(scheduler=sampling.scheduler)  # says what is wrong
        shape = (len(condition), config.pred_horizon, config.action_dim)
        x = sampling.noise_scale * _noise(shape, generator, condition.device)
        first = sampling.skipped(start)
        if start is not None:
            x = x + first / sampling.steps * (start.to(x) - x)
        for step in range(first, sampling.steps):
            time = config.train_steps * step / sampling.steps
            times = torch.full((len(x),), time, device=x.device)
            x = x + net.denoise(x, times, condition).float() / sampling.steps
        return x


def _noise(shape, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    return torch.randn(shape, generator=generator, device=generator.device).to(device)


def _spread(shape, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Numbers (B, K) in 0..1, uniform, but spread evenly over each step's K and over the batch.

    The sum over noise levels then varies much less than with independent ones (Kingma and
    others, Variational Diffusion Models, https://arxiv.org/abs/2107.00630, appendix I).
    """
    batch, repeats = shape
    first = torch.rand((), generator=generator, device=generator.device).to(device)
    rows = (torch.arange(batch, device=device) / batch + first) % 1.0
    spread = (torch.arange(repeats, device=device) + rows[:, None]) / repeats
    return spread.clamp(max=1.0 - 1e-6)


def _level_weights(alphas_cumprod: torch.Tensor, config: PolicyConfig) -> torch.Tensor:
    """Weights (train_steps,) of the squared error at each noise level, 1 on average.

    The ELBO weighs the error of the predicted *noise* by the fall of the log signal-to-noise
    ratio from level to level (Kingma & Gao, https://arxiv.org/abs/2303.00848, with w = 1). The
    first level has none before it, and the last one's is an artefact of the schedule's cap: both
    take their neighbour's. Other predictions' errors are first turned into errors of the noise.
    """
    if config.loss_weighting == 'uniform':
        return torch.ones(config.train_steps)
    signal = alphas_cumprod.double()
    ratio = signal / (1 - signal)
    fall = -ratio.log().diff(prepend=ratio.log()[:1])
    fall[0], fall[-1] = fall[1], fall[-2]
    as_noise = {'epsilon': 1.0, 'sample': ratio, 'v_prediction': signal}[config.prediction]
    weights = fall * as_noise
    return (weights / weights.mean()).float()
