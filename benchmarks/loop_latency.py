# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a step of the ROS 2 loop costs beyond simulator and models, in lockstep.

Four processes, as in a bringup: bridge, planner, controller, and a listener to every standard
topic, so that none of them is skipped. The bridge is the product's own, with a clock around its
parts. Per step, from one observation to the next:

    whole step      from sending Observation(k) to sending Observation(k+1)
    simulator       control step, predicates, oracle, skills
    rendering       pictures and sensors
    models          what planner and policy say they took
    overhead        whole step - simulator - rendering - models: transport, conversion, node code
    bridge          its part of the overhead while nobody else works: messages and standard topics
    planner         sending Observation(k) until KeyStep(k) is here; the bridge publishes meanwhile
    controller      KeyStep(k) is here until Command(k) is here; low level replay only
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

TARGET_MS = 4.0
WARM_UP_STEPS = 20
ROWS = (
    'whole step',
    'simulator',
    'rendering',
    'models',
    'overhead',
    'bridge',
    'planner',
    'controller',
)
TASK = 'PlaceNextTo'


class TimedBackend:
    """A backend with a clock around each call; `spent` is taken and reset once per step."""

    def __init__(self, backend):
        self._backend = backend
        self.spent = defaultdict(float)

    def __getattr__(self, name):
        value = getattr(self._backend, name)
        row = {'observe': 'rendering'}.get(name, 'simulator')
        if not callable(value) or name in ('reset', 'scene', 'object_poses'):
            return value

        def timed(*arguments):
            started = time.perf_counter()
            try:
                return value(*arguments)
            finally:
                self.spent[row] += time.perf_counter() - started

        return timed


def make_timed_bridge():
    """The bridge's own class with clocks in it."""
    from c2a_sim_bridge import sim_bridge_node
    from c2a_sim_bridge.backends.maniskill import ManiskillBackend
    from c2a_sim_bridge.ros_bridge_inputs import BridgeInputs

    class TimedBridge(sim_bridge_node.SimBridgeNode):
        def __init__(self):
            self.timed = TimedBackend(ManiskillBackend.create(128, True, 'low_poly'))
            self.steps = []
            self.row = {}
            super().__init__(backend=self.timed)

        def _publish_observation(self):
            now = time.perf_counter()
            if self.loop.step and self.row:
                row, spent = self.row, self.timed.spent
                row['whole step'] = now - row.pop('began')
                row |= {name: spent[name] for name in ('simulator', 'rendering')}
                row['models'] = row.get('models', 0.0)
                known = row['simulator'] + row['rendering'] + row['models']
                row['overhead'] = row['whole step'] - known
                self.steps.append(row)
            self.timed.spent.clear()
            self.row = {'began': now}
            super()._publish_observation()
            published = time.perf_counter() - now
            self.row['bridge'] = published - self.timed.spent['simulator']

    class TimedInputs(BridgeInputs):
        def on_key_step(self, msg):
            row = self._bridge.row
            row['planner'] = time.perf_counter() - row.get('began', np.nan)
            row['models'] = msg.latency_s
            super().on_key_step(msg)

        def on_command(self, msg):
            row = self._bridge.row
            if 'planner' in row and msg.source != 'skill':
                row['controller'] = time.perf_counter() - row['began'] - row['planner']
            super().on_command(msg)

    sim_bridge_node.BridgeInputs = TimedInputs
    return TimedBridge


def run_bridge(out: Path) -> int:
    """The bridge's process; writes the rows of its steps."""
    from rclpy.executors import SingleThreadedExecutor

    from c2a_core.ros import run_node

    nodes = []

    def make():
        nodes.append(make_timed_bridge()())
        return nodes[0]

    code = run_node(make, executor_factory=SingleThreadedExecutor)
    out.write_text(json.dumps(nodes[0].steps[WARM_UP_STEPS:]))
    return code


def run_listener() -> int:
    """Listens to every standard topic, as RViz, rqt and a recorder would."""
    from geometry_msgs.msg import PoseStamped
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node
    from rosgraph_msgs.msg import Clock
    from sensor_msgs.msg import CameraInfo, Image, JointState
    from visualization_msgs.msg import MarkerArray

    from c2a_core.ros import Qos, Topic, run_node

    class Listener(Node):
        def __init__(self):
            super().__init__('listener')
            for msg_type, topic, qos in (
                (Image, Topic.BASE_IMAGE, Qos.SENSOR),
                (Image, Topic.WRIST_IMAGE, Qos.SENSOR),
                (CameraInfo, Topic.BASE_CAMERA_INFO, Qos.SENSOR),
                (CameraInfo, Topic.WRIST_CAMERA_INFO, Qos.SENSOR),
                (JointState, Topic.JOINT_STATES, Qos.STATUS),
                (PoseStamped, Topic.EE_POSE, Qos.STATUS),
                (MarkerArray, Topic.MARKERS, Qos.STATUS),
                (Image, Topic.OVERLAY, Qos.STATUS),
                (Clock, Topic.CLOCK, Qos.CLOCK),
            ):
                # Raw: a viewer in C++ does not make Python objects of what it gets.
                self.create_subscription(msg_type, topic, lambda _: None, qos, raw=True)

    return run_node(Listener, executor_factory=SingleThreadedExecutor)


def record_episodes(folder: Path, count: int) -> None:
    """Oracle episodes for the replay."""
    from c2a_core.episode_file import RecordedEpisode, write_episode
    from c2a_planner.oracle_backend import OracleBackend
    from c2a_planner.planner import Planner
    from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
    from c2a_training.rollout import OracleLowLevel, run_episode

    simulator = Simulator(SimConfig(render=False))
    for seed in range(count):
        low_level = OracleLowLevel(simulator)
        result = run_episode(simulator, Planner(OracleBackend()), low_level, task=TASK, seed=seed)
        episode = RecordedEpisode(
            TASK, seed, result.instruction, result.success, result.actions, result.codes
        )
        write_episode(folder, episode)


def run_stack(low_level: str, episodes: int, folder: Path) -> list[dict[str, float]]:
    """One run; the rows of its steps in seconds."""
    out = folder / f'{low_level}.json'
    common = [f'low_level:={low_level}']
    here = str(Path(__file__).resolve())
    commands = {
        'planner': (['-c', 'from c2a_planner.planner_node import main; main()'], []),
        'controller': (
            ['-c', 'from c2a_controller.controller_node import main; main()'],
            [f'replay_dir:={folder}'],
        ),
        'listener': ([here, '--listener'], None),
    }
    helpers = [start(command, common, extra) for command, extra in commands.values()]
    try:
        bridge = start(
            [here, '--bridge', str(out)],
            common,
            [f'task:={TASK}', f'episodes:={episodes}', 'exit:=true'],
        )
        if bridge.wait(600):
            raise SystemExit(f'the bridge ended with exit code {bridge.returncode}')
    finally:
        for helper in helpers:
            helper.terminate()
        for helper in helpers:
            helper.wait(10)
    return json.loads(out.read_text())


def start(command: list[str], common: list[str], extra: list[str] | None) -> subprocess.Popen:
    """Start one process of the stack."""
    arguments = ['--ros-args', '-r', '__ns:=/c2a', '--log-level', 'warn']
    for parameter in [] if extra is None else [*common, *extra]:
        arguments += ['-p', parameter]
    environment = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', **os.environ}
    return subprocess.Popen([sys.executable, *command, *arguments], env=environment)


def summarise(steps: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile [ms] of each row that occurs."""
    table = {}
    for name in ROWS:
        values = 1000.0 * np.array([step[name] for step in steps if name in step])
        if len(values) > len(steps) / 2:
            table[name] = {
                'median_ms': round(float(np.median(values)), 3),
                'p95_ms': round(float(np.percentile(values, 95)), 3),
            }
    return table


def show(runs: dict[str, dict[str, dict[str, float]]], counts: dict[str, int]) -> None:
    """Print one table per run."""
    for low_level, table in runs.items():
        print(f'\nlow level {low_level}, {counts[low_level]} steps')
        print(f'  {"":12} {"median":>10} {"95 %":>10}')
        for name, row in table.items():
            print(f'  {name:12} {row["median_ms"]:7.2f} ms {row["p95_ms"]:7.2f} ms')
        median = table['overhead']['median_ms']
        word = 'within' if median <= TARGET_MS else 'ABOVE'
        print(f'  overhead {median:.2f} ms: {word} the target of {TARGET_MS} ms')


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--episodes', type=int, default=12, help='episodes per run')
    parser.add_argument('--json', type=Path, help='write the table to this file')
    parser.add_argument('--bridge', type=Path, help=argparse.SUPPRESS)
    parser.add_argument('--listener', action='store_true', help=argparse.SUPPRESS)
    arguments, _ = parser.parse_known_args()
    if arguments.bridge:
        return run_bridge(arguments.bridge)
    if arguments.listener:
        return run_listener()
    runs, counts = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        record_episodes(Path(folder), arguments.episodes)
        for low_level in ('oracle', 'replay'):
            steps = run_stack(low_level, arguments.episodes, Path(folder))
            runs[low_level], counts[low_level] = summarise(steps), len(steps)
    show(runs, counts)
    if arguments.json:
        machine = {'platform': platform.platform(), 'cpus': os.cpu_count()}
        content = {'machine': machine, 'target_ms': TARGET_MS, 'steps': counts, 'runs': runs}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(content, indent=2) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
