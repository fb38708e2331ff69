# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Replays recorded oracle episodes through controller, command and bridge, and compares the ends.

Each episode runs once in process with the oracle, then its actions go through the three nodes over
DDS. It counts when it succeeds again, after the same steps, in the bit-equal state.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.progress import track

TASKS = (
    'Pick,PlaceNextTo,PlaceOnTop,Topple,Push,SingleStack,StackTopple,PushToTarget,ReverseStack,'
    'NovelNoun,Swap'
)


def record(folder: Path, episodes: list[tuple[str, int]]) -> dict[str, tuple[int, str]]:
    """Run and record the oracle's episodes; steps and last state's digest by name."""
    from c2a_core.episode_file import RecordedEpisode, write_episode
    from c2a_planner.oracle_backend import OracleBackend
    from c2a_planner.planner import Planner
    from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
    from c2a_training.rollout import OracleLowLevel, run_episode

    simulator = Simulator(SimConfig(render=False))
    ends = {}
    for task, seed in track(episodes, 'recording'):
        planner, low_level = Planner(OracleBackend()), OracleLowLevel(simulator)
        result = run_episode(simulator, planner, low_level, task=task, seed=seed)
        digest = simulator.state_digest()
        ends[f'{task}_{seed}'] = (result.steps, digest)
        row = (result.instruction, result.success, result.actions, result.codes, digest)
        write_episode(folder, RecordedEpisode(task, seed, *row))
    return ends


def run_bridge(out: Path) -> int:
    """The bridge's process; writes how each episode ended."""
    from rclpy.executors import SingleThreadedExecutor

    from c2a_core.ros import run_node
    from c2a_sim_bridge.sim_bridge_node import SimBridgeNode

    ends = {}

    class CheckingBridge(SimBridgeNode):
        def _on_ended(self):
            status = self.loop.status()
            digest = self.backend.simulator.state_digest()
            ends[f'{status.task}_{status.seed}'] = (status.success, status.step, digest)
            super()._on_ended()

    run_node(CheckingBridge, executor_factory=SingleThreadedExecutor)
    out.write_text(json.dumps(ends))
    return 0


def replay(folder: Path, tasks: str, episodes: int) -> dict[str, tuple[bool, int, str]]:
    """Send the recorded actions through the nodes."""
    out = folder / 'ends.json'
    here = str(Path(__file__).resolve())
    nodes = {
        'planner': (['-c', 'from c2a_planner.planner_node import main; main()'], []),
        'controller': (
            ['-c', 'from c2a_controller.controller_node import main; main()'],
            [f'replay_dir:={folder}'],
        ),
        'bridge': (
            [here, '--bridge', str(out)],
            [f'task:={tasks}', f'episodes:={episodes}', 'exit:=true', 'render:=false'],
        ),
    }
    environment = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', **os.environ}
    started = []
    for command, parameters in nodes.values():
        arguments = ['--ros-args', '-r', '__ns:=/c2a', '-p', 'low_level:=replay']
        for parameter in parameters:
            arguments += ['-p', parameter]
        started.append(subprocess.Popen([sys.executable, *command, *arguments], env=environment))
    *helpers, bridge = started
    try:
        bridge.wait()
    finally:
        for helper in helpers:
            helper.terminate()
            helper.wait(10)
    return json.loads(out.read_text())


def main() -> int:
    """Run the check; exit code 0 if all episodes ended as recorded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--tasks', default=TASKS, help='names, separated by commas')
    parser.add_argument('--episodes', type=int, default=50)
    parser.add_argument('--json', type=Path, help='write the result to this file')
    parser.add_argument('--bridge', type=Path, help=argparse.SUPPRESS)
    arguments, _ = parser.parse_known_args()
    if arguments.bridge:
        return run_bridge(arguments.bridge)
    tasks = arguments.tasks.split(',')
    episodes = [(tasks[i % len(tasks)], i // len(tasks)) for i in range(arguments.episodes)]
    with tempfile.TemporaryDirectory() as folder:
        expected = record(Path(folder), episodes)
        found = replay(Path(folder), arguments.tasks, arguments.episodes)
    good = [n for n, (steps, digest) in expected.items() if found.get(n) == [True, steps, digest]]
    bad = sorted(set(expected) - set(good))
    print(f'{len(good)} of {len(expected)} episodes succeeded in the bit-equal state')
    for name in bad:
        print(f'  {name}: recorded {expected[name]}, replayed {found.get(name)}')
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        content = {'episodes': len(expected), 'bit_equal': len(good), 'different': bad}
        arguments.json.write_text(json.dumps(content, indent=2) + '\n')
    return int(bool(bad))


if __name__ == '__main__':
    sys.exit(main())
