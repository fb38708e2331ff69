# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The denoiser: a U-Net along the chunk's time, each block scaled and shifted by the condition.

After Chi and others, Diffusion Policy (https://arxiv.org/abs/2303.04137), and FiLM
(https://arxiv.org/abs/1709.07871). All blocks' scales and shifts come from one matrix product:
at inference a product for each block would take longer than its convolutions.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from c2a_controller.policy_config import PolicyConfig

_GROUPS = 8
_LONGEST_PERIOD = 10_000.0
# Steps in time.
_SHORT = 3


class ConditionalUnet(nn.Module):
    """Predicts noise (or actions, or a velocity) of noisy chunks."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        widths, kernel = config.unet_widths, config.unet_kernel
        self._time_dim = config.time_dim
        self.time = nn.Sequential(
            nn.Linear(config.time_dim, 4 * config.time_dim),
            nn.Mish(),
            nn.Linear(4 * config.time_dim, config.time_dim),
        )
        self.down, self.shorten = nn.ModuleList(), nn.ModuleList()
        before = config.action_dim
        for width in widths:
            self.down.append(_pair(before, width, kernel))
            before = width
        self.shorten.extend(_Convolution(w, w, 3, stride=2) for w in widths[:-1])
        self.middle = _pair(before, before, kernel)
        self.lengthen, self.up = nn.ModuleList(), nn.ModuleList()
        for width in reversed(widths[:-1]):
            self.lengthen.append(_Doubling(before, width))
            self.up.append(_pair(2 * width, width, kernel))
            before = width
        self.out = nn.Sequential(
            _normalised(before, before, kernel), _Convolution(before, config.action_dim, 1)
        )
        self._film_sizes = [2 * block.width for block in self._blocks()]
        self.film = nn.Sequential(
            nn.Mish(),
            nn.Linear(config.time_dim + config.condition_dim, sum(self._film_sizes)),
        )

    def forward(
        self, noisy: torch.Tensor, times: torch.Tensor, condition: torch.Tensor
    ) -> torch.Tensor:
        """Denoise.

        Args:
            noisy: (B, Tp, A).
            times: (B,) noise levels, 0 to `train_steps`.
            condition: (B, C).

        Returns:
            (B, Tp, A).
        """
        wave = _waves(times, self._time_dim).to(condition.dtype)
        film = self.film(torch.cat([self.time(wave), condition], -1))
        films = iter(film[:, :, None].split(self._film_sizes, 1))
        x = noisy.transpose(1, 2)  # (B, A, Tp)
        skips = []
        for index, pair in enumerate(self.down):
            x = _run(pair, x, films)
            if index < len(self.shorten):
                skips.append(x)
                x = self.shorten[index](x)
        x = _run(self.middle, x, films)
        for lengthen, pair in zip(self.lengthen, self.up, strict=True):
            x = _run(pair, torch.cat([lengthen(x), skips.pop()], 1), films)
        return self.out(x).transpose(1, 2)

    def _blocks(self) -> list[_Block]:
        """All blocks in the order in which they run."""
        return [block for pair in (*self.down, self.middle, *self.up) for block in pair]


class _Convolution(nn.Conv1d):
    """A convolution that is a matrix product on a CPU, where one chunk is denoised or it is short.

    The library's convolution sorts its weights anew in each call. For so few steps in time that
    takes longer than the arithmetic.
    """

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1) -> None:
        super().__init__(before, after, kernel, stride=stride, padding=kernel // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, before, T) to (B, after, T / stride)."""
        is_long = x.shape[2] > _SHORT and (len(x) > 1 or torch.is_grad_enabled())
        if is_long or x.is_cuda:
            return super().forward(x)
        padded = functional.pad(x, (self.padding[0], self.padding[0]))
        windows = padded.unfold(2, self.kernel_size[0], self.stride[0]).transpose(1, 2).flatten(2)
        return functional.linear(windows, self.weight.flatten(1), self.bias).transpose(1, 2)


class _Doubling(nn.ConvTranspose1d):
    """A transposed convolution to twice as many steps; on a CPU a matrix product, as above."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 4, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, before, T) to (B, after, 2 T)."""
        if len(x) > 1 or torch.is_grad_enabled() or x.is_cuda:
            return super().forward(x)
        # What step t adds to the steps 2 t - 1, 2 t, 2 t + 1 and 2 t + 2.
        parts = (x.transpose(1, 2) @ self.weight.flatten(1)).unflatten(2, (-1, 4))
        last, even, odd, following = parts.unbind(3)  # (B, T, after) each
        even = even + functional.pad(following, (0, 0, 1, -1))
        odd = odd + functional.pad(last, (0, 0, -1, 1))
        return torch.stack((even, odd), 2).flatten(1, 2).add(self.bias).transpose(1, 2)


class _Block(nn.Module):
    def __init__(self, before: int, width: int, kernel: int) -> None:
        super().__init__()
        self.width = width
        self.first = _normalised(before, width, kernel)
        self.second = _normalised(width, width, kernel)
        self.shortcut = _Convolution(before, width, 1) if before != width else nn.Identity()

    def forward(self, x: torch.Tensor, film: torch.Tensor) -> torch.Tensor:
        scale, shift = film.chunk(2, 1)  # (B, width, 1) each
        y = torch.addcmul(shift, self.first(x), 1 + scale)
        return self.second(y) + self.shortcut(x)


def _pair(before: int, width: int, kernel: int) -> nn.ModuleList:
    return nn.ModuleList([_Block(before, width, kernel), _Block(width, width, kernel)])


def _run(pair: nn.ModuleList, x: torch.Tensor, films) -> torch.Tensor:
    for block in pair:
        x = block(x, next(films))
    return x


def _normalised(before: int, after: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        _Convolution(before, after, kernel),
        nn.GroupNorm(_GROUPS, after),
        nn.Mish(),
    )


def _waves(times: torch.Tensor, dim: int) -> torch.Tensor:
    """Sines and cosines (B, dim) of noise levels (B,)."""
    half = dim // 2
    exponents = torch.arange(half, device=times.device) / (half - 1)
    angles = times[:, None].float() * torch.exp(-math.log(_LONGEST_PERIOD) * exponents)
    return torch.cat([angles.sin(), angles.cos()], -1)
