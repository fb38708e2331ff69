# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Writes one reply, greedily, and stops where the rest says nothing new.

Most replies repeat the last key step, commented out. That text is given as a *draft*: the model
reads it together with the picture and confirms it, token by token, in one pass. The first token
on which they differ is the model's, and from there on it writes alone. The reply is the same as
without a draft.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from c2a_core.types import ImageArray
from c2a_planner.vlm import Prompt, VisionLanguageModel

# Behind a reply that did not end in time: no code, whatever it was cut at.
CUT_MARK = ' ...'


class Constraint(Protocol):
    """Chooses among the tokens that are allowed; see `code_grammar.ReplyConstraint`."""

    def choose(self, logits: torch.Tensor) -> list[int]:
        """The likeliest allowed token for logits (V,), and those that must come after it."""


@dataclass(frozen=True)
class Written:
    """One reply and what it cost.

    Attributes:
        text: the reply, with `CUT_MARK` where it grew too long.
        is_stopped: `is_enough` ended it.
        n_tokens: tokens of it, the end included.
        prefill_s: until the first token is known [s].
        decode_s: from there on [s].
    """

    text: str
    is_stopped: bool
    n_tokens: int
    prefill_s: float
    decode_s: float


def write_reply(
    model: VisionLanguageModel,
    prompt: Prompt,
    picture: ImageArray,
    *,
    max_tokens: int,
    draft: Sequence[int] = (),
    is_enough: Callable[[str], bool] | None = None,
    constraint: Constraint | None = None,
) -> Written:
    """Write a reply.

    Args:
        model: writes.
        prompt: of `model.encode_prompt`.
        picture: (H, H, 3) uint8.
        max_tokens: a reply that has not ended by then is cut.
        draft: tokens that the reply is likely to begin with.
        is_enough: sees the text after each token; True ends the reply.
        constraint: what may be written; None for everything.
    """
    started = time.perf_counter()
    reading = _Reading(model, prompt, picture, draft)
    prefill_s = time.perf_counter() - started
    tokens: list[int] = []
    text = ''
    is_stopped = has_ended = False
    while not (is_stopped or has_ended) and len(tokens) < max_tokens:
        logits = reading.logits(tokens)
        new = [int(logits.argmax())] if constraint is None else constraint.choose(logits)
        tokens += new
        has_ended = tokens[-1] in model.end_ids
        text = model.decode_text(tokens[:-1] if has_ended else tokens)
        is_stopped = not has_ended and is_enough is not None and is_enough(text)
    decode_s = time.perf_counter() - started - prefill_s
    text += '' if is_stopped or has_ended else CUT_MARK
    return Written(text, is_stopped, len(tokens), prefill_s, decode_s)


class _Reading:
    """What the model has read: the draft as far as the reply agrees with it, then the reply."""

    def __init__(
        self,
        model: VisionLanguageModel,
        prompt: Prompt,
        picture: ImageArray,
        draft: Sequence[int],
    ) -> None:
        self._model = model
        self._draft = list(draft)
        self._rows = model.read(prompt, picture, draft)
        self._agreed = 0
        self._read = 0

    def logits(self, reply: list[int]) -> torch.Tensor:
        """Logits (V,) of the token after a reply, which has grown since the last call."""
        left = zip(reply[self._agreed :], self._draft[self._agreed :], strict=False)
        for token, drafted in left:
            if token != drafted:
                break
            self._agreed += 1
        if len(reply) == self._agreed:
            return self._rows[self._agreed]
        if self._agreed < len(self._draft):
            self._model.take_back(len(self._draft) - self._agreed)
            del self._draft[self._agreed :]
        first, self._read = max(self._agreed, self._read), len(reply)
        return self._model.go_on(reply[first:])
