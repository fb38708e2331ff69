# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How fast bags are read, joined and made into a dataset.

The bags are like what a recorder leaves: the topics of the loop, and both cameras once more on
their standard topics. Their pictures are renderings of the embedded simulator, because
pictures of noise or of nothing would cost another time to compress. Give `--bags` to measure with
recordings of your own.

    read        all messages of all topics, undecoded
    join        the loop's messages decoded and joined into episodes
    convert     bags to a dataset on disk: `c2a data from-bag`
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from c2a_training.bags.bag_convert import Thresholds, read_episodes
from c2a_training.bags.bag_reader import BagReader, find_bags
from c2a_training.commands.data_from_bag import convert

TARGET_GB_PER_MIN = 4.0


def record(folder: Path, episodes: int, task: str) -> None:
    """Write bags of oracle episodes as the recorder does, without nodes."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tests'))
    from bag_files import note_events, write_bag

    from c2a_sim_bridge.sim.simulator import SimConfig, Simulator

    simulator = Simulator(SimConfig())
    for seed in range(episodes):
        write_bag(folder / f'{task}_{seed}_1', note_events(simulator, task, seed))


def measure(bags: list[Path], rounds: int, workers: int) -> dict[str, list[float]]:
    """Seconds of each stage, round by round."""
    seconds: dict[str, list[float]] = {'read': [], 'join': [], 'convert': []}
    for _ in range(rounds):
        started = time.perf_counter()
        for bag in bags:
            sum(len(message.data) for message in BagReader(bag).raw_messages())
        seconds['read'].append(time.perf_counter() - started)
        started = time.perf_counter()
        for bag in bags:
            read_episodes(bag)
        seconds['join'].append(time.perf_counter() - started)
        with tempfile.TemporaryDirectory() as out:
            report = convert(bags, Path(out) / 'dataset', Thresholds(), workers)
        if report.accepted != len(bags):
            raise SystemExit(f'{report.accepted} of {len(bags)} bags gave an episode')
        seconds['convert'].append(report.wall_s)
    return seconds


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--bags', type=Path, help='folder of bags (default: bags made for this)')
    parser.add_argument('--episodes', type=int, default=20)
    parser.add_argument('--task', default='PlaceNextTo')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.bags is None:
            record(Path(folder), args.episodes, args.task)
        bags = find_bags([args.bags or Path(folder)])
        size = sum(BagReader(bag).size_bytes for bag in bags)
        seconds = measure(bags, args.rounds, args.workers)
    rates = {
        name: sorted(size / 1e9 / second * 60 for second in rounds)
        for name, rounds in seconds.items()
    }
    table = Table(title=f'{len(bags)} bags, {size / 1e9:.2f} GB, {args.workers} workers')
    for head in ('stage', 'GB/min', 'range'):
        table.add_column(head, justify='left' if head == 'stage' else 'right')
    for name, values in rates.items():
        span = f'{values[0]:.1f} to {values[-1]:.1f}'
        table.add_row(name, f'{statistics.median(values):.1f}', span)
    console = Console()
    console.print(table)
    reached = statistics.median(rates['convert']) >= TARGET_GB_PER_MIN
    console.print(f'target {TARGET_GB_PER_MIN:g} GB/min: {"reached" if reached else "missed"}')
    if args.json is not None:
        document = {
            'machine': f'{platform.machine()}, {os.cpu_count()} cores',
            'bags': len(bags),
            'size_bytes': size,
            'workers': args.workers,
            'gb_per_min': rates,
        }
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(document, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
