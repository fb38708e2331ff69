# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a node says about itself on /diagnostics: once a second, and at once on a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from c2a_core.ros import QUIET_PUBLISHER, Qos, Topic, create_steady_timer

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
PERIOD_S = 1.0


class Diagnostics:
    """Collects states by name and publishes them.

    Args:
        node: whose diagnostics they are.
        report: sets the states anew; called before they are published.
    """

    def __init__(self, node: Node, report: Callable[[Diagnostics], None]) -> None:
        self._node = node
        self._report = report
        self._publisher = node.create_publisher(
            DiagnosticArray, Topic.DIAGNOSTICS, Qos.STATUS, event_callbacks=QUIET_PUBLISHER
        )
        self._statuses: dict[str, DiagnosticStatus] = {}
        # Steady: a simulation that stands still still has something to say.
        create_steady_timer(node, PERIOD_S, self.refresh)

    def set(
        self, name: str, level: bytes, message: str, values: Mapping[str, object] | None = None
    ) -> None:
        """Set a state; to be called by `report`.

        Args:
            name: of the thing, e.g. 'planner'.
            level: `OK`, `WARN` or `ERROR`.
            message: one line.
            values: numbers beside it.
        """
        self._statuses[name] = DiagnosticStatus(
            level=level,
            name=f'{self._node.get_name()}: {name}',
            message=message,
            hardware_id='c2a',
            values=[KeyValue(key=str(k), value=str(v)) for k, v in (values or {}).items()],
        )

    def refresh(self) -> None:
        """Ask for all states and publish them: something has changed."""
        self._report(self)
        array = DiagnosticArray(status=list(self._statuses.values()))
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)
