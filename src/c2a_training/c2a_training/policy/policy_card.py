# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a trained policy's checkpoint says about its training: description and model card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from c2a_controller.policy_checkpoint import PolicyInfo, policy_card
from c2a_training.policy.closed_loop import SUCCESS
from c2a_training.policy.policy_checkup import METRIC
from c2a_training.policy.policy_train_config import PolicyTrainConfig
from c2a_training.policy.row_labels import RECORDED, label_origin
from c2a_training.policy.windows import PolicyWindows
from c2a_training.training.train_state import Progress
from c2a_training.training.training_card import (
    joined_fingerprint,
    training_commit,
    training_section,
    training_seeds,
    training_splits,
)


def make_info(
    config: PolicyTrainConfig,
    progress: Progress,
    windows: PolicyWindows,
    poses: Mapping[str, Iterable[str]],
) -> PolicyInfo:
    """Description of a checkpoint, without its files' hashes.

    Args:
        config: of the training.
        progress: where it is.
        windows: it learns from.
        poses: for each camera, those in the data.
    """
    labels = config.windows.labels
    if labels == RECORDED:
        labels = '+'.join(sorted({label_origin(dataset) for dataset in windows.datasets}))
    return PolicyInfo(
        preset=config.preset,
        data_fingerprint=joined_fingerprint(progress.data),
        commit=training_commit(progress),
        seed=config.seed,
        metrics={
            name: round(value, 5) for name, value in progress.metrics.items() if name != METRIC
        },
        base_camera='+'.join(sorted(poses['base'])),
        wrist_camera='+'.join(sorted(poses['wrist'])),
        training_seeds=training_seeds(windows.datasets, progress),
        training_splits=training_splits(windows.datasets, progress),
        text='instruction' if config.windows.flat else 'code',
        labels=labels,
        cameras=config.model.cameras,
    )


def make_card(
    info: PolicyInfo,
    config: PolicyTrainConfig,
    progress: Progress,
    windows: PolicyWindows,
    command: str,
) -> str:
    """The model card: what every checkpoint says, and how this one was made."""
    tasks = '\n'.join(
        f'| {task} | `{dataset}` | {100 * share:.1f}% |'
        for (dataset, task), share in zip(windows.groups, windows.shares, strict=True)
    )
    command = command or 'c2a train policy'
    return f"""{policy_card(info)}
`loss`, `step_mm`, `step_deg` and `vacuum_right` are of held-out episodes of the training data:
sampled chunks beside the recorded ones; `color_right`, `shape_right` and `goal_mm` of heads that
only the training had, asked for what is seen and for the way to the sub-task's end.
{_closed_loop_words(info, config)}
| task | data | share of what was drawn |
|---|---|---|
{tasks}

{training_section(command, progress, windows.datasets, config.as_dict())}"""


def _closed_loop_words(info: PolicyInfo, config: PolicyTrainConfig) -> str:
    if SUCCESS not in info.metrics:
        return ''
    loop = config.closed_loop
    return f"""`success` is the share of episodes that it solved on seeds from {loop.first_seed}
on, {loop.episodes} a task, planner {config.loop_planner}: enough to choose a checkpoint, too few
to be a result.
"""
