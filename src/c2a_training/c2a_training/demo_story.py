# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Tells an episode as it runs: what the planner sees, thinks and does. Knows no ROS.

Every reply comes here, how each executed skill ended, and each action chunk of a policy. A key
step is told at once; its outcome, what was repeated and which chunks were made meanwhile, when the
next one begins.
"""

from __future__ import annotations

from collections import deque

from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from c2a_core.spaces import CONTROL_DT
from c2a_core.types import ActionChunk, EndReason, EpisodeStatus, KeyStep, ReplyStatus
from c2a_training.demo_recorder import EpisodeRecord
from c2a_training.rollout_rows import DONE_CODE

STEP_WIDTH = 5
_WRITES_CODE = (ReplyStatus.KEY_STEP, ReplyStatus.REPEATED)


class DemoStory:
    """Writes an episode to the console.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        # Chunks come on a topic of their own, perhaps before the key step that they are for.
        self._chunks: dict[tuple[int, int], list[ActionChunk]] = {}
        self._policy = ''
        self._running: KeyStep | None = None
        self._outcome: bool | None = None
        # A skill that fails at once has ended before its key step is heard of.
        self._early_outcomes: deque[bool] = deque()
        self._repeats = self._early_stops = 0
        self._invalid, self._invalid_again = '', 0
        self._has_introduced = False

    def begin(self, status: EpisodeStatus) -> None:
        """Head of an episode."""
        self._forget()
        self._early_outcomes.clear()
        self._invalid, self._invalid_again = '', 0
        self._console.rule(f'[bold]{status.task}[/] · seed {status.seed}', align='left')
        self._console.print(f'[bold]{escape(status.instruction)}[/]')

    def reply(self, key_step: KeyStep) -> None:
        """One reply; nothing is told of observations at which the planner was not asked."""
        if not self._has_introduced:
            self._has_introduced = True
            self._note(f'planner {key_step.checkpoint or "without a name"}')
        status = key_step.reply_status
        if status == ReplyStatus.SAME:
            self._repeats += 1
            self._early_stops += key_step.early_stopped
        elif status == ReplyStatus.INVALID:
            self._tell_invalid(key_step)
        elif status in _WRITES_CODE and not key_step.reason:
            self._end_skill(key_step.step)
            self._begin_skill(key_step)

    def skill_ended(self, success: bool) -> None:
        """The running key step was executed as a skill, and has ended."""
        if self._running is None or self._outcome is not None:
            self._early_outcomes.append(success)
        else:
            self._outcome = success

    def chunk(self, chunk: ActionChunk) -> None:
        """The policy has made an action chunk."""
        self._policy = chunk.checkpoint
        self._chunks.setdefault((chunk.episode_id, chunk.subtask_id), []).append(chunk)

    def end(self, record: EpisodeRecord) -> None:
        """Verdict of the predicates."""
        status = record.status
        self._end_invalid()
        self._end_skill(status.step)
        color = 'green' if status.success else 'red'
        calls = sum(code != DONE_CODE for code in record.codes)
        self._console.print(
            f'[bold {color}]{escape(status.reason or "end not heard")}[/] after {status.step} '
            f'steps ({status.step * CONTROL_DT:.1f} s of robot time), {calls} skill calls\n'
        )
        self._forget()

    def _tell_invalid(self, key_step: KeyStep) -> None:
        """The same mistake again and again is told once, and counted."""
        if key_step.reason == self._invalid:
            self._invalid_again += 1
        elif not key_step.reason.startswith(EndReason.ABORTED_PREFIX):
            self._end_invalid()
            self._invalid = key_step.reason
            self._console.print(
                f'{"":{STEP_WIDTH}}  [yellow]step {key_step.step}: invalid reply:[/] '
                f'{escape(key_step.reason)}',
                soft_wrap=True,
            )

    def _end_invalid(self) -> None:
        if self._invalid_again:
            self._note(f'and {self._invalid_again} times more')
        self._invalid, self._invalid_again = '', 0

    def _begin_skill(self, key_step: KeyStep) -> None:
        self._end_invalid()
        self._running = key_step
        self._chunks = {
            (episode_id, subtask_id): chunks
            for (episode_id, subtask_id), chunks in self._chunks.items()
            if episode_id >= key_step.episode_id
        }
        self._outcome = self._early_outcomes.popleft() if self._early_outcomes else None
        row = Table.grid(padding=(0, 2))
        row.add_column(justify='right', width=STEP_WIDTH, style='dim')
        row.add_column(overflow='fold')
        code = Syntax(key_step.code, 'python', background_color='default', word_wrap=True)
        row.add_row(str(key_step.step), code)
        self._console.print(row)
        self._note(f'saw picture {key_step.step}{_thoughts(key_step)}')

    def _end_skill(self, step: int) -> None:
        """What became of the running key step, before the next one is told."""
        if self._running is None or self._running.code == DONE_CODE:
            self._forget()
            return
        lasted = step - self._running.step
        did = {True: 'succeeded after', False: '[red]failed[/] after', None: 'ran for'}
        text = f'{did[self._outcome]} {lasted} step{"" if lasted == 1 else "s"}'
        if self._repeats:
            text += (
                f', {self._repeats} replies said that it goes on, '
                f'{self._early_stops} of them stopped early'
            )
        self._note(text)
        self._tell_chunks(self._running)
        self._forget()

    def _tell_chunks(self, key_step: KeyStep) -> None:
        """What the policy did for a key step that is over."""
        chunks = self._chunks.pop((key_step.episode_id, key_step.subtask_id), [])
        if not chunks:
            return
        mean_ms = 1e3 * sum(chunk.latency_s for chunk in chunks) / len(chunks)
        text = (
            f'policy {self._policy}: {len(chunks)} action chunk{"" if len(chunks) == 1 else "s"}, '
            f'{mean_ms:.0f} ms each'
        )
        if chunks[0].preempted:
            text += f', the first in place of {chunks[0].discarded} actions that were left'
        self._note(text)

    def _note(self, text: str) -> None:
        self._console.print(f'{"":{STEP_WIDTH}}  [dim]{text}[/]', soft_wrap=True)

    def _forget(self) -> None:
        self._running = self._outcome = None
        self._repeats = self._early_stops = 0


def _thoughts(key_step: KeyStep) -> str:
    """What else the planner was given, and the time it took."""
    count = len(key_step.memory)
    text = f', remembered {count} key step{"" if count == 1 else "s"}' if count else ''
    if key_step.latency_s:
        text += f', wrote in {key_step.latency_s * 1e3:.0f} ms'
    return f'{text}, again' if key_step.reply_status == ReplyStatus.REPEATED else text
