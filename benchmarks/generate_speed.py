# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How fast demonstrations are made and read, beside the figures of the original oracle.

Three tables, start-up excluded everywhere:

    generation  kept, rendered and written episodes: one process, then one per core
    pictures    taken while the world moves, or afterwards of what was kept: seconds per episode
    dataset     bytes a step on disk, and random pairs of frames a second from it

The original's column is a measurement of the stock ClevrSkills oracle with its own recorder, for
fixed seeds in one process on two cores without a GPU: 5 episodes of Pick, 4 of most others. Its
episodes are longer (it moves less in a control step): read the episodes, not the steps.
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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import Planner
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_training.atomic_file import write_json
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.episode_rows import EpisodeRows, EpisodeRowsBuilder
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.episode_worker import EpisodeJob
from c2a_training.generation.episode_maker import EpisodeMaker
from c2a_training.generation.generate import Generation
from c2a_training.generation.generate_plan import SeedRequest, TaskPlan
from c2a_training.generation.generate_pool import EpisodePool, InProcessPool, ProcessPool
from c2a_training.generation.generate_settings import GenerateSettings
from c2a_training.generation.generate_worker import limit_threads
from c2a_training.rollout import OracleLowLevel, run_episode

# Task -> mean steps and wall seconds of an episode, ClevrSkills' own oracle. Topple is its
# Touch {topple: true}.
ORIGINAL: dict[str, tuple[float, float]] = {
    'Pick': (26.6, 5.9),
    'PlaceOnTop': (48.0, 13.1),
    'PlaceNextTo': (62.3, 19.4),
    'Push': (108.0, 22.8),
    'Topple': (44.8, 10.6),
    'SingleStack': (63.7, 17.5),
    'Swap': (161.3, 34.5),
}
WARM_UP_SEED = 900_000
BATCH = 64


@dataclass(frozen=True)
class Speed:
    """What one task took.

    Attributes:
        task: its name.
        episodes: kept.
        steps: control steps of an episode, mean.
        one_process_s: wall seconds of an episode with one process.
        per_minute: episodes a minute with one process per core.
    """

    task: str
    episodes: int
    steps: float
    one_process_s: float
    per_minute: float


def measure_generation(
    task: str, episodes: int, pool: EpisodePool, directory: Path
) -> tuple[float, float]:
    """Seconds for so many kept episodes, shards included, and their mean steps."""
    with EpisodeWriter(directory, GenerateSettings().options()) as writer:
        plan = TaskPlan(task, SeedRequest(episodes=episodes))
        steps: list[int] = []
        started = time.perf_counter()
        Generation([plan], writer).run(pool, lambda made: steps.append(made.steps * made.kept))
        seconds = time.perf_counter() - started
    return seconds, sum(steps) / len(plan.kept)


def warm_up(pool: EpisodePool) -> None:
    """Load every process's simulator and its first pictures."""
    jobs = [EpisodeJob('Pick', WARM_UP_SEED + index) for index in range(8 * pool.size)]
    for future in [pool.submit(job) for job in jobs]:
        made = future.result()
        if made.path is not None:
            made.path.unlink()


def measure_tasks(args: argparse.Namespace, folder: Path, console: Console) -> list[Speed]:
    """All rows of the first table."""
    settings = GenerateSettings()
    alone_dir, all_dir = folder / 'alone', folder / 'set'
    for directory in (alone_dir, all_dir):
        with EpisodeWriter(directory, settings.options()):
            pass
    alone = InProcessPool.with_oracle(settings, alone_dir)
    warm_up(alone)
    rows = []
    with ProcessPool(settings, all_dir, args.workers) as pool:
        warm_up(pool)
        few = max(1, args.episodes // 4)
        for task in track(args.tasks, 'generating', console=console, transient=True):
            one_s, _ = measure_generation(task, few, alone, alone_dir)
            all_s, steps = measure_generation(task, args.episodes, pool, all_dir)
            rows.append(Speed(task, args.episodes, steps, one_s / few, 60 * args.episodes / all_s))
    return rows


class TwoPasses:
    """The other way: simulate without pictures, then repeat what was kept with pictures."""

    def __init__(self) -> None:
        self._blind = Simulator(SimConfig(render=False))
        self._seeing = Simulator(SimConfig())
        self._planner = Planner(OracleBackend())
        self._low_level = OracleLowLevel(self._blind)

    def run(self, job: EpisodeJob) -> EpisodeRows | None:
        """One episode, None if it is dropped."""
        recorded = []
        result = run_episode(
            self._blind,
            self._planner,
            self._low_level,
            task=job.task,
            seed=job.seed,
            on_step=lambda _, key_step, command: recorded.append((key_step, command)),
        )
        if not result.success:
            return None
        simulator = self._seeing
        simulator.episode_id = 0
        simulator.reset(job.task, job.seed)
        builder = EpisodeRowsBuilder(job.task, job.seed, result.instruction)
        for key_step, command in recorded:
            observation = simulator.observe()
            labels = simulator.object_labels()
            builder.add(observation, key_step, command, simulator.success, labels, key_step.code)
            if command is not None:
                simulator.step(command.action)
        return builder.finish(simulator.state_digest())


def measure_ways(tasks: list[str], episodes: int, rounds: int) -> list[dict[str, object]]:
    """Seconds of an episode's rows both ways, in turns, and that they are the same rows."""
    direct, twice = EpisodeMaker(GenerateSettings(), None), TwoPasses()
    table = []
    for task in tasks:
        times: dict[str, list[float]] = {'while': [], 'after': []}
        is_equal = True
        for _ in range(rounds):
            started = time.perf_counter()
            first = [direct.run(EpisodeJob(task, seed))[0] for seed in range(episodes)]
            middle = time.perf_counter()
            second = [twice.run(EpisodeJob(task, seed)) for seed in range(episodes)]
            times['while'].append((middle - started) / episodes)
            times['after'].append((time.perf_counter() - middle) / episodes)
            pairs = [(a, b) for a, b in zip(first, second, strict=True) if b is not None]
            is_equal &= all(a.metadata == b.metadata for a, b in pairs)
        seconds = {name: statistics.median(values) for name, values in times.items()}
        table.append(
            {
                'task': task,
                'while_s': round(seconds['while'], 4),
                'after_s': round(seconds['after'], 4),
                'is_equal': is_equal,
            }
        )
    return table


def measure_dataset(directory: Path, seconds: float) -> dict[str, object]:
    """Bytes a step, and random pairs of frames a second in batches."""
    store = EpisodeStore(directory)
    size = sum(shard.path.stat().st_size for shard in store.shards)
    started = time.perf_counter()
    dataset = EpisodeDataset(directory)
    opened_s = time.perf_counter() - started
    rng = np.random.default_rng(0)
    dataset.frames(rng.integers(len(dataset), size=BATCH))
    pairs, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        pairs += len(dataset.frames(rng.integers(len(dataset), size=BATCH)).rows)
    return {
        'rows': len(dataset),
        'bytes_per_step': round(size / len(dataset)),
        'open_s': round(opened_s, 3),
        'pairs_per_s': round(pairs / (time.perf_counter() - started)),
    }


def generation_table(rows: list[Speed], workers: int) -> Table:
    """Ours beside the original."""
    table = Table(title='generation', title_justify='left', title_style='bold')
    table.add_column('task', no_wrap=True)
    for heading in ('original', 'C2A', 'original', 'C2A', 'times', f'C2A, {workers} processes'):
        table.add_column(heading, justify='right')
    table.add_row('', 'steps', 'steps', 's/episode', 's/episode', 'faster', 'episodes/min')
    table.add_section()
    for row in rows:
        steps, seconds = ORIGINAL.get(row.task, (float('nan'), float('nan')))
        table.add_row(
            row.task,
            f'{steps:.1f}',
            f'{row.steps:.1f}',
            f'{seconds:.1f}',
            f'{row.one_process_s:.3f}',
            f'{seconds / row.one_process_s:.0f}',
            f'{row.per_minute:.0f}',
        )
    return table


def ways_table(rows: list[dict[str, object]]) -> Table:
    """Pictures while simulating or afterwards."""
    table = Table(title='pictures, one process', title_justify='left', title_style='bold')
    table.add_column('task', no_wrap=True)
    for heading in ('while simulating, s', 'afterwards, s', 'same rows'):
        table.add_column(heading, justify='right')
    for row in rows:
        same = 'yes' if row['is_equal'] else '[red]no[/]'
        table.add_row(row['task'], f'{row["while_s"]:.3f}', f'{row["after_s"]:.3f}', same)
    return table


def make_parser() -> argparse.ArgumentParser:
    """Arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--tasks', nargs='+', default=list(ORIGINAL), metavar='NAME')
    parser.add_argument('--episodes', type=int, default=100, help='kept of each task')
    parser.add_argument('--workers', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--ways-episodes', type=int, default=20, help='episodes of second table')
    parser.add_argument('--rounds', type=int, default=3, help='of the second table')
    parser.add_argument('--read-s', type=float, default=5.0, help='seconds of reading')
    parser.add_argument('--dataset', type=Path, metavar='DIR', help='read this one instead')
    parser.add_argument('--json', type=Path, metavar='FILE')
    return parser


def main() -> int:
    """Measure and print."""
    args = make_parser().parse_args()
    console = Console()
    limit_threads()
    with tempfile.TemporaryDirectory(prefix='c2a_generate_speed_') as folder:
        speeds = measure_tasks(args, Path(folder), console)
        ways = measure_ways(args.tasks[:3], args.ways_episodes, args.rounds)
        dataset = measure_dataset(args.dataset or Path(folder) / 'set', args.read_s)
    console.print(generation_table(speeds, args.workers))
    console.print(ways_table(ways))
    console.print(
        f'[bold]dataset[/] of {dataset["rows"]} rows: {dataset["bytes_per_step"]} bytes a step, '
        f'opened in {dataset["open_s"]} s, {dataset["pairs_per_s"]} random pairs of frames a '
        f'second in batches of {BATCH}'
    )
    if args.json is not None:
        machine = {'cores': os.cpu_count(), 'python': platform.python_version()}
        document = {
            'machine': machine,
            'workers': args.workers,
            'generation': [vars(speed) for speed in speeds],
            'original': {task: list(values) for task, values in ORIGINAL.items()},
            'pictures': ways,
            'dataset': dataset,
        }
        write_json(args.json, json.loads(json.dumps(document)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
