# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What is the same for all episodes of a generated dataset."""

from __future__ import annotations

from dataclasses import dataclass

from c2a_training.dataset.dataset_manifest import ALL_STEPS, POLICY_OPTION, POLICY_STEPS_OPTION
from c2a_training.dataset.jpeg import JPEG_QUALITY
from c2a_training.generation.picture_rule import PictureRule

PLANNERS = ('oracle', 'vlm')
KEEP = ('success', 'all')
POLICY_STEPS = (4, 20)
"""Of a policy's stretch, at least and at most: until it has arrived."""


@dataclass(frozen=True)
class GenerateSettings:
    """What is the same for all episodes of a dataset.

    Attributes:
        image_size: side of the square camera pictures [px].
        robot: ``low_poly`` or ``detailed``.
        split: objects to draw from, see `c2a_sim_bridge.sim.object_pool`.
        base_camera: ``framed`` or ``original``.
        wrist_camera: ``framed`` or ``original``.
        pictures: which rows get some, see `picture_rule`.
        noise_m: bursts of Gaussian noise on the actions, 0 for none [m].
        policy: checkpoint that moves the arm in stretches, empty for none.
        policy_hash: its hash.
        policy_steps: of such a stretch, at least and at most; None for the whole episode: no
            skill moves the arm then.
        policy_vacuum: whether the policy switches the vacuum in its stretches.
        late: the oracle's key steps come up to so many observations late.
        planner: one of `PLANNERS`; whose key steps are executed.
        checkpoint: of a learned planner: a shipped name, a directory or a hub id.
        checkpoint_hash: its hash.
        keep: one of `KEEP`; `all` keeps failed episodes as well.
    """

    image_size: int = 128
    robot: str = 'low_poly'
    split: str = 'simple'
    base_camera: str = 'framed'
    wrist_camera: str = 'framed'
    pictures: PictureRule = PictureRule()
    noise_m: float = 0.0
    policy: str = ''
    policy_hash: str = ''
    policy_steps: tuple[int, int] | None = POLICY_STEPS
    policy_vacuum: bool = False
    late: int = 0
    planner: str = 'oracle'
    checkpoint: str = ''
    checkpoint_hash: str = ''
    keep: str = 'success'

    @property
    def policy_leads(self) -> bool:
        """Whether a policy moves the arm in place of the skills."""
        return bool(self.policy) and self.policy_steps is None

    def options(self) -> dict[str, str | int | float | bool]:
        """What a dataset remembers of them; a run with others is refused.

        What came with a later version is only there where it is not as it was before, so that
        older datasets can be merged with newer ones.
        """
        options: dict[str, str | int | float | bool] = {
            'generator': self.planner,
            'image_size': self.image_size,
            'robot': self.robot,
            'split': self.split,
            'base_camera': self.base_camera,
            'wrist_camera': self.wrist_camera,
            'jpeg_quality': JPEG_QUALITY,
        }
        later: dict[str, str | int | float | bool] = {
            'pictures': '' if self.pictures.takes_all else str(self.pictures),
            'noise_m': self.noise_m,
            POLICY_OPTION: self.policy_hash,
            POLICY_STEPS_OPTION: self._policy_steps_option(),
            'policy_vacuum': self.policy_vacuum,
            'late': self.late,
            'checkpoint': self.checkpoint_hash,
            'keep': '' if self.keep == 'success' else self.keep,
        }
        return {**options, **{name: value for name, value in later.items() if value}}

    def _policy_steps_option(self) -> str:
        if self.policy_steps is None:
            return ALL_STEPS
        return '' if self.policy_steps == POLICY_STEPS else '{}-{}'.format(*self.policy_steps)
