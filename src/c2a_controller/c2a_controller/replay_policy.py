# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Sends a recorded episode's actions through the whole loop: the test for conventions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from c2a_core.episode_file import episode_path, read_episode
from c2a_core.spaces import ACTION_DIM
from c2a_core.types import CommandSource, FloatArray, KeyStep, Observation

PRED_HORIZON = 16
"""Rows of a chunk; any number gives the same commands, because row 0 is the observation's step."""


class ReplayPolicy:
    """Reads the episode of (task, seed) and returns the actions recorded from a step on.

    Args:
        directory: holds one `.npz` per episode, see `c2a_core.episode_file`.
    """

    source = CommandSource.REPLAY
    checkpoint = 'replay'
    follows_key_steps = False
    is_instant = True

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory).expanduser()
        if not str(directory) or not self._directory.is_dir():
            raise ValueError(
                f'replay directory {str(directory)!r} is not there: give replay_dir a directory '
                'of recorded episodes (<Task>_<seed>.npz)'
            )
        self._actions: FloatArray = np.empty((0, ACTION_DIM), np.float32)

    def begin_episode(self, task: str, seed: int) -> None:
        """Load the recorded actions of an episode; see `Policy.begin_episode`."""
        self._actions = np.empty((0, ACTION_DIM), np.float32)
        path = episode_path(self._directory, task, seed)
        if not path.is_file():
            raise ValueError(
                f'no recorded episode {path}: record task {task} with seed {seed} first, or start '
                'episodes that are in the directory'
            )
        self._actions = read_episode(path).actions

    def predict_action_chunk(self, observation: Observation, key_step: KeyStep) -> FloatArray:
        """Rows (n, 7) recorded from this step on; none after the last."""
        del key_step
        return self._actions[observation.step : observation.step + PRED_HORIZON]
