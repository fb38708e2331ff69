# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a demo`: three tasks through the real ROS 2 nodes, the code printed live, a video of each."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.markup import escape

from c2a_core.types import ActionChunk
from c2a_planner.backend import AVAILABLE
from c2a_training.demo_recorder import DemoRecorder
from c2a_training.demo_settings import IMAGE_SIZE, MODEL_ARGUMENTS, DemoSettings, choose
from c2a_training.demo_story import DemoStory

# A peer in the domain is found within a fraction of this.
DISCOVERY_S = 1.0
# Rows that were published before the stack ended are here or on the loopback, but on a busy
# machine the video may lag seconds behind them.
LAST_ROWS_S = 15.0
STOP_TIMEOUT_S = 15.0
LOG_TAIL_LINES = 15

DESCRIPTION = """\
Starts bridge (with the embedded simulator), planner and controller as ROS 2 nodes for one episode
each of three tasks. Planner and policy are the learned ones where their checkpoints ship, else the
oracle and scripted skills. Prints what the planner sees, the code that it writes, how long that
took and what became of it, then the verdict of the task's predicates, and writes a video and a
contact sheet of each. With the learned models that ship it shows the tasks at which they succeed
most often, and says how often."""

EPILOG = """\
Exit code: 0 if all episodes ran and succeeded, 1 if not, 2 for bad arguments, 130 after Ctrl-C."""


class Listener(Protocol):
    """The part of `demo_recorder_node.Listener` that the demo uses."""

    def __enter__(self) -> Listener:
        """Join the ROS graph."""

    def __exit__(self, *error: object) -> None:
        """Leave it."""

    def spin(self, timeout_s: float) -> None:
        """Handle one arrival, or wait for it that long."""

    def hears_a_stack(self) -> bool:
        """Whether somebody publishes episodes in this ROS domain."""


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why and what to do."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        'demo',
        help='three tasks through the real ROS 2 nodes, with videos',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--tasks', nargs='+', metavar='NAME', help='other tasks to show')
    parser.add_argument(
        '--seed',
        type=int,
        help='of the episodes (default: 0, or one at which the learned models succeed)',
    )
    parser.add_argument(
        '--out', type=Path, default=Path('out/demo'), metavar='DIR', help='default: out/demo'
    )
    parser.add_argument(
        '--image-size',
        type=int,
        default=IMAGE_SIZE,
        metavar='PX',
        help=f'side of the camera pictures (default: {IMAGE_SIZE})',
    )
    parser.add_argument(
        '--planner',
        choices=[name for name in AVAILABLE if name != 'none'],
        help='who writes the code (default: vlm where its checkpoint ships, else oracle)',
    )
    parser.add_argument(
        '--low-level',
        choices=('oracle', 'policy'),
        help='who moves the arm (default: policy where its checkpoint ships, else oracle)',
    )
    for name, what in MODEL_ARGUMENTS.items():
        parser.add_argument(f'--{name.replace("_", "-")}', metavar='NAME', help=what)


def run(args: argparse.Namespace, console: Console | None = None) -> int:
    """Run the subcommand; the exit code."""
    from c2a_sim_bridge.sim.tasks.registry import get_task

    console = console or Console(highlight=False)
    # Told to end, it leaves no process behind either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = choose(args)
        tasks = tuple(get_task(name).name for name in settings.tasks)
        from c2a_training.demo_recorder_node import Listener as RosListener
    except ValueError as err:
        console.print(f'[red]error:[/] {escape(str(err))}')
        return 2
    except ImportError as err:
        console.print(f'[red]error:[/] {escape(str(err))}: run ./c2a doctor, it says what to do')
        return 1
    return show_all(replace(settings, tasks=tasks), console, RosListener, start_stack)


def show_all(
    settings: DemoSettings,
    console: Console,
    listen: Callable[
        [DemoRecorder, Callable[[bool], None], Callable[[ActionChunk], None]], Listener
    ],
    start: Callable[[DemoSettings, Path], subprocess.Popen[bytes]],
) -> int:
    """Show one episode of each task, running in the nodes; the exit code."""
    started = time.monotonic()
    has_failed = False
    story = DemoStory(console)
    _tell_rates(settings, console)
    recorder = DemoRecorder(
        settings.folder, on_reply=story.reply, on_start=story.begin, on_end=story.end
    )
    try:
        with listen(recorder, story.skill_ended, story.chunk) as listener:
            run_stack(settings, recorder, listener, start, console)
    except DemoError as err:
        console.print(f'[red]error:[/] {escape(str(err))}', soft_wrap=True)
        has_failed = True
    except KeyboardInterrupt:
        console.print('[yellow]interrupted[/]')
        return 130
    finally:
        recorder.abort()
    succeeded = sum(record.status.success for record in recorder.finished)
    is_good = succeeded == len(settings.tasks) and not has_failed
    console.print(
        f'[bold {"green" if is_good else "red"}]{succeeded} of {len(settings.tasks)} episodes '
        f'succeeded[/] in {time.monotonic() - started:.0f} s'
    )
    for record in recorder.finished:
        if record.video is not None:
            console.print(f'  {record.video}', soft_wrap=True)
    return 0 if is_good else 1


def _tell_rates(settings: DemoSettings, console: Console) -> None:
    """How often these models succeed at the tasks that are shown."""
    if settings.rates is None:
        return
    for task in settings.tasks:
        rate = settings.rates.of(task)
        console.print(f'{task}: {rate or "was not measured"}, with these models')


def run_stack(
    settings: DemoSettings,
    recorder: DemoRecorder,
    listener: Listener,
    start: Callable[[DemoSettings, Path], subprocess.Popen[bytes]],
    console: Console,
) -> None:
    """Start the nodes and listen until every task had its episode.

    Raises:
        DemoError: if the stack did not start, ended early or took too long.
    """
    check_domain_is_free(listener)
    log = settings.folder / 'stack.log'
    log.parent.mkdir(parents=True, exist_ok=True)
    with holding_interrupts() as let_through, stopping(start(settings, log)) as stack:
        let_through()
        watch = Watch(recorder, stack, listener, log, settings.timeout_s)
        with console.status('starting bridge, planner and controller'):
            watch.wait_for(lambda: recorder.has_begun)
        for number in range(len(settings.tasks)):
            watch.wait_for(lambda number=number: len(recorder.finished) > number)
    if stack.returncode and all(record.status.success for record in recorder.finished):
        raise DemoError(
            f'all episodes succeeded, but the stack ended with exit code {stack.returncode}; '
            f'its log is {log}{tail(log)}'
        )


@dataclass(frozen=True)
class Watch:
    """Listens to one running stack until something has happened."""

    recorder: DemoRecorder
    stack: subprocess.Popen[bytes]
    listener: Listener
    log: Path
    timeout_s: float

    def wait_for(self, has_happened: Callable[[], bool]) -> None:
        """Handle what arrives until the condition holds.

        Raises:
            DemoError: if the stack ends or the time is over before.
        """
        deadline = time.monotonic() + self.timeout_s
        while not has_happened():
            self.listener.spin(0.1)
            if self.stack.poll() is not None:
                self._hear_the_rest(has_happened)
                if not has_happened():
                    self._fail(f'the stack ended early, with exit code {self.stack.returncode}')
            elif time.monotonic() > deadline:
                self._fail(f'nothing came of it within {self.timeout_s:.0f} s')

    def _hear_the_rest(self, has_happened: Callable[[], bool]) -> None:
        end = time.monotonic() + LAST_ROWS_S
        while time.monotonic() < end and not has_happened():
            self.listener.spin(0.1)
        if self.recorder.is_waiting_for_rows:
            self.recorder.finish()

    def _fail(self, what: str) -> None:
        raise DemoError(f'{what}; its log is {self.log}{tail(self.log)}')


def check_domain_is_free(listener: Listener) -> None:
    """Refuse to show somebody else's episodes.

    Raises:
        DemoError: if a stack already runs in this ROS domain.
    """
    end = time.monotonic() + DISCOVERY_S
    while time.monotonic() < end:
        listener.spin(0.1)
        if listener.hears_a_stack():
            domain = os.environ.get('ROS_DOMAIN_ID', '0')
            raise DemoError(
                f'another C2A stack already runs in ROS domain {domain}: stop it, or choose '
                'another domain, for example ROS_DOMAIN_ID=42 ./c2a demo'
            )


def start_stack(settings: DemoSettings, log: Path) -> subprocess.Popen[bytes]:
    """Start bringup, in a session of its own so that Ctrl-C is ours to handle."""
    params = log.with_name('params.yaml')
    params.write_text(
        '# Larger pictures than a model sees, for the video, and nothing happens unfilmed.\n'
        f'/c2a/sim_bridge:\n  ros__parameters:\n    image_size: {settings.image_size}\n'
        '    audience: demo_recorder\n',
        encoding='utf-8',
    )
    arguments = {
        'task': ','.join(settings.tasks),
        'seed': settings.seed,
        'episodes': len(settings.tasks),
        'exit': 'true',
        'params_file': params.resolve(),
        'planner': settings.planner,
        'low_level': settings.low_level,
        **settings.model_arguments,
    }
    words = [f'{name}:={value}' for name, value in arguments.items()]
    with log.open('wb') as output:
        return subprocess.Popen(
            [sys.executable, '-m', 'c2a_training.cli', 'bringup', *words],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


@contextlib.contextmanager
def holding_interrupts() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back until the function that it gives is called, or the block ends.

    An interrupt while a process is being started would leave it behind, unknown to anybody.
    """
    held: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {
        number: signal.signal(number, lambda number, _: held.append(number)) for number in numbers
    }

    def let_through() -> None:
        while previous:
            signal.signal(*previous.popitem())
        if held:
            held.clear()
            raise KeyboardInterrupt

    try:
        yield let_through
    finally:
        let_through()


@contextlib.contextmanager
def stopping(stack: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Leave no process behind, whatever happens in the block."""
    try:
        yield stack
        # After its episode the stack ends by itself.
        with contextlib.suppress(subprocess.TimeoutExpired):
            stack.wait(STOP_TIMEOUT_S)
    finally:
        for number in (signal.SIGINT, signal.SIGKILL):
            if stack.poll() is not None:
                break
            # The session's group: nodes of a manager that died on its own go as well.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(stack.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                stack.wait(STOP_TIMEOUT_S)


def tail(log: Path) -> str:
    """The last lines of a log, to be appended to a message."""
    lines = log.read_text(encoding='utf-8', errors='replace').splitlines() if log.exists() else []
    return ''.join(f'\n  {line}' for line in lines[-LOG_TAIL_LINES:])
