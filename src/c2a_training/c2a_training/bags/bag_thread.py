# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A thread that writes, so that who listens never waits for the disk. Knows no ROS.

What waits is bounded in bytes. What does not fit any more is dropped and counted by topic: it
stands in the bag's metadata and on /diagnostics.
"""

from __future__ import annotations

import logging
import queue
import struct
import threading
import time
from collections import Counter

from c2a_training.bags.bag_session import BagSession, Incoming

logger = logging.getLogger(__name__)

TICK_S = 0.2


class BagThread:
    """Hands messages to a session, one after the other.

    Args:
        session: is used by the thread only, from now on.
        buffer_bytes: what may wait [byte].
    """

    def __init__(self, session: BagSession, buffer_bytes: int) -> None:
        self.session = session
        self._buffer_bytes = buffer_bytes
        self._waiting_bytes = 0
        self._ticked_s = 0.0
        self._lock = threading.Lock()
        self._drops: Counter[str] = Counter()  # since the last message that was put
        self._queue: queue.SimpleQueue[tuple[Incoming | None, Counter[str]]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name='bag writer', daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """What waits to be written [byte]."""
        return self._waiting_bytes

    def put(self, message: Incoming) -> bool:
        """Have a message written; False if it had to be dropped. Statuses are never dropped."""
        size = len(message.data)
        with self._lock:
            is_full = self._waiting_bytes + size > self._buffer_bytes
            if is_full and message.status is None:
                self._drops[message.topic] += 1
                return False
            self._waiting_bytes += size
            self._put(message)
        return True

    def note_lost(self, topic: str, count: int) -> None:
        """Messages that did not get here: they were lost on their way."""
        if count:
            with self._lock:
                self._drops[topic] += count

    def close(self, timeout_s: float) -> bool:
        """Write what waits and close all bags; False if that takes longer than this."""
        with self._lock:
            self._put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _put(self, message: Incoming | None) -> None:
        # Drops go along in the queue, so that they are counted in the bag that lacks them.
        drops, self._drops = self._drops, Counter()
        self._queue.put((message, drops))

    def _run(self) -> None:
        try:
            self._work()
        except Exception as err:
            # Nobody waits for this thread: it must be seen that nothing is recorded any more.
            logger.exception('recording has ended')
            self.session.counts.failure = f'recording has ended: {type(err).__name__} {err}'

    def _work(self) -> None:
        while True:
            try:
                message, drops = self._queue.get(timeout=TICK_S)
            except queue.Empty:
                self._tick()
                continue
            self.session.note_drops(drops)
            if message is None:
                self.session.close()
                return
            self._take(message)
            self._tick()

    def _tick(self) -> None:
        now_s = time.monotonic()
        if now_s - self._ticked_s >= TICK_S:
            self._ticked_s = now_s
            self.session.tick()

    def _take(self, message: Incoming) -> None:
        with self._lock:
            self._waiting_bytes -= len(message.data)
        try:
            self.session.take(message)
        except (ValueError, LookupError, struct.error) as err:
            # One that is not what its topic says; the others must not suffer for it.
            logger.error('a message of %s cannot be recorded: %s', message.topic, err)
            self.session.note_drops({message.topic: 1})
