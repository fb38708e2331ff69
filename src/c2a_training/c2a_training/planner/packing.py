# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Many questions about one picture in one sequence, and the mask that keeps them apart.

    shared                                  turn 1              turn 2              padding
    <|user|> instruction memory <image>×100 request reply <end> request reply <end> <pad> …
    0 1 2 …                             P−1 P  P+1 …            P  P+1 …

Each turn sees the shared part and itself, with positions that go on from the shared part: to the
model it is the only turn. So a packed sequence gives the same logits as its turns one by one, for
a fraction of the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from c2a_planner.prompt import (
    IMAGE,
    reply_with_end,
    text_after_image,
    text_before_image,
)
from c2a_training.planner.examples import KINDS, Example

IGNORED = -100
SHARED_TURN = 0
PADDING_TURN = -1


@dataclass(frozen=True, eq=False)
class PackedSequence:
    """One example as tokens, L of them.

    Attributes:
        input_ids: (L,) int32.
        positions: (L,) int32.
        turns: (L,) int16, 0 in the shared part, then 1, 2, … by turn.
        labels: (L,) int32, the token to be predicted *at* this position (the next one of its
            turn), `IGNORED` where nothing is.
        kinds: (L,) int8, index in `examples.KINDS` of the turn, −1 in the shared part.
    """

    input_ids: np.ndarray
    positions: np.ndarray
    turns: np.ndarray
    labels: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, eq=False)
class PackedBatch:
    """B packed sequences, padded to L tokens.

    Attributes:
        input_ids: (B, L) int64.
        position_ids: (B, L) int64.
        attention_mask: (B, 1, L, L) bool, true where a position may look.
        labels: (B, L) int64, the token to be predicted *at* this position: shifted already.
        kinds: (B, L) int64, index in `examples.KINDS`, −1 in the shared part and the padding.
        turns: (B, L) int64.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    kinds: torch.Tensor
    turns: torch.Tensor


class Packer:
    """Turns examples into sequences.

    Args:
        tokenizer: of the model.
        image_tokens: tokens that stand for a picture.
        max_length: longer sequences lose their last turns.
        gap: positions left free before the turns. Without pictures the turns must stand where they
            stand with one: a model that learned to look so and so far back finds nothing there
            otherwise.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        image_tokens: int,
        max_length: int = 1024,
        gap: int = 0,
    ) -> None:
        self._tokenizer = tokenizer
        self._image = [tokenizer.convert_tokens_to_ids(IMAGE)] * image_tokens
        self._pad = tokenizer.pad_token_id
        self._max_length = max_length
        self._gap = gap
        self._encode = lru_cache(maxsize=65536)(self._encode_text)

    def sequence(self, example: Example) -> PackedSequence:
        """Tokens of one example.

        Raises:
            ValueError: if not even its first turn fits.
        """
        before = text_before_image(example.instruction, example.memory)
        shared = [*self._encode_text(before), *self._image]
        ids, positions = list(shared), list(range(len(shared)))
        first = len(shared) + self._gap
        turns, labels = [SHARED_TURN] * len(shared), [IGNORED] * len(shared)
        kinds = [-1] * len(shared)
        for number, turn in enumerate(example.turns, start=1):
            request = self._encode(text_after_image(turn.request))
            reply = self._encode(reply_with_end(turn.reply))
            # The last token of the reply is predicted, never read.
            tokens = (*request, *reply[:-1])
            if len(ids) + len(tokens) > self._max_length:
                if number == 1:
                    raise ValueError(
                        f'a prompt of {len(ids) + len(tokens)} tokens, at most '
                        f'{self._max_length} fit: raise that with --set longest=…, as far as the '
                        'model has positions'
                    )
                break
            ids += tokens
            positions += range(first, first + len(tokens))
            turns += [number] * len(tokens)
            free = {token for cell in turn.free_cells for token in self._encode(cell)}
            labels += [IGNORED] * (len(request) - 1)
            labels += [IGNORED if token in free else token for token in reply]
            kinds += [KINDS.index(turn.kind)] * len(tokens)
        return PackedSequence(
            np.array(ids, np.int32),
            np.array(positions, np.int32),
            np.array(turns, np.int16),
            np.array(labels, np.int32),
            np.array(kinds, np.int8),
        )

    def batch(self, sequences: Sequence[PackedSequence], multiple: int = 1) -> PackedBatch:
        """Pad sequences to one length.

        Args:
            sequences: of similar length, so that little is padding.
            multiple: the length is a multiple of it, so that there are few shapes to compile.
        """
        length = -(-max(map(len, sequences)) // multiple) * multiple

        def padded(name: str, fill: int) -> torch.Tensor:
            rows = np.full((len(sequences), length), fill, np.int64)
            for row, sequence in zip(rows, sequences, strict=True):
                row[: len(sequence)] = getattr(sequence, name)
            return torch.from_numpy(rows)

        turns = padded('turns', PADDING_TURN)
        return PackedBatch(
            input_ids=padded('input_ids', self._pad),
            position_ids=padded('positions', 0),
            attention_mask=turn_mask(turns),
            labels=padded('labels', IGNORED),
            kinds=padded('kinds', -1),
            turns=turns,
        )

    def _encode_text(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)['input_ids'])


def turn_mask(turns: torch.Tensor) -> torch.Tensor:
    """Which position may look at which.

    Args:
        turns: (B, L) number of each position's turn, see `PackedSequence`.

    Returns:
        (B, 1, L, L) bool: earlier positions of the shared part and of the own turn. Padding looks
        at itself alone, so that no row is empty.
    """
    query, key = turns[:, :, None], turns[:, None, :]
    length = turns.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    mask = causal & ((key == SHARED_TURN) | (key == query)) & (query != PADDING_TURN)
    return (mask | torch.eye(length, dtype=torch.bool))[:, None]
