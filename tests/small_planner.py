# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A planner's model with random weights, small enough for tests: the real classes."""

from __future__ import annotations

import functools

import numpy as np

from c2a_core.skill_api import comment
from c2a_core.types import Observation

CUBE = "get_actor('red cube', (3, 5))"
STEPS = (
    f"pose_dict['target'] = free_space(actor={CUBE})\nmove3d(actor={CUBE})",
    f'pick(actor={CUBE})',
    "move3d(target_pose=pose_dict['target'])",
    f"place(actor={CUBE}, target_pose=pose_dict['target'])",
)
INSTRUCTION = 'put the red cube on a free place'


@functools.lru_cache(1)
def small_tokenizer():
    from c2a_planner.tokenizer import train_tokenizer

    texts = [INSTRUCTION, *STEPS, *map(comment, STEPS), 'done()']
    return train_tokenizer(texts, vocabulary_size=500)


def small_llava(seed=0):
    """A model whose reply depends on everything in the prompt, the picture included."""
    import torch

    from c2a_planner.tiny_model import build_tiny

    torch.manual_seed(seed)
    model = build_tiny(small_tokenizer(), hidden_size=64, num_layers=2, intermediate_size=96)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1 and 'vision_tower' not in name:
                weight.mul_(3.0)
    return model


def small_vlm(seed=0):
    from c2a_planner.picture import PictureSettings
    from c2a_planner.vlm import VisionLanguageModel

    return VisionLanguageModel(small_llava(seed), small_tokenizer(), PictureSettings(size=64))


def write_small_checkpoint(directory, **fields):
    """A sealed checkpoint; fields of its description can be set."""
    import torch

    from c2a_planner.checkpoint import CheckpointInfo, write_checkpoint
    from c2a_planner.picture import PictureSettings

    known = {'preset': 'tiny', 'data_fingerprint': 'none', 'commit': 'abc1234', 'seed': 0}
    info = CheckpointInfo(**{**known, **fields})
    model = small_llava().to(torch.bfloat16)
    return write_checkpoint(directory, model, small_tokenizer(), PictureSettings(size=64), info)


def picture(seed=0, size=64):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def observe(base_image, step=0):
    return Observation(
        episode_id=1,
        step=step,
        stamp_ns=0,
        base_image=base_image,
        wrist_image=np.zeros((0, 0, 3), np.uint8),
        joint_positions=np.zeros(7, np.float32),
        joint_velocities=np.zeros(7, np.float32),
        ee_pose=np.zeros(7, np.float32),
        vacuum_on=False,
        vacuum_grasping=False,
        vacuum_ready=False,
    )
