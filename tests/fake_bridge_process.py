# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The bridge on a fake simulator as a process of its own; ROS arguments as usual."""

from __future__ import annotations

import sys

from fakes import FakeSimulator
from rclpy.executors import SingleThreadedExecutor

from c2a_core.ros import run_node
from c2a_sim_bridge.sim_bridge_node import SimBridgeNode


def make():
    simulator = FakeSimulator(needs_steps=0, max_steps=10**6, skill_steps=10**5, step_s=0.01)
    return SimBridgeNode(backend=simulator)


if __name__ == '__main__':
    sys.exit(run_node(make, executor_factory=SingleThreadedExecutor))
