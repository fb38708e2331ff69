# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Constrained decoding: replies that cannot be invalid, whatever the model's weights.

The grammar is made from the tables of `skill_signatures.py`, which the parser uses too. It allows
the commented last key step, or a key step in canonical text that reads only stored poses. It is
narrower than the parser where the oracles are: names of small letters and digits, directions along
an axis, two calls nested in a pose, three assignments.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from llguidance import LLMatcher, LLTokenizer

from c2a_core.skill_api import comment, parse_key_step
from c2a_core.skill_signatures import (
    DESCRIPTIONS,
    GET_ACTOR,
    POSE_DICT,
    POSE_FUNCTIONS,
    POSITIONAL,
    SKILLS,
    Form,
    Kind,
)
from c2a_core.spaces import GRID_SIZE

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

MAX_ASSIGNMENTS = 3
POSE_DEPTH = 2
NAME = r'/[a-z0-9]+( [a-z0-9]+){0,3}/ & /.{1,24}/'
# -360.0 to 360.0 in the form in which floats are written.
DEGREES = r'/-?(360\.0|(3[0-5][0-9]|[12][0-9][0-9]|[1-9]?[0-9])\.[0-9])/'
DIRECTIONS = tuple(
    f'[{", ".join(repr(sign if axis == i else 0.0) for i in range(3))}]'
    for axis, sign in product(range(3), (1.0, -1.0))
)


def reply_grammar(
    memory: Sequence[str], known_keys: Collection[str], request_key_step: bool
) -> str:
    """Grammar of valid replies in llguidance's dialect of Lark.

    Args:
        memory: key steps so far, oldest first, canonical.
        known_keys: keys of `pose_dict` that may be read.
        request_key_step: a commented reply would be invalid.
    """
    replies = ['key_step']
    if memory and not request_key_step:
        replies.append(json.dumps(comment(memory[-1])))
    rules = [
        f'start: {" | ".join(replies)}',
        f'key_step: assignment{{0,{MAX_ASSIGNMENTS}}} skill',
        f'assignment: "{POSE_DICT}[\'" NAME "\'] = " pose_{POSE_DEPTH} "\\n"',
        f'skill: {" | ".join(_calls(SKILLS, POSE_DEPTH, bool(known_keys)))}',
        f'actor: "{GET_ACTOR}(\'" NAME "\', (" CELL ", " CELL "))"',
        f'description: {_one_of(json.dumps(word) for word in DESCRIPTIONS)}',
        f'direction: {_one_of(DIRECTIONS)}',
        f'CELL: {_one_of(map(str, range(GRID_SIZE)))}',
        f'DEGREES: {DEGREES}',
        f'NAME: {NAME}',
    ]
    stored = [f"{POSE_DICT}['{key}']" for key in known_keys]
    if stored:
        rules.append(f'pose_0: {_one_of(stored)}')
    for depth in range(1, POSE_DEPTH + 1):
        calls = _calls(POSE_FUNCTIONS, depth - 1, bool(stored))
        reads = ['pose_0'] if stored else []
        rules.append(f'pose_{depth}: {" | ".join(reads + calls)}')
    return '\n'.join(rules) + '\n'


def _one_of(literals: Iterable[str]) -> str:
    return ' | '.join(json.dumps(literal) for literal in literals)


def _calls(table: dict[str, tuple[Form, ...]], depth: int, has_keys: bool) -> list[str]:
    """Alternatives of a rule: each form of each function, with poses of a depth in it."""
    calls = (_call(name, form, depth, has_keys) for name in table for form in table[name])
    return [call for call in calls if call]


def _call(function: str, form: Form, depth: int, has_keys: bool) -> str:
    """One form; empty where it needs a pose and there is none of that depth."""
    parts = [json.dumps(f'{function}(')]
    separator = ''
    for parameter in form.parameters:
        value = _value(parameter.kind, depth, has_keys)
        if not value:
            if parameter.is_required:
                return ''
            continue
        keyword = '' if function in POSITIONAL else f'{parameter.name}='
        argument = f'{json.dumps(separator + keyword)} {value}' if separator + keyword else value
        parts.append(argument if parameter.is_required else f'({argument})?')
        separator = ', '
    return ' '.join((*parts, '")"'))


def _value(kind: str, depth: int, has_keys: bool) -> str:
    pose = f'pose_{depth}' if depth or has_keys else ''
    return {
        Kind.ACTOR: 'actor',
        Kind.POSE: pose,
        Kind.POSITION: pose and f'{pose} ".p"',
        Kind.ORIENTATION: pose and f'{pose} ".q"',
        Kind.DIRECTION: 'direction',
        Kind.DESCRIPTION: 'description',
        Kind.DEGREES: 'DEGREES',
        Kind.FLAG: '"True"',
    }[kind]


class CodeGrammar:
    """Grammars of replies for one tokenizer.

    Args:
        tokenizer: the model's; a fast one.
        vocabulary_size: rows of the model's logits.
        end_id: token that ends a reply.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, vocabulary_size: int, end_id: int
    ) -> None:
        self._tokenizer = LLTokenizer(
            tokenizer.backend_tokenizer.to_str(), n_vocab=vocabulary_size, eos_token=end_id
        )
        # Most observations ask the same: the grammar of the last ones is kept.
        self._matcher = functools.lru_cache(8)(self._new_matcher)

    def constrain(self, memory: tuple[str, ...], request_key_step: bool) -> ReplyConstraint:
        """Constraint of one reply; see `reply_grammar`."""
        return ReplyConstraint(
            lambda keys: self._matcher(memory, tuple(sorted(keys)), request_key_step).deep_copy(),
            self._tokenizer.decode_str,
            _keys_of(memory),
        )

    def _new_matcher(
        self, memory: tuple[str, ...], keys: tuple[str, ...], request_key_step: bool
    ) -> LLMatcher:
        text = reply_grammar(memory, keys, request_key_step)
        matcher = LLMatcher(self._tokenizer, LLMatcher.grammar_from_lark(text))
        if matcher.is_error():
            raise RuntimeError(f'the grammar of replies is wrong: {matcher.get_error()}')
        return matcher


class ReplyConstraint:
    """Chooses the tokens of one reply.

    Args:
        make_matcher: gives a new matcher of the grammar with these keys.
        decode: text of tokens.
        keys: that the memory has stored.
    """

    def __init__(
        self,
        make_matcher: Callable[[frozenset[str]], LLMatcher],
        decode: Callable[[list[int]], str],
        keys: frozenset[str],
    ) -> None:
        self._make_matcher = make_matcher
        self._decode = decode
        self._keys = keys
        self._tokens: list[int] = []
        self._lines = 0
        self._matcher = make_matcher(keys)

    def choose(self, logits: torch.Tensor) -> list[int]:
        """The likeliest token that is allowed, and those that must come after it.

        Args:
            logits: (V,) of the next token.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        allowed = np.unpackbits(bits, bitorder='little')[: len(logits)].astype(bool)
        token = int(np.where(allowed, logits.float().cpu().numpy(), -np.inf).argmax())
        self._consume([token])
        forced = [] if self._matcher.is_stopped() else self._matcher.compute_ff_tokens()
        self._consume(forced)
        return [token, *forced]

    def _consume(self, tokens: list[int]) -> None:
        self._tokens += tokens
        self._matcher.consume_tokens(tokens)
        text = self._decode(self._tokens)
        if text.count('\n') > self._lines:
            # What a finished line stores may be read from here on.
            self._lines = text.count('\n')
            self._keys |= _assigned_keys(text)
            self._matcher = self._make_matcher(self._keys)
            self._matcher.consume_tokens(self._tokens)


@functools.lru_cache(8)
def _keys_of(memory: tuple[str, ...]) -> frozenset[str]:
    """Keys that the key steps of a memory have stored."""
    return frozenset().union(*(parse_key_step(step).keys() for step in memory))


def _assigned_keys(text: str) -> frozenset[str]:
    """Keys that the finished lines of a reply store; none in a commented one."""
    opening = f"{POSE_DICT}['"
    lines = (line for line in text.split('\n')[:-1] if line.startswith(opening))
    return frozenset(line[len(opening) :].split("'")[0] for line in lines)
