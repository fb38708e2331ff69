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

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from c2a_core.sealed_directory import (
    INFO_NAME,
    CheckpointError,
    Seal,
    metrics_table,
    read_seal,
    write_json,
    write_sealed,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from c2a_planner.picture import PictureSettings

IMAGE_LAYOUT = 'base camera, square, rgb8'
SHIPPED = ('tiny',)
SHIPPED_FOLDER = Path(__file__).resolve().parent / 'checkpoints'
_HUB_ID = re.compile(r'[\w.-]+/[\w.-]+')


@dataclass(frozen=True)
class CheckpointInfo(Seal):
    """Content of a planner's `c2a_checkpoint.json`; see also `Seal`.

    Attributes:
        validation_share: share of the episodes, by a hash of their names, that no training of it
            has learned from; None where nobody knows.
    """

    image_layout: str = IMAGE_LAYOUT
    kind: str = 'planner'
    validation_share: float | None = None


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
        self.info.check_fit(
            self.name,
            (
                ('pictures', self.info.image_layout, IMAGE_LAYOUT),
                ('base camera', self.info.base_camera, base_camera or self.info.base_camera),
            ),
        )
        self.info.check_files(self.name, Path(self.source))


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
    return read_seal(directory, CheckpointInfo)


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

    def fill(part: Path) -> None:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        write_json(part / FILE_NAME, pictures.as_dict())
        write_json(part / PROCESSOR_NAME, processor_config(model.config, pictures.size))
        (part / TEMPLATE_NAME).write_text(CHAT_TEMPLATE, encoding='utf-8')

    return write_sealed(directory, info, fill, lambda sealed: card or model_card(sealed))


def model_card(info: CheckpointInfo) -> str:
    """A model card with what the description knows."""
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

{metrics_table(info.metrics)}"""
