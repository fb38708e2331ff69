# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Seed lists as people type them: ``3``, ``0-99``, ``1,4,7-9``."""

from __future__ import annotations

import re

# More episodes than anybody asks for on purpose: catches a typing error before it fills the
# memory.
MAX_SEEDS = 1_000_000
_PART = re.compile(r'(\d+)(?:-(\d+))?')


def parse_seeds(text: str) -> tuple[int, ...]:
    """Turn a seed list into seeds, in the order written.

    Args:
        text: comma-separated numbers and inclusive ranges, such as ``1,4,7-9``.

    Returns:
        The seeds, duplicates removed.

    Raises:
        ValueError: if a part is neither a number nor an ascending range.
    """
    seeds: dict[int, None] = {}
    for part in text.split(','):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise ValueError(
                f'seeds {text!r} have the part {part.strip()!r}, '
                'expected numbers and ranges such as 3, 0-99 or 1,4,7-9'
            )
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if last < first:
            raise ValueError(f'seed range {part.strip()!r} runs backwards: write {last}-{first}')
        if last - first >= MAX_SEEDS:
            raise ValueError(
                f'seed range {part.strip()!r} has more than {MAX_SEEDS} seeds: split it'
            )
        seeds.update(dict.fromkeys(range(first, last + 1)))
    return tuple(seeds)


def render_seeds(seeds: tuple[int, ...]) -> str:
    """Write seeds back in the short form: runs of three or more become ranges."""
    parts: list[str] = []
    index = 0
    while index < len(seeds):
        end = index
        while end + 1 < len(seeds) and seeds[end + 1] == seeds[end] + 1:
            end += 1
        if end - index >= 2:
            parts.append(f'{seeds[index]}-{seeds[end]}')
        else:
            parts.extend(str(seed) for seed in seeds[index : end + 1])
        index = end + 1
    return ','.join(parts)
