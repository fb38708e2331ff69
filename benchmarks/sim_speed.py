# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How fast the embedded simulator is, beside ManiSkill 3's stock PickCube-v1 in the same run.

The contestants take turns for a few rounds, and the table shows the median round with its
extremes, so that a machine that is busy for a moment does not decide. What a row does:

    oracle loop     a whole episode: observe, oracle planner, scripted skill, step, predicates
    observe + step  an arm that holds still: the observation and one control step with predicates
    PickCube-v1     `env.step` of a zero action: observation, control step, evaluation, no reward

Memory is measured in a process of its own, over resets with both cameras.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from c2a_core.spaces import CONTROL_DT, hold_action
from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import Planner
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_training.atomic_file import write_json
from c2a_training.rollout import OracleLowLevel, run_episode

TASKS = ('Pick', 'PlaceNextTo', 'StackTopple', 'Swap')
IMAGE_SIZE = 128
WARM_UP_STEPS = 5
# Flat means: less than this much more between a quarter of the resets and the end.
FLAT_MIB = 20.0


@dataclass
class Contestant:
    """Something that steps, measured round by round.

    Attributes:
        name: first column.
        images: second column.
        round: runs for about so many control steps; control steps done and seconds taken.
        rates: control steps per second of each round.
    """

    name: str
    images: str
    round: Callable[[int], tuple[int, float]]
    rates: list[float] = field(default_factory=list)

    def run(self, steps: int) -> None:
        """One round."""
        done, seconds = self.round(steps)
        self.rates.append(done / seconds)

    def as_json(self) -> dict[str, object]:
        """The row in the JSON file."""
        return {
            'name': self.name,
            'images': self.images,
            'steps_per_s': round(statistics.median(self.rates), 1),
            'min': round(min(self.rates), 1),
            'max': round(max(self.rates), 1),
            'rounds': len(self.rates),
        }


def oracle_loop(simulator: Simulator, task: str) -> Callable[[int], tuple[int, float]]:
    """Rounds of whole episodes of one task, seeds counting up."""
    planner = Planner(OracleBackend(), CONTROL_DT)
    low_level = OracleLowLevel(simulator)
    seeds = iter(range(1_000_000))

    def run(steps: int) -> tuple[int, float]:
        done, seconds = 0, 0.0
        while done < steps:
            episode = run_episode(simulator, planner, low_level, task=task, seed=next(seeds))
            done += episode.steps
            seconds += episode.loop_s
        return done, seconds

    return run


def observe_and_step(simulator: Simulator, task: str) -> Callable[[int], tuple[int, float]]:
    """Rounds of an arm that holds still."""
    action = hold_action(False)

    def run(steps: int) -> tuple[int, float]:
        simulator.reset(task, 0)
        for _ in range(WARM_UP_STEPS):
            simulator.observe()
            simulator.step(action)
        started = time.perf_counter()
        for _ in range(steps):
            simulator.observe()
            simulator.step(action)
        return steps, time.perf_counter() - started

    return run


class StockEnvironment:
    """ManiSkill 3's PickCube-v1 with the Panda that carries a wrist camera."""

    def __init__(self, *, images: bool) -> None:
        import gymnasium
        import mani_skill.envs  # noqa: F401 - registers the environments

        sensors = {'shader_pack': 'minimal', 'width': IMAGE_SIZE, 'height': IMAGE_SIZE}
        self._env = gymnasium.make(
            'PickCube-v1',
            num_envs=1,
            robot_uids='panda_wristcam',
            obs_mode='rgb' if images else 'state',
            control_mode='pd_ee_delta_pose',
            reward_mode='none',
            sim_backend='cpu',
            render_backend='cpu',
            sensor_configs=sensors if images else {},
        )
        self._env.reset(seed=0)
        self._action = np.zeros(self._env.action_space.shape, np.float32)

    def round(self, steps: int) -> tuple[int, float]:
        """Step an arm that holds still."""
        self._env.reset(seed=0)
        for _ in range(WARM_UP_STEPS):
            self._env.step(self._action)
        started = time.perf_counter()
        for _ in range(steps):
            self._env.step(self._action)
        return steps, time.perf_counter() - started

    def reset(self, seed: int) -> None:
        """Place robot and cube anew in the same scene."""
        self._env.reset(seed=seed)

    def rebuild(self, seed: int) -> None:
        """Build the scene anew."""
        self._env.reset(seed=seed, options={'reconfigure': True})


def make_contestants(args: argparse.Namespace) -> list[Contestant]:
    """All rows of the speed table."""
    rows = []
    for images, render in (('none', False), (f'2 x {IMAGE_SIZE}²', True)):
        simulator = make_simulator(render, args.robot)
        rows += [
            Contestant(f'oracle loop, {task}', images, oracle_loop(simulator, task))
            for task in args.tasks
        ]
        hold = observe_and_step(simulator, args.tasks[0])
        rows.append(Contestant('observe + step', images, hold))
        if args.peer:
            stock = StockEnvironment(images=render)
            rows.append(Contestant('ManiSkill PickCube-v1', images, stock.round))
    return rows


def make_simulator(render: bool, robot: str) -> Simulator:
    """The simulator as its users make it."""
    return Simulator(SimConfig(image_size=IMAGE_SIZE, render=render, robot=robot))


def measure_resets(args: argparse.Namespace, count: int) -> list[dict[str, object]]:
    """Milliseconds of a reset, first observation included."""
    rows: list[dict[str, object]] = []
    for images, render in (('none', False), (f'2 x {IMAGE_SIZE}²', True)):
        simulator = make_simulator(render, args.robot)

        def rebuild(seed: int, simulator: Simulator = simulator) -> None:
            simulator.reset(args.tasks[seed % len(args.tasks)], seed)
            simulator.observe()

        rows.append(reset_row('C2A: scene rebuilt', images, rebuild, count))
        if args.peer:
            stock = StockEnvironment(images=render)
            rows.append(reset_row('PickCube-v1: reset in place', images, stock.reset, count))
            rows.append(reset_row('PickCube-v1: scene rebuilt', images, stock.rebuild, count))
    return rows


def reset_row(
    name: str, images: str, reset: Callable[[int], None], count: int
) -> dict[str, object]:
    """Median of some resets after a first one."""
    reset(0)
    times_ms = []
    for seed in range(1, count + 1):
        started = time.perf_counter()
        reset(seed)
        times_ms.append(1000.0 * (time.perf_counter() - started))
    return {'name': name, 'images': images, 'ms': round(statistics.median(times_ms), 2)}


def measure_memory(robot: str, tasks: tuple[str, ...], resets: int) -> dict[str, object]:
    """Resident memory of this process over resets with both cameras [MiB]."""
    simulator = make_simulator(True, robot)
    every = max(1, resets // 8)
    samples: list[tuple[int, float]] = []
    for seed in range(1, resets + 1):
        simulator.reset(tasks[seed % len(tasks)], seed)
        simulator.observe()
        simulator.hold()
        if seed % every == 0 or seed == resets:
            samples.append((seed, round(resident_mib(), 1)))
    quarter = samples[max(0, len(samples) // 4 - 1)][1]
    growth = round(samples[-1][1] - quarter, 1)
    return {
        'resets': resets,
        'rss_mib': samples,
        'peak_mib': max(mib for _, mib in samples),
        'growth_mib': growth,
        'is_flat': growth < FLAT_MIB,
    }


def resident_mib() -> float:
    """Resident set of this process [MiB]."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


def in_own_process(function: Callable[..., dict[str, object]], *args: object) -> dict[str, object]:
    """Result of a function that ran in a fresh process."""
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.apply(function, args)


def speed_table(rows: list[dict[str, object]]) -> Table:
    """Control steps per second."""
    table = Table(title='control steps per second', title_justify='left', title_style='bold')
    table.add_column('what', no_wrap=True)
    for heading in ('images', 'steps/s', 'range', '× real time'):
        table.add_column(heading, justify='right', no_wrap=True)
    for row in rows:
        rate = float(row['steps_per_s'])
        table.add_row(
            str(row['name']),
            str(row['images']),
            f'{rate:.0f}',
            f'{row["min"]:.0f}–{row["max"]:.0f}',
            f'{rate * CONTROL_DT:.1f}',
        )
    return table


def reset_table(rows: list[dict[str, object]]) -> Table:
    """Cost of a reset."""
    table = Table(title='reset', title_justify='left', title_style='bold')
    table.add_column('what')
    table.add_column('images', justify='right')
    table.add_column('ms', justify='right')
    for row in rows:
        table.add_row(str(row['name']), str(row['images']), f'{row["ms"]:.1f}')
    return table


def make_parser() -> argparse.ArgumentParser:
    """Arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--tasks', nargs='+', default=list(TASKS), metavar='NAME')
    parser.add_argument('--steps', type=int, default=200, help='control steps per row and round')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--resets', type=int, default=200, help='resets of the memory test')
    parser.add_argument('--robot', choices=('low_poly', 'detailed'), default='low_poly')
    parser.add_argument('--no-peer', dest='peer', action='store_false', help='leave ManiSkill out')
    parser.add_argument('--json', type=Path, metavar='FILE')
    return parser


def main() -> int:
    """Measure and print."""
    args = make_parser().parse_args()
    console = Console()
    memory = in_own_process(measure_memory, args.robot, tuple(args.tasks), args.resets)
    contestants = make_contestants(args)
    for _ in track(range(args.rounds), description='rounds', console=console, transient=True):
        for contestant in contestants:
            contestant.run(args.steps)
    rows = [contestant.as_json() for contestant in contestants]
    resets = measure_resets(args, count=10)
    console.print(speed_table(rows))
    console.print(reset_table(resets))
    samples = ', '.join(f'{seed}: {mib:.0f}' for seed, mib in memory['rss_mib'])
    console.print(f'[bold]memory[/] over {args.resets} resets with both cameras, MiB: {samples}')
    console.print(f'growth {memory["growth_mib"]} MiB, flat: {memory["is_flat"]}')
    if args.json is not None:
        machine = {'cores': os.cpu_count(), 'python': platform.python_version()}
        document = {'machine': machine, 'speed': rows, 'resets': resets, 'memory': memory}
        write_json(args.json, json.loads(json.dumps(document)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
