# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A policy with random weights, small enough for tests: the real classes."""

from __future__ import annotations

import functools

import numpy as np
from small_planner import INSTRUCTION, STEPS

from c2a_controller.normaliser import PolicyNormalisation
from c2a_controller.policy_config import PolicyConfig
from c2a_core.spaces import PROPRIO_DIM
from c2a_core.types import KeyStep, Observation, ReplyStatus

SIZE = 32


@functools.lru_cache(1)
def small_tokenizer():
    from c2a_controller.policy_text import train_tokenizer

    return train_tokenizer([INSTRUCTION, *STEPS] * 3, vocabulary_size=450)


def small_config(**changes):
    config = PolicyConfig(
        image_size=SIZE,
        vocabulary_size=small_tokenizer().vocabulary_size,
        text_layers=1,
        token_dim=16,
        heads=2,
        base_eye='resnet',
        vision_width=0.125,
        pooling_blocks=1,
        pooling_queries=2,
        condition_dim=32,
        time_dim=16,
        unet_widths=(16, 32),
        pred_horizon=16,
        denoising_steps=4,
    )
    return config.replace(**changes)


def small_net(config=None, seed=0):
    """A network whose prediction depends on everything that it is given."""
    import torch

    from c2a_controller.policy_net import PolicyNet

    torch.manual_seed(seed)
    net = PolicyNet(config or small_config())
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if weight.dim() > 1 and name.startswith(('pooling', 'unet.film')):
                weight.mul_(4.0)
    return net.eval()


def small_normalisation(seed=0):
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-0.01, 0.01, (50, 7)).astype(np.float32)
    actions[:, 6] = 1.0
    return PolicyNormalisation.fit(actions, rng.normal(size=(50, PROPRIO_DIM)))


def small_parts(seed=0, **changes):
    from c2a_controller.policy_checkpoint import PolicyParts

    config = small_config(**changes)
    net = small_net(config, seed).requires_grad_(False)
    return PolicyParts(config, net, small_tokenizer(), small_normalisation())


def small_policy(seed=0, **changes):
    from c2a_controller.diffusion_policy import DiffusionPolicy

    return DiffusionPolicy(small_parts(seed, **changes))


def write_small_policy(directory, seed=0, config=None, **fields):
    """A sealed checkpoint; fields of its description can be set."""
    from c2a_controller.policy_checkpoint import PolicyInfo, write_policy

    config = config or small_config()
    known = {'preset': 'tiny', 'data_fingerprint': 'none', 'commit': 'abc1234', 'seed': 0}
    return write_policy(
        directory,
        config,
        small_net(config, seed).state_dict(),
        small_tokenizer(),
        small_normalisation(),
        PolicyInfo(**{**known, **fields}),
    )


def observe(step=0, seed=0, size=SIZE, episode_id=1):
    rng = np.random.default_rng(seed)
    return Observation(
        episode_id=episode_id,
        step=step,
        stamp_ns=50_000_000 * step,
        base_image=rng.integers(0, 256, (size, size, 3), np.uint8),
        wrist_image=rng.integers(0, 256, (size, size, 3), np.uint8),
        joint_positions=rng.normal(size=7),
        joint_velocities=rng.normal(size=7),
        ee_pose=rng.normal(size=7),
        vacuum_on=False,
        vacuum_grasping=False,
        vacuum_ready=False,
    )


def key_step(code=STEPS[1], cache_info='', step=0, subtask_id=0):
    return KeyStep(
        1, step, 50_000_000 * step, subtask_id, False, code, cache_info, (), ReplyStatus.SAME
    )
