# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""An optimiser step that keeps a moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from accelerate import Accelerator

from c2a_training.policy.moving_average import MovingAverage
from c2a_training.policy.policy_train_config import PolicyTrainConfig
from c2a_training.policy.policy_train_net import PolicyTrainNet
from c2a_training.training.train_step import TrainStep

# The average's names in a state, beside the weights'.
_AVERAGE = 'average//'


class AveragingStep(TrainStep):
    """Steps of a policy's training; see `TrainStep`.

    Args:
        net: gives the losses.
        config: of the training.
        accelerator: the processes and the device.

    Attributes:
        average: of the weights; the state holds it.
    """

    def __init__(
        self, net: PolicyTrainNet, config: PolicyTrainConfig, accelerator: Accelerator
    ) -> None:
        learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
        super().__init__(
            net, {1.0: learning}, config.train, accelerator, config.seed, config.beta1
        )
        # After the weights have gone to their device.
        self.average = MovingAverage(net, config.average.power, config.average.most)

    def run(
        self, batch: Mapping[str, torch.Tensor], step: int, learning_rate: float
    ) -> dict[str, torch.Tensor]:
        """Learn from a batch; see `TrainStep.run`."""
        total = super().run(batch, step, learning_rate)
        self.average.update(step)
        return total

    def model_state(self, *, learning_only: bool = False) -> dict[str, torch.Tensor]:
        """Weights by name, the average's behind `average//`."""
        weights = super().model_state(learning_only=learning_only)
        average = self.average.state()
        return weights | {f'{_AVERAGE}{name}': value for name, value in average.items()}

    def load(
        self, model: Mapping[str, torch.Tensor], optimizer: Mapping[str, torch.Tensor]
    ) -> None:
        """Go on from a state."""
        average = {
            name.removeprefix(_AVERAGE): value
            for name, value in model.items()
            if name.startswith(_AVERAGE)
        }
        weights = {name: value for name, value in model.items() if not name.startswith(_AVERAGE)}
        super().load(weights, optimizer)
        self.average.load(average)
