# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_policy_net import key_step, observe, small_config, small_policy

from c2a_controller.planner_eye import PlannerEye
from c2a_controller.policy_net import PolicyNet, base_tokens
from c2a_planner.checkpoint import find_checkpoint
from c2a_planner.picture import PictureSettings

SOURCE = Path(find_checkpoint('tiny').source)
PICTURES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 128, 128), np.uint8))


@pytest.fixture(scope='module')
def planner():
    return load_file(SOURCE / 'model.safetensors')


def eye_of(planner, **changes):
    torch.manual_seed(0)
    eye = PlannerEye(small_config(base_eye='planner', **changes))
    pictures = PictureSettings.read(SOURCE)
    eye.see_as(planner, pictures.mean, pictures.std)
    return eye


def test_it_sees_what_the_planner_sees(planner):
    from transformers import LlavaForConditionalGeneration

    import c2a_planner.grid_vision  # noqa: F401 (transformers knows the tower from then on)

    vlm = LlavaForConditionalGeneration.from_pretrained(SOURCE, dtype=torch.float32)
    pixels = PictureSettings.read(SOURCE).pixel_values(PICTURES.permute(0, 2, 3, 1).numpy())
    with torch.no_grad():
        expected = vlm.model.vision_tower(pixels).last_hidden_state
    assert torch.allclose(eye_of(planner).features(PICTURES), expected, atol=1e-4)


def test_features_stand_for_pictures(planner):
    eye = eye_of(planner)
    assert torch.equal(eye(eye.features(PICTURES)), eye(PICTURES))


def test_the_tower_neither_learns_nor_changes_its_statistics(planner):
    eye = eye_of(planner).train()
    before = {name: value.clone() for name, value in eye.tower.state_dict().items()}
    eye(PICTURES).sum().backward()
    assert not any(parameter.requires_grad for parameter in eye.tower.parameters())
    assert all(parameter.grad is not None for parameter in eye.project.parameters())
    for name, value in eye.tower.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_net_that_goes_on_learning_leaves_the_tower_as_it_is():
    net = PolicyNet(small_config(base_eye='planner')).requires_grad_(False).let_learn()
    resting = [name for name, weight in net.named_parameters() if not weight.requires_grad]
    assert resting
    assert all(name.startswith('cameras.base.tower.') for name in resting)
    assert not any(weight.requires_grad for weight in net.cameras['base'].tower.parameters())


def test_another_tower_or_other_pictures_are_refused(planner):
    eye = PlannerEye(small_config(base_eye='planner'))
    with pytest.raises(ValueError, match='another vision tower'):
        eye.see_as({'text': torch.zeros(1)})
    with pytest.raises(ValueError, match='normalises pictures by'):
        eye.see_as(planner, mean=(0.5, 0.5, 0.5))


@pytest.mark.parametrize('cameras', [('base', 'wrist'), ('wrist', 'base')])
def test_its_tokens_are_where_the_net_looks_for_them(cameras):
    net = PolicyNet(small_config(base_eye='planner', cameras=cameras)).eval()
    images = {name: PICTURES[:, :, :32, :32] for name in cameras}
    with torch.no_grad():
        tokens = net.encode_images(images)
        base = net.cameras['base'](images['base'])
    index = cameras.index('base')
    assert tokens.shape[1] == 100 + 2 * 2
    found = tokens[:, base_tokens(net.config)]
    assert torch.allclose(found, base + net.camera_embedding[index], atol=1e-5)


def test_a_policy_makes_chunks_with_it():
    policy = small_policy(base_eye='planner')
    chunk = policy.predict_action_chunk(observe(), key_step())
    assert chunk.shape == (16, 7)
    assert np.isfinite(chunk).all()
