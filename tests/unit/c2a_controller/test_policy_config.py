# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a policy can be configured to be, and what is refused."""

from __future__ import annotations

import json
import re

import pytest

from c2a_controller.policy_config import PRESETS, PolicyConfig, preset


@pytest.mark.parametrize('name', PRESETS)
def test_a_preset_comes_back_from_json_as_it_was(name):
    config = preset(name)
    assert PolicyConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config
    assert config.preset == name


def test_the_full_preset_is_the_papers():
    full = preset('full')
    assert (full.text_encoder, full.image_tokens, full.vision_width) == ('t5', 'single', 1.0)
    assert (full.objective, full.prediction, full.train_steps) == ('diffusion', 'epsilon', 100)
    assert (full.loss_weighting, full.pred_horizon) == ('elbo', 16)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'token_dims': 8}, "no setting 'token_dims', did you mean token_dim"),
        ({'heads': '4'}, "heads is '4', expected a value of type int"),
        ({'cell_features': 1}, 'cell_features is 1, expected a value of type bool'),
        ({'cameras': 'base'}, "cameras is 'base', expected a value"),
        ({'heads': 3}, 'token_dim is 160, expected a multiple of heads, 3'),
        ({'heads': 0}, 'heads is 0, expected more than 0'),
        ({'pred_horizon': 18}, 'pred_horizon is 18, expected a multiple of 4'),
        ({'unet_kernel': 4}, 'unet_kernel is 4, expected an odd number'),
        ({'cameras': ('head',)}, 'cameras are head, expected some of base, wrist'),
        ({'cameras': ('wrist',)}, "whose tower sees the base camera's cells"),
        (
            {'cameras': ('wrist',), 'base_eye': 'resnet'},
            'cell_features need the base camera',
        ),
        ({'vision_stem': 3}, 'vision_stem is 3, expected one of 2, 4'),
        ({'image_tokens': 'single'}, 'set image_tokens to grid'),
        ({'text_encoder': 't5'}, 'set text_model'),
        ({'objective': 'flow'}, 'scheduler is ddim, expected flow for objective flow'),
        ({'scheduler': 'flow'}, 'scheduler is flow, expected ddim or ddpm'),
        ({'scheduler': 'euler'}, "scheduler is 'euler', expected one of ddim, ddpm, flow"),
        ({'denoising_steps': 101}, 'expected at most train_steps, 100'),
        ({'denoising_steps': 0}, 'denoising_steps is 0, expected 1 or more'),
        ({'warm_start': 1.0}, 'warm_start is 1.0, expected 0 to less than 1'),
        ({'noise_scale': 1.5}, 'noise_scale is 1.5, expected 0 to 1'),
        (
            {'spacing': 'trailing', 'prediction': 'sample', 'denoising_steps': 8},
            'expected one of 1, 2, 4, 5, 10, 20',
        ),
        ({'spacing': 'trailing'}, 'set prediction to v_prediction or sample'),
        ({'prediction': 'sample', 'loss_weighting': 'elbo'}, 'set loss_weighting to uniform'),
    ],
)
def test_what_cannot_be_built_is_refused_with_what_to_do(changes, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        PolicyConfig().replace(**changes)


def test_the_papers_policy_sees_joint_velocities_and_the_tiny_one_does_not():
    assert preset('full').joint_velocities
    assert not preset('tiny').joint_velocities


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="no preset 'huge', expected one of tiny, full"):
        preset('huge')
