# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Settings of Fast DDS that the nodes need; your own profile or another middleware wins."""

from __future__ import annotations

import os
from pathlib import Path

PROFILE = Path(__file__).with_name('fastdds_profile.xml')

# Fast DDS 2 reads the first, Fast DDS 3 the second.
_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')


def use_large_shared_memory() -> None:
    """Give this process room for pictures in shared memory; call before `rclpy.init`."""
    middleware = os.environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp')
    if not middleware.startswith('rmw_fastrtps') or any(name in os.environ for name in _VARIABLES):
        return
    if PROFILE.is_file():
        os.environ[_VARIABLES[0]] = str(PROFILE)
