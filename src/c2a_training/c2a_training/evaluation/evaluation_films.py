# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Videos of one success and one failure of each task.

The episodes run once more, with all pictures: an episode is the same every time, so that filming
thousands in order to keep a few is not needed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from c2a_core.task_names import task_file_stem
from c2a_training.episode_worker import EpisodeJob
from c2a_training.evaluation.episode_record import EpisodeRecord
from c2a_training.evaluation.evaluation_settings import EvaluationSettings
from c2a_training.evaluation.evaluation_worker import EpisodeEvaluator

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Film:
    """A video and its episode."""

    record: EpisodeRecord
    path: Path


def pick_examples(tasks: Sequence[str], records: Iterable[EpisodeRecord]) -> list[EpisodeRecord]:
    """The first success and the first failure of each task, by seed; crashes show nothing."""
    ordered = sorted(records, key=lambda record: record.seed)
    examples = []
    for task in tasks:
        for success in (True, False):
            examples += [
                record
                for record in ordered
                if record.task == task and record.success == success and not record.is_crash
            ][:1]
    return examples


def film_examples(
    settings: EvaluationSettings,
    tasks: Sequence[str],
    records: Iterable[EpisodeRecord],
    folder: Path,
) -> list[Film]:
    """Film examples of an evaluation.

    Args:
        settings: of the evaluation.
        tasks: in order.
        records: its episodes.
        folder: gets ``<Task>_<seed>_<success or class of failure>.mp4``.
    """
    examples = pick_examples(tasks, records)
    if not examples:
        return []
    evaluator = EpisodeEvaluator(settings, for_video=True)
    films = []
    for record in examples:
        verdict = record.failure.replace(' ', '-') or 'success'
        path = folder / f'{task_file_stem(record.task)}_{record.seed}_{verdict}.mp4'
        again = evaluator.film(EpisodeJob(record.task, record.seed), path)
        if (again.success, again.steps, again.failure) != (
            record.success, record.steps, record.failure,
        ):  # fmt: skip
            logger.warning(
                '%s seed %d came out differently when it was filmed: %s after %d steps, not %s '
                'after %d', record.task, record.seed, again.reason, again.steps, record.reason,
                record.steps,
            )  # fmt: skip
        films.append(Film(record, path))
    return films
