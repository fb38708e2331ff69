# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a data export`: write a dataset as LeRobotDataset v3, LLaVA-style JSON, or for replay."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from c2a_training.command_group import say_file_error
from c2a_training.dataset.episode_store import EpisodeStore

EXIT_OK, EXIT_USAGE = 0, 2
# LeRobot's robot_type where a dataset does not say another one.
ROBOT = 'panda_vacuum'

DESCRIPTION = """\
Write a dataset in another project's format.

lerobot: LeRobotDataset v3, which the lerobot library opens. A frame is a row with an action. Its
task is the instruction, its sub-task the running code; code, cache info and memory are features.

llava: llava.json, conversations about the base camera's pictures: which code should be running
(the code where a key step begins, the commented-out code in between), which key step comes next,
and questions about what is where, with as many that have to be denied.

replay: one .npz file an episode, for ./c2a bringup low_level:=replay replay_dir:=OUT."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'export',
        help='write LeRobotDataset v3, LLaVA-style JSON, or files for replay',
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('directory', type=Path, metavar='DIR')
    parser.add_argument('--format', choices=tuple(_EXPORTS), required=True)
    parser.add_argument(
        '--out', type=Path, required=True, metavar='OUT', help='new or empty directory'
    )
    parser.add_argument(
        '--pictures',
        choices=('video', 'jpeg'),
        default='video',
        help='lerobot: H.264 videos, or the JPEGs of the dataset bit for bit (default: video)',
    )
    parser.add_argument(
        '--stride',
        type=int,
        default=1,
        metavar='N',
        help='llava: between key steps ask at every N-th step only (default: 1)',
    )
    parser.add_argument(
        '--questions',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='llava: auxiliary questions about what is where (default: with them)',
    )


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console(highlight=False)
    try:
        if args.stride < 1:
            raise ValueError(f'--stride is {args.stride}, expected at least 1')
        store = EpisodeStore(args.directory)
        if not len(store):
            raise ValueError(f'{args.directory} has no episode to export')
        done = _EXPORTS[args.format](store, args, console)
    except (OSError, ValueError) as err:
        sentence = say_file_error(err) if isinstance(err, OSError) else str(err)
        console.print(f'[red]error:[/] {escape(sentence)}', soft_wrap=True)
        return EXIT_USAGE
    console.print(f'[bold]{done}[/] in {escape(str(args.out))}', soft_wrap=True)
    return EXIT_OK


def export_lerobot(store: EpisodeStore, args: argparse.Namespace, console: Console) -> str:
    """Write a LeRobotDataset; what was written, in words."""
    # Here, so that `--help` does not wait for pandas.
    from c2a_training.dataset.lerobot_export import LeRobotWriter

    robot = str(store.manifest.options.get('robot', ROBOT))
    robot = robot if 'vacuum' in robot else ROBOT  # `low_poly` and `detailed` are its meshes
    frames = 0
    with (
        LeRobotWriter(args.out, robot=robot, as_video=args.pictures == 'video') as writer,
        _progress(console) as progress,
    ):
        bar = progress.add_task('exporting', total=len(store))
        for rows in store:
            writer.add(rows)
            frames += rows.metadata.n_steps
            progress.update(bar, advance=1, description=rows.metadata.episode)
    return f'{len(store)} episodes, {frames} frames as LeRobotDataset v3'


def export_llava(store: EpisodeStore, args: argparse.Namespace, console: Console) -> str:
    """Write LLaVA-style JSON; what was written, in words."""
    from c2a_training.dataset.llava_export import LlavaSettings, LlavaWriter

    settings = LlavaSettings(args.stride, args.questions)
    with LlavaWriter(args.out, settings) as writer, _progress(console) as progress:
        bar = progress.add_task('exporting', total=len(store))
        for rows in store:
            writer.add(rows)
            progress.update(bar, advance=1, description=rows.metadata.episode)
    return f'{writer.entries} conversations about {writer.pictures} pictures'


def export_replay(store: EpisodeStore, args: argparse.Namespace, console: Console) -> str:
    """Write episodes for the low level `replay`; what was written, in words."""
    if args.out.exists() and any(args.out.iterdir()):
        raise ValueError(f'{args.out} is not empty: name a new directory')
    with _progress(console) as progress:
        bar = progress.add_task('exporting', total=len(store))
        left_out = []
        for episode in store.episodes:
            try:
                store.write_recording(episode.episode, args.out)
            except ValueError:
                # The file's name has no place for a variant's arguments.
                left_out.append(episode.episode)
            progress.update(bar, advance=1, description=episode.episode)
    done = f'{len(store) - len(left_out)} recorded episodes'
    return f'{done}, without the variants {", ".join(left_out)}' if left_out else done


_EXPORTS = {'lerobot': export_lerobot, 'llava': export_llava, 'replay': export_replay}


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn('ETA'),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)
