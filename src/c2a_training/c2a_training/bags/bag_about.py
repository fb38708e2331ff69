# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a bag says about its episode: its name and its metadata. Knows no ROS."""

from __future__ import annotations

from c2a_core.skill_api import SKILL_API_VERSION
from c2a_core.types import EpisodeStatus

BAG_VERSION = 2
"""Of the metadata's keys and of the layout of a bag."""


def about_episode(status: EpisodeStatus) -> dict[str, str]:
    """What a bag says about its episode, as far as the status knows."""
    return {
        'bag_version': str(BAG_VERSION),
        'skill_api_version': str(SKILL_API_VERSION),
        'episode_id': str(status.episode_id),
        'task': status.task,
        'instruction': status.instruction,
        'seed': str(status.seed),
        'split': status.split,
        'steps': str(status.step),
        'max_steps': str(status.max_steps),
        'done': flag(status.done),
        'success': flag(status.success),
        'reason': status.reason,
        'stepping': status.stepping,
        'low_level': status.low_level,
        'backend': status.backend,
        'control_rate_hz': str(status.control_rate_hz),
        'planner_checkpoint': status.planner_checkpoint,
        'policy_checkpoint': status.policy_checkpoint,
    }


def flag(value: bool) -> str:
    """A boolean as it stands in the metadata: all values are texts there."""
    return 'true' if value else 'false'


def folder_name(status: EpisodeStatus) -> str:
    """Name of an episode's bag; variants of tasks carry signs that a folder should not."""
    kept = ''.join(c if c.isalnum() or c in '-_+=,.' else '-' for c in status.task)
    return f'{kept.strip("-.") or "episode"}_{status.seed}_{status.episode_id}'
