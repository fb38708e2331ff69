# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A planner runs in order over a recorded episode, and its key steps become the labels.

The planner has its own memory, as at run time, so what it gets wrong has consequences here as
there: a low-level policy that is trained on these labels is told at run time what it was told in
training. Motions and pictures stay the demonstrator's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from c2a_core.types import KeyStep, ReplyStatus
from c2a_planner.planner import Planner
from c2a_training.dataset.episode_rows import DONE_CODE, EpisodeRows
from c2a_training.dataset.recorded_observation import recorded_observation
from c2a_training.rollout import is_aborted
from c2a_training.rollout_rows import closing_key_step


@dataclass(frozen=True)
class Relabelled:
    """What a planner made of an episode.

    Attributes:
        rows: the episode with its labels; None where it gave the task up.
        reason: why it did; empty otherwise.
        decisions: observations it was asked about.
        invalid: replies that were none.
    """

    rows: EpisodeRows | None
    reason: str
    decisions: int
    invalid: int


@dataclass(frozen=True)
class _Recorded:
    """What was recorded as the ground truth of a row, for planners that follow it."""

    code: str


def relabel_episode(rows: EpisodeRows, planner: Planner) -> Relabelled:
    """Let a planner write the labels of an episode, one question per observation.

    Args:
        rows: with a base picture in every row.
        planner: asks its model with the step request; it begins the episode anew.

    Raises:
        ValueError: if a row has no base picture.
        ConnectionError: if a reply never came: it would say nothing about the planner.
    """
    _check_pictures(rows)
    planner.reset(0, rows.metadata.instruction)
    key_steps: list[KeyStep] = []
    for row in range(len(rows) - 1):
        observation = recorded_observation(rows, row, cameras=('base',))
        key_step = planner.plan(observation, _Recorded(rows.oracle_code[row] or rows.code[row]))
        key_steps.append(key_step)
        if is_aborted(key_step):
            return Relabelled(None, key_step.reason, len(key_steps), _invalid(key_steps))
    last = recorded_observation(rows, len(rows) - 1, cameras=())
    asked = len(key_steps)
    key_steps.append(closing_key_step(last, key_steps[-1] if key_steps else None))
    return Relabelled(_with_labels(rows, key_steps), '', asked, _invalid(key_steps))


def _with_labels(rows: EpisodeRows, key_steps: list[KeyStep]) -> EpisodeRows:
    """The episode with other key steps; everything else as it was."""
    calls = sum(k.is_key_step and k.code != DONE_CODE for k in key_steps)
    labelled = replace(
        rows,
        metadata=replace(rows.metadata, skill_calls=calls),
        code=tuple(k.code for k in key_steps),
        is_key_step=np.array([k.is_key_step for k in key_steps]),
        subtask_id=np.array([k.subtask_id for k in key_steps], np.int32),
        cache_info=tuple(k.cache_info for k in key_steps),
        memory=tuple(k.memory for k in key_steps),
    )
    return labelled.sealed()


def _invalid(key_steps: list[KeyStep]) -> int:
    return sum(k.reply_status == ReplyStatus.INVALID for k in key_steps)


def _check_pictures(rows: EpisodeRows) -> None:
    missing = rows.base_jpeg.count(None)
    if missing:
        raise ValueError(
            f'{rows.metadata.episode} lacks the base picture in {missing} of {len(rows)} rows, '
            'and the planner has to see every one: generate it with --pictures all'
        )
