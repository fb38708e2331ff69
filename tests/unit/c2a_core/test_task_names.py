# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from c2a_core.task_names import split_task_names, task_file_stem


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ('', []),
        ('Swap', ['Swap']),
        ('Swap,Pick , Touch,', ['Swap', 'Pick', 'Touch']),
        ('Rotate:num_actors=3, restore=true,Swap', ['Rotate:num_actors=3, restore=true', 'Swap']),
    ],
)
def test_commas_separate_names_but_not_the_arguments_of_a_variant(text, names):
    assert split_task_names(text) == names


def test_file_stem_has_no_character_that_a_file_system_minds():
    assert task_file_stem('Swap') == 'Swap'
    assert task_file_stem('Rotate:num_actors=3,restore=true') == 'Rotate-num_actors=3-restore=true'
