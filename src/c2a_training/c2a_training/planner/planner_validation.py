# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Figures on held-out episodes: whole replies that are right when the model is led by the hand.

Teacher-forced: each token is predicted after the true ones before it. So it is an upper bound on
what the planner writes by itself, and quick enough to be looked at every few minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from c2a_training.planner.examples import KINDS, Example, PlannerExamples
from c2a_training.planner.packing import IGNORED, PackedBatch, Packer
from c2a_training.planner.planner_data import DenseBatches, PictureSource, language_tensors
from c2a_training.planner.planner_net import PlannerNet

METRIC = 'exact_code'
DENSE_METRIC = 'cell_accuracy'
# A request without a choice of words: is a new step due (`border`), or does the last one go on?
# The first step of all (`first`) is always due.
_GOES_ON, _BORDER, _FIRST = 'goes_on', 'border', 'first'
NAMES = (_GOES_ON, _BORDER, _FIRST, *KINDS[1:])
_SEED = 12345


@dataclass(frozen=True)
class Held:
    """Held-out examples, the same at each validation.

    Attributes:
        examples: of held-out episodes.
        source: of their pictures.
        numbers: (n,) of the examples that are looked at.
    """

    examples: PlannerExamples
    source: PictureSource
    numbers: np.ndarray


def choose_held(examples: PlannerExamples, source: PictureSource, count: int) -> Held:
    """Choose up to `count` held-out examples, borders and others as in training."""
    rng = np.random.default_rng(_SEED)
    return Held(examples, source, examples.draw(rng, min(count, len(examples))))


def validate_language(
    net: nn.Module,
    held: Held,
    packer: Packer,
    batch_size: int,
    accelerator: Accelerator,
) -> dict[str, float]:
    """Share of replies that are right, word for word, by kind.

    Args:
        net: the `PlannerNet`, as the accelerator wrapped it.
        held: what is looked at.
        packer: of the model.
        batch_size: examples at once in each process.
        accelerator: the processes and the device.

    Returns:
        `exact_NAME` for each of `NAMES` that occurs, `exact_code` over step and key-step replies,
        and the `loss` of a token.
    """
    right, count = np.zeros(len(NAMES)), np.zeros(len(NAMES))
    loss, tokens = 0.0, 0.0
    net.eval()
    # As many for each process: what is spread over processes must be called in step.
    count_each = -(-len(held.numbers) // accelerator.num_processes)
    numbers = np.resize(held.numbers, count_each * accelerator.num_processes)
    mine = numbers[accelerator.process_index :: accelerator.num_processes]
    for start in range(0, len(mine), batch_size):
        numbers = mine[start : start + batch_size]
        examples = [
            held.examples.example(number, np.random.default_rng([_SEED, number]), noise=False)
            for number in numbers.tolist()
        ]
        packed = packer.batch([packer.sequence(example) for example in examples], 8)
        hits, losses = _predict(net, held, numbers, packed, accelerator)
        loss, tokens = loss + float(losses.sum()), tokens + len(losses)
        for name, is_right in _replies(examples, packed, hits):
            right[name] += is_right
            count[name] += 1
    sums = torch.tensor([*right, *count, loss, tokens], dtype=torch.float32)
    if accelerator.num_processes > 1:
        sums = accelerator.reduce(sums.to(accelerator.device), 'sum').cpu()
    return _figures(sums.numpy())


def validate_dense(
    net: PlannerNet, source: PictureSource, batch_size: int, count: int, device: torch.device
) -> dict[str, float]:
    """Loss and accuracy of the labels per cell."""
    net.eval()
    batches = DenseBatches(source, batch_size=batch_size, seed=_SEED, augmented=False)
    total: dict[str, float] = {}
    for step in range(max(1, count // batch_size)):
        batch = {name: value.to(device) for name, value in batches.make(step).items()}
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            features = net.features(batch['pixel_values'])
            loss, accuracies = net.dense.loss(features, batch['dense_labels'])
        mean = sum(accuracies.values()) / len(accuracies)
        figures = {'loss': float(loss), DENSE_METRIC: mean, **accuracies}
        figures |= net.arm.figures(features, batch['arm'])
        for name, value in figures.items():
            total[name] = total.get(name, 0.0) + value
    return {name: value / (step + 1) for name, value in total.items()}


def _predict(
    net: nn.Module, held: Held, numbers: np.ndarray, packed: PackedBatch, accelerator: Accelerator
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each reply's token is right (R,), and its loss (R,)."""
    device = accelerator.device
    batch = language_tensors(packed) | {'pixel_values': held.source.pixel_values(numbers)}
    batch = {name: value.to(device) for name, value in batch.items()}
    with (
        torch.no_grad(),
        torch.autocast(device.type, torch.bfloat16),
        # Its shapes are its own: not worth a compilation.
        torch.compiler.set_stance('force_eager'),
    ):
        logits = net(batch, logits_only=True)
    losses = torch.nn.functional.cross_entropy(logits, batch['target'], reduction='none')
    return (logits.argmax(-1) == batch['target']).cpu().numpy(), losses.cpu().numpy()


def _replies(
    examples: list[Example], packed: PackedBatch, hits: np.ndarray
) -> list[tuple[int, bool]]:
    """Index in `NAMES` of each reply, and whether all of it is right."""
    at = packed.labels != IGNORED
    rows = at.nonzero()[:, 0].numpy()
    turns = packed.turns[at].numpy()
    kinds = packed.kinds[at].numpy()
    replies = []
    for row, example in enumerate(examples):
        is_border = any(turn.kind == 'key_step' for turn in example.turns)
        of_step = (_FIRST if not example.memory else _BORDER) if is_border else _GOES_ON
        for turn in np.unique(turns[rows == row]):
            chosen = (rows == row) & (turns == turn)
            kind = int(kinds[chosen][0])
            name = of_step if kind == 0 else KINDS[kind]
            replies.append((NAMES.index(name), bool(hits[chosen].all())))
    return replies


def _figures(sums: np.ndarray) -> dict[str, float]:
    size = len(NAMES)
    right, count = sums[:size], sums[size : 2 * size]
    figures: Mapping[str, float] = {
        f'exact_{name}': float(right[index] / count[index])
        for index, name in enumerate(NAMES)
        if count[index]
    }
    code = slice(0, NAMES.index('key_step') + 1)
    return {
        METRIC: float(right[code].sum() / max(1.0, count[code].sum())),
        **figures,
        'loss': float(sums[-2] / max(1.0, sums[-1])),
    }
