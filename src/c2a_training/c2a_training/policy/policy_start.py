# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a policy's training begins with and never changes: tokenizer and statistics."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from c2a_controller.normaliser import PolicyNormalisation
from c2a_controller.planner_eye import PlannerEye
from c2a_controller.policy_checkpoint import (
    NORMALISATION_NAME,
    TOKENIZER_NAME,
    PolicyParts,
    find_checkpoint,
    read_policy,
)
from c2a_controller.policy_config import PolicyConfig
from c2a_controller.policy_net import PolicyNet
from c2a_controller.policy_text import PolicyTokenizer, load_t5_tokenizer, train_tokenizer
from c2a_planner.checkpoint import Checkpoint
from c2a_planner.picture import PictureSettings
from c2a_training.atomic_file import write_json
from c2a_training.policy.policy_data import fit_normalisation, tokenizer_texts
from c2a_training.policy.policy_train_config import network_differences
from c2a_training.policy.windows import PolicyWindows


@dataclass(frozen=True)
class PolicyStart:
    """What a training begins with.

    Attributes:
        tokenizer: of the policy's texts.
        normalisation: of actions and proprioception.
        net: the network of a checkpoint that is trained on, None for a fresh one.
    """

    tokenizer: PolicyTokenizer
    normalisation: PolicyNormalisation
    net: PolicyNet | None = None

    def save(self, directory: Path) -> None:
        """Write what a resumed training needs; the weights are in its state."""
        part = directory.with_name(f'{directory.name}.part')
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        self.tokenizer.write(part / TOKENIZER_NAME)
        write_json(part / NORMALISATION_NAME, self.normalisation.as_dict())
        shutil.rmtree(directory, ignore_errors=True)
        part.replace(directory)


def make_start(windows: PolicyWindows, model: PolicyConfig, init: str | None) -> PolicyStart:
    """Begin a training.

    Args:
        windows: it learns from.
        model: the network.
        init: checkpoint whose weights, tokenizer and statistics it begins with, None for new ones.

    Raises:
        ValueError: if the checkpoint has another network.
    """
    if init is not None:
        checkpoint = find_checkpoint(init)
        checkpoint.check()
        parts = read_policy(checkpoint)
        _check_network(init, parts, model)
        return PolicyStart(parts.tokenizer, parts.normalisation, parts.net.let_learn())
    if model.text_encoder == 't5':
        tokenizer = load_t5_tokenizer(model.text_model, model.max_text_tokens)
    else:
        texts = tokenizer_texts(windows)
        tokenizer = train_tokenizer(texts, model.vocabulary_size, model.max_text_tokens)
    return PolicyStart(tokenizer, fit_normalisation(windows))


def read_start(directory: Path, model: PolicyConfig) -> PolicyStart:
    """What a training began with that goes on.

    Raises:
        ValueError: if it cannot be read.
    """
    try:
        text = (directory / NORMALISATION_NAME).read_text(encoding='utf-8')
        normalisation = PolicyNormalisation.from_dict(json.loads(text))
        tokenizer = PolicyTokenizer.read(directory / TOKENIZER_NAME, model.max_text_tokens)
    except (OSError, ValueError) as err:
        raise ValueError(
            f'the training cannot go on without what it began with, {directory}: {err}'
        ) from err
    return PolicyStart(tokenizer, normalisation)


def open_eye(eye: PlannerEye, planner: Checkpoint) -> None:
    """Give an eye the vision tower of a planner.

    Raises:
        ValueError: if the planner is damaged or cannot be a policy's eye.
    """
    planner.check()
    source = Path(planner.source)
    try:
        pictures = PictureSettings.read(source)
        eye.see_as(load_file(source / 'model.safetensors'), pictures.mean, pictures.std)
    except (OSError, ValueError, SafetensorError) as err:
        raise ValueError(
            f'a policy cannot look through the eye of planner {planner.name}: {err}; name another '
            'with --set eye=CHECKPOINT, or set model.base_eye to resnet'
        ) from err


def _check_network(name: str, parts: PolicyParts, model: PolicyConfig) -> None:
    differing = network_differences(parts.config, model)
    if differing:
        raise ValueError(
            f'checkpoint {name} has another network, it differs in {", ".join(differing)}: set '
            'them as they are there with --set model.NAME=VALUE, or begin without --init'
        )
