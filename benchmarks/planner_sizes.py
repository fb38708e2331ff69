# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Models with random weights, of the sizes of the presets, for `planner_latency.py`.

The full size is that of LLaVA-Phi-3-mini: CLIP ViT-L/14 at 336 pixels (576 tokens of a picture)
and Phi-3-mini. Its vocabulary cannot be had without a download; the one here cuts code into
about as many pieces.
"""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPVisionConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Phi3Config,
    PreTrainedTokenizerFast,
)

from c2a_core.skill_api import comment
from c2a_planner.picture import PictureSettings
from c2a_planner.prompt import ASSISTANT, END, IMAGE, KEY_STEP_REQUEST, STEP_REQUEST, USER
from c2a_planner.tiny_model import build_tiny
from c2a_planner.tokenizer import train_tokenizer
from c2a_planner.vlm import VisionLanguageModel, best_dtype

PHI3_VOCABULARY = 32064
PIECES = 420
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def texts() -> list[str]:
    """Enough of the language to learn its pieces from."""
    steps = [
        "pose_dict['{a}'] = get_pose(actor=get_actor('{a}', (5, 3)))",
        "pose_dict['free'] = free_space(actor=get_actor('{a}', (5, 3)))",
        "move3d(actor=get_actor('{a}', (7, 5)))",
        "pick(actor=get_actor('{a}', (3, 4)))",
        "move3d(target_pose=pose_dict['free'])",
        "place(actor=get_actor('{a}', (3, 4)), target_pose=pose_dict['{a}'])",
        "pose_dict['target'] = free_space_next_to(actor=get_actor('{a}', (8, 6)), "
        "next_to_actor=get_actor('{a}', (5, 3)), direction=[0.0, -1.0, 0.0], "
        'description="right of")',
        "move3d(target_pose=pose_dict['target'])",
        'Pick and place the {a} right of the {a}, swap the {a} and the {a}',
    ]
    colors = ('red', 'green', 'blue', 'white', 'black', 'yellow', 'purple', 'cyan')
    names = [f'{c} {s}' for c in colors for s in ('cube', 'cylinder', 'triangle', 'hexagon')]
    lines = [step.replace('{a}', name) for name in names for step in steps]
    return [*lines, *map(comment, lines), STEP_REQUEST, KEY_STEP_REQUEST]


def make_tiny(device: str) -> VisionLanguageModel:
    """The preset `tiny`."""
    torch.manual_seed(0)
    tokenizer = train_tokenizer(texts())
    model = build_tiny(tokenizer).to(device, best_dtype(device))
    return VisionLanguageModel(model, tokenizer, PictureSettings())


def make_full_size(device: str) -> VisionLanguageModel:
    """The size of LLaVA-Phi-3-mini, in bfloat16."""
    tokenizer = _coarse_tokenizer()
    vision = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        image_size=336,
        patch_size=14,
        projection_dim=768,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=Phi3Config(vocab_size=PHI3_VOCABULARY, pad_token_id=0),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=576,
        vision_feature_layer=-2,
        vision_feature_select_strategy='default',
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = LlavaForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    pictures = PictureSettings(size=336, mean=CLIP_MEAN, std=CLIP_STD)
    return VisionLanguageModel(model, tokenizer, pictures)


def _coarse_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=PIECES,
        special_tokens=['<pad>', '<s>', END, USER, ASSISTANT, IMAGE],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token='<pad>', bos_token='<s>', eos_token=END
    )
