# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Measures DDS on this machine for `c2a doctor`: two processes, a camera image there and back.

Run as ``python -m c2a_training.dds_probe_node``: it starts its own peer and writes a JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image

from c2a_core.ros import Qos

PING = 'probe/ping'
PONG = 'probe/pong'
# One camera image of the default size.
IMAGE_BYTES = 128 * 128 * 3
ROUND_TRIPS = 200
DISCOVERY_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 2.0
# 239.255.0.1, the group of DDS discovery, as /proc/net/igmp writes it.
DISCOVERY_GROUP = '0100FFEF'
LOOPBACK = 'lo'


def multicast_members(igmp: str) -> dict[str, int]:
    """Return how many sockets of each interface but the loopback listen to DDS discovery.

    Args:
        igmp: text of /proc/net/igmp.
    """
    members: dict[str, int] = {}
    interface = ''
    for line in igmp.splitlines()[1:]:
        words = line.split()
        if not words:
            continue
        if not line[0].isspace():
            interface = words[1]
        elif words[0] == DISCOVERY_GROUP and interface != LOOPBACK:
            members[interface] = members.get(interface, 0) + int(words[1])
    return members


def measure(node: Node) -> list[float]:
    """Return the times of round trips to the peer in ms, sorted; empty if it does not answer."""
    answers = []
    publisher = node.create_publisher(Image, PING, Qos.OBSERVATION)
    node.create_subscription(Image, PONG, answers.append, Qos.OBSERVATION)
    if not _wait(node, lambda: _is_connected(node, publisher), DISCOVERY_TIMEOUT_S):
        return []
    message = Image(height=128, width=128, encoding='rgb8', step=384, data=bytes(IMAGE_BYTES))
    times = []
    for _ in range(ROUND_TRIPS):
        answers.clear()
        start = time.perf_counter()
        publisher.publish(message)
        if not _wait(node, lambda: bool(answers), ANSWER_TIMEOUT_S):
            return []
        times.append(1e3 * (time.perf_counter() - start))
    return sorted(times)


def echo() -> None:
    """Send back what comes until this process is ended."""
    rclpy.init()
    node = Node('probe_echo')
    publisher = node.create_publisher(Image, PONG, Qos.OBSERVATION)
    node.create_subscription(Image, PING, publisher.publish, Qos.OBSERVATION)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()


def probe() -> dict[str, object]:
    """Measure and return what `c2a doctor` reports."""
    before = multicast_members(_igmp())
    rclpy.init()
    node = Node('probe')
    peer = subprocess.Popen([sys.executable, '-m', 'c2a_training.dds_probe_node', 'echo'])
    try:
        times = measure(node)
        after = multicast_members(_igmp())
    finally:
        peer.terminate()
        peer.wait(timeout=5.0)
        node.destroy_node()
        rclpy.try_shutdown()
    outside = [name for name, count in after.items() if count > before.get(name, 0)]
    result: dict[str, object] = {'outside': outside, 'round_trips': len(times)}
    if times:
        result['median_ms'] = times[len(times) // 2]
        result['p99_ms'] = times[int(0.99 * len(times))]
    return result


def _igmp() -> str:
    path = Path('/proc/net/igmp')
    return path.read_text(encoding='utf-8') if path.exists() else ''


def _is_connected(node: Node, publisher: Publisher) -> bool:
    return publisher.get_subscription_count() > 0 and node.count_publishers(PONG) > 0


def _wait(node: Node, is_done, timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while not is_done():
        if time.monotonic() > end:
            return False
        rclpy.spin_once(node, timeout_sec=0.05)
    return True


if __name__ == '__main__':
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    if sys.argv[1:] == ['echo']:
        echo()
    else:
        sys.stdout.write(json.dumps(probe()) + '\n')
