# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys

import pytest

# Fills and drops 64 MB ten times, and counts the pages that the kernel had to find for it.
PROGRAM = """
import resource, sys
from c2a_core.process_memory import keep_freed_memory
if sys.argv[1] == 'kept' and not keep_freed_memory():
    sys.exit(3)
bytes(64 * 2**20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytearray(b'x') * (64 * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(way):
    done = subprocess.run([sys.executable, '-c', PROGRAM, way], capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip('this C library is not glibc')
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_freed_memory_is_used_again():
    assert page_faults('kept') * 5 < page_faults('default')
