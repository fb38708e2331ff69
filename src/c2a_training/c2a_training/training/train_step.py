# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""One optimiser step, on one process or many, and the optimiser's state by name."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from accelerate import Accelerator
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from c2a_training.training.stage_config import StageConfig

_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)
_SEPARATOR = '//'
_HASH_FACTOR = 1_000_003
# Torch takes no larger seeds.
_SEEDS = 2**64


def make_optimizer(
    groups: Mapping[float, list[nn.Parameter]], config: StageConfig, beta1: float = 0.9
) -> torch.optim.AdamW:
    """AdamW with decay on matrices only.

    Args:
        groups: parameters by their share of the learning rate.
        config: of the stage.
        beta1: of AdamW.
    """
    entries = []
    for share, parameters in groups.items():
        matrices = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim <= 1]
        for chosen, decay in ((matrices, config.weight_decay), (others, 0.0)):
            if chosen:
                entries.append({'params': chosen, 'weight_decay': decay, 'lr_share': share})
    return torch.optim.AdamW(
        entries, lr=config.learning_rate, betas=(beta1, config.beta2), fused=True
    )


class TrainStep:
    """Steps of one stage.

    Args:
        net: gives the losses; its parameters that learn are marked.
        groups: parameters by their share of the learning rate.
        config: of the stage.
        accelerator: the processes and the device.
        seed: of dropout.
        beta1: of AdamW.
    """

    def __init__(
        self,
        net: nn.Module,
        groups: Mapping[float, list[nn.Parameter]],
        config: StageConfig,
        accelerator: Accelerator,
        seed: int,
        beta1: float = 0.9,
    ) -> None:
        self._config = config
        self._accelerator = accelerator
        self._seed = seed
        optimizer = make_optimizer(groups, config, beta1)
        self.net, self.optimizer = accelerator.prepare(net, optimizer)

    def run(
        self, batch: Mapping[str, torch.Tensor], step: int, learning_rate: float
    ) -> dict[str, torch.Tensor]:
        """Learn from a batch.

        Args:
            batch: of this process.
            step: number of the step: dropout follows from it.
            learning_rate: of the step.

        Returns:
            Sums over all processes of what the net gives, `loss` and `n` too; and `grad_norm`.

        Raises:
            FloatingPointError: if the loss is no number.
        """
        accelerator = self._accelerator
        for group in self.optimizer.param_groups:
            group['lr'] = learning_rate * group['lr_share']
        rank = accelerator.process_index
        torch.manual_seed(((self._seed * _HASH_FACTOR + step) * _HASH_FACTOR + rank) % _SEEDS)
        self.net.train()
        with self.autocast():
            out = self.net(batch)
        total = self._sum(out)
        # Gradients are averaged over the processes, the loss over all their tokens.
        loss = out['loss'] * (accelerator.num_processes / total['n'])
        accelerator.backward(loss)
        norm = accelerator.clip_grad_norm_(self.net.parameters(), self._config.max_grad_norm)
        if not math.isfinite(float(norm)):
            raise FloatingPointError(
                f'the gradient is {float(norm)} at step {step}: lower the learning rate, now '
                f'{learning_rate:.2g}, and go on from the last state with --resume'
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        return {**total, 'grad_norm': norm}

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        """Matrices are multiplied in bfloat16; parameters stay float32."""
        with torch.autocast(self._accelerator.device.type, torch.bfloat16):
            yield

    def _sum(self, out: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        names = sorted(out)
        values = torch.stack([out[name].detach().float() for name in names])
        if self._accelerator.num_processes > 1:
            values = self._accelerator.reduce(values, 'sum')
        return dict(zip(names, values, strict=True))

    def model_state(self, *, learning_only: bool = False) -> dict[str, torch.Tensor]:
        """Weights and buffers by name; all processes must call it.

        Args:
            learning_only: leave out the weights that do not learn.
        """
        options = replace(_WHOLE, ignore_frozen_params=learning_only)
        return get_model_state_dict(self.net, options=options)

    def optimizer_state(self) -> dict[str, torch.Tensor]:
        """Moments by `parameter//name`; all processes must call it."""
        if not self.optimizer.optimizer.state:
            # Asking for moments that are not there yet would make them, one step old.
            return {}
        document = get_optimizer_state_dict(self.net, self.optimizer.optimizer, options=_WHOLE)
        return {
            f'{parameter}{_SEPARATOR}{name}': value
            for parameter, moments in document.get('state', {}).items()
            for name, value in moments.items()
        }

    def load(
        self, model: Mapping[str, torch.Tensor], optimizer: Mapping[str, torch.Tensor]
    ) -> None:
        """Go on from a state."""
        set_model_state_dict(
            self.net, dict(model), options=StateDictOptions(full_state_dict=True, strict=False)
        )
        if not optimizer:
            return
        document = get_optimizer_state_dict(self.net, self.optimizer.optimizer, options=_WHOLE)
        state: dict[str, dict[str, torch.Tensor]] = {}
        for key, value in optimizer.items():
            parameter, _, name = key.rpartition(_SEPARATOR)
            state.setdefault(parameter, {})[name] = value
        document['state'] = state
        set_optimizer_state_dict(
            self.net,
            self.optimizer.optimizer,
            document,
            # Settings that were changed on the way may let more parameters learn than before.
            options=StateDictOptions(full_state_dict=True, strict=False),
        )


def count_parameters(module: nn.Module) -> tuple[int, int]:
    """Parameters that learn, and all of them."""
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes)
