# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a demo` as a user runs it: real simulator, real nodes; code, verdict and video."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import av
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.ros]

DEMO = [sys.executable, '-m', 'c2a_training.cli', 'demo', '--tasks', 'Pick', '--image-size', '64']
ORACLE = ('--planner', 'oracle', '--low-level', 'oracle')
TIMEOUT_S = 90.0


@pytest.fixture(autouse=True)
def installed(ros_domain):  # noqa: ARG001 (the processes inherit the domain)
    index = pytest.importorskip('ament_index_python.packages', reason='ROS is not installed')
    try:
        index.get_package_prefix('c2a')
    except index.PackageNotFoundError:
        pytest.skip('the workspace is not built: run ./c2a test')


def processes_of(domain: str) -> list[int]:
    """Processes that carry this ROS domain in their environment, but for our own."""
    found = []
    for entry in os.scandir('/proc'):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            with open(f'/proc/{entry.name}/environ', 'rb') as file:
                variables = file.read().split(b'\0')
        except OSError:
            continue
        if f'ROS_DOMAIN_ID={domain}'.encode() in variables:
            found.append(int(entry.name))
    return found


def test_demo_shows_the_code_and_films_a_successful_episode(tmp_path):
    result = subprocess.run(
        [*DEMO, *ORACLE, '--out', str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert 'pick(actor=get_actor(' in result.stdout
    assert '1 of 1 episodes succeeded' in result.stdout
    with av.open(str(tmp_path / 'Pick.mp4')) as container:
        frames = sum(1 for _ in container.decode(video=0))
    assert frames > 10
    assert (tmp_path / 'Pick.png').is_file()


def test_code_printed_by_the_demo_is_the_code_of_the_rollout_without_ros(tmp_path):
    result = subprocess.run(
        [*DEMO, *ORACLE, '--seed', '3', '--out', str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={**os.environ, 'COLUMNS': '300'},
    )
    printed = [line.split(maxsplit=1) for line in result.stdout.splitlines() if '(actor=' in line]
    report = tmp_path / 'oracle.json'
    command = [*DEMO[:3], 'oracle', '--tasks', 'Pick', '--seeds', '3', '--save', str(tmp_path)]
    subprocess.run([*command, '--json', str(report)], check=True, timeout=TIMEOUT_S)
    assert json.loads(report.read_text())['tasks'][0]['successes'] == 1
    from c2a_core.episode_file import read_episode

    codes = read_episode(tmp_path / 'Pick_3.npz').code
    borders = [k for k in range(len(codes) - 1) if k == 0 or codes[k] != codes[k - 1]]
    assert [(int(step), code.rstrip()) for step, code in printed] == [
        (k, codes[k]) for k in borders
    ]


def test_ctrl_c_leaves_neither_a_process_nor_half_a_video(tmp_path, ros_domain):
    before = set(processes_of(str(ros_domain)))
    process = subprocess.Popen(
        [*DEMO, *ORACLE, '--out', str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    end = time.monotonic() + TIMEOUT_S
    while not list(tmp_path.glob('stack.log')):
        assert time.monotonic() < end, 'the stack was not started'
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=TIMEOUT_S) == 130
    process.stdout.close()
    assert set(processes_of(str(ros_domain))) <= before
    assert [path.name for path in tmp_path.iterdir() if 'mp4' in path.name] == []
