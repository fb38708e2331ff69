# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How the replies of an episode went: how many, how many were cut short, how long they took."""

from __future__ import annotations

from collections import deque

import numpy as np

from c2a_core.types import KeyStep, ReplyStatus

_ANSWERED = (ReplyStatus.KEY_STEP, ReplyStatus.SAME, ReplyStatus.REPEATED, ReplyStatus.INVALID)
# Enough for a 99th percentile, and what was slow long ago is forgotten.
RECENT = 1000


class ReplyStatistics:
    """Counts over one episode, from its key steps."""

    def __init__(self) -> None:
        self._episode_id = -1
        self._replies = 0
        self._early_stops = 0
        self._latencies_s: deque[float] = deque(maxlen=RECENT)

    def note(self, key_step: KeyStep) -> None:
        """Take a key step into account; the first of another episode begins anew."""
        if key_step.episode_id != self._episode_id:
            self._episode_id = key_step.episode_id
            self._replies = self._early_stops = 0
            self._latencies_s.clear()
        if key_step.reply_status in _ANSWERED:
            self._replies += 1
            self._early_stops += key_step.early_stopped
            self._latencies_s.append(key_step.latency_s)

    def values(self) -> dict[str, str]:
        """What to report; times only once there is a reply."""
        counts = {'replies': str(self._replies), 'early stops': str(self._early_stops)}
        if not self._latencies_s:
            return counts
        p50, p99 = 1000.0 * np.percentile(self._latencies_s, (50, 99))
        return {**counts, 'latency p50': f'{p50:.1f} ms', 'latency p99': f'{p99:.1f} ms'}
