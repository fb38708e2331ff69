# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Settings that make a policy's training small enough for tests: the real classes."""

from __future__ import annotations

SMALL_POLICY = {
    'model.image_size': 32,
    'model.token_dim': 32,
    'model.heads': 2,
    'model.base_eye': 'resnet',
    'model.vision_width': 0.125,
    'model.vocabulary_size': 400,
    'model.text_layers': 1,
    'model.pooling_blocks': 1,
    'model.pooling_queries': 2,
    'model.condition_dim': 32,
    'model.time_dim': 16,
    'model.unet_widths': (16, 32),
    'model.pred_horizon': 4,
    'model.denoising_steps': 2,
    'train.steps': 4,
    'train.batch_size': 4,
    'train.warmup_steps': 2,
    'repeats': 2,
    'auxiliary.dense_weight': 0.3,
    'augment': True,
    'frames': 'decode',
    'windows.validation_share': 0.4,
    'windows.successes_only': False,
    'validation_windows': 6,
    'validate_minutes': 1000.0,
    'checkpoint_minutes': 1000.0,
    'closed_loop.minutes': 0.0,
    'plots': 2,
}
"""Changes by name, for `make_config`."""
