# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which episodes of a dataset are for validation."""

from __future__ import annotations

import zlib


def is_held_out(episode: str, share: float) -> bool:
    """Whether an episode is for validation: the same in every run and on every machine."""
    return zlib.crc32(episode.encode()) < share * 2**32
