# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from c2a_core.delay import MEASURED, delay_steps, parse_delay


@pytest.mark.parametrize(
    ('delay_s', 'steps'),
    [(0.0, 0), (0.001, 1), (0.05, 1), (0.051, 2), (0.1, 2), (0.15, 3), (0.3, 6), (1.0, 20)],
)
def test_semantics_10_a_delay_counts_in_whole_control_steps_rounded_up(delay_s, steps):
    assert delay_steps(delay_s, 0.05) == steps


def test_semantics_10_a_delay_of_whole_steps_is_not_rounded_up_by_float_error():
    assert [delay_steps(steps * 0.05, 0.05) for steps in range(100)] == list(range(100))


def test_a_delay_is_a_number_its_text_or_measured():
    assert parse_delay(0.15) == parse_delay('0.15') == 0.15
    assert parse_delay(MEASURED) is None


@pytest.mark.parametrize('text', ['soon', '-0.1', 'nan', 'inf', ''])
def test_what_is_no_delay_is_refused(text):
    with pytest.raises(ValueError, match="expected seconds >= 0 or 'measured'"):
        parse_delay(text)
