# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The preset `tiny`: a LLaVA with a Phi-3 language model small enough for two CPU cores."""

from __future__ import annotations

from transformers import LlavaConfig, LlavaForConditionalGeneration, Phi3Config
from transformers import PreTrainedTokenizerFast as Tokenizer

from c2a_core.spaces import GRID_SIZE
from c2a_planner.grid_vision import GridVisionConfig
from c2a_planner.prompt import IMAGE

# A prompt holds up to 64 key steps of at most some 60 tokens.
MAX_POSITIONS = 4096


def build_tiny(
    tokenizer: Tokenizer,
    hidden_size: int = 256,
    num_layers: int = 4,
    intermediate_size: int = 640,
) -> LlavaForConditionalGeneration:
    """Make the model with fresh weights.

    Args:
        tokenizer: of `tokenizer.train_tokenizer`; gives the vocabulary and the special tokens.
        hidden_size: of the language model.
        num_layers: of the language model.
        intermediate_size: of its feed-forward layers.
    """
    text = Phi3Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=intermediate_size,
        num_hidden_layers=num_layers,
        num_attention_heads=hidden_size // 64,
        num_key_value_heads=hidden_size // 64,
        max_position_embeddings=MAX_POSITIONS,
        original_max_position_embeddings=MAX_POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
    )
    config = LlavaConfig(
        vision_config=GridVisionConfig(),
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=GRID_SIZE**2,
        vision_feature_layer=-1,
        vision_feature_select_strategy='full',
        tie_word_embeddings=True,
    )
    return LlavaForConditionalGeneration(config)
