# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""When the next episode may begin, and when it is all over. No ROS."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from c2a_core.types import EndReason, KeyStep
from c2a_sim_bridge.episode_loop import EpisodeLoop
from c2a_sim_bridge.schedule import EpisodeSchedule

logger = logging.getLogger(__name__)

CLOSING_TIMEOUT_S = 30.0
"""A planner that has not answered the last observation by then is not waited for any longer."""

_NATURAL_ENDS = (EndReason.SUCCESS, EndReason.TIME_OUT, EndReason.EARLY_DONE)


@dataclass
class EpisodeKeeper:
    """Starts the scheduled episodes one after the other.

    An episode of T actions has T + 1 rows, so the next one waits for the key step of the last
    observation (semantics 9).

    Attributes:
        loop: the episodes.
        schedule: which ones.
        missing: says what the next episode has to wait for; empty if nothing.
        clock: steady clock [s].
    """

    loop: EpisodeLoop
    schedule: EpisodeSchedule
    missing: Callable[[], str]
    clock: Callable[[], float] = time.monotonic
    is_estopped: bool = False
    _closing_since: float | None = None

    def started(self, is_scheduled: bool) -> None:
        """An episode has begun."""
        self._closing_since = None
        status = self.loop.status()
        logger.info(
            'episode %d %s seed %d: %s',
            status.episode_id, status.task, status.seed, status.instruction,
        )  # fmt: skip
        if is_scheduled:
            self.schedule.expect(self.loop.episode_id)

    def ended(self) -> None:
        """The running episode has ended."""
        loop, status = self.loop, self.loop.status()
        self.schedule.record(loop.episode_id, status.success, loop.reason)
        self._closing_since = self.clock() if loop.reason in _NATURAL_ENDS else None
        logger.info(
            'episode %d %s seed %d: %s after %d steps',
            status.episode_id, status.task, status.seed, status.reason, status.step,
        )  # fmt: skip
        if self.schedule.is_over:
            logger.info('%s', self.schedule.tally())

    def note_key_step(self, key_step: KeyStep) -> None:
        """The planner answered; perhaps the last observation."""
        if (key_step.episode_id, key_step.step) == (self.loop.episode_id, self.loop.step):
            self._closing_since = None

    def note_lost_peer(self) -> None:
        """Nobody will answer the last observation."""
        self._closing_since = None

    def next_episode(self) -> tuple[str, int] | None:
        """Task and seed of the episode that is to begin now, if one is."""
        if self.loop.is_running or self.is_estopped or not self.schedule.has_next:
            return None
        if self.is_closing or self.missing():
            return None
        return self.schedule.start_next()

    @property
    def is_over(self) -> bool:
        """Whether the last scheduled episode is over, its last observation answered."""
        return self.schedule.is_over and not self.loop.is_running and not self.is_closing

    @property
    def is_closing(self) -> bool:
        """Whether the last observation of the episode still waits for its key step."""
        since = self._closing_since
        return since is not None and self.clock() - since < CLOSING_TIMEOUT_S
