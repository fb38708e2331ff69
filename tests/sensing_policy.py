# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a learned policy: every number that a policy may use changes what it does."""

from __future__ import annotations

import zlib

import numpy as np

from c2a_core.spaces import proprioception

ROWS = 16


class SensingPolicy:
    """Small motions that follow from pictures, proprioception, code, cache info and episode.

    Attributes:
        asked: step and code of each chunk.
    """

    source = 'policy'
    checkpoint = 'sensing'
    follows_key_steps = True
    is_instant = False

    def __init__(self):
        self.asked = []
        self._episode = b''

    def begin_episode(self, task, seed):
        self._episode = f'{task} {seed}'.encode()
        self.asked = []

    def predict_action_chunk(self, observation, key_step):
        pictures = (observation.base_image, observation.wrist_image)
        if not all(picture.size for picture in pictures):
            raise ValueError(f'no pictures at step {observation.step}')
        self.asked.append((observation.step, key_step.code))
        digest = zlib.crc32(self._episode)
        for array in (*pictures, proprioception(observation)):
            digest = zlib.crc32(np.ascontiguousarray(array).tobytes(), digest)
        digest = zlib.crc32(f'{key_step.code} {key_step.cache_info}'.encode(), digest)
        rng = np.random.default_rng([digest, observation.step])
        actions = np.zeros((ROWS, 7), np.float32)
        actions[:, :3] = rng.normal(0.0, 0.01, 3) + rng.normal(0.0, 0.002, (ROWS, 3))
        actions[:, 6] = -1.0
        return actions
