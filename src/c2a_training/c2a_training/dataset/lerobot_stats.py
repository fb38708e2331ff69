# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Statistics in the form that LeRobot keeps of each feature, per episode and over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_QUANTILES = {'q01': 0.01, 'q10': 0.1, 'q50': 0.5, 'q90': 0.9, 'q99': 0.99}

Stats = dict[str, npt.NDArray[np.float64]]


def column_stats(values: np.ndarray) -> Stats:
    """Statistics of a numeric feature.

    Args:
        values: (N, D), N at least 1.

    Returns:
        Arrays (D,), and `count` (1,).
    """
    data = np.asarray(values, np.float64)
    stats = {
        'min': data.min(axis=0),
        'max': data.max(axis=0),
        'mean': data.mean(axis=0),
        'std': data.std(axis=0),
        'count': np.array([len(data)], np.float64),
    }
    quantiles = np.quantile(data, list(_QUANTILES.values()), axis=0)
    return stats | dict(zip(_QUANTILES, quantiles, strict=True))


def image_stats(pictures: Sequence[np.ndarray]) -> Stats:
    """Statistics of each colour of pictures (H, W, 3) uint8, scaled to 0..1.

    Returns:
        Arrays (3, 1, 1), and `count` (1,), the number of pictures.
    """
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures]) / 255.0
    stats = {name: value.reshape(3, 1, 1) for name, value in _colors(pixels).items()}
    return stats | {'count': np.array([len(pictures)], np.float64)}


def _colors(pixels: np.ndarray) -> Stats:
    stats = column_stats(pixels)
    del stats['count']
    return stats


@dataclass
class RunningStats:
    """Statistics over all episodes from those of each.

    Least, greatest, mean and deviation are exact; a quantile is the mean of the episodes'
    quantiles, weighted by their length, which is how LeRobot itself combines them.
    """

    _seen: dict[str, Stats] = field(default_factory=dict)

    def add(self, episode: Mapping[str, Stats]) -> None:
        """Take an episode's statistics into account."""
        for feature, stats in episode.items():
            before = self._seen.get(feature)
            self._seen[feature] = dict(stats) if before is None else _combined(before, stats)

    def as_json(self) -> dict[str, dict[str, list]]:
        """For `meta/stats.json`."""
        return {
            feature: {
                name: value.astype(np.int64).tolist() if name == 'count' else value.tolist()
                for name, value in stats.items()
            }
            for feature, stats in self._seen.items()
        }


def _combined(first: Stats, second: Stats) -> Stats:
    n, m = float(first['count'][0]), float(second['count'][0])
    total = n + m

    def weighted(name: str) -> npt.NDArray[np.float64]:
        return (first[name] * n + second[name] * m) / total

    mean = weighted('mean')
    spread = sum(
        weight * (stats['std'] ** 2 + (stats['mean'] - mean) ** 2)
        for stats, weight in ((first, n), (second, m))
    )
    return {
        'min': np.minimum(first['min'], second['min']),
        'max': np.maximum(first['max'], second['max']),
        'mean': mean,
        'std': np.sqrt(spread / total),
        'count': np.array([total]),
        **{name: weighted(name) for name in _QUANTILES},
    }
