# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Asks a planner's model about rows of datasets, in the words that it was trained with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from c2a_planner.reply_writer import write_reply
from c2a_planner.vlm import VisionLanguageModel
from c2a_planner.vlm_backend import MAX_TOKENS
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.evaluation.planner_scores import Said
from c2a_training.planner.examples import ExampleSettings, PlannerExamples


class PlannerQuestioner:
    """A model and the rows that it is asked about.

    Attributes:
        validation_share: of the episodes, by a hash of their names, that rows are drawn from.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        data: Sequence[Path],
        *,
        count: int,
        questions: int = 4,
        held_out: bool = True,
        seed: int = 0,
    ) -> None:
        """Choose the rows.

        Args:
            model: answers.
            data: directories of datasets.
            count: rows, at most.
            questions: auxiliary questions a row, at most.
            held_out: only of episodes that training has left out, as the checkpoint says how
                many; else of all.
            seed: of the choice.

        Raises:
            ValueError: if there is no row with a picture and a known answer.
        """
        self._model = model
        self._datasets = [EpisodeDataset(path) for path in data]
        self.validation_share = _held_out_share(model) if held_out else 1.0
        settings = ExampleSettings(questions=questions, validation_share=self.validation_share)
        self._examples = PlannerExamples(self._datasets, settings, held_out=True)
        rng = np.random.default_rng(seed)
        chosen = rng.permutation(len(self._examples))[:count]
        self._numbers = np.sort(chosen).tolist()
        self._seed = seed

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def fingerprints(self) -> list[str]:
        """Of the datasets."""
        return [dataset.fingerprint for dataset in self._datasets]

    def ask(self) -> Iterator[list[Said]]:
        """Ask about each row in turn; everything that was said about it."""
        for number in self._numbers:
            rng = np.random.default_rng([self._seed, number])
            example = self._examples.example(number, rng, noise=False)
            dataset = self._datasets[example.dataset]
            task = dataset.texts('task', [example.row])[0]
            picture = dataset.base_frames([example.row])[0]
            yield [
                Said(
                    task,
                    turn.kind,
                    turn.reply,
                    self._reply(example.instruction, example.memory, turn.request, picture),
                    example.memory,
                )
                for turn in example.turns
            ]

    def _reply(
        self, instruction: str, memory: tuple[str, ...], request: str, picture: np.ndarray
    ) -> str:
        prompt = self._model.encode_prompt(instruction, memory, request)
        return write_reply(self._model, prompt, picture, max_tokens=MAX_TOKENS).text


def _held_out_share(model: VisionLanguageModel) -> float:
    """Share of the episodes that a model has not learned from; the usual one if nobody knows."""
    info = model.checkpoint.info if model.checkpoint else None
    if info is None or info.validation_share is None:
        return ExampleSettings().validation_share
    return info.validation_share
