# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the planner is also asked about the arm while it is trained, by heads that are thrown away.

Whether the running key step is over is one token of a reply, and a small model does not find out
from that token alone what to look at. The recorded states tell it:

    arm       (B, 4) float32: where the end effector is, x, y, z in `METRES` from `CENTRE`; whether
              it holds something. From the vision tower's tokens.
    progress  (B, 4) float32: steps until the running key step is over, in `STEPS` and at most
              `FARTHEST`; the way of the end effector until then, x, y, z in `METRES`. NaN where no
              key step runs. From the state of the language model that begins the reply.

Frame of all positions: world.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from c2a_core.spaces import PROPRIO_NAMES
from c2a_core.types import FloatArray
from c2a_training.dataset.episode_dataset import EpisodeDataset

METRES = 0.1
STEPS = 10.0
FARTHEST = 2.0
CENTRE = (0.0, 0.0, 0.2)
ARM_DIM, PROGRESS_DIM = 4, 4

_EE_X = PROPRIO_NAMES.index('ee_x')
_POSITION = slice(_EE_X, _EE_X + 3)
_GRASPING = PROPRIO_NAMES.index('vacuum_grasping')
# Places in the picture that are looked at for the answer about the arm.
_GLANCES = 4
# Under a centimetre, and under one step, an error counts squared, above it as it is.
_KNEE = 0.1


class ArmHeads(nn.Module):
    """The heads.

    Args:
        vision_size: of the vision tower's tokens.
        language_size: of the language model's states.
    """

    def __init__(self, vision_size: int, language_size: int) -> None:
        super().__init__()
        self.glance = nn.Linear(vision_size, _GLANCES)
        self.arm = nn.Linear(_GLANCES * vision_size, ARM_DIM)
        self.progress = nn.Linear(language_size, PROGRESS_DIM)

    def learn(self, *, arm: bool, progress: bool) -> None:
        """Let the heads for the arm and for the progress learn, or not."""
        for head, learns in ((self.glance, arm), (self.arm, arm), (self.progress, progress)):
            head.requires_grad_(learns)

    def arm_loss(self, tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean loss of where the arm is and whether it holds something.

        Args:
            tokens: (B, T, H) of the vision tower.
            labels: (B, 4), see the module.
        """
        with torch.autocast(tokens.device.type, enabled=False):
            found = self._arm(tokens.float())
            away = functional.smooth_l1_loss(found[:, :3], labels[:, :3], beta=_KNEE)
            holds = functional.binary_cross_entropy_with_logits(found[:, 3], labels[:, 3])
            return away + holds

    def progress_loss(self, states: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean loss of how far the running key step has come; 0 where none runs.

        Args:
            states: (B, H) of the language model.
            labels: (B, 4), see the module.
        """
        with torch.autocast(states.device.type, enabled=False):
            found, is_known = self.progress(states.float()), ~labels.isnan()
            error = functional.smooth_l1_loss(
                found, labels.nan_to_num(), beta=_KNEE, reduction='none'
            )
            return (error * is_known).sum() / is_known.sum().clamp(min=1)

    @torch.no_grad()
    def figures(self, tokens: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
        """`arm_mm`, the mean distance to where the arm is, and `holds_right`, a share."""
        with torch.autocast(tokens.device.type, enabled=False):
            found = self._arm(tokens.float())
            away = (found[:, :3] - labels[:, :3]).norm(dim=1).mean()
            hits = ((found[:, 3] > 0) == (labels[:, 3] > 0)).float().mean()
            return {'arm_mm': 1e3 * METRES * float(away), 'holds_right': float(hits)}

    def _arm(self, tokens: torch.Tensor) -> torch.Tensor:
        shares = self.glance(tokens).softmax(1)  # (B, T, glances)
        return self.arm((shares.transpose(1, 2) @ tokens).flatten(1))


class ArmLabels:
    """The answers, of the rows of one dataset.

    Args:
        dataset: the rows.
        is_over: (N,) bool, rows at which the key step that runs is no longer the right one.
    """

    def __init__(self, dataset: EpisodeDataset, is_over: np.ndarray) -> None:
        self._states = dataset.proprioception
        self._end = _next_rows(dataset, is_over)

    def arm(self, rows: np.ndarray) -> FloatArray:
        """Of rows (B,): (B, 4), see the module."""
        states = self._states[rows]
        position = (states[:, _POSITION] - CENTRE) / METRES
        holds = states[:, _GRASPING, None] > 0
        return np.concatenate([position, holds], axis=1).astype(np.float32)

    def progress(self, rows: np.ndarray, runs: Sequence[bool]) -> FloatArray:
        """Of rows (B,): (B, 4), see the module.

        Args:
            rows: of the dataset.
            runs: whether a key step runs at each of them.
        """
        end = self._end[rows]
        way = self._states[end][:, _POSITION] - self._states[rows][:, _POSITION]
        left = np.minimum((end - rows) / STEPS, FARTHEST)
        found = np.concatenate([left[:, None], way / METRES], axis=1)
        return np.where(np.array(runs)[:, None], found, np.nan).astype(np.float32)


def find_over(dataset: EpisodeDataset, targets: Sequence[str]) -> np.ndarray:
    """Rows (N,) bool at which the running key step is no longer the right one.

    Args:
        dataset: the rows.
        targets: what should be running at each row; empty where nobody knows.
    """
    codes = dataset.texts('code', np.arange(len(dataset)))
    differs = [
        bool(target) and target != code for target, code in zip(targets, codes, strict=True)
    ]
    return np.array(differs, bool) | dataset.is_key_step


def _next_rows(dataset: EpisodeDataset, is_over: np.ndarray) -> np.ndarray:
    """The first row (N,) from each one on that is over, at most the last one of its episode."""
    over = np.append(np.nonzero(is_over)[0], len(dataset))
    found = over[np.searchsorted(over, np.arange(len(dataset)), side='left')]
    starts = dataset.episode_starts
    last = np.repeat(starts[1:] - 1, np.diff(starts))
    return np.minimum(found, last)
