# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from small_planner import small_tokenizer

from c2a_training.planner.dense import (
    CELLS,
    COLORS,
    NOUNS,
    DenseHeads,
    WordHeads,
    dense_labels,
    word_classes,
)


@pytest.fixture
def classes():
    return word_classes(small_tokenizer().encode)


def test_classes_are_the_words_as_sentences_and_code_have_them(classes):
    tokenizer = small_tokenizer()
    cells, colors, nouns = classes
    assert tokenizer.decode(cells[53]) == '(3, 5)'
    assert [len(cells), len(colors), len(nouns)] == [CELLS, 1 + len(COLORS), 1 + len(NOUNS)]
    red, cube = colors[1 + COLORS.index('red')], nouns[1 + NOUNS.index('cube')]
    for text in ('Where is the red cube?', "pick(actor=get_actor('red cube', (3, 5)))"):
        ids = tokenizer.encode(text)
        assert red + cube == ids[ids.index(red[0]) : ids.index(red[0]) + 2]


def test_tokens_that_are_the_sum_of_their_words_have_no_loss(classes):
    generator = torch.Generator().manual_seed(0)
    words = torch.randn(len(small_tokenizer()), 512, generator=generator)
    heads = WordHeads(512, classes)
    heads.scale.data.fill_(4.0)
    labels = torch.zeros(1, 4, CELLS, dtype=torch.long)
    labels[0, 2, 53] = 1 + COLORS.index('red')
    labels[0, 3, 53] = 1 + NOUNS.index('cube')
    vectors = [heads._classes(index, words).detach() for index in range(3)]

    def tokens(place):
        color, noun = torch.zeros(CELLS, dtype=torch.long), torch.zeros(CELLS, dtype=torch.long)
        color[place], noun[place] = labels[0, 2, 53], labels[0, 3, 53]
        return (vectors[0] + vectors[1][color] + vectors[2][noun])[None]

    right = heads.loss(tokens(53), words, labels)
    wrong = heads.loss(tokens(54), words, labels)
    assert right < 0.1
    assert wrong > right + 0.1


def test_embeddings_learn_too(classes):
    words = torch.randn(len(small_tokenizer()), 64, requires_grad=True)
    heads = WordHeads(64, classes)
    tokens = torch.randn(2, CELLS, 64, requires_grad=True)
    heads.loss(tokens, words, torch.zeros(2, 4, CELLS, dtype=torch.long)).backward()
    assert words.grad[classes[0][53]].abs().sum() > 0
    assert all(parameter.grad.abs().sum() > 0 for parameter in heads.own if len(parameter))
    assert tokens.grad.abs().sum() > 0


def test_pictures_without_labels_are_left_out():
    tokens = torch.randn(2, CELLS, 8)
    labels = torch.zeros(2, 4, CELLS, dtype=torch.long)
    labels[1] = dense_labels([None])[0]
    heads = DenseHeads(8)
    torch.testing.assert_close(
        heads.loss(tokens, labels)[0], heads.loss(tokens[:1], labels[:1])[0]
    )
