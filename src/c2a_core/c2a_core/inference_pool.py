# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The thread in which a node's model computes, so that the node's loop answers in time beside it.

A control loop that comes 20 ms late has lost; an inference has not. So where both want the same
core or the interpreter's lock, the loop goes first.
"""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

NICE = 5
"""Of the model's thread: beside it the loop, and other nodes, get about three times its share."""

SWITCH_S = 5e-4
"""How long a thread that computes in Python may keep others waiting (Python's own: 5 ms)."""


def make_inference_pool(name: str) -> ThreadPoolExecutor:
    """A pool of one thread for the model of this process.

    Args:
        name: of the thread.
    """
    sys.setswitchinterval(SWITCH_S)
    return ThreadPoolExecutor(1, name, _let_others_go_first)


def _let_others_go_first() -> None:
    """Lower the priority of this thread only: on Linux each one has its own."""
    if sys.platform == 'linux':
        thread = threading.get_native_id()
        # Raising it, which a process that is nicer already would do, takes a privilege.
        nice = max(NICE, os.getpriority(os.PRIO_PROCESS, thread))
        os.setpriority(os.PRIO_PROCESS, thread, nice)
