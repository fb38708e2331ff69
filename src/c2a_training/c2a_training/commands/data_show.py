# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a data show`: video, contact sheet and action plot of an episode of a dataset."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape

from c2a_core.types import Command, CommandSource, KeyStep, Observation, ReplyStatus
from c2a_training.command_group import say_file_error
from c2a_training.dataset.episode_rows import EpisodeRows
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.recorded_observation import recorded_observation
from c2a_training.video import EpisodeVideo, contact_sheet, pick_frames, write_png

EXIT_OK, EXIT_USAGE = 0, 2
SHEET_FRAMES = 8

_BLACK = np.zeros((2, 2, 3), np.uint8)

DESCRIPTION = """\
Draw an episode: NAME.mp4, every observation with the running code and the memory beside it;
NAME.png, a contact sheet of the steps at which key steps began; NAME-actions.png, the actions
over time with the borders of the key steps. NAME is the episode's name. Observations whose
pictures were not taken are not in the video."""


@dataclass(frozen=True)
class Pictures:
    """Files of an episode."""

    video: Path
    sheet: Path
    plot: Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'show',
        help='video, contact sheet and action plot of an episode',
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('directory', type=Path, metavar='DIR')
    parser.add_argument(
        '--episode',
        default='0',
        metavar='KEY',
        help='name such as Swap-3, or its number in the dataset (default: 0)',
    )
    parser.add_argument(
        '--out', type=Path, default=Path('out/data'), metavar='DIR', help='default: out/data'
    )


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console(highlight=False)
    try:
        store = EpisodeStore(args.directory)
        name = find_episode(store, args.episode)
        with console.status(f'drawing {name}'):
            pictures = draw_episode(store.read(name), args.out)
    except (OSError, ValueError) as err:
        sentence = say_file_error(err) if isinstance(err, OSError) else str(err)
        console.print(f'[red]error:[/] {escape(sentence)}', soft_wrap=True)
        return EXIT_USAGE
    for path in (pictures.video, pictures.sheet, pictures.plot):
        console.print(str(path), soft_wrap=True)
    return EXIT_OK


def find_episode(store: EpisodeStore, key: str) -> str:
    """Name of an episode from its name or number.

    Raises:
        ValueError: if there is none, with what there is.
    """
    if key in store:
        return key
    if key.isdecimal():
        if int(key) < len(store):
            return store.episodes[int(key)].episode
        raise ValueError(
            f'no episode number {key} in {store.directory}: it has {len(store)}, from number 0'
        )
    try:
        return store.metadata(key).episode
    except KeyError as err:
        raise ValueError(err.args[0]) from err


def draw_episode(rows: EpisodeRows, folder: Path) -> Pictures:
    """Write the pictures of an episode."""
    # Here, so that `--help` does not wait for matplotlib.
    from c2a_training.episode_plot import write_plot

    info = rows.metadata
    stem = ''.join(c if c.isalnum() or c in '-_.' else '_' for c in info.episode)
    pictures = Pictures(
        folder / f'{stem}.mp4', folder / f'{stem}.png', folder / f'{stem}-actions.png'
    )
    video = EpisodeVideo(
        pictures.video,
        task=info.task,
        seed=info.seed,
        instruction=info.instruction,
        max_steps=info.n_steps,
    )
    try:
        for observation, key_step, command in replay_rows(rows):
            # What was not pictured is left out of the video; the plot has all rows.
            if rows.base_jpeg[observation.step] is not None:
                video.add(observation, key_step, command)
        video.finish('success' if info.success else 'no success')
    except BaseException:
        video.abort()
        raise
    write_png(pictures.sheet, contact_sheet(pick_frames(video.key_frames, SHEET_FRAMES)))
    write_plot(pictures.plot, rows)
    return pictures


def replay_rows(rows: EpisodeRows) -> Iterator[tuple[Observation, KeyStep, Command | None]]:
    """The messages that an episode's rows were made of; the last row has no command."""
    for row in range(len(rows)):
        command = None
        if row < len(rows.actions):
            command = Command(
                episode_id=0,
                step=row,
                source=CommandSource.SKILL,
                chunk_id=-1,
                chunk_index=-1,
                action=rows.actions[row],
                subtask_id=int(rows.subtask_id[row]),
                stamp_ns=int(rows.stamp_ns[row]),
            )
        observation = recorded_observation(rows, row, missing=_BLACK)
        yield observation, _key_step(rows, row), command


def _key_step(rows: EpisodeRows, row: int) -> KeyStep:
    is_key_step = bool(rows.is_key_step[row])
    return KeyStep(
        episode_id=0,
        step=row,
        stamp_ns=int(rows.stamp_ns[row]),
        subtask_id=int(rows.subtask_id[row]),
        is_key_step=is_key_step,
        code=rows.code[row],
        cache_info=rows.cache_info[row],
        memory=rows.memory[row],
        reply_status=ReplyStatus.KEY_STEP if is_key_step else ReplyStatus.SAME,
    )
