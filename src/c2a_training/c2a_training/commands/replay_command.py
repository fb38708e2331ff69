# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a replay`: play a bag's topics with their own timing, or its actions in the simulator."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from c2a_training.atomic_file import write_json
from c2a_training.bags.bag_convert import read_episodes
from c2a_training.bags.bag_mcap import BagError
from c2a_training.bags.bag_reader import BagReader
from c2a_training.bags.bag_split import SPLITS, split_of
from c2a_training.bags.replay_player import BagPlayer, Scan, choose_topics, scan
from c2a_training.bags.replay_sim import Comparison, replay_episode
from c2a_training.rollout import Simulator

EXIT_OK, EXIT_DIFFERENT, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

DISCOVERY_S = 2.0
"""So long RViz, rqt and the like have to find the publishers before the first message."""

DESCRIPTION = """\
Play the topics of a recorded episode with their own timing, for RViz, rqt and nodes that only
listen. With --in-sim nothing is published: the bag's actions go through the loop in the embedded
simulator, and the outcome is compared with the bag."""

EPILOG = """\
Do not play into a running stack: it would hear two bridges. Choose another ROS_DOMAIN_ID for it.

Exit code of playing: 0 at the bag's end, 130 after Ctrl-C. With --in-sim: 0 if success, steps,
reason, the robot's state at every step and, for the oracle planner, the code are those of the bag;
1 if not; 2 for bad arguments or a bag that cannot be read.

JSON of --in-sim: {"episodes": [{"episode_id", "task", "seed", "success": [recorded, replayed],
"steps": [recorded, replayed], "reason": [recorded, replayed], "max_position_mm",
"final_position_mm", "is_bit_equal", "first_difference", "codes_differ", "differences"}]}."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'replay',
        help='play a recorded bag, or its actions in the simulator',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('bag', type=Path, metavar='BAG', help='folder of the bag, or its file')
    playing = parser.add_argument_group('playing')
    playing.add_argument(
        '--rate',
        type=float,
        default=1.0,
        metavar='X',
        help='times the recorded speed (default: 1)',
    )
    playing.add_argument(
        '--robot-time',
        action='store_true',
        help='as the robot moved, by the stamps (default: as it was recorded, by receive times)',
    )
    playing.add_argument(
        '--loop', action='store_true', help='begin again at the end, until Ctrl-C'
    )
    playing.add_argument(
        '--topics', nargs='+', default=[], metavar='TOPIC', help='only these (default: all)'
    )
    playing.add_argument(
        '--delay',
        type=float,
        default=DISCOVERY_S,
        metavar='S',
        help=f'time that listeners have to find the publishers (default: {DISCOVERY_S:g} s)',
    )
    comparing = parser.add_argument_group('comparing')
    comparing.add_argument(
        '--in-sim', action='store_true', help='its actions in the simulator, compared with the bag'
    )
    comparing.add_argument(
        '--max-position-mm',
        type=float,
        default=0.0,
        metavar='MM',
        help='so far may the end effector be off (default: 0, every bit of the state the same)',
    )
    comparing.add_argument(
        '--split',
        choices=SPLITS,
        default='',
        help='objects of the recorded scenes, only for bags that do not say it (before version 2)',
    )
    comparing.add_argument(
        '--json', type=Path, metavar='FILE', help='write the comparison as JSON'
    )


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    console = console or Console()
    try:
        if args.in_sim:
            _refuse(
                args, ('loop', 'topics', 'robot_time'), '--in-sim publishes nothing: leave out'
            )
            return _compare(args, console)
        _refuse(args, ('json', 'max_position_mm', 'split'), 'only with --in-sim:')
        return _play(args, console)
    except (BagError, ValueError) as err:
        console.print(f'[red]error:[/] {escape(str(err))}')
        return EXIT_USAGE


def _refuse(args: argparse.Namespace, names: tuple[str, ...], why: str) -> None:
    for name in names:
        if getattr(args, name):
            raise ValueError(f'{why} --{name.replace("_", "-")}')


def _play(args: argparse.Namespace, console: Console) -> int:
    bag = BagReader(args.bag)
    found = scan(bag)
    topics = choose_topics(found.channels, args.topics)
    try:
        from c2a_training.replay_node import Replayer
    except ImportError as err:
        raise ValueError(
            f'ROS is not in this environment ({err.name} is missing): start it through ./c2a, or '
            'source your workspace; --in-sim needs no ROS'
        ) from err
    if not 0 <= args.delay < float('inf'):
        raise ValueError(f'--delay is {args.delay}, expected 0 or more')
    if not 0 < args.rate < float('inf'):
        raise ValueError(f'--rate is {args.rate}, expected more than 0')
    channels = {topic: found.channels[topic] for topic in topics}
    with Replayer(channels, args.delay) as node:
        for topic, why in node.skipped.items():
            console.print(f'[yellow]left out[/] {escape(topic)}: {escape(why)}')
        if rivals := node.rivals():
            console.print(
                f'[yellow]warning:[/] somebody else publishes {escape(", ".join(rivals))} in this '
                'ROS domain: listeners hear both'
            )
        if not node.listened_to():
            console.print('[yellow]nobody listens yet[/] (a longer --delay may help)')
        player = BagPlayer(
            bag, node.publish, rate=args.rate, topics=topics, by_robot_time=args.robot_time
        )
        return _play_rounds(player, args, found, console)


def _play_rounds(
    player: BagPlayer, args: argparse.Namespace, found: Scan, console: Console
) -> int:
    columns = (TextColumn('{task.description}'), BarColumn(), TimeElapsedColumn())
    code = EXIT_OK
    length_s = found.robot_s if args.robot_time else found.recorded_s
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(escape(args.bag.name), total=length_s)
        try:
            player.play(lambda time_s: progress.update(bar, completed=time_s))
            while args.loop:
                player.play(lambda time_s: progress.update(bar, completed=time_s))
        except KeyboardInterrupt:
            code = EXIT_INTERRUPTED
    played = player.played
    console.print(
        f'{sum(played.counts.values())} messages of {len(played.counts)} topics, '
        f'{length_s:.1f} s long, {played.rounds} times to the end'
    )
    if not args.robot_time and found.recorded_s < 0.5 * found.robot_s:
        console.print(
            f'the {found.robot_s:.1f} s that the robot moved were recorded in lockstep in '
            f'{found.recorded_s:.1f} s: --robot-time plays them as it moved'
        )
    return code


def make_simulator(split: str) -> Simulator:
    """The world in which actions are replayed, without pictures."""
    # Imported late: the simulator takes seconds to load, and the bag may be no good.
    from c2a_sim_bridge.sim.simulator import SimConfig
    from c2a_sim_bridge.sim.simulator import Simulator as EmbeddedSimulator

    return EmbeddedSimulator(SimConfig(render=False, split=split))


def _compare(args: argparse.Namespace, console: Console) -> int:
    if not args.max_position_mm >= 0:
        raise ValueError(f'--max-position-mm is {args.max_position_mm}, expected 0 or more')
    episodes = read_episodes(args.bag)
    simulator_of = functools.cache(make_simulator)
    compared = []
    for episode in episodes:
        if episode.status is None:
            raise BagError(f'episode {episode.episode_id} has no status: its task is unknown')
        split = split_of(episode.status, args.split)
        result = replay_episode(episode, simulator_of(split), args.max_position_mm)
        compared.append(result)
        console.print(_table(result, split))
        for difference in result.differences:
            console.print(f'[red]different:[/] {escape(difference)}')
    if args.json is not None:
        write_json(args.json, {'episodes': [result.as_json() for result in compared]})
    is_same = not any(result.differences for result in compared)
    console.print('the same outcome' if is_same else 'another outcome')
    return EXIT_OK if is_same else EXIT_DIFFERENT


def _table(result: Comparison, split: str) -> Table:
    table = Table(title=f'{escape(result.task)} seed {result.seed}, split {split}')
    for head in ('', 'recorded', 'replayed'):
        table.add_column(head)
    for name in ('success', 'steps', 'reason'):
        table.add_row(name, *(escape(str(value)) for value in getattr(result, name)))
    off = 'same bits' if result.is_bit_equal else f'{result.max_position_mm:.3f} mm off'
    table.add_row("robot's state", '', off)
    return table
