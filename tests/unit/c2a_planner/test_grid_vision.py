# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from transformers import LlavaForConditionalGeneration

from c2a_planner.grid_vision import GridVisionConfig, GridVisionModel
from c2a_planner.prompt import IMAGE, STEP_REQUEST, text_after_image, text_before_image
from c2a_planner.tiny_model import build_tiny
from c2a_planner.tokenizer import train_tokenizer


@pytest.fixture(scope='module')
def tower():
    torch.manual_seed(0)
    return GridVisionModel(GridVisionConfig()).eval()


@torch.inference_mode()
def test_one_token_a_cell_row_by_row(tower):
    """What changes in one cell changes the stem's output around that cell."""
    before = torch.zeros(1, 3, 160, 160)
    after = before.clone()
    column, row = 7, 2
    after[..., row * 16 : row * 16 + 16, column * 16 : column * 16 + 16] = 3.0
    change = (tower.stem(after) - tower.stem(before)).abs().sum(1)[0]
    place = torch.arange(10.0)
    center = [(change.sum(dim) * place).sum() / change.sum() for dim in (0, 1)]
    assert abs(center[0] - column) < 0.7
    assert abs(center[1] - row) < 0.7
    assert tower(after).last_hidden_state.shape == (1, 100, 256)


@torch.inference_mode()
def test_pictures_of_any_size(tower):
    torch.manual_seed(1)
    coarse = torch.rand(1, 3, 10, 10)
    tokens = [
        tower(torch.nn.functional.interpolate(coarse, (side, side))).last_hidden_state
        for side in (160, 320)
    ]
    assert torch.nn.functional.cosine_similarity(*tokens, dim=-1).min() > 0.9


@torch.inference_mode()
def test_llava_runs_with_it_and_comes_back_from_disk(tmp_path):
    tokenizer = train_tokenizer(['Pick up the red cube'] * 3, 400)
    torch.manual_seed(2)
    model = build_tiny(tokenizer, hidden_size=64, num_layers=1, intermediate_size=64).eval()
    text = text_before_image('Pick up the red cube', ()) + IMAGE * 100
    inputs = {
        'input_ids': torch.tensor([tokenizer(text + text_after_image(STEP_REQUEST)).input_ids]),
        'pixel_values': torch.rand(1, 3, 128, 128),
    }
    logits = model(**inputs).logits
    model.save_pretrained(tmp_path)
    again = LlavaForConditionalGeneration.from_pretrained(tmp_path)
    torch.testing.assert_close(again(**inputs).logits, logits)
    # The picture matters.
    other = model(**{**inputs, 'pixel_values': torch.rand(1, 3, 128, 128)}).logits
    assert not torch.allclose(other, logits)
