# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which code and cache info each row of a dataset is learned with: the label strategies.

recorded   what the row holds, whoever wrote it
oracle     the ground truth's trace, also of rows that a planner has labelled
shift:N    the same with each border but the first moved by up to N steps
relabel    the trained planner's words for the oracle's observations (`./c2a relabel`)
rollout    demonstrations whose key steps the planner wrote (`./c2a generate --planner vlm`)

Beside them the flat baseline: the instruction in place of the code, no cache info. Everything else
stays as the strategy has it, so that both learn from the same rows, equally often.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from c2a_core.memory import cache_info
from c2a_core.skill_api import SkillCodeError
from c2a_training.dataset.dataset_manifest import ALL_STEPS, POLICY_STEPS_OPTION, read_manifest
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.rollout_rows import DONE_CODE

RECORDED = 'recorded'
STRATEGIES = (RECORDED, 'oracle', 'shift:N', 'relabel', 'rollout')
_SHIFT = 'shift:'
# Options of a dataset's manifest: who wrote its key steps, and who wrote them anew afterwards.
_PLANNER, _LABELS = 'generator', 'labels'


class LabelText(NamedTuple):
    """The two texts that a policy reads."""

    code: str
    cache_info: str


@dataclass(frozen=True)
class RowLabels:
    """Labels of all rows of a dataset.

    Attributes:
        texts: that occur.
        text: (N,) int32, number in `texts` of each row's.
        subtask: (N,) int32, equal in the rows of one sub-task of an episode.
        is_target: (N,) bool, whether a policy can be asked to act on the row's text.
    """

    texts: tuple[LabelText, ...]
    text: np.ndarray
    subtask: np.ndarray
    is_target: np.ndarray


def check_strategy(strategy: str) -> None:
    """Refuse what is no strategy.

    Raises:
        ValueError: which names those that there are.
    """
    if strategy.startswith(_SHIFT) and strategy.removeprefix(_SHIFT).isdecimal():
        return
    if strategy in STRATEGIES and strategy != 'shift:N':
        return
    raise ValueError(
        f'labels are {strategy!r}, expected one of {", ".join(STRATEGIES)} with a number for N'
    )


def label_rows(dataset: EpisodeDataset, strategy: str, *, flat: bool, seed: int) -> RowLabels:
    """Labels of a dataset's rows.

    Args:
        dataset: of demonstrations.
        strategy: see the module.
        flat: the instruction takes the place of the code.
        seed: of shifted borders; each episode has a stream of its own.

    Raises:
        ValueError: if the dataset cannot be read in this way, with what to do.
    """
    check_strategy(strategy)
    if read_manifest(dataset.directory).options.get(POLICY_STEPS_OPTION) == ALL_STEPS:
        raise ValueError(
            f'in {dataset.directory} a policy moved the arm throughout: that is for planners to '
            'learn from, a policy would learn from itself'
        )
    origin = label_origin(dataset)
    _check_origin(dataset, strategy, origin)
    is_truth = strategy == 'oracle' or strategy.startswith(_SHIFT)
    labels = _oracle(dataset) if is_truth and origin != 'oracle' else _recorded(dataset)
    steps = int(strategy.removeprefix(_SHIFT)) if strategy.startswith(_SHIFT) else 0
    if steps:
        labels = _shifted(dataset, labels, steps, seed)
    return _flat(dataset, labels) if flat else labels


def shift_borders(
    borders: np.ndarray, end: int, steps: int, rng: np.random.Generator
) -> np.ndarray:
    """Move the borders of an episode; the first one stays, their order too.

    Args:
        borders: (K,) int64, rising rows at which sub-tasks begin.
        end: row after the last one of the last sub-task.
        steps: each border moves by a whole number in -steps..steps, all equally likely.
        rng: of the episode.

    Returns:
        New borders (K,); each sub-task has a row at least.
    """
    moved = borders.copy()
    if len(moved) > 1:
        moved[1:] += rng.integers(-steps, steps + 1, len(moved) - 1)
    # No border overtakes another: pushed up from below, then down from the end.
    places = np.arange(len(moved))
    moved = np.maximum.accumulate(moved - places) + places
    return np.minimum(moved, end - len(moved) + places)


def label_origin(dataset: EpisodeDataset) -> str:
    """Whose words the column `code` of a dataset holds: `oracle`, `relabel` or `rollout`."""
    options = read_manifest(dataset.directory).options
    if options.get(_LABELS):
        return str(options[_LABELS])
    return 'oracle' if options.get(_PLANNER, 'oracle') == 'oracle' else 'rollout'


def _check_origin(dataset: EpisodeDataset, strategy: str, origin: str) -> None:
    commands = {'relabel': 'relabel --data', 'rollout': 'generate --planner vlm'}
    if strategy in commands and origin != strategy:
        raise ValueError(
            f'labels are {strategy}, and those of {dataset.directory} are {origin}: make such a '
            f'dataset with `./c2a {commands[strategy]} ...`, or choose other labels'
        )


def _flat(dataset: EpisodeDataset, labels: RowLabels) -> RowLabels:
    """The same labels with other words: the instruction, and nothing that was remembered."""
    instructions = dataset.texts('instruction', np.arange(len(dataset)))
    texts, numbers = _numbered([LabelText(text, '') for text in instructions])
    return replace(labels, texts=texts, text=numbers)


def _recorded(dataset: EpisodeDataset) -> RowLabels:
    rows = np.arange(len(dataset))
    codes, caches = dataset.texts('code', rows), dataset.texts('cache_info', rows)
    texts, numbers = _numbered(list(map(LabelText, codes, caches)))
    return RowLabels(
        texts, numbers, dataset.subtask_id.copy(), _targets(texts, numbers, dataset.has_action)
    )


def _oracle(dataset: EpisodeDataset) -> RowLabels:
    """From the column `oracle_code`: a sub-task goes on as long as its text is the same."""
    labels: list[LabelText] = []
    subtask = np.zeros(len(dataset), np.int32)
    for start, end in zip(dataset.episode_starts, dataset.episode_starts[1:], strict=False):
        rows = np.arange(start, end)
        trace: list[str] = []
        text = LabelText('', '')
        for row, code in zip(rows.tolist(), dataset.texts('oracle_code', rows), strict=True):
            if code and code != text.code:
                text = LabelText(code, _cache_after(trace, code))
            subtask[row] = len(trace) - 1
            labels.append(text)
    texts, numbers = _numbered(labels)
    return RowLabels(texts, numbers, subtask, _targets(texts, numbers, dataset.has_action))


def _cache_after(trace: list[str], code: str) -> str:
    """Cache info with a new key step, which goes to the trace."""
    trace.append(code)
    try:
        return cache_info(step for step in trace if step != DONE_CODE)
    except SkillCodeError as err:
        raise ValueError(f'column oracle_code has what is no key step: {err}') from err


def _shifted(dataset: EpisodeDataset, labels: RowLabels, steps: int, seed: int) -> RowLabels:
    text, subtask = labels.text.copy(), labels.subtask.copy()
    for index, episode in enumerate(dataset.episodes):
        start, end = dataset.episode_starts[index : index + 2].tolist()
        # The last row, with done(), stays what it is: there is nothing left to do in it.
        before = labels.subtask[start : end - 1]
        borders = start + np.nonzero(np.diff(before, prepend=-1))[0]
        rng = np.random.default_rng([seed, zlib.crc32(episode.episode.encode())])
        moved = shift_borders(borders, end - 1, steps, rng)
        stops = [*moved[1:].tolist(), end - 1]
        for old, new, stop in zip(borders.tolist(), moved.tolist(), stops, strict=True):
            text[new:stop], subtask[new:stop] = labels.text[old], labels.subtask[old]
    return RowLabels(labels.texts, text, subtask, _targets(labels.texts, text, dataset.has_action))


def _targets(texts: tuple[LabelText, ...], numbers: np.ndarray, has: np.ndarray) -> np.ndarray:
    """A policy is not asked before the first key step, and not after the last one."""
    says = np.array([text.code not in ('', DONE_CODE) for text in texts], bool)
    return has & says[numbers]


def _numbered(labels: list[LabelText]) -> tuple[tuple[LabelText, ...], np.ndarray]:
    numbers: dict[LabelText, int] = {}
    found = [numbers.setdefault(label, len(numbers)) for label in labels]
    return tuple(numbers), np.array(found, np.int32)
