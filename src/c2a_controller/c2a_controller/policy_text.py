# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Code and cache info as tokens; `tokenizer.json`.

The preset `tiny` learns byte-level BPE in which each cell `(column, row)` is one token; `full`
takes the tokenizer of its T5. With both, every token that lies inside a cell knows which one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from c2a_core.spaces import GRID_SIZE

PAD, BEGIN = '<pad>', '<s>'
NO_CELL = 0
"""Cells are numbered 1 + GRID_SIZE * column + row."""

_CELL = re.compile(r'\((\d), (\d)\)')
# A word with the mark that opens its arguments, so that `move3d(` and `target_pose=` are one
# token each; names; numbers; marks.
_PIECES = r" ?[A-Za-z]\w*[=(\[]*'?|\d+|[^\w\s]+ ?|\s+"
# `full`: the tokenizer of T5 pads with 0 too.
_PAD_ID = 0


@dataclass(frozen=True)
class TokenisedText:
    """One text.

    Attributes:
        ids: (T,) int64, at least one.
        cells: (T,) int64, the cell that a token lies in, or `NO_CELL`.
    """

    ids: np.ndarray
    cells: np.ndarray


@dataclass(frozen=True)
class TextPart:
    """A batch of texts, padded at the end.

    Attributes:
        ids: (B, T) int64.
        mask: (B, T) bool, False where padded.
        cells: (B, T) int64, see `TokenisedText`.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    cells: torch.Tensor

    def to(self, device: torch.device | str) -> TextPart:
        """Itself on a device."""
        return TextPart(*(getattr(self, f.name).to(device) for f in fields(self)))


@dataclass(frozen=True)
class TextBatch:
    """What the policy is told.

    Attributes:
        code: the running key step; for the flat baseline the instruction.
        cache: its cache info.
    """

    code: TextPart
    cache: TextPart

    def to(self, device: torch.device | str) -> TextBatch:
        """Itself on a device."""
        return TextBatch(self.code.to(device), self.cache.to(device))


class PolicyTokenizer:
    """Text to tokens.

    Args:
        tokenizer: of `train_tokenizer`, or T5's.
        max_tokens: of a text. What is before the last ones is cut: calls are at the end.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int = 256) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens

    @classmethod
    def read(cls, path: Path, max_tokens: int = 256) -> PolicyTokenizer:
        """Read a `tokenizer.json`.

        Raises:
            ValueError: if it is none.
        """
        try:
            return cls(Tokenizer.from_file(str(path)), max_tokens)
        except Exception as err:  # the library raises nothing narrower
            raise ValueError(f'cannot read the tokenizer {path}: {err}') from err

    def write(self, path: Path) -> None:
        """Write a `tokenizer.json`."""
        self._tokenizer.save(str(path))

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens."""
        return self._tokenizer.get_vocab_size()

    def tokenise(self, text: str) -> TokenisedText:
        """Tokens of one text; of an empty one that which begins (or ends) every text."""
        encoding = self._tokenizer.encode(text)
        cells = _cells(text, encoding.offsets)
        last = slice(-self._max_tokens, None)
        return TokenisedText(np.array(encoding.ids, np.int64)[last], cells[last])

    def encode(self, codes: Sequence[str], cache_infos: Sequence[str]) -> TextBatch:
        """Texts (B of each) to a batch."""
        return collate(
            [self.tokenise(code) for code in codes],
            [self.tokenise(cache) for cache in cache_infos],
        )


def collate(codes: Sequence[TokenisedText], caches: Sequence[TokenisedText]) -> TextBatch:
    """Make a batch of tokenised texts."""
    return TextBatch(_pad(codes), _pad(caches))


def train_tokenizer(
    texts: Iterable[str], vocabulary_size: int = 1000, max_tokens: int = 256
) -> PolicyTokenizer:
    """Learn the vocabulary of `tiny`; any text works, byte by byte where it must.

    Args:
        texts: code, cache info and instructions of the training data.
        vocabulary_size: the most tokens, among them the 256 bytes and 100 cells.
        max_tokens: of a text.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), 'isolated'),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    cells = [f'({c}, {r})' for c in range(GRID_SIZE) for r in range(GRID_SIZE)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[PAD, BEGIN, *cells],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f'{BEGIN} $A', special_tokens=[(BEGIN, tokenizer.token_to_id(BEGIN))]
    )
    return PolicyTokenizer(tokenizer, max_tokens)


def load_t5_tokenizer(model: str, max_tokens: int = 256) -> PolicyTokenizer:
    """The tokenizer of a T5.

    Args:
        model: hub id or directory.
        max_tokens: of a text.
    """
    from transformers import AutoTokenizer

    return PolicyTokenizer(AutoTokenizer.from_pretrained(model).backend_tokenizer, max_tokens)


def _cells(text: str, offsets: Sequence[tuple[int, int]]) -> np.ndarray:
    """The cell (T,) that each token, given by the characters it covers, lies in."""
    cells = np.full(len(offsets), NO_CELL, np.int64)
    for match in _CELL.finditer(text):
        column, row = int(match[1]), int(match[2])
        for index, (first, end) in enumerate(offsets):
            if match.start() <= first < end <= match.end():
                cells[index] = 1 + GRID_SIZE * column + row
    return cells


def _pad(texts: Sequence[TokenisedText]) -> TextPart:
    shape = (len(texts), max(len(text.ids) for text in texts))
    ids = torch.full(shape, _PAD_ID, dtype=torch.int64)
    mask = torch.zeros(shape, dtype=torch.bool)
    cells = torch.full(shape, NO_CELL, dtype=torch.int64)
    for row, text in enumerate(texts):
        length = len(text.ids)
        ids[row, :length] = torch.from_numpy(text.ids)
        cells[row, :length] = torch.from_numpy(text.cells)
        mask[row, :length] = True
    return TextPart(ids, mask, cells)
