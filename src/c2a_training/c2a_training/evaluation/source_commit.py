# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which version of the source is running, as results name it."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path


@functools.lru_cache(1)
def source_commit() -> str:
    """Short hash of the commit, with ``+`` behind it if the source was changed since.

    Read once in a process, and worth calling early: what comes later is not what is running.
    ``unknown`` where there is no repository: an installed package, or no git.
    """
    here = Path(__file__).resolve().parent
    commit = _git(here, 'rev-parse', '--short=10', 'HEAD')
    if commit is None:
        return 'unknown'
    is_clean = _git(here, 'diff', '--quiet', 'HEAD', '--', ':/src') is not None
    return commit if is_clean else f'{commit}+'


def _git(folder: Path, *words: str) -> str | None:
    """Output of a git command, None if it failed."""
    try:
        done = subprocess.run(
            ['git', '-C', str(folder), *words], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
