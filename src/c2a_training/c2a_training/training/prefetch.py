# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Batches made ahead by a thread, in their order.

The thread computes alone, without helpers of its own. With them OpenMP would count more threads
than there are cores, and let those of the training's step sleep after each operation instead of
waiting awake: on two cores that costs a third of the speed.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

import torch

Batch = TypeVar('Batch')
_POLL_S = 0.2


class Prefetch(Generic[Batch]):
    """Calls `make(step)` for step after step in a thread; `take` returns the next one.

    Args:
        make: makes the batch of a step; an error in it comes out of `take`.
        start: first step.
        depth: batches that wait at most.
    """

    def __init__(self, make: Callable[[int], Batch], start: int, depth: int = 4) -> None:
        self._make = make
        self._queue: queue.Queue[Batch | BaseException] = queue.Queue(depth)
        self._stop = threading.Event()
        self.waited_s = 0.0
        """Time that `take` waited, in total [s]."""
        self._thread = threading.Thread(target=self._run, args=(start,), daemon=True)

    def __enter__(self) -> Prefetch[Batch]:
        # Asked once, it stays what it is for the calling thread.
        self._threads = torch.get_num_threads()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        torch.set_num_threads(self._threads)

    def take(self) -> Batch:
        """The next batch."""
        started = time.perf_counter()
        item = self._queue.get()
        self.waited_s += time.perf_counter() - started
        if isinstance(item, BaseException):
            raise item
        return item

    def _run(self, step: int) -> None:
        torch.set_num_threads(1)
        while not self._stop.is_set():
            try:
                item: Batch | BaseException = self._make(step)
            except BaseException as err:  # noqa: BLE001  the thread that takes raises it
                item = err
            while not self._stop.is_set():
                try:
                    self._queue.put(item, timeout=_POLL_S)
                    break
                except queue.Full:
                    continue
            if isinstance(item, BaseException):
                return
            step += 1
