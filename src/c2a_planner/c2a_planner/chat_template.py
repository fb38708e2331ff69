# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Files by which a model's server makes our prompt of a chat message.

A checkpoint has them beside its weights, so that vLLM, `transformers serve` and the like give the
model what it was trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from c2a_planner.prompt import END, IMAGE

if TYPE_CHECKING:
    from transformers import LlavaConfig

TEMPLATE_NAME = 'chat_template.jinja'
PROCESSOR_NAME = 'processor_config.json'

# `prompt.py` around the parts of a message; a test holds the two equal.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    f"{{% if part['type'] == 'text' %}}{{{{ part['text'] }}}}{{% else %}}{IMAGE}{{% endif %}}"
    '{% endfor %}{% endif %}'
    f"{{{{ '{END}\\n' }}}}{{% endfor %}}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)


def processor_config(config: LlavaConfig, picture_size: int) -> dict[str, object]:
    """Content of `processor_config.json`: how many tokens a picture is worth.

    Args:
        config: of the model.
        picture_size: side of its square pictures [px].
    """
    tokens = config.image_seq_length
    patch = getattr(config.vision_config, 'patch_size', None) or picture_size // int(tokens**0.5)
    strategy = config.vision_feature_select_strategy
    # The processor takes one off with 'default', where the model drops its class token.
    extra = tokens - (picture_size // patch) ** 2 + (strategy == 'default')
    return {
        'processor_class': 'LlavaProcessor',
        'image_token': IMAGE,
        'patch_size': patch,
        'num_additional_image_tokens': extra,
        'vision_feature_select_strategy': strategy,
    }
