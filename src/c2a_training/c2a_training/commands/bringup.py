# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a bringup`: start the stack, through `ros2 launch` where it is installed.

Arguments, nodes and parameters come from stack.yaml in both cases. Without `launch_ros` a process
manager from PyPI starts the same processes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
)

from c2a_training.stack import NodeStart, Stack, StackError, Value, load_stack

LAUNCH_PACKAGE = 'c2a'
LAUNCH_FILE = 'bringup.launch.py'
EXIT_CODES = (
    'Exit code: 0 after Ctrl-C; with exit:=true 0 if all episodes succeeded, else 1; 2 for wrong '
    'arguments; 1 when the bridge fails.'
)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    help_line = 'start bridge, planner and controller; takes name:=value'
    try:
        lines = '\n'.join(installed_stack().help_lines())
    except StackError as err:
        lines = f'  {err}'
    parser = subparsers.add_parser(
        'bringup',
        help=help_line,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description='Start the stack; the same as `ros2 launch c2a bringup.launch.py`.',
        epilog=f'arguments:\n{lines}\n\n{EXIT_CODES}',
    )
    parser.add_argument('words', nargs='*', metavar='name:=value', help='arguments, see below')


def run(args: argparse.Namespace) -> int:
    """Run the stack to its end; the exit code."""
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    os.environ.setdefault('PYTHONUNBUFFERED', '1')
    try:
        stack = installed_stack()
        given = stack.parse_words(args.words)
        starts = stack.start(given)
        if has_ros_launch():
            return _run_ros_launch(args.words)
        return _run_processes(stack, starts)
    except StackError as err:
        sys.stderr.write(f'c2a bringup: {err}\n')
        return 2


def installed_stack() -> Stack:
    """Load the description that the installed package `c2a` carries.

    Raises:
        StackError: the package is not built, or its files are wrong.
    """
    try:
        return load_stack(Path(get_package_share_directory(LAUNCH_PACKAGE)))
    except PackageNotFoundError as err:
        raise StackError(
            f'the package {LAUNCH_PACKAGE} is not in this environment: build the workspace '
            'and source it, or use ./c2a'
        ) from err


def has_ros_launch() -> bool:
    """Tell whether ROS's own launch is installed."""
    return importlib.util.find_spec('launch_ros') is not None and shutil.which('ros2') is not None


def process_command(stack: Stack, start: NodeStart) -> list[str] | None:
    """Return the command of one process; None if its package is not installed.

    Raises:
        StackError: the program whose output is a parameter failed.
    """
    node = start.node
    try:
        prefix = Path(get_package_prefix(node.package))
    except PackageNotFoundError:
        return None
    program = prefix / 'lib' / node.package / node.executable
    if not program.exists():
        raise StackError(f'{program} is missing: build the workspace again')
    command = [str(program), *stack.command_line(node), '--ros-args', '-r', f'__node:={node.name}']
    command += ['-r', f'__ns:={node.namespace}']
    for path in start.params_files:
        command += ['--params-file', str(path)]
    for name, value in start.parameters.items():
        command += ['-p', f'{name}:={yaml_scalar(value)}']
    for name, words in node.output_of.items():
        command += ['-p', f'{name}:={yaml_scalar(_output_of(words))}']
    return command


def yaml_scalar(value: Value) -> str:
    """Return a value as YAML that keeps its type: '0.0' stays text, 1.0 stays a number."""
    return json.dumps(value)


def _run_processes(stack: Stack, starts: Sequence[NodeStart]) -> int:
    # Imported here: supervisor is not needed, and not installed, where ROS's own launch is.
    from c2a_training.process_manager import Process, print_line, run_processes

    # Each line begins with the node's name already; the time is in the log files.
    os.environ.setdefault('RCUTILS_CONSOLE_OUTPUT_FORMAT', '[{severity}] {message}')
    os.environ.setdefault('RCUTILS_COLORIZED_OUTPUT', str(int(sys.stdout.isatty())))
    processes = []
    for start in starts:
        command = process_command(stack, start)
        node = start.node
        if command is not None:
            processes.append(Process(node.name, tuple(command), node.required, node.respawn))
        elif node.when:
            print_line(f'[c2a] {node.absent or f"{node.package} is not installed: left out"}')
        else:
            raise StackError(f'the package {node.package} is not installed: build the workspace')
    return run_processes(processes, print_line)


def _run_ros_launch(words: Sequence[str]) -> int:
    # By its path: with the package's name `ros2 launch` would take a file ./c2a for a launch file.
    path = Path(get_package_share_directory(LAUNCH_PACKAGE)) / LAUNCH_FILE
    command = ['ros2', 'launch', str(path), *words]
    os.execvp(command[0], command)


def _output_of(words: Sequence[str]) -> str:
    program = sys.executable if words[0] == 'python3' else words[0]
    result = subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ['no reason given'])[-1]
        raise StackError(f'{words[0]} could not make a parameter: {reason}')
    return result.stdout
