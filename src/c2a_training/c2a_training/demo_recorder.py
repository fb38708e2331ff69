# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Joins what comes over topics into episodes and films them. Knows no ROS: the node feeds it.

Observations and key steps arrive on two topics in any interleaving; a row is complete when both
of a step are there. The episode's state comes on a third topic: its end, and the next episode's
begin, may overtake its last rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from c2a_core.types import EpisodeStatus, KeyStep, Observation
from c2a_training.rollout_rows import closing_key_step
from c2a_training.video import EpisodeVideo

# Rows that may wait for one that is missing: far more than two topics drift apart, far less than
# an episode's pictures.
MAX_WAITING_ROWS = 60


@dataclass(frozen=True)
class EpisodeRecord:
    """What one episode left behind.

    Attributes:
        status: the last status, with the verdict.
        codes: its key steps in order.
        rows: rows that were filmed.
        video: the video's file, None if nothing was filmed.
        sheet: the contact sheet's file, None if nothing was filmed.
    """

    status: EpisodeStatus
    codes: tuple[str, ...]
    rows: int
    video: Path | None
    sheet: Path | None


class DemoRecorder:
    """Films one episode after another.

    Args:
        folder: where ``<Task>.mp4`` and ``<Task>.png`` go.
        on_reply: called once with the planner's answer to each observation, as it arrives.
        on_start: called with the status of each new episode.
        on_end: called with what each episode left behind.
    """

    def __init__(
        self,
        folder: Path,
        *,
        on_reply: Callable[[KeyStep], None],
        on_start: Callable[[EpisodeStatus], None],
        on_end: Callable[[EpisodeRecord], None],
    ) -> None:
        self._folder = folder
        self._on_reply = on_reply
        self._on_start = on_start
        self._on_end = on_end
        self.finished: list[EpisodeRecord] = []
        self._status: EpisodeStatus | None = None
        self._observations: dict[int, Observation] = {}
        self._key_steps: dict[int, KeyStep] = {}
        self._next_statuses: list[EpisodeStatus] = []
        self._early: deque[Observation | KeyStep] = deque(maxlen=MAX_WAITING_ROWS)
        self._codes: list[str] = []
        self._next_step = 0
        self._last: KeyStep | None = None
        self._video: EpisodeVideo | None = None

    @property
    def has_begun(self) -> bool:
        """An episode was seen."""
        return self._status is not None or bool(self.finished)

    @property
    def is_waiting_for_rows(self) -> bool:
        """The episode has ended, but rows of it are still under way."""
        return self._status is not None and self._status.done

    def add_status(self, status: EpisodeStatus) -> None:
        """Take the episode's state; begins an episode or ends it."""
        if self._status is None or status.episode_id != self._status.episode_id:
            if self.finished and status.episode_id == self.finished[-1].status.episode_id:
                return
            if self._status is not None:
                self._next_statuses.append(status)
                self._move_on()
                return
            self._begin(status)
        self._status = status
        self._film()

    def add_observation(self, observation: Observation) -> None:
        """Take an observation."""
        if self._is_current(observation):
            self._observations[observation.step] = observation
            self._film()

    def add_key_step(self, key_step: KeyStep) -> None:
        """Take a key step."""
        if not self._is_current(key_step):
            return
        if key_step.step not in self._key_steps:
            if key_step.is_key_step:
                self._codes.append(key_step.code)
            self._on_reply(key_step)
        self._key_steps[key_step.step] = key_step
        self._film()

    def finish(self) -> None:
        """End the episode now, without waiting for what is missing."""
        if self._status is None:
            return
        status, video = self._status, self._video
        for step in sorted(self._observations.keys() & self._key_steps.keys()):
            self._next_step = step
            self._film_rows(status.step)
        last = self._observations.get(status.step)
        if video is not None and last is not None:
            video.add(last, closing_key_step(last, self._last))
        rows = min(self._next_step, status.step) if status.done else self._next_step
        record = EpisodeRecord(status, tuple(self._codes), rows, None, None)
        if video is not None and self._next_step:
            record = self._close_video(record, video)
        elif video is not None:
            video.abort()
        self.finished.append(record)
        self._status = self._video = None
        self._on_end(record)
        statuses, self._next_statuses = self._next_statuses, []
        for status in statuses:
            self.add_status(status)

    def abort(self) -> None:
        """Drop the episode that is being filmed; no half file stays."""
        if self._video is not None:
            self._video.abort()
        self._status = self._video = None

    def _move_on(self) -> None:
        """Once both topics are in the next episode, no row of this one is under way any more."""
        next_ids = {status.episode_id for status in self._next_statuses}
        kinds = {type(row) for row in self._early if row.episode_id in next_ids}
        if kinds == {Observation, KeyStep}:
            self.finish()

    def _begin(self, status: EpisodeStatus) -> None:
        self._observations, self._key_steps, self._codes = {}, {}, []
        self._next_step, self._last = 0, None
        self._video = EpisodeVideo(
            self._folder / f'{status.task}.mp4',
            task=status.task,
            seed=status.seed,
            instruction=status.instruction,
            max_steps=status.max_steps,
        )
        self._status = status
        self._on_start(status)
        early, self._early = self._early, deque(maxlen=MAX_WAITING_ROWS)
        for row in early:
            if isinstance(row, Observation):
                self.add_observation(row)
            else:
                self.add_key_step(row)

    def _is_current(self, row: Observation | KeyStep) -> bool:
        """Whether a row is of the running episode; one of an unheard-of episode is kept."""
        status = self._status
        if status is not None and row.episode_id == status.episode_id:
            return row.step >= self._next_step
        if all(row.episode_id != record.status.episode_id for record in self.finished):
            self._early.append(row)
            self._move_on()
        return False

    def _film(self) -> None:
        """Film the complete rows in order, and end the episode when its last row is there."""
        status, video = self._status, self._video
        if status is None or video is None:
            return
        if len(self._observations) > MAX_WAITING_ROWS:
            self._skip_gap()
        self._film_rows(status.step if status.done else None)
        # The last row may have been filmed before the status that says it is the last.
        is_complete = status.step in self._observations or self._next_step > status.step
        if status.done and self._next_step >= status.step and is_complete:
            self.finish()

    def _skip_gap(self) -> None:
        """Give up on a row that was lost, so that the rows behind it do not pile up."""
        complete = self._observations.keys() & self._key_steps.keys()
        self._next_step = min(complete, default=max(self._observations))
        for rows in (self._observations, self._key_steps):
            for step in [step for step in rows if step < self._next_step]:
                del rows[step]

    def _film_rows(self, last_step: int | None) -> None:
        """Film what is complete, in order, up to a gap or to the row that ends the episode."""
        while self._next_step in self._observations and self._next_step in self._key_steps:
            if self._next_step == last_step or self._video is None:
                return
            observation = self._observations.pop(self._next_step)
            self._last = self._key_steps.pop(self._next_step)
            self._video.add_running(observation, self._last)
            self._next_step += 1

    def _close_video(self, record: EpisodeRecord, video: EpisodeVideo) -> EpisodeRecord:
        video.finish(record.status.reason)
        sheet = self._folder / f'{record.status.task}.png'
        video.write_sheet(sheet)
        return replace(record, video=self._folder / f'{record.status.task}.mp4', sheet=sheet)
