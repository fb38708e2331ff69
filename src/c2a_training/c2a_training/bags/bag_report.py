# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a conversion says about each bag, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from c2a_training.bags.bag_topics import TopicQuality

MAX_ROWS = 20
"""Bags that the table shows whether or not something is odd about them."""


@dataclass(frozen=True)
class EpisodeReport:
    """One episode of a bag.

    Attributes:
        episode_id: its number in the bag.
        task: task name, empty if the bag does not tell.
        seed: of the scene.
        split: objects of the scene, empty if nobody tells.
        instruction: what the robot was asked to do.
        success: the predicates held at the end.
        reason: how it ended, empty if the bag does not tell.
        steps: control steps done.
        rows: rows made of it, 0 if it was refused.
        missing_steps: steps of which observation, key step or command is missing.
        longest_gap: the most of them in a row.
        filled_steps: missing steps for which the step before stands in.
        held_steps: realtime only: steps at which the robot held, because no command had come in
            time or there was nothing to do.
        duplicates: further messages for steps that had one.
        max_skew_ms: largest distance of a stamp from its observation's [ms].
        refused: why there are no rows of it, empty if there are.
        is_known: the dataset had the very same rows before.
    """

    episode_id: int
    task: str
    seed: int
    split: str
    instruction: str
    success: bool
    reason: str
    steps: int
    rows: int
    missing_steps: int
    longest_gap: int
    filled_steps: int
    held_steps: int
    duplicates: int
    max_skew_ms: float
    refused: str
    is_known: bool = False


@dataclass(frozen=True)
class BagReport:
    """One bag.

    Attributes:
        bag: its path.
        size_bytes: size of its files.
        error: why nothing of it could be read, empty if something could.
        notes: what is odd about it.
        foreign_topics: topics that were ignored because C2A does not know them.
        topics: how well its topics fit its observations.
        episodes: what became of its episodes.
    """

    bag: str
    size_bytes: int
    error: str = ''
    notes: tuple[str, ...] = ()
    foreign_topics: tuple[str, ...] = ()
    topics: tuple[TopicQuality, ...] = ()
    episodes: tuple[EpisodeReport, ...] = ()

    def refusals(self) -> Iterator[str]:
        """One line for all that gave no rows, and why."""
        if self.error:
            yield self.error
        elif not self.episodes:
            yield 'no episode in it'
        for episode in self.episodes:
            if episode.refused:
                name = f'{episode.task} seed {episode.seed}' if episode.task else 'unknown task'
                yield f'episode {episode.episode_id} ({name}): {episode.refused}'


@dataclass
class ConversionReport:
    """All bags of a conversion.

    Attributes:
        bags: in the order of the command line.
        wall_s: how long it took [s].
        complete: it was not interrupted.
    """

    bags: list[BagReport] = field(default_factory=list)
    wall_s: float = 0.0
    complete: bool = True

    @property
    def episodes(self) -> list[EpisodeReport]:
        """Episodes of all bags."""
        return [episode for bag in self.bags for episode in bag.episodes]

    @property
    def accepted(self) -> int:
        """Episodes that gave rows."""
        return sum(not episode.refused for episode in self.episodes)

    @property
    def refused(self) -> int:
        """Episodes that did not."""
        return len(self.episodes) - self.accepted

    @property
    def unreadable(self) -> int:
        """Bags of which nothing could be read."""
        return sum(bool(bag.error) for bag in self.bags)

    @property
    def rows(self) -> int:
        """Rows of all episodes."""
        return sum(episode.rows for episode in self.episodes)

    @property
    def size_bytes(self) -> int:
        """Bytes of all bags."""
        return sum(bag.size_bytes for bag in self.bags)

    def as_json(self) -> dict[str, object]:
        """The JSON document."""
        return {
            'bags': [asdict(bag) for bag in self.bags],
            'accepted': self.accepted,
            'refused': self.refused,
            'unreadable': self.unreadable,
            'rows': self.rows,
            'size_bytes': self.size_bytes,
            'wall_s': round(self.wall_s, 3),
            'complete': self.complete,
        }


def print_report(report: ConversionReport, console: Console) -> None:
    """Print tables of bags and topics, and what was refused."""
    console.print(_bag_table(report.bags))
    if any(bag.topics for bag in report.bags):
        console.print(_topic_table(report.bags))
    for bag in report.bags:
        for line in bag.refusals():
            console.print(f'[yellow]refused[/] {escape(bag.bag)}: {escape(line)}')
        for note in bag.notes:
            console.print(f'[dim]note[/] {escape(bag.bag)}: {escape(note)}')
        if bag.foreign_topics:
            ignored = escape(', '.join(bag.foreign_topics))
            console.print(f'[dim]ignored[/] {escape(bag.bag)}: {ignored}')


def _bag_table(bags: Sequence[BagReport]) -> Table:
    """The bags, or the ones with something to say if there are many."""
    shown = bags if len(bags) <= MAX_ROWS else [bag for bag in bags if _is_odd(bag)]
    left_out = len(bags) - len(shown)
    title = f'bags; {left_out} more without any fault' if left_out else 'bags'
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column('bag', overflow='fold')
    for head in ('MB', 'kept', 'steps', 'gaps', 'filled', 'held', 'twice', 'skew'):
        table.add_column(head, justify='right')
    for bag in shown:
        episodes = bag.episodes
        longest = max((episode.longest_gap for episode in episodes), default=0)
        missing = sum(episode.missing_steps for episode in episodes)
        skew = max((episode.max_skew_ms for episode in episodes), default=0.0)
        table.add_row(
            escape(Path(bag.bag).name),
            f'{bag.size_bytes / 1e6:.1f}',
            f'{sum(not episode.refused for episode in episodes)} of {len(episodes)}',
            str(sum(episode.steps for episode in episodes)),
            f'{missing}, {longest} in a row' if missing else '0',
            str(sum(episode.filled_steps for episode in episodes)),
            str(sum(episode.held_steps for episode in episodes)),
            str(sum(episode.duplicates for episode in episodes)),
            f'{skew:g} ms',
        )
    return table


def _is_odd(bag: BagReport) -> bool:
    """Whether there is more to say about a bag than its size."""
    parts = (e.missing_steps or e.held_steps or e.duplicates or e.refused for e in bag.episodes)
    return bool(bag.error or bag.notes or not bag.episodes or any(parts))


def _topic_table(bags: Sequence[BagReport]) -> Table:
    """Topics over all bags: sums, and the worst of each."""
    table = Table(
        title='topics beside the observations; skew and delay in ms',
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column('topic', overflow='fold')
    for head in ('messages', 'dropped', 'twice', 'skew', 'delay', 'at most'):
        table.add_column(head, justify='right')
    by_topic: dict[str, list[TopicQuality]] = {}
    for bag in bags:
        for quality in bag.topics:
            by_topic.setdefault(quality.topic, []).append(quality)
    for topic, parts in by_topic.items():
        medians = sorted(p.median_delay_ms for p in parts if p.median_delay_ms is not None)
        worst = [p.max_delay_ms for p in parts if p.max_delay_ms is not None]
        table.add_row(
            topic,
            str(sum(part.messages for part in parts)),
            str(sum(part.dropped for part in parts)),
            str(sum(part.duplicates for part in parts)),
            f'{max(part.max_skew_ms for part in parts):g}',
            f'{medians[len(medians) // 2]:.1f}' if medians else '–',
            f'{max(worst):.1f}' if worst else '–',
        )
    return table
