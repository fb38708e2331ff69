# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""How processes are run where ROS's own launch is missing: ends, restarts, output, no orphans."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip('supervisor', reason='supervisor is not installed (ros2 launch is used)')
pytestmark = pytest.mark.e2e

SOURCE = Path(__file__).resolve().parents[2] / 'src' / 'c2a_training'
RUNNER = """
import json, sys
from c2a_training.process_manager import Process, print_line, run_processes
processes = [Process(e['name'], tuple(e['command']), e.get('required', False),
                     e.get('respawn', False)) for e in json.loads(sys.argv[1])]
sys.exit(run_processes(processes, print_line))
"""
# Ctrl-C has to end everything within a few seconds, also on a busy machine.
ENDS_WITHIN_S = 6.0
# Writes its process id and waits; ends well on SIGINT.
WAITER = 'import os, signal, time; print(os.getpid(), flush=True); time.sleep(60)'
STUBBORN = 'import os, signal, sys, time; signal.signal(signal.SIGINT, signal.SIG_IGN); '
WAIT = 'print(os.getpid(), flush=True); time.sleep(60)'


def python(code: str) -> list[str]:
    return [sys.executable, '-c', code]


def start(*processes: dict) -> subprocess.Popen:
    environment = {**os.environ, 'PYTHONPATH': str(SOURCE), 'PYTHONUNBUFFERED': '1'}
    return subprocess.Popen(
        [sys.executable, '-c', RUNNER, json.dumps(processes)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_pid(runner: subprocess.Popen, name: str) -> int:
    for line in runner.stdout:
        words = line.split()
        if words[0] == f'[{name}]' and words[1].isdigit():
            return int(words[1])
    raise AssertionError(f'{name} wrote no process id')


def is_alive(pid: int) -> bool:
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except OSError:
        return False
    return state != 'Z'


@pytest.mark.parametrize('code', [0, 1, 7])
def test_end_of_the_required_process_ends_all_with_its_exit_code(code):
    runner = start(
        {'name': 'other', 'command': python(WAITER), 'respawn': True},
        {
            'name': 'bridge',
            'command': python(f'import sys, time; time.sleep(0.3); sys.exit({code})'),
            'required': True,
        },
    )
    other = read_pid(runner, 'other')
    output, _ = runner.communicate(timeout=15)
    assert runner.returncode == code
    assert f'[bridge] ended with exit code {code}: ending the stack' in output
    assert not is_alive(other)


def test_required_process_that_a_signal_ends_makes_exit_code_1():
    runner = start({'name': 'bridge', 'command': python(WAITER), 'required': True})
    os.kill(read_pid(runner, 'bridge'), signal.SIGKILL)
    output, _ = runner.communicate(timeout=15)
    assert runner.returncode == 1
    assert '[bridge] was ended by a signal: ending the stack' in output


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_ends_everything_soon_with_exit_code_0(number):
    runner = start(
        {'name': 'bridge', 'command': python(WAITER), 'required': True},
        {'name': 'planner', 'command': python(WAITER), 'respawn': True},
    )
    pids = [read_pid(runner, 'bridge')]
    time.sleep(0.2)
    begin = time.monotonic()
    runner.send_signal(number)
    runner.communicate(timeout=15)
    assert runner.returncode == 0
    assert time.monotonic() - begin < ENDS_WITHIN_S
    assert not any(is_alive(pid) for pid in pids)


def test_process_that_does_not_hear_sigint_gets_sigterm():
    code = (
        STUBBORN + 'signal.signal(signal.SIGTERM, lambda *_: sys.exit("heard SIGTERM")); ' + WAIT
    )
    runner = start({'name': 'bridge', 'command': python(code), 'required': True})
    pid = read_pid(runner, 'bridge')
    runner.send_signal(signal.SIGINT)
    output, _ = runner.communicate(timeout=20)
    assert '[bridge] heard SIGTERM' in output
    assert not is_alive(pid)


def test_process_that_hears_nothing_is_killed():
    code = STUBBORN + 'signal.signal(signal.SIGTERM, signal.SIG_IGN); ' + WAIT
    runner = start({'name': 'bridge', 'command': python(code), 'required': True})
    pid = read_pid(runner, 'bridge')
    runner.send_signal(signal.SIGINT)
    runner.communicate(timeout=20)
    assert not is_alive(pid)


def test_respawned_process_comes_back():
    runner = start(
        {'name': 'bridge', 'command': python(WAITER.replace('60', '30')), 'required': True},
        {'name': 'planner', 'command': python(WAITER), 'respawn': True},
    )
    try:
        first = read_pid(runner, 'planner')
        time.sleep(2.5)  # longer than START_S: it counts as started
        os.kill(first, signal.SIGKILL)
        assert read_pid(runner, 'planner') != first
    finally:
        runner.send_signal(signal.SIGINT)
        runner.communicate(timeout=15)


def test_output_is_whole_lines_with_the_name_in_front():
    code = 'import sys; sys.stdout.write("100% one\\ntwo\\n"); sys.stderr.write("three"); '
    runner = start({'name': 'bridge', 'command': python(code), 'required': True})
    output, _ = runner.communicate(timeout=15)
    lines = output.splitlines()
    assert {'[bridge] 100% one', '[bridge] two', '[bridge] three'} <= set(lines)


def test_no_socket_is_opened():
    runner = start({'name': 'bridge', 'command': python(WAITER), 'required': True})
    try:
        read_pid(runner, 'bridge')
        links = [os.readlink(f) for f in Path(f'/proc/{runner.pid}/fd').iterdir()]
        assert not [link for link in links if link.startswith('socket:')]
    finally:
        runner.send_signal(signal.SIGINT)
        runner.communicate(timeout=15)
