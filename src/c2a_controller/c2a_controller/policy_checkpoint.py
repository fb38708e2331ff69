# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A policy's checkpoint: a sealed directory that says what it was trained for.

    policy.json             `PolicyConfig`: network, noise, sampling
    model.safetensors       weights in bfloat16, without those of a frozen T5
    tokenizer.json          how code becomes tokens
    normalisation.json      how actions and proprioception are normalised
    c2a_checkpoint.json     `PolicyInfo`, and every file's hash
    README.md               the model card

A checkpoint that does not fit this version or is damaged is refused with a sentence that says
what differs. Importing this module costs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from c2a_controller.normaliser import PolicyNormalisation
from c2a_controller.policy_config import PolicyConfig
from c2a_core.sealed_directory import (
    INFO_NAME,
    CheckpointError,
    Seal,
    metrics_table,
    read_seal,
    write_json,
    write_sealed,
)
from c2a_core.spaces import ACTION, CAMERAS, CONTROL_RATE_HZ, PROPRIO_NAMES

if TYPE_CHECKING:
    import torch

    from c2a_controller.policy_net import PolicyNet
    from c2a_controller.policy_text import PolicyTokenizer

ACTION_CONVENTION = ', '.join(f'{c.name} [{c.unit}]' if c.unit else c.name for c in ACTION) + (
    '; motion of the end effector in its own frame, composed on the measured pose; '
    'vacuum on above 0; zero keeps the last target'
)
IMAGE_LAYOUT = 'square, rgb8'
TEXTS = ('code', 'instruction')
SHIPPED = ('tiny',)
SHIPPED_FOLDER = Path(__file__).resolve().parent / 'checkpoints'
CONFIG_NAME, WEIGHTS_NAME = 'policy.json', 'model.safetensors'
TOKENIZER_NAME, NORMALISATION_NAME = 'tokenizer.json', 'normalisation.json'


@dataclass(frozen=True)
class PolicyInfo(Seal):
    """Content of a policy's `c2a_checkpoint.json`; see also `Seal`.

    Attributes:
        text: what it is told: `code` and cache info, or the `instruction` (the flat baseline).
        labels: where the code it learned from came from, such as `oracle` or `relabel`.
        cameras: that it sees.
        wrist_camera: pose of the wrist camera whose pictures it has seen.
        action_convention: names, units, frame and meaning of its actions.
        control_rate_hz: of its actions.
        proprioception: names of the numbers it is given.
    """

    image_layout: str = IMAGE_LAYOUT
    kind: str = 'policy'
    text: str = 'code'
    labels: str = 'oracle'
    cameras: tuple[str, ...] = CAMERAS
    wrist_camera: str = 'framed'
    action_convention: str = ACTION_CONVENTION
    control_rate_hz: float = CONTROL_RATE_HZ
    proprioception: tuple[str, ...] = PROPRIO_NAMES

    def __post_init__(self) -> None:
        """Make tuples of what JSON made lists."""
        super().__post_init__()
        object.__setattr__(self, 'cameras', tuple(self.cameras))
        object.__setattr__(self, 'proprioception', tuple(self.proprioception))
        if self.text not in TEXTS:
            raise ValueError(f'text is {self.text!r}, expected one of {", ".join(TEXTS)}')


@dataclass(frozen=True)
class PolicyCheckpoint:
    """Where a checkpoint is, and what it says about itself.

    Attributes:
        name: as the user wrote it.
        source: its directory.
        info: its description.
    """

    name: str
    source: Path
    info: PolicyInfo

    @property
    def label(self) -> str:
        """What goes into messages: the beginning of its hash."""
        return self.info.hash[:12]

    def check(self, base_camera: str = '', wrist_camera: str = '') -> None:
        """Refuse a checkpoint that is damaged or was made for something else.

        Args:
            base_camera: pose of the camera that will be used; empty takes any.
            wrist_camera: the same of the other one; it does not matter to who does not see it.

        Raises:
            CheckpointError: with what differs.
        """
        info = self.info
        wrist_camera = wrist_camera if 'wrist' in info.cameras else ''
        self.info.check_fit(
            self.name,
            (
                ('pictures', info.image_layout, IMAGE_LAYOUT),
                ('base camera', info.base_camera, _fitting(info.base_camera, base_camera)),
                ('wrist camera', info.wrist_camera, _fitting(info.wrist_camera, wrist_camera)),
                ('convention of actions', info.action_convention, ACTION_CONVENTION),
                ('control rate [Hz]', info.control_rate_hz, CONTROL_RATE_HZ),
                ('proprioception', info.proprioception, PROPRIO_NAMES),
            ),
        )
        self.info.check_files(self.name, self.source)


class PolicyParts(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        config: of the network.
        net: in evaluation mode, float32 (with weights rounded to bfloat16).
        tokenizer: of code.
        normalisation: of actions and proprioception.
    """

    config: PolicyConfig
    net: PolicyNet
    tokenizer: PolicyTokenizer
    normalisation: PolicyNormalisation


def shipped(name: str) -> Path:
    """Directory of a checkpoint that comes with the package.

    Raises:
        CheckpointError: if there is none of that name.
    """
    directory = SHIPPED_FOLDER / f'policy_{name}'
    if not (directory / INFO_NAME).is_file():
        raise CheckpointError(
            f"the policy checkpoint '{name}' is not part of this installation ({directory} is "
            'missing): make one with `./c2a train policy` and name its directory'
        )
    return directory


def find_checkpoint(name: str | Path) -> PolicyCheckpoint:
    """Find a checkpoint by what the user wrote.

    Args:
        name: a shipped name or a directory.

    Raises:
        CheckpointError: if it is neither, or its description cannot be read.
    """
    text = str(name)
    directory = shipped(text) if text in SHIPPED else Path(text).expanduser()
    if not text or not directory.is_dir():
        raise CheckpointError(
            f"there is no policy checkpoint '{text}': expected a shipped one "
            f'({", ".join(SHIPPED)}) or a directory'
        )
    return PolicyCheckpoint(text, directory, read_seal(directory, PolicyInfo))


def read_policy(checkpoint: PolicyCheckpoint, device: str = 'cpu') -> PolicyParts:
    """Load what a checkpoint holds; it is not checked here.

    Raises:
        CheckpointError: if a file cannot be read or does not fit another.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from c2a_controller.policy_net import PolicyNet
    from c2a_controller.policy_text import PolicyTokenizer

    source = checkpoint.source
    try:
        config = PolicyConfig.from_dict(_read_json(source / CONFIG_NAME))
        normalisation = PolicyNormalisation.from_dict(_read_json(source / NORMALISATION_NAME))
        tokenizer = PolicyTokenizer.read(source / TOKENIZER_NAME, config.max_text_tokens)
        net = PolicyNet(config)
        weights = load_file(source / WEIGHTS_NAME)
        net.load_state_dict({name: weight.float() for name, weight in weights.items()})
    except (OSError, ValueError, RuntimeError, SafetensorError) as err:
        raise CheckpointError(f"cannot load policy checkpoint '{checkpoint.name}': {err}") from err
    return PolicyParts(
        config, net.to(device).eval().requires_grad_(False), tokenizer, normalisation
    )


def write_policy(
    directory: Path,
    config: PolicyConfig,
    state: Mapping[str, torch.Tensor],
    tokenizer: PolicyTokenizer,
    normalisation: PolicyNormalisation,
    info: PolicyInfo,
    card: str = '',
) -> PolicyInfo:
    """Write a sealed directory; it is whole or not there, and takes the place of an older one.

    Args:
        directory: where to.
        config: of the network.
        state: `state_dict` of a `PolicyNet`, or the averages of its weights; rounded to bfloat16.
        tokenizer: of code.
        normalisation: of actions and proprioception.
        info: without `files`.
        card: text of the model card; empty for `policy_card`.

    Returns:
        The description with the files' hashes.
    """
    from safetensors.torch import save_file

    def fill(part: Path) -> None:
        write_json(part / CONFIG_NAME, config.as_dict())
        write_json(part / NORMALISATION_NAME, normalisation.as_dict())
        tokenizer.write(part / TOKENIZER_NAME)
        rounded = {
            name: weight.detach().to('cpu', _rounded_type(weight)).contiguous()
            for name, weight in state.items()
        }
        save_file(rounded, part / WEIGHTS_NAME, metadata={'format': 'pt'})

    return write_sealed(directory, info, fill, lambda sealed: card or policy_card(sealed))


def _rounded_type(weight: torch.Tensor) -> torch.dtype:
    import torch

    # Counters stay what they are.
    return torch.bfloat16 if weight.is_floating_point() else weight.dtype


def policy_card(info: PolicyInfo) -> str:
    """A model card with what the description knows."""
    told = 'the running key step, as code, with the poses stored before it'
    if info.text == 'instruction':
        told = 'the instruction alone: the flat baseline'
    return f"""---
license: apache-2.0
pipeline_tag: robotics
tags: [robotics, c2a, diffusion-policy]
---
# C2A policy, preset {info.preset}

Makes chunks of actions for a robot arm with a suction cup from the pictures of
{len(info.cameras)} cameras ({', '.join(info.cameras)}), proprioception, and {told}.
`low_level:=policy policy_checkpoint:=DIRECTORY` runs it.

* Trained at commit `{info.commit}` with seed {info.seed} on data
  `{info.data_fingerprint}`, labels `{info.labels}`, pictures of the simulator only.
* Actions at {info.control_rate_hz:g} Hz: {info.action_convention}.
* Skill API version {info.skill_api_version}; {info.grid_size} x {info.grid_size} cells; base
  camera `{info.base_camera}`, wrist camera `{info.wrist_camera}`; pictures {info.image_layout}.
  Another camera pose, other objects or a real camera are outside of what it has seen.
* Bounds are enforced behind it: what oversteps them is clipped or refused.

{metrics_table(info.metrics)}"""


def _fitting(known: str, used: str) -> str:
    """What a checkpoint knows, if the pose that is used is among it; else that pose."""
    # It may know several: `framed+original`.
    return known if not used or used in known.split('+') else used


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as err:
        raise ValueError(f'{path} is no JSON: {err}') from err
    if not isinstance(content, dict):
        raise ValueError(f'{path} holds {type(content).__name__}, expected an object')
    return content
