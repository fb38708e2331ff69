# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Files that are either whole or not there: written beside their place, then renamed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: Path, part_folder: Path | None = None) -> Iterator[Path]:
    """Give a path to write to; it takes the name ``path`` only if the block ends without an error.

    The temporary name keeps the suffix, because video writers choose the container by it. What was
    written is on the disk before it takes the name.

    Args:
        path: the file to be.
        part_folder: where the unfinished file lies, on the same file system; None for beside it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.parent if part_folder is None else part_folder
    part = folder / f'.{path.stem}.{os.getpid()}.part{path.suffix}'
    try:
        yield part
        with open(part, 'rb') as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as indented JSON, atomically."""
    with atomic_path(path) as part:
        part.write_text(json.dumps(value, indent=2, allow_nan=False) + '\n', encoding='utf-8')
