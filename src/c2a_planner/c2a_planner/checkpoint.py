# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A planner's checkpoint: a sealed directory that says what it was trained for.

    config.json, model.safetensors, tokenizer.json, …    `LlavaForConditionalGeneration` opens it
    preprocessor_config.json                              how pictures are prepared
    chat_template.jinja, processor_config.json            how a server makes our prompt
    c2a_checkpoint.json                                   `CheckpointInfo`, and every file's hash
    README.md                                             the model card

A checkpoint that does not fit this version or is damaged is refused with a sentence that says
what differs. What the hub has carries no seal: it is loaded unchecked.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from c2a_core.skill_signatures import SKILL_API_VERSION
from c2a_core.spaces import GRID_SIZE

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from c2a_planner.picture import PictureSettings

FORMAT_VERSION = 1
KIND = 'planner'
IMAGE_LAYOUT = 'base camera, square, rgb8'
INFO_NAME = 'c2a_checkpoint.json'
CARD_NAME = 'README.md'
# Neither can hold its own hash; the card may be edited.
UNSEALED = (INFO_NAME, CARD_NAME)
SHIPPED = ('tiny',)
SHIPPED_FOLDER = Path(__file__).resolve().parent / 'checkpoints'
_HUB_ID = re.compile(r'[\w.-]+/[\w.-]+')


class CheckpointError(ValueError):
    """A checkpoint that is not there, damaged, or made for something else."""


@dataclass(frozen=True)
class CheckpointInfo:
    """Content of `c2a_checkpoint.json`.

    Attributes:
        preset: `tiny` or `phi3`.
        data_fingerprint: of the datasets that it was trained on.
        commit: of this repository at the training.
        seed: of the training.
        metrics: name -> number, measured at the end.
        skill_api_version: of the code that it writes.
        grid_size: cells along each side of the picture.
        base_camera: pose of the camera whose pictures it has seen.
        image_layout: of these pictures.
        kind: which model it is.
        format_version: of this file.
        training_seeds: (first, last) of each range of seeds in its training data.
        files: name -> SHA-256 of the sealed files; filled in by `write_checkpoint`.
        training_seeds: (first, last) seed of the scenes in each dataset it was trained on;
            `c2a evaluate` refuses them.
    """

    preset: str
    data_fingerprint: str
    commit: str
    seed: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    skill_api_version: int = SKILL_API_VERSION
    grid_size: int = GRID_SIZE
    base_camera: str = 'framed'
    image_layout: str = IMAGE_LAYOUT
    kind: str = KIND
    format_version: int = FORMAT_VERSION
    training_seeds: Sequence[Sequence[int]] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    training_seeds: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        """Make pairs of what JSON made lists."""
        ranges = tuple((int(first), int(last)) for first, last in self.training_seeds)
        object.__setattr__(self, 'training_seeds', ranges)

    @property
    def hash(self) -> str:
        """SHA-256 over the files' hashes."""
        lines = (f'{name} {self.files[name]}\n' for name in sorted(self.files))
        return hashlib.sha256(''.join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """Where a checkpoint is, and what it says about itself.

    Attributes:
        name: as the user wrote it.
        source: directory or hub id.
        info: None where it carries no seal.
    """

    name: str
    source: str
    info: CheckpointInfo | None = None

    @property
    def label(self) -> str:
        """What goes into messages: the beginning of its hash, or its name."""
        return self.info.hash[:12] if self.info else self.name

    def check(self, base_camera: str = '') -> None:
        """Refuse a checkpoint that is damaged or was made for something else.

        Args:
            base_camera: pose of the camera that will be used; empty takes any.

        Raises:
            CheckpointError: with what differs.
        """
        if self.info is None:
            return
        for what, theirs, ours in (
            ('skill API version', self.info.skill_api_version, SKILL_API_VERSION),
            ('cells along the picture', self.info.grid_size, GRID_SIZE),
            ('pictures', self.info.image_layout, IMAGE_LAYOUT),
            ('base camera', self.info.base_camera, base_camera or self.info.base_camera),
        ):
            if theirs != ours:
                raise CheckpointError(
                    f"checkpoint '{self.name}' was made for another {what}: {theirs!r}, here it "
                    f'is {ours!r}; train it anew, or use the code of commit {self.info.commit}'
                )
        for file, expected in self.info.files.items():
            self._check_file(Path(self.source) / file, expected)

    def _check_file(self, path: Path, expected: str) -> None:
        if not path.is_file():
            raise CheckpointError(
                f"checkpoint '{self.name}' is not complete: {path} is missing, copy it again"
            )
        found = _hash(path)
        if found != expected:
            raise CheckpointError(
                f"checkpoint '{self.name}' is damaged: {path} has the hash {found[:12]}, "
                f'expected {expected[:12]}; copy it again (git lfs pull, if it came by git)'
            )


def shipped(name: str) -> Path:
    """Directory of a checkpoint that comes with the package.

    Raises:
        CheckpointError: if there is none of that name.
    """
    directory = SHIPPED_FOLDER / f'planner_{name}'
    if not (directory / INFO_NAME).is_file():
        raise CheckpointError(
            f"the checkpoint '{name}' is not part of this installation ({directory} is missing): "
            'make one with `./c2a train planner` and name its directory'
        )
    return directory


def find_checkpoint(name: str | Path) -> Checkpoint:
    """Find a checkpoint by what the user wrote.

    Args:
        name: a shipped name, a directory, or a model id of the hub such as `owner/model`.

    Raises:
        CheckpointError: if it is none of these, or its description cannot be read.
    """
    text = str(name)
    if text in SHIPPED:
        return Checkpoint(text, str(shipped(text)), read_info(shipped(text)))
    directory = Path(text).expanduser()
    if directory.is_dir():
        has_seal = (directory / INFO_NAME).is_file()
        return Checkpoint(text, str(directory), read_info(directory) if has_seal else None)
    if _HUB_ID.fullmatch(text) and not text.startswith('.'):
        return Checkpoint(text, text)
    raise CheckpointError(
        f"there is no checkpoint '{text}': expected a shipped one ({', '.join(SHIPPED)}), a "
        'directory, or a model id of the hub such as owner/model'
    )


def read_info(directory: Path) -> CheckpointInfo:
    """Read what a sealed directory says about itself.

    Raises:
        CheckpointError: if it says something else than a planner of this format.
    """
    path = Path(directory) / INFO_NAME
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        version, kind = content['format_version'], content['kind']
        known = {entry.name for entry in fields(CheckpointInfo)}
        info = CheckpointInfo(**{k: v for k, v in content.items() if k in known})
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise CheckpointError(f'cannot read {path}: {err}; expected a sealed planner') from err
    if (version, kind) != (FORMAT_VERSION, KIND):
        raise CheckpointError(
            f'{path} describes a {kind} in format {version}, expected a {KIND} in format '
            f'{FORMAT_VERSION}: use the version of C2A that wrote it'
        )
    return info


def write_checkpoint(
    directory: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pictures: PictureSettings,
    info: CheckpointInfo,
    card: str = '',
) -> CheckpointInfo:
    """Write a sealed directory; it is whole or not there, and takes the place of an older one.

    Args:
        directory: where to.
        model: its weights are written as they are: cast them before, merge adapters before.
        tokenizer: a fast one.
        pictures: how pictures are prepared.
        info: without `files`.
        card: text of the model card; empty for `model_card`.

    Returns:
        The description with the files' hashes.
    """
    from c2a_planner.chat_template import (
        CHAT_TEMPLATE,
        PROCESSOR_NAME,
        TEMPLATE_NAME,
        processor_config,
    )
    from c2a_planner.picture import FILE_NAME

    directory = Path(directory)
    part = directory.with_name(f'.{directory.name}.{os.getpid()}.part')
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        _write_json(part / FILE_NAME, pictures.as_dict())
        _write_json(part / PROCESSOR_NAME, processor_config(model.config, pictures.size))
        (part / TEMPLATE_NAME).write_text(CHAT_TEMPLATE, encoding='utf-8')
        names = sorted(str(p.relative_to(part)) for p in part.rglob('*') if p.is_file())
        files = {name: _hash(part / name) for name in names}
        info = CheckpointInfo(**{**vars(info), 'files': files})
        _write_json(part / INFO_NAME, asdict(info))
        (part / CARD_NAME).write_text(card or model_card(info), encoding='utf-8')
        _take_place(part, directory)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return info


def model_card(info: CheckpointInfo) -> str:
    """A model card with what the description knows."""
    rows = '\n'.join(f'| {name} | {value:g} |' for name, value in info.metrics.items())
    metrics = f'| metric | value |\n|---|---|\n{rows}\n' if rows else 'None were written.\n'
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
tags: [robotics, c2a]
---
# C2A planner, preset {info.preset}

Writes the next call of a robot's skill API from one picture of the base camera, an instruction and
the key steps so far. A `LlavaForConditionalGeneration`; `--checkpoint DIRECTORY` runs it.

* Trained at commit `{info.commit}` with seed {info.seed} on data
  `{info.data_fingerprint}`, pictures of the simulator only.
* Skill API version {info.skill_api_version}; {info.grid_size} x {info.grid_size} cells; camera
  pose `{info.base_camera}`; {info.image_layout}. Another camera pose, other objects or a real
  camera are outside of what it has seen.
* What it writes is parsed and checked before a robot moves; it is never executed as code.

{metrics}"""


def _take_place(part: Path, directory: Path) -> None:
    old = part.with_suffix('.old')
    shutil.rmtree(old, ignore_errors=True)
    if directory.exists():
        directory.rename(old)
    part.rename(directory)
    shutil.rmtree(old, ignore_errors=True)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, allow_nan=False) + '\n', encoding='utf-8')


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
