# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Start the stack that stack.yaml describes: bridge, planner and controller."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    LogInfo,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.events.process import ProcessExited
from launch.substitutions import Command, EnvironmentVariable
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from c2a_training.stack import NodeStart, Stack, load_stack, nearest

RESPAWN_DELAY_S = 1.0
# A node that ends so soon after its start did not start; after so many times in a row it is over.
START_S = 2.0
START_RETRIES = 3


def generate_launch_description() -> LaunchDescription:
    stack = load_stack(Path(__file__).resolve().parent)
    # The nodes come before the arguments are declared: by then only those have a value that were
    # given, and an argument that was not given leaves its parameter to the parameter files.
    return LaunchDescription(
        [
            _set_default('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST'),
            OpaqueFunction(function=lambda context: _start_nodes(stack, context)),
            *(
                DeclareLaunchArgument(
                    name, default_value=entry.default, description=entry.description()
                )
                for name, entry in stack.arguments.items()
            ),
        ]
    )


def _set_default(name: str, value: str) -> SetEnvironmentVariable:
    return SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=value))


def _start_nodes(stack: Stack, context: LaunchContext) -> list[Node | LogInfo]:
    # launch itself takes any name; one that is nearly ours is a slip of the finger.
    names = [word.partition(':=')[0] for word in context.argv]
    stack.check_names(name for name in names if nearest(name, stack.arguments))
    configured = context.launch_configurations
    given = {name: configured[name] for name in stack.arguments if name in configured}
    return [_node(stack, start) for start in stack.start(given)]


def _node(stack: Stack, start: NodeStart) -> Node | LogInfo:
    node = start.node
    try:
        get_package_prefix(node.package)
    except PackageNotFoundError:
        if not node.when:
            raise
        return LogInfo(msg=node.absent or f'{node.package} is not installed: left out')
    values = {
        name: ParameterValue(value, value_type=type(value))
        for name, value in start.parameters.items()
    }
    for name, words in node.output_of.items():
        values[name] = ParameterValue(
            Command([shlex.join(words)], on_stderr='ignore'), value_type=str
        )
    return Node(
        package=node.package,
        executable=node.executable,
        name=node.name,
        namespace=node.namespace,
        arguments=stack.command_line(node),
        parameters=[*(str(path) for path in start.params_files), *([values] if values else [])],
        output='screen',
        emulate_tty=True,
        respawn=node.respawn,
        respawn_delay=RESPAWN_DELAY_S,
        on_exit=_end_stack if node.required else _GiveUp() if node.respawn else None,
    )


class _GiveUp:
    """End the stack when a node that is started again and again never lives."""

    def __init__(self) -> None:
        self._ended: list[float] = []

    def __call__(self, event: ProcessExited, context: LaunchContext) -> None:
        now = time.monotonic()
        quick = bool(self._ended) and now - self._ended[-1] < RESPAWN_DELAY_S + START_S
        self._ended = [*self._ended, now] if quick else [now]
        if len(self._ended) > START_RETRIES and not context.is_shutdown:
            raise RuntimeError(f'{event.process_name} cannot be kept running')


def _end_stack(event: ProcessExited, context: LaunchContext) -> list[Shutdown] | None:
    if context.is_shutdown:
        return None
    if event.returncode:
        # Only an exception makes launch's own exit code other than 0; it ends the stack as well.
        raise RuntimeError(f'{event.process_name} ended with exit code {event.returncode}')
    return [Shutdown(reason=f'{event.process_name} has ended')]
