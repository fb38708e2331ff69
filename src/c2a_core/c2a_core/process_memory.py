# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Memory that a process frees stays with it.

By default glibc gives large blocks back to the system at once, so each tensor of an eager PyTorch
pass is made of pages that the kernel has to find and clear again. On a virtual machine that
costs several times as much as the arithmetic (`benchmarks/allocation.py` measures it).
"""

from __future__ import annotations

import ctypes

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8
_NEVER = 2**31 - 1
_GROW_BY = 256 * 2**20


def keep_freed_memory() -> bool:
    """Let this process use freed memory again instead of returning it to the system.

    Call it before the first large allocation. Other C libraries than glibc are left alone.

    Returns:
        Whether it was done.
    """
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:
        return False
    options = (
        (_M_MMAP_MAX, 0),
        (_M_TRIM_THRESHOLD, _NEVER),
        (_M_TOP_PAD, _GROW_BY),
        # Memory of other arenas cannot grow beyond 64 MB; autograd's thread would have its own.
        (_M_ARENA_MAX, 1),
    )
    return all([mallopt(option, value) == 1 for option, value in options])
