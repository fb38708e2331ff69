# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a generate` as a process that is killed, interrupted and continued."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from c2a_training.dataset.dataset_manifest import MANIFEST

pytestmark = pytest.mark.e2e

WORDS = ('--tasks', 'Pick', 'Topple', '--episodes', '4', '--image-size', '32')


def files(directory):
    paths = [*sorted(directory.glob('data/*')), directory / MANIFEST]
    return {path.name: path.read_bytes() for path in paths}


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
    """The dataset as one process makes it undisturbed."""
    directory = tmp_path_factory.mktemp('real') / 'set'
    assert start(directory, '--workers', '1').wait(120) == 0
    return files(directory)


def start(directory, *words):
    command = [sys.executable, '-m', 'c2a_training.cli', 'generate', *WORDS, '--out', directory]
    paths = [path for path in sys.path if '/src/c2a_' in path]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    return subprocess.Popen(
        [*command, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def children(pid):
    """Process ids of the children of a process."""
    tasks = Path(f'/proc/{pid}/task').glob('*/children')
    return [int(child) for path in tasks for child in path.read_text().split()]


def is_alive(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def wait_for(condition, what, timeout_s=100.0):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f'not within {timeout_s} s: {what}'
        time.sleep(0.01)


def test_killed_run_with_two_workers_goes_on_to_the_same_bytes(tmp_path, reference):
    directory = tmp_path / 'set'
    process = start(directory, '--workers', '2')
    closed = directory / '.pending'
    try:
        wait_for(lambda: any(closed.glob('*.arrow')), 'a closed episode')
        workers = children(process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_for(lambda: not any(map(is_alive, workers)), 'the end of the orphaned workers')
    process = start(directory, '--workers', '2')
    assert process.wait(120) == 0
    assert files(directory) == reference
    assert not closed.exists()


def test_interrupted_run_ends_in_good_order_and_goes_on_to_the_same_bytes(tmp_path, reference):
    directory = tmp_path / 'set'
    process = start(directory, '--workers', '2')
    wait_for(lambda: any((directory / '.pending').glob('*.arrow')), 'a closed episode')
    process.send_signal(signal.SIGINT)
    # All may have been made by the time the signal arrives.
    assert process.wait(120) in (0, 130)
    assert start(directory, '--workers', '1').wait(120) == 0
    assert files(directory) == reference


def test_local_ray_makes_the_same_bytes(tmp_path, reference):
    pytest.importorskip('ray', reason='ray is not installed')
    directory = tmp_path / 'set'
    assert start(directory, '--ray', 'local', '--workers', '2').wait(120) == 0
    assert files(directory) == reference
