# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Moving average of weights: what is validated, measured and shipped.

The share that the average keeps at step n is 1 - (1 + n) ** -power, at most `most`: it forgets
the beginning quickly and averages over ever more steps. With power 3/4 and 0.9999 at most these
are the figures of diffusion policy's reference implementation, which the paper takes over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import nn


class MovingAverage:
    """Average of the weights of a net that learn.

    Args:
        net: whose weights; names are its own.
        power: see the module.
        most: see the module.
    """

    def __init__(self, net: nn.Module, power: float, most: float) -> None:
        self._power = power
        self._most = most
        self._weights = {n: p for n, p in net.named_parameters() if p.requires_grad}
        self._average = {n: p.detach().clone() for n, p in self._weights.items()}

    def keep(self, step: int) -> float:
        """Share that is kept in the step of this number, from 0."""
        return min(self._most, 1.0 - (1.0 + step) ** -self._power)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step.

        Args:
            step: its number, from 0; at 0 the average becomes the weights.
        """
        averages = list(self._average.values())
        weights = [weight.detach() for weight in self._weights.values()]
        torch._foreach_lerp_(averages, weights, 1.0 - self.keep(step))

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Let the net have the average's weights inside the block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def state(self) -> dict[str, torch.Tensor]:
        """The average by name."""
        return dict(self._average)

    @torch.no_grad()
    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from a state.

        Raises:
            ValueError: if it belongs to other weights.
        """
        if state.keys() != self._average.keys():
            wrong = sorted(state.keys() ^ self._average.keys())[0]
            raise ValueError(
                f'the average in the state belongs to another net: {wrong} is in one of them'
            )
        for name, value in state.items():
            self._average[name].copy_(value)

    @torch.no_grad()
    def _swap(self) -> None:
        for name, weight in self._weights.items():
            own = weight.detach().clone()
            weight.copy_(self._average[name])
            self._average[name] = own
