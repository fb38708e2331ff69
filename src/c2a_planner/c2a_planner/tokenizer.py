# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Tokenizer of the tiny planner: byte-level BPE that does not cut where code has a meaning.

Words, numbers, cells `(3, 5)` and chains of code such as `pick(actor=get_actor('` are learned
as whole tokens, so a key step is some twelve tokens and `# `, which says that the sub-task goes
on, is one. Any other text still works, byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from c2a_core.spaces import GRID_SIZE
from c2a_planner.prompt import ASSISTANT, END, IMAGE, KEY_STEP_REQUEST, STEP_REQUEST, USER

PAD, BOS = '<pad>', '<s>'
SPECIAL_TOKENS = (PAD, BOS, END, USER, ASSISTANT, IMAGE)
VOCABULARY_SIZE = 1000

_CELL = r'\(\d, \d\)'
# `)), target_actor=get_actor('`, `'] = free_space(actor=get_actor('`: closing marks, names that
# open something, a quote.
_CODE = r"(?:[^\w\s]|, | = )*(?:\w+[=(\[])+'?"
_NUMBER = r'-?\d+\.\d+|\d'
# An article takes the space behind it along, so that a name is the same tokens in a sentence
# ("the red cube") and in code (get_actor('red cube'): copying it needs no translation.
_ARTICLE = r' ?(?:[Tt]he|[Aa]n?|no) (?=[a-z])'
_WORD = r' ?[A-Za-z]+'
_MARKS = rf'(?:(?!{_CELL})[^A-Za-z0-9\s])+ ?'
_SPACE = r'\s'
_PIECES = '|'.join((_CELL, _CODE, _NUMBER, _ARTICLE, _WORD, _MARKS, _SPACE))


def train_tokenizer(
    texts: Iterable[str], vocabulary_size: int = VOCABULARY_SIZE
) -> PreTrainedTokenizerFast:
    """Learn a vocabulary.

    Args:
        texts: instructions, key steps, questions and answers of the training data.
        vocabulary_size: number of tokens, the special ones and the 256 bytes among them.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), 'isolated'),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_with_cells(texts), trainer)
    # What comes with each picture is one token each: the two requests, and how replies begin.
    tokenizer.add_tokens([STEP_REQUEST, KEY_STEP_REQUEST])
    # Special like its parts, or they would be cut out of it first.
    tokenizer.add_special_tokens([f'{END}\n{ASSISTANT}\n'])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=END,
        padding_side='right',
        clean_up_tokenization_spaces=False,
        extra_special_tokens={'image_token': IMAGE},
    )


def _with_cells(texts: Iterable[str]) -> Iterable[str]:
    """The texts, and each cell often enough to become a token."""
    count = 0
    for text in texts:
        count += 1
        yield text
    cells = [f'({c}, {r})' for c in range(GRID_SIZE) for r in range(GRID_SIZE)]
    yield from cells * max(100, count)
