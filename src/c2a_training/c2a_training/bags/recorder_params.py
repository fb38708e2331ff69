# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the recorder node; names equal the launch arguments where there is one."""

from __future__ import annotations

from dataclasses import dataclass

from c2a_core.params import param


@dataclass(frozen=True)
class RecorderParams:
    """Everything that can be set at the recorder."""

    record_dir: str = param(
        'c2a_bags', 'Folder of the bags, one folder in it for each episode; made if missing.'
    )
    exclude: str = param(
        '', 'Topics that are not recorded, separated by commas, for example /c2a/overlay.'
    )
    compression: str = param(
        'none',
        'Compression of the bags; none costs the least time, zstd the least space.',
        choices=('none', 'lz4', 'zstd'),
    )
    buffer_mb: int = param(
        256,
        'What may wait for the disk; more is dropped, counted and reported [MB].',
        lower=1,
        upper=65536,
    )
