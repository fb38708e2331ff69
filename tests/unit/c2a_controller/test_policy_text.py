# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Code as tokens."""

from __future__ import annotations

import pytest
from small_planner import INSTRUCTION, STEPS
from small_policy_net import small_tokenizer

torch = pytest.importorskip('torch', reason='torch is not installed')

from c2a_controller.policy_text import PolicyTokenizer  # noqa: E402

CODE = "pick(actor=get_actor('red cube', (3, 5)))"


def test_a_cell_is_one_token_that_knows_where_it_is():
    cells = small_tokenizer().tokenise(CODE).cells
    assert cells[cells > 0].tolist() == [1 + 10 * 3 + 5]


def test_what_the_tokenizer_has_seen_is_few_tokens():
    assert len(small_tokenizer().tokenise(STEPS[3]).ids) < 25


@pytest.mark.parametrize('text', [CODE, INSTRUCTION, 'ünïcode, 漢字 (1, 2) (11, 2)', '', '\n\n'])
def test_any_text_works_and_differs_from_another(text):
    tokens = small_tokenizer().tokenise(text)
    other = small_tokenizer().tokenise(text + '!')
    assert len(tokens.ids) == len(tokens.cells) >= 1
    assert tokens.ids.tolist() != other.ids.tolist()


def test_a_batch_is_padded_at_the_end():
    batch = small_tokenizer().encode([CODE, 'done()'], ['', STEPS[0]])
    lengths = batch.code.mask.sum(1)
    assert batch.code.ids.shape[1] == lengths[0] > lengths[1]
    assert not batch.code.mask[1, lengths[1] :].any()
    assert batch.cache.mask.sum(1)[0] == 1


def test_a_text_that_is_too_long_keeps_its_end(tmp_path):
    small_tokenizer().write(tmp_path / 'tokenizer.json')
    short = PolicyTokenizer.read(tmp_path / 'tokenizer.json', max_tokens=6)
    whole = small_tokenizer().tokenise(CODE)
    cut = short.tokenise(CODE)
    assert cut.ids.tolist() == whole.ids[-6:].tolist()
    assert cut.cells.tolist() == whole.cells[-6:].tolist()


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path):
    path = tmp_path / 'tokenizer.json'
    path.write_text('{}')
    with pytest.raises(ValueError, match='cannot read the tokenizer .*tokenizer.json'):
        PolicyTokenizer.read(path)
