# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Sealed directories: a model's files, and a description that holds the hash of each.

Planner and controller keep their checkpoints so. What does not fit this version or is damaged is
refused with a sentence that says what differs. This module knows files, not models.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

from c2a_core.skill_signatures import SKILL_API_VERSION
from c2a_core.spaces import GRID_SIZE

FORMAT_VERSION = 1
INFO_NAME = 'c2a_checkpoint.json'
CARD_NAME = 'README.md'
"""Neither can hold its own hash; the card may be edited."""
UNKNOWN_SPLIT = 'unknown'


class CheckpointError(ValueError):
    """A checkpoint that is not there, damaged, or made for something else."""


@dataclass(frozen=True)
class Seal:
    """Content of `c2a_checkpoint.json`, as far as all models have it.

    Attributes:
        preset: of the model.
        data_fingerprint: of the datasets that it was trained on.
        commit: of this repository at the training.
        seed: of the training.
        metrics: name -> number, measured at the end.
        skill_api_version: of the code that it writes or reads.
        grid_size: cells along each side of the picture.
        base_camera: pose of the camera whose pictures it has seen.
        image_layout: of these pictures.
        kind: which model it is.
        format_version: of this file.
        files: name -> SHA-256 of the sealed files; filled in by `write_sealed`.
        training_seeds: (first, last) seed of the scenes in each dataset it was trained on;
            `c2a evaluate` refuses them.
        training_splits: which objects these scenes were drawn from, as episodes name it; empty
            where nobody knows, `UNKNOWN_SPLIT` beside others where that is so of a part.
    """

    preset: str
    data_fingerprint: str
    commit: str
    seed: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    skill_api_version: int = SKILL_API_VERSION
    grid_size: int = GRID_SIZE
    base_camera: str = 'framed'
    image_layout: str = ''
    kind: str = ''
    format_version: int = FORMAT_VERSION
    files: Mapping[str, str] = field(default_factory=dict)
    training_seeds: tuple[tuple[int, int], ...] = ()
    training_splits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make tuples of what JSON made lists."""
        ranges = tuple((int(first), int(last)) for first, last in self.training_seeds)
        object.__setattr__(self, 'training_seeds', ranges)
        object.__setattr__(self, 'training_splits', tuple(self.training_splits))

    @property
    def hash(self) -> str:
        """SHA-256 over the files' hashes."""
        lines = (f'{name} {self.files[name]}\n' for name in sorted(self.files))
        return hashlib.sha256(''.join(lines).encode()).hexdigest()

    def check_fit(self, name: str, more: Iterable[tuple[str, object, object]] = ()) -> None:
        """Refuse what was made for something else.

        Args:
            name: of the checkpoint, as the user wrote it.
            more: further (what, what the checkpoint says, what is here).

        Raises:
            CheckpointError: with what differs.
        """
        for what, theirs, ours in (
            ('skill API version', self.skill_api_version, SKILL_API_VERSION),
            ('cells along the picture', self.grid_size, GRID_SIZE),
            *more,
        ):
            if theirs != ours:
                raise CheckpointError(
                    f"checkpoint '{name}' was made for another {what}: {theirs!r}, here it "
                    f'is {ours!r}; train it anew, or use the code of commit {self.commit}'
                )

    def check_files(self, name: str, directory: Path) -> None:
        """Refuse files that are damaged or missing.

        Args:
            name: of the checkpoint, as the user wrote it.
            directory: where it is.

        Raises:
            CheckpointError: with the first such file.
        """
        for file, expected in self.files.items():
            _check_file(name, Path(directory) / file, expected)


AnySeal = TypeVar('AnySeal', bound=Seal)


def read_seal(directory: Path, kind: type[AnySeal]) -> AnySeal:
    """Read what a sealed directory says about itself.

    Args:
        directory: the checkpoint.
        kind: class of the description; its defaults name kind and format.

    Raises:
        CheckpointError: if it says something else than a model of this kind and format.
    """
    path = Path(directory) / INFO_NAME
    expected = {entry.name: entry.default for entry in fields(kind)}
    name = expected['kind']
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        found = content['kind'], content['format_version']
        seal = kind(**{k: v for k, v in content.items() if k in expected})
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise CheckpointError(f'cannot read {path}: {err}; expected a sealed {name}') from err
    if found != (name, expected['format_version']):
        raise CheckpointError(
            f'{path} describes a {found[0]} in format {found[1]}, expected a {name} in format '
            f'{expected["format_version"]}: use the version of C2A that wrote it'
        )
    return seal


def write_sealed(
    directory: Path,
    seal: AnySeal,
    fill: Callable[[Path], None],
    card: Callable[[AnySeal], str],
) -> AnySeal:
    """Write a sealed directory; it is whole or not there, and takes the place of an older one.

    Args:
        directory: where to.
        seal: without `files`.
        fill: writes the files that are sealed into a directory that is there.
        card: gives the text of the model card for the finished description.

    Returns:
        The description with the files' hashes.
    """
    directory = Path(directory)
    part = directory.with_name(f'.{directory.name}.{os.getpid()}.part')
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        fill(part)
        names = sorted(str(p.relative_to(part)) for p in part.rglob('*') if p.is_file())
        seal = replace(seal, files={name: hash_file(part / name) for name in names})
        write_json(part / INFO_NAME, asdict(seal))
        (part / CARD_NAME).write_text(card(seal), encoding='utf-8')
        _take_place(part, directory)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return seal


def write_json(path: Path, value: object) -> None:
    """Write JSON as all files of a checkpoint have it.

    Raises:
        ValueError: for a number that is not finite.
    """
    path.write_text(json.dumps(value, indent=2, allow_nan=False) + '\n', encoding='utf-8')


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def metrics_table(metrics: Mapping[str, float]) -> str:
    """The metrics of a model card."""
    rows = '\n'.join(f'| {name} | {value:g} |' for name, value in metrics.items())
    return f'| metric | value |\n|---|---|\n{rows}\n' if rows else 'None were written.\n'


def _check_file(name: str, path: Path, expected: str) -> None:
    if not path.is_file():
        raise CheckpointError(
            f"checkpoint '{name}' is not complete: {path} is missing, copy it again"
        )
    found = hash_file(path)
    if found != expected:
        raise CheckpointError(
            f"checkpoint '{name}' is damaged: {path} has the hash {found[:12]}, "
            f'expected {expected[:12]}; copy it again (git lfs pull, if it came by git)'
        )


def _take_place(part: Path, directory: Path) -> None:
    old = part.with_suffix('.old')
    shutil.rmtree(old, ignore_errors=True)
    if directory.exists():
        directory.rename(old)
    part.rename(directory)
    shutil.rmtree(old, ignore_errors=True)
