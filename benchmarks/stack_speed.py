# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How quick the whole stack is with both learned models: bridge, planner and controller over DDS.

`c2a bringup` runs the episodes, once in lockstep and once in realtime at 20 Hz; a listener writes
down what the nodes say. Nothing of the product is changed or wrapped.

    steps a second      control steps of the running episodes, by the wall clock
    decisions a second  observations that the planner answered; in realtime it skips some
    decision, chunk     what planner and policy say they took
    late                realtime: control steps without a command in time, in which the arm held
    to the first action from a new key step to the first action of a chunk made for it
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rich.console import Console
from rich.table import Table

from c2a_core.ros import NAMESPACE, Qos, Topic, default_to_localhost
from c2a_core.types import ReplyStatus
from c2a_msgs.msg import ActionChunk, Command, EpisodeStatus, KeyStep

DECIDED = {ReplyStatus.KEY_STEP, ReplyStatus.SAME, ReplyStatus.REPEATED, ReplyStatus.INVALID}
LATE = 'no command in time, held'
TARGETS = {
    'lockstep': {'steps_per_s': ('at least', 10.0)},
    'realtime': {'decisions_per_s': ('at least', 10.0), 'late_percent': ('at most', 1.0)},
}
ROWS = {
    'steps_per_s': 'steps a second',
    'decisions_per_s': 'decisions a second',
    'decision_p50_ms': 'decision, median, ms',
    'decision_p99_ms': 'decision, 99 %, ms',
    'chunk_p50_ms': 'chunk, median, ms',
    'chunk_p99_ms': 'chunk, 99 %, ms',
    'late_percent': 'late, %',
    'reaction_p50_steps': 'to the first action, median, steps',
}
# Diagnostics come once a second.
LAST_WORDS_S = 2.5


class Listener(Node):
    """Writes down what the stack says.

    Args:
        context: of rclpy.
    """

    def __init__(self, context: rclpy.Context) -> None:
        super().__init__('stack_speed', namespace=NAMESPACE, context=context)
        self.ended: dict[int, EpisodeStatus] = {}
        self.times: dict[int, list[float]] = defaultdict(list)
        self.decisions_s: list[float] = []
        self.chunks_s: list[float] = []
        self.began: dict[tuple[int, int], int] = {}
        self.acted: dict[tuple[int, int], int] = {}
        self.held = 0
        for msg_type, topic, callback, qos in (
            (EpisodeStatus, Topic.EPISODE, self._on_status, Qos.EPISODE),
            (KeyStep, Topic.KEY_STEP, self._on_key_step, Qos.KEY_STEP),
            (Command, Topic.COMMAND, self._on_command, Qos.COMMAND),
            (ActionChunk, Topic.ACTION_CHUNK, self._on_chunk, Qos.ACTION_CHUNK),
            (DiagnosticArray, Topic.DIAGNOSTICS, self._on_diagnostics, Qos.STATUS),
        ):
            self.create_subscription(msg_type, topic, callback, qos)

    def _on_status(self, msg: EpisodeStatus) -> None:
        if msg.done:
            self.ended[msg.episode_id] = msg

    def _on_key_step(self, msg: KeyStep) -> None:
        self.times[msg.episode_id].append(time.monotonic())
        if msg.reply_status in DECIDED:
            self.decisions_s.append(msg.latency_s)
        if msg.reply_status == ReplyStatus.KEY_STEP:
            self.began[msg.episode_id, msg.subtask_id] = msg.step

    def _on_command(self, msg: Command) -> None:
        if msg.source == 'policy':
            self.acted.setdefault((msg.episode_id, msg.subtask_id), msg.step)

    def _on_chunk(self, msg: ActionChunk) -> None:
        self.chunks_s.append(msg.latency_s)

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            if status.name == 'sim_bridge: commands':
                counts = {value.key: value.value for value in status.values}
                self.held = int(counts.get(LATE, 0))

    def figures(self) -> dict[str, float]:
        """What was measured."""
        steps = sum(status.step for status in self.ended.values())
        wall_s = sum(times[-1] - times[0] for times in self.times.values())
        reactions = [
            self.acted[key] - step for key, step in self.began.items() if key in self.acted
        ]
        decisions, chunks = np.array(self.decisions_s), np.array(self.chunks_s)
        return {
            'episodes': len(self.ended),
            'successes': sum(status.success for status in self.ended.values()),
            'steps': steps,
            'steps_per_s': steps / wall_s,
            'decisions_per_s': len(decisions) / wall_s,
            'decision_p50_ms': 1e3 * float(np.percentile(decisions, 50)),
            'decision_p99_ms': 1e3 * float(np.percentile(decisions, 99)),
            'chunk_p50_ms': 1e3 * float(np.percentile(chunks, 50)),
            'chunk_p99_ms': 1e3 * float(np.percentile(chunks, 99)),
            'late_percent': 100.0 * self.held / steps,
            'reaction_p50_steps': float(np.median(reactions)),
        }


def run(stepping: str, arguments: argparse.Namespace, console: Console) -> dict[str, float]:
    """Run the stack's episodes and listen; what was measured."""
    words = [
        *(f'stepping:={stepping}', f'task:={arguments.task}', f'seed:={arguments.seed}'),
        *(f'episodes:={arguments.episodes}', 'planner:=vlm', 'low_level:=policy'),
        *(f'checkpoint:={arguments.checkpoint}', f'policy_checkpoint:={arguments.policy}'),
        *arguments.words,
    ]
    context = rclpy.Context()
    rclpy.init(context=context)
    listener = Listener(context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(listener)
    stack = subprocess.Popen(
        [sys.executable, '-m', 'c2a_training.cli', 'bringup', *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        end_s = time.monotonic() + arguments.timeout
        with console.status(f'{stepping}: {arguments.episodes} episodes of {arguments.task}'):
            while len(listener.ended) < arguments.episodes:
                executor.spin_once(timeout_sec=0.1)
                if stack.poll() is not None or time.monotonic() > end_s:
                    stack.send_signal(signal.SIGINT)
                    raise SystemExit(f'the stack did not end its episodes:\n{stack.stdout.read()}')
            end_s = time.monotonic() + LAST_WORDS_S
            while time.monotonic() < end_s:
                executor.spin_once(timeout_sec=0.1)
    finally:
        stack.send_signal(signal.SIGINT)
        stack.communicate()
        figures = listener.figures() if listener.ended else {}
        executor.shutdown()
        listener.destroy_node()
        rclpy.try_shutdown(context=context)
    return figures


def show(runs: dict[str, dict[str, float]], console: Console) -> None:
    """Print the table."""
    table = Table(title='the stack with both learned models')
    table.add_column('')
    for name, figures in runs.items():
        episodes = f'{figures["successes"]:.0f} of {figures["episodes"]:.0f} succeeded'
        table.add_column(f'{name}\n{episodes}, {figures["steps"]:.0f} steps', justify='right')
    for key, row in ROWS.items():
        cells = []
        for name, figures in runs.items():
            word, target = TARGETS[name].get(key, ('', None))
            aim = '' if target is None else f' ({word} {target:g})'
            cells.append(f'{figures[key]:.1f}{aim}')
        table.add_row(row, *cells)
    console.print(table)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'words', nargs='*', metavar='NAME:=VALUE', help='more arguments of c2a bringup'
    )
    parser.add_argument('--task', default='PlaceNextTo')
    parser.add_argument('--seed', type=int, default=1_000_000, help='of the first episode')
    parser.add_argument('--episodes', type=int, default=20, help='of each run')
    parser.add_argument('--checkpoint', default='tiny', help="the planner's")
    parser.add_argument('--policy', default='tiny', help="the policy's checkpoint")
    parser.add_argument('--timeout', type=float, default=600.0, help='of a run [s]')
    parser.add_argument('--json', type=Path, help='write the table to this file')
    arguments = parser.parse_args()
    default_to_localhost()
    console = Console()
    runs = {name: run(name, arguments, console) for name in TARGETS}
    show(runs, console)
    if arguments.json:
        names = ('task', 'seed', 'checkpoint', 'policy', 'words')
        settings = {name: getattr(arguments, name) for name in names}
        machine = {'platform': platform.platform(), 'cpus': os.cpu_count()}
        content = {'machine': machine, 'settings': settings, 'targets': TARGETS, 'runs': runs}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(content, indent=2) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
