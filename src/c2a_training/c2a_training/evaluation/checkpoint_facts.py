# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What an evaluation has to know about its checkpoints before it loads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from c2a_training.evaluation.evaluation_settings import EvaluationSettings

HELD_OUT, SEEN, UNKNOWN = 'held out', 'seen in training', 'unknown'
"""What a model knows of the looks that split `test` draws: pairs of colour and shape."""
_SPLITS_WITHOUT_THEM = frozenset({'train'})
_SPLITS_WITH_THEM = frozenset({'simple', 'test'})


@dataclass(frozen=True)
class CheckpointFacts:
    """Facts of a checkpoint.

    Attributes:
        checkpoint: its hash, or the planner's name where it has none.
        base_camera: the base camera that it knows, empty if any will do.
        training_seeds: (first, last) of each range of seeds in its training data.
        text: policy: what it is told, `code` or the `instruction`; empty for a planner.
        training_splits: which objects its training data showed, empty where nobody knows; None
            for what has learned nothing, such as the oracle.
    """

    checkpoint: str
    base_camera: str = ''
    training_seeds: tuple[tuple[int, int], ...] = ()
    text: str = ''
    training_splits: tuple[str, ...] | None = None

    @property
    def looks(self) -> str:
        """Whether its training showed the looks of split `test`; empty if it has learned nothing.

        `HELD_OUT`, `SEEN` or `UNKNOWN`.
        """
        if self.training_splits is None:
            return ''
        splits = frozenset(self.training_splits)
        if splits & _SPLITS_WITH_THEM:
            return SEEN
        return HELD_OUT if splits and splits <= _SPLITS_WITHOUT_THEM else UNKNOWN

    def adapt(self, settings: EvaluationSettings) -> EvaluationSettings:
        """The settings with the camera that the checkpoint knows."""
        if self._knows(settings.base_camera):
            return settings
        return replace(settings, base_camera=self.base_camera.split('+')[0])

    def check_camera(self, settings: EvaluationSettings) -> None:
        """Refuse a camera that another checkpoint of the run needs and this one does not know.

        Raises:
            ValueError: which names both cameras.
        """
        if not self._knows(settings.base_camera):
            raise ValueError(
                f'checkpoint {self.checkpoint} knows the base camera {self.base_camera!r}, the '
                f'other one needs {settings.base_camera!r}: take two that were trained alike'
            )

    def check_text(self, settings: EvaluationSettings) -> None:
        """Refuse a policy that would be told something else than in its training.

        Raises:
            ValueError: with the planner that it needs.
        """
        if self.text == 'instruction' and settings.planner != 'none':
            raise ValueError(
                f'policy checkpoint {self.checkpoint} is a flat one, it knows instructions and no '
                'code: use --planner none, or a policy that was trained with code'
            )
        if self.text == 'code' and settings.planner == 'none':
            raise ValueError(
                f'policy checkpoint {self.checkpoint} was trained with code, and --planner none '
                'gives it the instruction: name one that was trained with --flat, or another '
                '--planner'
            )

    def _knows(self, base_camera: str) -> bool:
        # It may know several: `framed+original`.
        return not self.base_camera or base_camera in self.base_camera.split('+')


def looks_of(models: Iterable[CheckpointFacts]) -> str:
    """What all models of a run together know of the looks of split `test`; see `looks`."""
    found = {facts.looks for facts in models}
    return next((looks for looks in (SEEN, UNKNOWN, HELD_OUT) if looks in found), '')


def read_facts(settings: EvaluationSettings) -> CheckpointFacts:
    """Read the facts of the planner in the settings.

    Raises:
        ValueError: if its checkpoint is not there, damaged or made for something else.
    """
    if settings.planner == 'openai':
        return CheckpointFacts(settings.server_model or settings.planner, training_splits=())
    if settings.planner != 'vlm':
        return CheckpointFacts(settings.planner)
    from c2a_planner.checkpoint import find_checkpoint

    found = find_checkpoint(settings.checkpoint)
    found.check()
    if found.info is None:
        return CheckpointFacts(found.label, training_splits=())
    return CheckpointFacts(
        checkpoint=found.label,
        base_camera=found.info.base_camera,
        training_seeds=found.info.training_seeds,
        training_splits=found.info.training_splits,
    )


def read_policy_facts(settings: EvaluationSettings) -> CheckpointFacts:
    """Read the facts of the policy in the settings.

    Raises:
        ValueError: if its checkpoint is not there, damaged or made for something else.
    """
    from c2a_controller.policy_checkpoint import find_checkpoint

    found = find_checkpoint(settings.policy_checkpoint)
    found.check()
    return CheckpointFacts(
        checkpoint=found.label,
        base_camera=found.info.base_camera,
        training_seeds=found.info.training_seeds,
        training_splits=found.info.training_splits,
        text=found.info.text,
    )
