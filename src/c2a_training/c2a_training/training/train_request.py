# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What to train, and the beginning of every training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from accelerate import Accelerator

from c2a_training.training.train_state import StateStore

BEST, LAST = 'best', 'last'
"""Names of the checkpoints in the directory of a training."""

Config = TypeVar('Config')


@dataclass(frozen=True)
class TrainRequest(Generic[Config]):
    """What to train.

    Attributes:
        config: settings.
        data: directories of datasets.
        out: where the training lives.
        resume: go on with what is there.
        init: checkpoint to begin with, None for fresh weights.
        command: as it was typed, for the model card.
    """

    config: Config
    data: tuple[Path, ...]
    out: Path
    resume: bool = False
    init: str | None = None
    command: str = ''

    @property
    def store(self) -> StateStore:
        """The states from which it can go on."""
        return StateStore(self.out / 'state')

    def check_out(self) -> None:
        """Refuse to begin where another training is.

        Raises:
            ValueError: if there is one, and it shall not go on.
        """
        if not self.resume and self.store.load() is not None:
            raise ValueError(
                f'{self.out} has a training: go on with --resume, or name another directory'
            )

    def make_out(self, accelerator: Accelerator) -> None:
        """Make the directory, on one process for all."""
        if accelerator.is_main_process:
            self.out.mkdir(parents=True, exist_ok=True)
        accelerator.wait_for_everyone()
