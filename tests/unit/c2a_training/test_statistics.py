# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from c2a_training.statistics import percentile, wilson_interval


# Bounds from the closed formula, worked out apart from the code with z = 1.959964.
@pytest.mark.parametrize(
    ('successes', 'n', 'low', 'high'),
    [
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        (5, 10, 0.236593, 0.763407),
        (97, 100, 0.915476, 0.989747),
        (100, 100, 0.963006, 1.0),
        (1, 1, 0.206549, 1.0),
    ],
)
def test_interval_has_the_known_values(successes: int, n: int, low: float, high: float):
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=1e-5)


def test_without_episodes_nothing_is_known():
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_interval_is_symmetric_in_success_and_failure():
    low, high = wilson_interval(3, 17)
    assert wilson_interval(14, 17) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(('successes', 'n'), [(-1, 5), (6, 5), (0, -1)])
def test_impossible_counts_are_refused(successes: int, n: int):
    with pytest.raises(ValueError, match='expected 0 <= successes <= n'):
        wilson_interval(successes, n)


@pytest.mark.parametrize('percent', [0, 5, 50, 95, 100])
@pytest.mark.parametrize('values', [[7], [3, 1], [5, 1, 9, 2, 2, 8, 40]])
def test_percentile_is_that_of_numpy(values, percent):
    assert percentile(values, percent) == pytest.approx(np.percentile(values, percent))


def test_percentile_of_nothing_is_none():
    assert percentile([], 95) is None
