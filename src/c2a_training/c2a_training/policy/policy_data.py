# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Batches of the policy's training: each follows from (seed, step), so no order is stored.

    images       (B, N, S, S, 3) uint8, N cameras in the model's order
    features     (B, 100, 256) bfloat16, in place of the base camera's pictures if they are cached
    proprio      (B, P) float32, normalised
    actions      (B, H, 7) float32, normalised
    mask         (B, H) bool, which actions are learned
    token_colors, token_shapes, goal    answers to what is also asked, see `auxiliary_losses`
    noisy        (B, K, H, 7) float32, actions with noise at K levels
    times, weights, target    of that noise, see `policy_objective.Corrupted`
    code_ids, code_mask, code_cells, cache_ids, cache_mask, cache_cells    (B, T), see `TextPart`

Every window of a batch has its own stream of random numbers, and noise is drawn for all windows of
a step together: a batch that is shared among processes is the one that a single process makes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import torch

from c2a_controller.normaliser import PolicyNormalisation
from c2a_controller.policy_config import PolicyConfig
from c2a_controller.policy_objective import Objective
from c2a_controller.policy_text import (
    PolicyTokenizer,
    TextBatch,
    TextPart,
    TokenisedText,
    collate,
)
from c2a_training.policy.auxiliary_losses import GOAL_M, UNKNOWN, AuxiliarySettings, token_cells
from c2a_training.policy.eye_features import EyeFeatures
from c2a_training.policy.frame_source import FrameSource
from c2a_training.policy.picture_shift import vary
from c2a_training.policy.windows import PolicyWindows

Batch = dict[str, torch.Tensor]

_PARTS = ('ids', 'mask', 'cells')
# What a draw is for: its own stream of random numbers.
_ORDER, _WINDOW, _NOISE = 0, 1, 2


class WindowTensors:
    """Windows as a model reads them.

    Args:
        windows: rows, texts and actions.
        source: of their pictures, those of the model's cameras or of those without features.
        tokenizer: of the model.
        normalisation: of the checkpoint.
        model: configuration of the network.
        auxiliary: what it is also asked; None asks nothing.
        features: of the base camera's pictures; None where the source has these.
    """

    def __init__(
        self,
        windows: PolicyWindows,
        source: FrameSource,
        tokenizer: PolicyTokenizer,
        normalisation: PolicyNormalisation,
        model: PolicyConfig,
        auxiliary: AuxiliarySettings | None = None,
        features: EyeFeatures | None = None,
    ) -> None:
        self.windows = windows
        self._features = features
        self._auxiliary = auxiliary or AuxiliarySettings()
        if self._auxiliary.dense_weight:
            self._cells = token_cells(model)
        self._source = source
        self._tokenizer = tokenizer
        self._normalisation = normalisation
        self._texts: dict[str, TokenisedText] = {}

    def make(
        self,
        numbers: np.ndarray,
        streams: list[np.random.Generator] | None = None,
        *,
        augment: bool = False,
        shift_px: int = 0,
    ) -> Batch:
        """Tensors of windows, without noise.

        Args:
            numbers: (B,) of windows.
            streams: a generator for each of them; None leaves the pictures as they are.
            augment: whether the light changes.
            shift_px: pixels by which pictures are moved.
        """
        windows = self.windows
        actions, mask = windows.actions(numbers)
        proprio = windows.proprioception(numbers)
        images = self._source.images(windows.rows[numbers])
        if streams is not None and (augment or shift_px):
            images = vary(images, streams, light=augment, shift_px=shift_px)
        return {
            **({'features': self._features.of(windows.rows[numbers])} if self._features else {}),
            'images': torch.from_numpy(np.ascontiguousarray(images)),
            'proprio': torch.from_numpy(self._normalisation.proprio.normalise(proprio)),
            'actions': torch.from_numpy(self._normalisation.action.normalise(actions)),
            'mask': torch.from_numpy(mask),
            **self._answers(numbers),
            **text_tensors(self._text_batch(windows.text(numbers))),
        }

    def actions(self, numbers: np.ndarray) -> torch.Tensor:
        """Actions (B, H, 7) of windows, normalised."""
        actions, _ = self.windows.actions(numbers)
        return torch.from_numpy(self._normalisation.action.normalise(actions))

    def _answers(self, numbers: np.ndarray) -> Batch:
        """What the auxiliary losses compare with."""
        answers: Batch = {}
        if self._auxiliary.dense_weight:
            grids = self.windows.cell_labels(numbers)
            for name, grid in zip(('token_colors', 'token_shapes'), grids, strict=True):
                tokens = np.where(grid < 0, UNKNOWN, grid)[:, self._cells]
                answers[name] = torch.from_numpy(tokens)
        if self._auxiliary.goal_weight:
            answers['goal'] = torch.from_numpy(self.windows.goals(numbers) / GOAL_M)
        return answers

    def _text_batch(self, numbers: np.ndarray) -> TextBatch:
        texts = [self.windows.texts[number] for number in numbers.tolist()]
        return collate(
            [self._tokens(text.code) for text in texts],
            [self._tokens(text.cache_info) for text in texts],
        )

    def _tokens(self, text: str) -> TokenisedText:
        if text not in self._texts:
            self._texts[text] = self._tokenizer.tokenise(text)
        return self._texts[text]


class PolicyBatches:
    """Batches to train on.

    Args:
        tensors: of the windows.
        objective: mixes noise into actions.
        batch_size: windows of a step, over all processes.
        repeats: noise levels of each window.
        seed: of order, augmentation and noise.
        augment: whether the light of pictures changes.
        shift_px: pixels by which pictures are moved.
        share: (rank, number) of processes.
    """

    def __init__(
        self,
        tensors: WindowTensors,
        objective: Objective,
        *,
        batch_size: int,
        repeats: int,
        seed: int,
        augment: bool = False,
        shift_px: int = 0,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        if batch_size % share[1]:
            raise ValueError(
                f'batches of {batch_size} cannot be shared among {share[1]} processes: choose a '
                f'train.batch_size that is a multiple of {share[1]}'
            )
        self._tensors = tensors
        self._objective = objective
        self._batch_size = batch_size
        self._repeats = repeats
        self._seed = seed
        self._augment = augment
        self._shift_px = shift_px
        self._rank, self._processes = share

    def make(self, step: int) -> Batch:
        """The batch of a step, this process's part of it."""
        numbers = self.numbers(step)
        mine = slice(self._rank, None, self._processes)
        places = range(self._rank, self._batch_size, self._processes)
        batch = self._tensors.make(
            numbers[mine],
            [np.random.default_rng([self._seed, _WINDOW, step, at]) for at in places],
            augment=self._augment,
            shift_px=self._shift_px,
        )
        actions = self._tensors.actions(numbers)
        noise = np.random.default_rng([self._seed, _NOISE, step])
        noised = noise_tensors(self._objective, actions, self._repeats, noise)
        return batch | {name: value[mine] for name, value in noised.items()}

    def numbers(self, step: int) -> np.ndarray:
        """Numbers (batch_size,) of a step's windows, of all processes."""
        rng = np.random.default_rng([self._seed, _ORDER, step])
        return self._tensors.windows.draw(rng, self._batch_size)


def held_batches(
    tensors: WindowTensors, objective: Objective, count: int, batch_size: int, repeats: int
) -> Iterator[Batch]:
    """Up to so many windows as they are, with the same noise whenever they are asked for."""
    numbers = tensors.windows.spread(count)
    for start in range(0, len(numbers), batch_size):
        batch = tensors.make(numbers[start : start + batch_size])
        noise = np.random.default_rng([_NOISE, start])
        yield batch | noise_tensors(objective, batch['actions'], repeats, noise)


def noise_tensors(
    objective: Objective, actions: torch.Tensor, repeats: int, rng: np.random.Generator
) -> Batch:
    """Actions (B, H, 7) with noise, as tensors by name."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    return dataclasses.asdict(objective.corrupt(actions, repeats, generator))


def fit_normalisation(windows: PolicyWindows) -> PolicyNormalisation:
    """Statistics of the actions and states that the windows begin with."""
    actions, states = [], []
    for index, dataset in enumerate(windows.datasets):
        rows = windows.rows[windows.rows[:, 0] == index, 1]
        actions.append(dataset.intended_actions[rows])
        states.append(dataset.proprioception[rows])
    return PolicyNormalisation.fit(np.concatenate(actions), np.concatenate(states))


def text_tensors(text: TextBatch) -> Batch:
    """A batch of texts as tensors by name."""
    return {
        f'{part}_{name}': getattr(getattr(text, part), name)
        for part in ('code', 'cache')
        for name in _PARTS
    }


def text_of(batch: Mapping[str, torch.Tensor]) -> TextBatch:
    """The texts of a batch, see `text_tensors`."""
    code, cache = (
        TextPart(*(batch[f'{part}_{name}'] for name in _PARTS)) for part in ('code', 'cache')
    )
    return TextBatch(code, cache)


def tokenizer_texts(windows: PolicyWindows) -> list[str]:
    """Texts that a tokenizer is learned from, in an order that does not depend on chance."""
    return sorted({text for label in windows.texts for text in label})
