# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Statistics of success counts and episode lengths: no numpy, no ROS, no simulator."""

from __future__ import annotations

import math
from collections.abc import Iterable

# The 97.5 % quantile of the standard normal distribution: two-sided 95 % confidence.
Z_95 = 1.959963984540054


def wilson_interval(successes: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson score interval of a success rate.

    Unlike the normal approximation it stays inside [0, 1] and keeps a width at 0 or n successes,
    which is where good oracles live
    (https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval).

    Args:
        successes: number of successful episodes, 0..n.
        n: number of episodes; with 0 nothing is known and the interval is (0, 1).
        z: quantile of the normal distribution, 1.96 for 95 %.

    Returns:
        Lower and upper bound of the rate, both in [0, 1].

    Raises:
        ValueError: if the counts are not 0 <= successes <= n.
    """
    if n < 0 or not 0 <= successes <= n:
        raise ValueError(
            f'got {successes} successes of {n}, expected 0 <= successes <= n: check the counts'
        )
    if n == 0:
        return 0.0, 1.0
    rate = successes / n
    scale = 1.0 + z * z / n
    centre = (rate + z * z / (2 * n)) / scale
    half_width = z / scale * math.sqrt(rate * (1.0 - rate) / n + z * z / (4 * n * n))
    # At the ends the two terms cancel exactly on paper, not in floating point.
    low = 0.0 if successes == 0 else max(0.0, centre - half_width)
    high = 1.0 if successes == n else min(1.0, centre + half_width)
    return low, high


def percentile(values: Iterable[float], percent: float) -> float | None:
    """Percentile with linear interpolation between the two nearest values, as numpy's.

    Args:
        values: in any order.
        percent: 0..100.

    Returns:
        The value below which that share lies, None without values.
    """
    ordered = sorted(values)
    if not ordered:
        return None
    place = percent / 100.0 * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value of McNemar's test on pairs of yes and no.

    Pairs that agree say nothing about the difference; under the hypothesis that there is none each
    of the others falls to either side like a fair coin
    (https://en.wikipedia.org/wiki/McNemar%27s_test).

    Args:
        only_first: pairs of which only the first is a success.
        only_second: pairs of which only the second is one.

    Returns:
        The probability of a split at least as uneven, 1 without such pairs.
    """
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / 2**n)
