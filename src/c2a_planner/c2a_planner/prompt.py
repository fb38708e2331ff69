# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the planner's model reads: instruction, memory, picture, request, in this order.

One template for all models, in training and at run time::

    <|user|>
    Put the red cube on the blue hexagon          instruction       | prefix: changes at key
    move3d(actor=get_actor('red cube', (3, 5)))   memory, a step    | steps only
    <image>                                       the base picture
    Which code should be running now?<|end|>      request
    <|assistant|>
    # move3d(actor=get_actor('red cube', (3, 5)))<|end|>            reply

Instruction and memory come first, so that what a model computed for them is used again until
the next key step.
"""

from __future__ import annotations

from collections.abc import Sequence

USER = '<|user|>'
ASSISTANT = '<|assistant|>'
END = '<|end|>'
IMAGE = '<image>'

# Which code should be running? The answer is a key step, or the last one commented out.
STEP_REQUEST = 'Which code should be running now?'
# The next key step, without a choice: asked when a skill has ended.
KEY_STEP_REQUEST = 'Which key step comes next?'


def request_text(request_key_step: bool) -> str:
    """The request for one observation.

    Args:
        request_key_step: ask for the next key step directly (semantics 8).
    """
    return KEY_STEP_REQUEST if request_key_step else STEP_REQUEST


def text_before_image(instruction: str, memory: Sequence[str]) -> str:
    """Everything before the picture.

    Args:
        instruction: what the robot is asked to do; its special tokens are taken out.
        memory: key steps so far, oldest first.
    """
    lines = (_plain(instruction), *map(_plain, memory))
    return f'{USER}\n' + ''.join(f'{line}\n' for line in lines)


def text_after_image(request: str) -> str:
    """Everything between the picture and the reply.

    Args:
        request: `STEP_REQUEST`, `KEY_STEP_REQUEST` or a question about the picture.
    """
    return f'\n{_plain(request)}{END}\n{ASSISTANT}\n'


def reply_with_end(reply: str) -> str:
    """The reply as the model has to write it."""
    return reply + END


def _plain(text: str) -> str:
    """Text that cannot pass for a part of the template."""
    for token in (USER, ASSISTANT, END, IMAGE):
        text = text.replace(token, '')
    return text
