# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What every node shares: names, quality of service, parameters; logging and running.

Relative names are resolved in the namespace `c2a`; sensor and robot topics are absolute, as their
users expect them. Publisher and subscriber of a topic take the same profile from here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
)
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from rclpy.timer import Timer

from c2a_core.params import param
from c2a_core.ros_run import (
    LIBRARIES,
    RosLogHandler,
    default_to_localhost,
    end_node,
    forward_logging,
    run_node,
)

__all__ = [
    'LIBRARIES',
    'LIVELINESS_LEASE_S',
    'NAMESPACE',
    'QUIET_PUBLISHER',
    'QUIET_SUBSCRIPTION',
    'Action',
    'Qos',
    'RosLogHandler',
    'Service',
    'Topic',
    'create_steady_timer',
    'declare_params',
    'default_to_localhost',
    'end_node',
    'forward_logging',
    'param',
    'run_node',
]

NAMESPACE = 'c2a'

# A peer that has not shown itself for so long counts as dead: half of the two seconds within which
# the bridge has to notice it in lockstep.
LIVELINESS_LEASE_S = 1.0

# Without rclpy's own event handlers, which warn of a mismatch of QoS: rclpy visits each of them
# whenever it waits, two for every topic. The side of whoever brought the mismatch warns anyway.
QUIET_PUBLISHER = PublisherEventCallbacks(use_default_callbacks=False)
QUIET_SUBSCRIPTION = SubscriptionEventCallbacks(use_default_callbacks=False)

_ParamsT = TypeVar('_ParamsT')


class Topic:
    """Names of the topics."""

    OBSERVATION = 'observation'
    KEY_STEP = 'key_step'
    ORACLE_KEY_STEP = 'oracle_key_step'
    ACTION_CHUNK = 'action_chunk'
    COMMAND = 'command'
    EPISODE = 'episode'
    MARKERS = 'markers'
    OVERLAY = 'overlay'

    BASE_IMAGE = '/camera/base/image_raw'
    BASE_CAMERA_INFO = '/camera/base/camera_info'
    WRIST_IMAGE = '/camera/wrist/image_raw'
    WRIST_CAMERA_INFO = '/camera/wrist/camera_info'
    JOINT_STATES = '/joint_states'
    ROBOT_DESCRIPTION = '/robot_description'
    EE_POSE = '/ee_pose'
    DIAGNOSTICS = '/diagnostics'
    CLOCK = '/clock'


class Service:
    """Names of the services."""

    RESET = 'reset'
    ESTOP = 'estop'


class Action:
    """Names of the actions."""

    EXECUTE_TASK = 'execute_task'
    EXECUTE_SKILL = 'execute_skill'


def _reliable(depth: int, *, latched: bool = False, lease_s: float | None = None) -> QoSProfile:
    profile = QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )
    if lease_s is not None:
        profile.liveliness = LivelinessPolicy.AUTOMATIC
        profile.liveliness_lease_duration = Duration(seconds=lease_s)
    return profile


class Qos:
    """Quality of service, by what is carried; publisher and subscriber take the same profile.

    Lockstep must not lose a message, so what it waits for is reliable. The lease lets a reader
    notice that the process behind a topic is gone; a reader without one matches as well, but a
    writer without one does not reach the readers of `key_step` and `command`.
    """

    OBSERVATION = _reliable(10)
    KEY_STEP = _reliable(10, latched=True, lease_s=LIVELINESS_LEASE_S)
    ORACLE_KEY_STEP = _reliable(10)
    # With a lease: its only writer is the controller, so its readers know whether that lives.
    ACTION_CHUNK = _reliable(10, lease_s=LIVELINESS_LEASE_S)
    # Latched: the controller may answer before it has discovered the bridge's side of the topic.
    COMMAND = _reliable(10, latched=True, lease_s=LIVELINESS_LEASE_S)
    LATCHED = _reliable(1, latched=True)
    # Latched with a history: the end of an episode must not be lost to the next one's beginning.
    EPISODE = _reliable(10, latched=True)
    SENSOR = qos_profile_sensor_data
    STATUS = _reliable(10)
    CLOCK = QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT
    )


def create_steady_timer(node: Node, period_s: float, callback: Callable[[], None]) -> Timer:
    """Timer on the steady clock: watchdogs and the like must not stand still with `/clock`.

    Args:
        node: whose timer it is.
        period_s: wall time between two calls [s].
        callback: what is called.
    """
    return node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))


def declare_params(node: Node, params_type: type[_ParamsT]) -> _ParamsT:
    """Declare the parameters of a node, read-only, described and bounded.

    Args:
        node: whose parameters they are.
        params_type: frozen dataclass of `param()` fields.

    Returns:
        The values, from launch file, command line or default.

    Raises:
        ValueError: for a value of the wrong type, out of its bounds or not among its choices.
    """
    values = {}
    for entry in fields(params_type):  # type: ignore[arg-type]
        if entry.default is MISSING or 'description' not in entry.metadata:
            raise TypeError(f'{params_type.__name__}.{entry.name} is not declared with param()')
        try:
            declared = node.declare_parameter(entry.name, entry.default, _descriptor(entry))
        except (InvalidParameterTypeException, InvalidParameterValueException) as err:
            raise ValueError(_explain(node, entry, err)) from err
        values[entry.name] = declared.value
        _check_choice(node, entry, declared.value)
    _warn_of_unknown(node, set(values))
    return params_type(**values)


def _descriptor(entry: Any) -> ParameterDescriptor:
    lower, upper = entry.metadata['bounds']
    choices = entry.metadata['choices']
    descriptor = ParameterDescriptor(
        description=entry.metadata['description'],
        read_only=True,
        additional_constraints=f'one of {", ".join(choices)}' if choices else '',
    )
    if lower is not None and isinstance(entry.default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(lower), to_value=float(upper))
        ]
    elif lower is not None:
        descriptor.integer_range = [IntegerRange(from_value=int(lower), to_value=int(upper))]
    return descriptor


def _explain(node: Node, entry: Any, err: Exception) -> str:
    hint = ''
    if isinstance(err, InvalidParameterTypeException):
        expected = type(entry.default).__name__
        hint = f': expected {expected}' + (', write 1.0 for 1' if expected == 'float' else '')
    return f'parameter {entry.name} of {node.get_name()}: {err}{hint}'


def _check_choice(node: Node, entry: Any, value: object) -> None:
    choices = entry.metadata['choices']
    if not choices or value in choices:
        return
    near = difflib.get_close_matches(str(value), choices, n=1)
    meant = f', did you mean {near[0]}?' if near else ''
    raise ValueError(
        f'parameter {entry.name} of {node.get_name()} is {value!r}, expected one of '
        f'{", ".join(choices)}{meant}'
    )


def _warn_of_unknown(node: Node, known: set[str]) -> None:
    """Say so when a parameter was given that the node does not have: rclpy ignores it silently."""
    for name in getattr(node, '_parameter_overrides', {}):
        if name in known or node.has_parameter(name) or name.startswith('qos_overrides.'):
            continue
        near = difflib.get_close_matches(name, known, n=1)
        meant = f'did you mean {near[0]}?' if near else f'it has {", ".join(sorted(known))}'
        node.get_logger().warning(f'{node.get_name()} has no parameter {name}: {meant}')
