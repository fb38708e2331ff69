# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The state of a training on disk, from which it goes on exactly: safetensors and JSON only.

    state/00000300/model.safetensors       weights and buffers
    state/00000300/optimizer.safetensors   moments of AdamW, `parameter//exp_avg`
    state/00000300/state.json              stage, step, seconds, best result, settings

A state is written beside its place and renamed when it is whole, and the one before stays until
then: whenever a training is killed, one state can be read. Random numbers need no state: they come
from (seed, step).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

FORMAT_VERSION = 1
_KEPT = 2
_PART = '.part'


@dataclass
class Progress:
    """Where a training is.

    Attributes:
        stage: name of the running stage.
        step: optimiser steps done in it.
        seconds: of training in it.
        total_steps: steps of all stages.
        total_seconds: of all stages.
        best: best value of the metric that chooses the best checkpoint.
        metrics: of the last validation.
        config: settings of the training.
        data: fingerprints of its datasets.
        before: what the card of the checkpoint says that it began with, of that one's training.
        seeds_before: (first, last) seed of the scenes that one was trained on, and of all data
            that were learned from since.
        splits_before: which objects these scenes were drawn from.
        share_before: of the episodes that one held out; None without one.
        init: checkpoint that it began with, empty for none, None in states that do not tell.
        base_hash: of the files of what it began with, empty where that carries no seal.
        commits: versions of the software that it ran, in order.
    """

    stage: str = ''
    step: int = 0
    seconds: float = 0.0
    total_steps: int = 0
    total_seconds: float = 0.0
    best: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    config: dict[str, object] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    before: str = ''
    seeds_before: list[list[int]] = field(default_factory=list)
    splits_before: list[str] = field(default_factory=list)
    share_before: float | None = None
    init: str | None = None
    base_hash: str = ''
    commits: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TrainState:
    """What goes to the disk.

    Attributes:
        progress: where the training is.
        model: weights and buffers by name.
        optimizer: moments by `parameter//name`; empty at the beginning of a stage.
    """

    progress: Progress
    model: Mapping[str, torch.Tensor]
    optimizer: Mapping[str, torch.Tensor]


class StateStore:
    """The states of one training.

    Args:
        directory: that holds them; made when the first one is written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)

    def save(self, state: TrainState) -> Path:
        """Write a state; older ones but one go."""
        folder = self.directory / f'{self._next_number():08d}'
        part = folder.with_name(folder.name + _PART)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        save_file(_contiguous(state.model), part / 'model.safetensors')
        save_file(_contiguous(state.optimizer), part / 'optimizer.safetensors')
        document = {
            'format_version': FORMAT_VERSION,
            'progress': dataclasses.asdict(state.progress),
        }
        (part / 'state.json').write_text(json.dumps(document, indent=2) + '\n', encoding='utf-8')
        for path in part.iterdir():
            _flush(path)
        part.replace(folder)
        _flush(self.directory)
        self._prune()
        return folder

    def load(self) -> TrainState | None:
        """The newest state that can be read, None if there is none.

        Raises:
            ValueError: if there are states and none of them can be read.
        """
        errors = []
        for folder in reversed(self._folders()):
            try:
                return _read(folder)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as err:
                errors.append(f'{folder}: {err}')
        if errors:
            raise ValueError(
                f'no state of the training can be read ({"; ".join(errors)}): '
                'begin again in another directory'
            )
        return None

    def _folders(self) -> list[Path]:
        """Whole states, oldest first."""
        if not self.directory.is_dir():
            return []
        return sorted(path for path in self.directory.iterdir() if path.name.isdecimal())

    def _next_number(self) -> int:
        folders = self._folders()
        return int(folders[-1].name) + 1 if folders else 1

    def _prune(self) -> None:
        for folder in self._folders()[:-_KEPT]:
            shutil.rmtree(folder, ignore_errors=True)
        for part in self.directory.glob(f'*{_PART}'):
            shutil.rmtree(part, ignore_errors=True)


def read_progress(directory: Path) -> Progress | None:
    """Where the training is whose states lie in a directory; without reading weights."""
    for folder in reversed(StateStore(directory)._folders()):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return _read_progress(folder)
    return None


def _read(folder: Path) -> TrainState:
    return TrainState(
        _read_progress(folder),
        load_file(folder / 'model.safetensors'),
        load_file(folder / 'optimizer.safetensors'),
    )


def _read_progress(folder: Path) -> Progress:
    document = json.loads((folder / 'state.json').read_text(encoding='utf-8'))
    if document['format_version'] != FORMAT_VERSION:
        raise ValueError(
            f'state of format {document["format_version"]}, expected {FORMAT_VERSION}'
        )
    return Progress(**document['progress'])


def _contiguous(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copies on the CPU, so that weights that share memory are written each."""
    return {
        name: tensor.detach().to('cpu', copy=True).contiguous() for name, tensor in tensors.items()
    }


def _flush(path: Path) -> None:
    """Put a file or folder on the disk for good."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
