# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What is evaluated: all that the outcome of an episode depends on besides task and seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PLANNERS = ('oracle', 'vlm', 'openai', 'none')
LOW_LEVELS = ('oracle', 'policy', 'replay')


@dataclass(frozen=True)
class EvaluationSettings:
    """One cell of the table of planners and low levels, and how it is measured.

    Attributes:
        planner: one of `PLANNERS`.
        low_level: one of `LOW_LEVELS`.
        checkpoint: vlm: a shipped name, a directory or a hub id.
        early_stop_chars: characters of a reply that decide that the sub-task goes on; 0 is off.
        constrained: vlm: decode only what the skill API's grammar allows.
        server_url: openai: address of the server.
        server_model: openai: name of the model there.
        replay_dir: replay: recorded episodes.
        blind: the planner gets a black picture.
        split: objects to draw from, see `c2a_sim_bridge.sim.object_pool`.
        image_size: side of the camera pictures [px].
        base_camera: ``framed`` or ``original``.
        robot: ``low_poly`` or ``detailed``.
    """

    planner: str = 'vlm'
    low_level: str = 'oracle'
    checkpoint: str = 'tiny'
    early_stop_chars: int = 8
    constrained: bool = False
    server_url: str = 'http://127.0.0.1:8000/v1'
    server_model: str = ''
    replay_dir: Path | None = None
    blind: bool = False
    split: str = 'simple'
    image_size: int = 128
    base_camera: str = 'framed'
    robot: str = 'low_poly'

    @property
    def sees(self) -> bool:
        """Whether the planner's answers depend on pictures."""
        return self.planner in ('vlm', 'openai') and not self.blind

    def check(self) -> None:
        """Refuse pairs of planner and low level that cannot work together.

        Raises:
            ValueError: with a sentence that says what to write instead.
        """
        if self.low_level == 'policy':
            raise ValueError(
                '--low-level policy is planned and not there yet: learned policies come with a '
                'later version, use --low-level oracle'
            )
        if self.planner == 'none' and self.low_level == 'oracle':
            raise ValueError(
                '--planner none gives the instruction to a learned policy, and a scripted skill '
                'cannot read it: the policies come with a later version, use another --planner'
            )
        if self.low_level == 'replay' and self.replay_dir is None:
            raise ValueError(
                '--low-level replay needs --replay-dir: a directory of recorded episodes'
            )
        if self.blind and self.planner not in ('vlm', 'openai'):
            raise ValueError(
                f'--blind says nothing about --planner {self.planner}: it sees nothing'
            )

    def config(self) -> dict[str, str | int | bool]:
        """What a journal and a JSON file say about the settings.

        A run with other values is not the same experiment. The checkpoint's hash is added to it by
        who knows it.
        """
        config: dict[str, str | int | bool] = {
            'planner': self.planner,
            'low_level': self.low_level,
            'blind': self.blind,
            'split': self.split,
            'image_size': self.image_size,
            'base_camera': self.base_camera,
            'robot': self.robot,
        }
        if self.planner in ('vlm', 'openai'):
            config['early_stop_chars'] = self.early_stop_chars
        if self.planner == 'vlm':
            config['constrained'] = self.constrained
        if self.planner == 'openai':
            config['server_model'] = self.server_model
        if self.replay_dir is not None:
            config['replay_dir'] = str(self.replay_dir)
        return config
