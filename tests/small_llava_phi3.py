# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A LLaVA-Phi-3 with random weights in the files that the hub's ones have: CLIP, 2 layers each."""

from __future__ import annotations

import json

from small_planner import small_tokenizer

IMAGE_SIZE, PATCH_SIZE = 28, 14


def write_llava_phi3(directory, seed=0):
    """Write the model; its directory."""
    import torch
    from transformers import (
        CLIPVisionConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        Phi3Config,
    )

    tokenizer = small_tokenizer()
    text = Phi3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids('<image>'),
        image_seq_length=(IMAGE_SIZE // PATCH_SIZE) ** 2,
        vision_feature_layer=-2,
        vision_feature_select_strategy='default',
    )
    torch.manual_seed(seed)
    LlavaForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    side = {'height': IMAGE_SIZE, 'width': IMAGE_SIZE}
    pictures = {
        'image_processor_type': 'CLIPImageProcessor',
        'crop_size': side,
        'do_center_crop': True,
        'image_mean': [0.48145466, 0.4578275, 0.40821073],
        'image_std': [0.26862954, 0.26130258, 0.27577711],
        'size': {'shortest_edge': IMAGE_SIZE},
    }
    (directory / 'preprocessor_config.json').write_text(json.dumps(pictures))
    return directory
