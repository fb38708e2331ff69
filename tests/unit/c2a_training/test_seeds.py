# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from c2a_training.seeds import parse_seeds, render_seeds


@pytest.mark.parametrize(
    ('text', 'seeds'),
    [
        ('3', (3,)),
        ('0-3', (0, 1, 2, 3)),
        ('1,4,7-9', (1, 4, 7, 8, 9)),
        (' 2 , 1 ', (2, 1)),
        ('1,1-2', (1, 2)),
    ],
)
def test_forms_people_type(text: str, seeds: tuple[int, ...]):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize('text', ['', 'a', '1-', '-3', '3-1', '1;2', '0-9999999'])
def test_other_text_is_refused_with_the_text(text: str):
    with pytest.raises(ValueError, match='seed'):
        parse_seeds(text)


@pytest.mark.parametrize('text', ['3', '0-99', '1,4,7-9', '1,2'])
def test_rendering_gives_the_short_form_back(text: str):
    assert render_seeds(parse_seeds(text)) == text
