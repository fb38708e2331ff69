# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of texts that repeat, as numbers: each text is kept once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


class Vocabulary:
    """Texts and their numbers, in the order in which they were first seen; null becomes ''."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._ids: dict[str, int] = {}

    def encode(self, texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Numbers (N,) int32 of an Arrow array of texts."""
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.combine_chunks()
        coded = texts.dictionary_encode()
        words = [self._id(text) for text in coded.dictionary.to_pylist()]
        if coded.null_count:
            words.append(self._id(''))
        indices = coded.indices.fill_null(len(words) - 1).to_numpy()
        return np.array(words, np.int32)[indices]

    def decode(self, numbers: np.ndarray) -> list[str]:
        """The texts of numbers."""
        return [self.texts[number] for number in np.asarray(numbers).tolist()]

    def _id(self, text: str) -> int:
        number = self._ids.setdefault(text, len(self.texts))
        if number == len(self.texts):
            self.texts.append(text)
        return number
