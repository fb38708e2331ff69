# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests over DDS: a domain of their own, on this machine only."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

import pytest

# 0 to 101 are safe on every operating system; 0 to 19 are what people use.
DOMAINS = range(20, 100)


@pytest.fixture(scope='session')
def ros_domain():
    """A ROS domain that no other test session on this machine uses, kept by a lock file."""
    folder = Path(tempfile.gettempdir()) / 'c2a_test_domains'
    folder.mkdir(mode=0o777, exist_ok=True)
    for number in DOMAINS:
        lock = open(folder / f'{number}.lock', 'w')  # noqa: SIM115 (held for the session)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        before = {name: os.environ.get(name) for name in _environment(number)}
        os.environ.update(_environment(number))
        yield number
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        lock.close()
        return
    pytest.fail('no ROS domain is free: too many test sessions at once')


def _environment(domain: int) -> dict[str, str]:
    return {'ROS_DOMAIN_ID': str(domain), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}


@pytest.fixture
def ros(ros_domain):
    """A world of nodes in one process, each spinning in a thread of its own."""
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    pytest.importorskip('c2a_msgs.msg', reason='c2a_msgs is not built')
    from node_world import NodeWorld

    world = NodeWorld()
    try:
        yield world
    finally:
        world.close()
