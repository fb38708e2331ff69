# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Batches of the planner's training: each follows from (seed, step), so no order is stored.

A stretch of steps draws its examples together and sorts them by length before it cuts them into
batches: little of a batch is padding. Each process makes only its own part of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from c2a_core.types import ImageArray
from c2a_planner.picture import PictureSettings
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.planner.arm_heads import ArmLabels
from c2a_training.planner.dense import UNKNOWN, dense_labels
from c2a_training.planner.examples import PlannerExamples
from c2a_training.planner.packing import IGNORED, PackedBatch, Packer
from c2a_training.planner.picture_augment import augment
from c2a_training.planner.planner_model import PlannerModel, image_tokens
from c2a_training.planner.train_config import PlannerTrainConfig

Batch = dict[str, torch.Tensor]

# Steps whose examples are sorted together: more pad less, and mix less.
_STRETCH = 16
# What a draw is for: its own stream of random numbers.
_ORDER, _EXAMPLE, _DENSE = 0, 1, 2
# Texts that a tokenizer is learned from.
_TOKENIZER_EXAMPLES = 4000


class PictureSource:
    """Pictures and labels of examples, by the examples' numbers.

    Args:
        datasets: that the examples come from.
        examples: rows of these datasets.
        pictures: how they are prepared.
    """

    def __init__(
        self,
        datasets: Sequence[EpisodeDataset],
        examples: PlannerExamples,
        pictures: PictureSettings,
    ) -> None:
        self._datasets = datasets
        self._rows = examples.rows
        self._runs = examples.runs
        self._settings = pictures
        self._arm = [
            ArmLabels(dataset, is_over)
            for dataset, is_over in zip(datasets, examples.is_over, strict=True)
        ]
        self.with_labels = np.nonzero(
            np.concatenate(
                [
                    dataset.has_labels[self._rows[self._rows[:, 0] == index, 1]]
                    for index, dataset in enumerate(datasets)
                ]
            )
        )[0]
        """Numbers of the examples whose pictures have labels."""

    def __len__(self) -> int:
        return len(self._rows)

    def images(self, numbers: np.ndarray) -> ImageArray:
        """Pictures (B, S, S, 3) uint8, resized to the model's size."""
        chosen = self._rows[numbers]
        parts: list[np.ndarray] = [np.empty(0)] * len(chosen)
        for index in np.unique(chosen[:, 0]).tolist():
            at = np.nonzero(chosen[:, 0] == index)[0]
            frames = self._settings.resize(self._datasets[index].base_frames(chosen[at, 1]))
            for place, frame in zip(at.tolist(), frames, strict=True):
                parts[place] = frame
        return np.stack(parts)

    def pixel_values(
        self, numbers: np.ndarray, rng: np.random.Generator | None = None
    ) -> torch.Tensor:
        """Pictures (B, 3, S, S) float32, augmented where there is a generator."""
        images = self.images(numbers)
        return self._settings.pixel_values(images if rng is None else augment(images, rng))

    def dense_labels(self, numbers: np.ndarray) -> torch.Tensor:
        """Labels (B, 4, 100) of pictures; `dense.UNKNOWN` for those that have none."""
        rows = self._rows[numbers].tolist()
        return dense_labels([self._datasets[index].labels(row) for index, row in rows])

    def arm_labels(self, numbers: np.ndarray) -> torch.Tensor:
        """Where the arm is (B, 4), see `arm_heads`."""
        rows = self._rows[numbers]
        found = [self._arm[index].arm(np.array([row])) for index, row in rows.tolist()]
        return torch.from_numpy(np.concatenate(found))

    def progress_labels(self, numbers: np.ndarray) -> torch.Tensor:
        """How far the running key steps have come (B, 4), see `arm_heads`."""
        rows, runs = self._rows[numbers], self._runs[numbers]
        found = [
            self._arm[index].progress(np.array([row]), [is_running])
            for (index, row), is_running in zip(rows.tolist(), runs.tolist(), strict=True)
        ]
        return torch.from_numpy(np.concatenate(found))

    def prefix_lengths(self) -> np.ndarray:
        """Characters (N,) before each picture: what differs most between examples' lengths."""
        lengths = np.empty(len(self._rows), np.int32)
        for number, (index, row) in enumerate(self._rows.tolist()):
            dataset = self._datasets[index]
            instruction = dataset.texts('instruction', [row])[0]
            lengths[number] = len(instruction) + sum(map(len, dataset.memory(row)))
        return lengths


class LanguageBatches:
    """Batches of prompts and replies.

    Args:
        examples: to draw from.
        source: of their pictures.
        packer: turns examples into tokens.
        seed: of order, questions and augmentation.
        augmented: whether pictures are augmented.
        multiple: lengths are multiples of it.
        share: (rank, number) of processes.
    """

    def __init__(
        self,
        examples: PlannerExamples,
        source: PictureSource,
        packer: Packer,
        *,
        batch_size: int,
        seed: int,
        augmented: bool = False,
        multiple: int = 8,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        if batch_size % share[1]:
            raise ValueError(
                f'batches of {batch_size} cannot be shared among {share[1]} processes: choose a '
                f'batch_size that is a multiple of {share[1]}'
            )
        self._examples = examples
        self._source = source
        self._packer = packer
        self._batch_size = batch_size
        self._seed = seed
        self._augmented = augmented
        self._multiple = multiple
        self._rank, self._processes = share
        self._lengths = source.prefix_lengths()
        self._stretch = -1
        self._batches = np.empty((0, batch_size), np.int64)
        self.features: torch.Tensor | None = None
        """(N, T, D) of all examples' pictures, where the vision tower is frozen."""
        self.with_labels = False
        """Whether dense labels come along."""
        self.with_arm = False
        """Whether the arm's place and the key steps' progress come along."""
        self.with_pictures = True
        """Whether pictures come along; without them the packer must leave no room for them."""

    def make(self, step: int) -> Batch:
        """The batch of a step, this process's part of it."""
        numbers = self.numbers(step)[self._rank :: self._processes]
        # A stream for each example, so that it does not depend on the number of processes.
        places = range(self._rank, self._batch_size, self._processes)
        streams = [np.random.default_rng([self._seed, _EXAMPLE, step, at]) for at in places]
        sequences = [
            self._packer.sequence(self._examples.example(number, rng))
            for number, rng in zip(numbers.tolist(), streams, strict=True)
        ]
        batch = language_tensors(self._packer.batch(sequences, self._multiple))
        if not self.with_pictures:
            return batch
        if self.features is not None:
            batch['features'] = self.features[torch.from_numpy(numbers)]
        else:
            rng = streams[0] if self._augmented else None
            batch['pixel_values'] = self._source.pixel_values(numbers, rng)
        if self.with_labels:
            labels = self._source.dense_labels(numbers)
            if (labels != UNKNOWN).any():
                batch['dense_labels'] = labels
        if self.with_arm:
            batch['arm'] = self._source.arm_labels(numbers)
            batch['progress'] = self._source.progress_labels(numbers)
        return batch

    def numbers(self, step: int) -> np.ndarray:
        """Numbers (batch_size,) of a step's examples, of all processes."""
        stretch, index = divmod(step, _STRETCH)
        if stretch != self._stretch:
            rng = np.random.default_rng([self._seed, _ORDER, stretch])
            drawn = self._examples.draw(rng, _STRETCH * self._batch_size)
            drawn = drawn[np.argsort(self._lengths[drawn], kind='stable')]
            batches = drawn.reshape(_STRETCH, self._batch_size)
            self._batches, self._stretch = batches[rng.permutation(_STRETCH)], stretch
        return self._batches[index]


class DenseBatches:
    """Batches of pictures with labels per cell.

    Args:
        source: of the pictures.
        batch_size: pictures of a step, of all processes.
        seed: of order and augmentation.
        augmented: whether pictures are augmented.
        share: (rank, number) of processes.
    """

    def __init__(
        self,
        source: PictureSource,
        *,
        batch_size: int,
        seed: int,
        augmented: bool,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        if not len(source.with_labels):
            raise ValueError(
                'no picture of the data has labels, which the stage vision learns from: generate '
                'some, or leave the stage out (vision.steps=0)'
            )
        self._source = source
        self._batch_size = batch_size
        self._seed = seed
        self._augmented = augmented
        self._rank, self._processes = share

    def make(self, step: int) -> Batch:
        """The batch of a step, this process's part of it."""
        rng = np.random.default_rng([self._seed, _DENSE, step])
        numbers = rng.choice(self._source.with_labels, self._batch_size)
        numbers = numbers[self._rank :: self._processes]
        return {
            'pixel_values': self._source.pixel_values(numbers, rng if self._augmented else None),
            'dense_labels': self._source.dense_labels(numbers),
            'arm': self._source.arm_labels(numbers),
        }


def text_batches(
    datasets: Sequence[EpisodeDataset],
    model: PlannerModel,
    config: PlannerTrainConfig,
    seed: int,
    share: tuple[int, int] = (0, 1),
) -> LanguageBatches:
    """Batches of prompts without pictures; see `LanguageBatches`.

    Args:
        datasets: to draw from.
        model: its tokenizer is used.
        config: of the training.
        seed: of order and names.
        share: (rank, number) of processes.
    """
    settings = replace(config.texts, validation_share=config.examples.validation_share)
    examples = PlannerExamples(datasets, settings)
    batches = LanguageBatches(
        examples,
        PictureSource(datasets, examples, model.pictures),
        Packer(model.tokenizer, 0, config.longest, gap=image_tokens(model.llava)),
        batch_size=config.text.batch_size,
        seed=seed,
        multiple=config.length_multiple,
        share=share,
    )
    batches.with_pictures = False
    return batches


def alternating(
    pictures: LanguageBatches, texts: LanguageBatches, every: int
) -> Callable[[int], Batch]:
    """Makes batches with pictures, and each `every`-th one without."""

    def make(step: int) -> Batch:
        return (texts if step % every == every - 1 else pictures).make(step)

    return make


def language_tensors(packed: PackedBatch) -> Batch:
    """What `PlannerNet` takes of a packed batch: logits are wanted where labels are, only."""
    flat = packed.labels.flatten()
    at = (flat != IGNORED).nonzero().squeeze(1)
    # The first of a sequence's places: the step request is its first turn.
    rows = at // packed.labels.shape[1]
    decides = torch.searchsorted(rows, torch.arange(len(packed.labels)))
    return {
        'input_ids': packed.input_ids,
        'position_ids': packed.position_ids,
        'mask': packed.attention_mask,
        'at': at,
        'target': flat[at],
        'decides': decides,
    }


def tokenizer_texts(examples: PlannerExamples, seed: int) -> Iterator[str]:
    """Texts that a tokenizer is learned from: instructions, requests and replies of examples."""
    rng = np.random.default_rng(seed)
    for number in examples.draw(rng, _TOKENIZER_EXAMPLES).tolist():
        example = examples.example(number, rng, noise=False)
        yield example.instruction
        for turn in example.turns:
            yield turn.request
            yield turn.reply
