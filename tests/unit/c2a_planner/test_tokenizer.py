# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c2a_planner.prompt import (
    END,
    IMAGE,
    KEY_STEP_REQUEST,
    STEP_REQUEST,
    reply_with_end,
    text_after_image,
    text_before_image,
)
from c2a_planner.tokenizer import train_tokenizer

PICK = "pick(actor=get_actor('red cube', (3, 5)))"
PLACE = (
    "place(actor=get_actor('red cube', (3, 5)), target_actor=get_actor('blue hexagon', (6, 2)))"
)
TEXTS = ('Pick up the red cube', 'Put it on the blue hexagon', PICK, PLACE, f'# {PICK}', 'done()')


@pytest.fixture(scope='module')
def tokenizer():
    return train_tokenizer(TEXTS * 5, 700)


def pieces(tokenizer, text):
    return [tokenizer.decode([i]) for i in tokenizer(text, add_special_tokens=False).input_ids]


def test_code_is_cut_where_it_has_a_meaning(tokenizer):
    assert pieces(tokenizer, reply_with_end(PICK)) == [
        *("pick(actor=get_actor('", 'red', ' cube', "', ", '(3, 5)', '))', END)
    ]
    assert pieces(tokenizer, f'# {PICK}')[0] == '# '


def test_a_name_is_the_same_tokens_in_a_sentence_and_in_code(tokenizer):
    name = pieces(tokenizer, PICK)[1:3]
    for sentence in ('Where is the red cube?', 'A red cube is there', 'There is no red cube.'):
        found = pieces(tokenizer, sentence)
        start = found.index('red')
        assert found[start : start + 2] == name == ['red', ' cube']


def test_every_cell_is_one_token(tokenizer):
    assert all(len(pieces(tokenizer, f'({c}, {r})')) == 1 for c in range(10) for r in range(10))


def test_a_request_is_one_token(tokenizer):
    for request in (STEP_REQUEST, KEY_STEP_REQUEST):
        found = pieces(tokenizer, text_after_image(request))
        assert found == ['\n', request, '<|end|>\n<|assistant|>\n']


@given(
    st.text(max_size=40),
    st.lists(st.sampled_from((PICK, PLACE, 'done()')), max_size=3),
    st.sampled_from((STEP_REQUEST, 'Where is the red cube?')),
)
def test_parts_are_tokens_of_the_whole(tokenizer, instruction, memory, request):
    """Training encodes parts, the running planner the whole prompt."""
    before, after = text_before_image(instruction, memory), text_after_image(request)
    parts = [tokenizer(text).input_ids for text in (before, IMAGE, after)]
    assert sum(parts, []) == tokenizer(before + IMAGE + after).input_ids
    assert tokenizer.decode(parts[0]) == before


def test_it_is_the_same_after_saving(tokenizer, tmp_path):
    from transformers import AutoTokenizer

    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    for text in (*TEXTS, text_before_image('Grüße', (PICK,)), text_after_image(STEP_REQUEST)):
        assert again(text).input_ids == tokenizer(text).input_ids
    assert (again.pad_token_id, again.eos_token_id) == (
        tokenizer.pad_token_id,
        tokenizer.eos_token_id,
    )
