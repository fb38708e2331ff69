# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The installed workspace as a user starts it: real simulator, real nodes, real signals."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from c2a_controller import policy_checkpoint
from c2a_core.episode_file import RecordedEpisode, write_episode
from c2a_core.spaces import ACTION_DIM
from c2a_planner.checkpoint import INFO_NAME, SHIPPED, SHIPPED_FOLDER, find_checkpoint

pytestmark = [pytest.mark.e2e, pytest.mark.ros]

BRINGUP = [sys.executable, '-m', 'c2a_training.cli', 'bringup']
# Import of the simulator, discovery and one episode, on two busy cores.
TIMEOUT_S = 90.0
ENDS_WITHIN_S = 6.0
NODES = ('sim_bridge_node', 'planner_node', 'controller_node')
RECORDER = 'recorder_node'
# What is tested here are processes, signals and verdicts; the ground truth needs no model.
ORACLE = ('planner:=oracle', 'low_level:=oracle')
POLICY = policy_checkpoint.SHIPPED_FOLDER / 'policy_tiny' / policy_checkpoint.INFO_NAME
POLICY_SHIPS = POLICY.is_file()
SHIPS = [name for name in SHIPPED if (SHIPPED_FOLDER / f'planner_{name}' / INFO_NAME).is_file()]


@pytest.fixture(autouse=True)
def installed(ros_domain):  # noqa: ARG001 (the processes inherit the domain)
    index = pytest.importorskip('ament_index_python.packages', reason='ROS is not installed')
    try:
        index.get_package_prefix('c2a')
    except index.PackageNotFoundError:
        pytest.skip('the workspace is not built: run ./c2a test')


class Running:
    """A started command with its output so far."""

    def __init__(self, command: list[str], folder: Path) -> None:
        environment = {**os.environ, 'PYTHONUNBUFFERED': '1'}
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return ''.join(self.lines)

    def wait_for(self, pattern: str, *, times: int = 1, timeout_s: float = TIMEOUT_S) -> None:
        end = time.monotonic() + timeout_s
        while len(re.findall(pattern, self.output)) < times:
            assert self.process.poll() is None, f'ended early:\n{self.output}'
            assert time.monotonic() < end, f'no {pattern!r} in:\n{self.output}'
            time.sleep(0.05)

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        try:
            code = self.process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f'did not end:\n{self.output}')
        self._reader.join(timeout=5.0)
        return code

    def interrupt(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line)


@pytest.fixture
def start(tmp_path):
    started: list[Running] = []

    def run(*words: str, command: list[str] = BRINGUP) -> Running:
        started.append(Running([*command, *words], tmp_path))
        return started[-1]

    yield run
    for running in started:
        if running.process.poll() is None:
            running.interrupt()
            running.process.wait(timeout=20)


def node_pids(domain: int) -> dict[str, int]:
    """Return the process ids of our nodes in this DDS domain."""
    found = {}
    for folder in Path('/proc').iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / 'cmdline').read_bytes().decode().split('\0')
            environment = (folder / 'environ').read_bytes().decode(errors='replace').split('\0')
        except OSError:
            continue
        names = [
            name for word in words[:2] for name in (*NODES, RECORDER) if word.endswith(f'/{name}')
        ]
        if names and f'ROS_DOMAIN_ID={domain}' in environment:
            found[names[0]] = int(folder.name)
    return found


def test_episodes_run_and_the_verdict_is_the_exit_code(start, ros_domain):
    running = start(*ORACLE, 'task:=PlaceNextTo', 'seed:=3', 'episodes:=2', 'exit:=true')
    assert running.wait() == 0, running.output
    assert 'pick(actor=get_actor(' in running.output
    assert '2 of 2 episodes succeeded' in running.output
    assert node_pids(ros_domain) == {}


@pytest.fixture
def failing(tmp_path) -> list[str]:
    """Arguments of an episode that times out: a recording in which the robot stands still."""
    actions = np.zeros((4, ACTION_DIM), np.float32)
    code = ('done()',) * (len(actions) + 1)
    write_episode(tmp_path, RecordedEpisode('Pick', 0, 'Pick it up', False, actions, code))
    return [
        'planner:=oracle',
        'task:=Pick',
        'low_level:=replay',
        f'replay_dir:={tmp_path}',
        'episodes:=1',
        'exit:=true',
    ]


def test_failed_episode_makes_exit_code_1(start, failing, ros_domain):
    running = start(*failing)
    assert running.wait() == 1, running.output
    assert node_pids(ros_domain) == {}


def test_ctrl_c_ends_everything_with_exit_code_0(start, ros_domain):
    running = start(*ORACLE, 'task:=Swap')
    running.wait_for(r'pick\(')
    assert set(node_pids(ros_domain)) == set(NODES)
    running.interrupt()
    assert running.wait(ENDS_WITHIN_S) == 0, running.output
    assert node_pids(ros_domain) == {}
    assert 'Traceback' not in running.output


def test_killed_planner_is_started_again_and_episodes_go_on(start, ros_domain):
    running = start(*ORACLE, 'task:=PlaceNextTo')
    running.wait_for(r'episode \d+ PlaceNextTo seed \d+: success')
    time.sleep(2.0)  # it has to run for a while to count as started
    before = node_pids(ros_domain)['planner_node']
    os.kill(before, signal.SIGKILL)
    # The words of our process manager, or those of ROS's launch.
    again = r'\[planner\].* starting it again|\[planner_node-2\]: process has died'
    running.wait_for(again, timeout_s=20)
    done = len(re.findall(r'seed \d+: success', running.output))
    running.wait_for(r'seed \d+: success', times=done + 2)
    assert node_pids(ros_domain)['planner_node'] != before
    running.interrupt()
    assert running.wait(ENDS_WITHIN_S) == 0, running.output


def bags_of(folder: Path) -> dict[str, dict[str, str]]:
    """What the bags of a folder say about themselves, by name; all have to be closed."""
    found = {}
    for path in sorted(folder.iterdir()):
        document = yaml.safe_load((path / 'metadata.yaml').read_text(encoding='utf-8'))
        found[path.name] = document['rosbag2_bagfile_information']['custom_data']
    return found


def test_record_makes_a_whole_bag_of_each_episode(start, tmp_path):
    running = start(
        *(*ORACLE, 'task:=Pick', 'episodes:=3', 'exit:=true', 'record:=true'),
        f'record_dir:={tmp_path}/b',
    )
    assert running.wait() == 0, running.output
    bags = bags_of(tmp_path / 'b')
    assert list(bags) == ['Pick_0_1', 'Pick_1_2', 'Pick_2_3']
    assert {bag['complete'] for bag in bags.values()} == {'true'}
    assert {bag['success'] for bag in bags.values()} == {'true'}


def test_killed_recorder_is_started_again_and_loses_no_closed_bag(start, tmp_path, ros_domain):
    closed = r'PlaceNextTo_\d+_\d+: \d+ messages'
    running = start(*ORACLE, 'task:=PlaceNextTo', 'record:=true', f'record_dir:={tmp_path}/b')
    running.wait_for(closed, times=2)
    time.sleep(2.0)  # it has to run for a while to count as started
    os.kill(node_pids(ros_domain)[RECORDER], signal.SIGKILL)
    running.wait_for('recording into', times=2)
    before = len(re.findall(closed, running.output))
    running.wait_for(closed, times=before + 2)
    running.interrupt()
    assert running.wait(ENDS_WITHIN_S) == 0, running.output
    bags = bags_of(tmp_path / 'b')
    whole = [name for name, bag in bags.items() if bag['complete'] == 'true']
    assert len(whole) >= before + 2, bags
    recovered = [bag for bag in bags.values() if bag.get('recovered')]
    assert len(recovered) <= 3  # episodes are short, and a bag stays open for a moment


@pytest.mark.skipif('tiny' not in SHIPS, reason='no checkpoint ships')
def test_learned_planner_is_the_default_and_says_which_checkpoint_it_runs(start):
    running = start('task:=Pick', 'seed:=1000000', 'episodes:=1', 'exit:=true')
    # How often it succeeds is measured elsewhere; here it is asked, heard and judged.
    assert running.wait() in (0, 1), running.output
    label = find_checkpoint('tiny').label
    assert f'planner vlm, checkpoint {label}' in running.output
    assert re.search(r'\[planner\].*\[ +0\] ', running.output), running.output
    assert re.search(r'episode 1 Pick seed 1000000: ', running.output), running.output
    assert 'Traceback' not in running.output


@pytest.mark.skipif(not POLICY_SHIPS, reason='no policy ships')
def test_learned_policy_is_the_default_and_says_which_checkpoint_it_runs(start):
    running = start('planner:=oracle', 'task:=Pick', 'seed:=1000000', 'episodes:=1', 'exit:=true')
    assert running.wait() in (0, 1), running.output
    label = policy_checkpoint.find_checkpoint('tiny').label
    assert f'low level policy, checkpoint {label}' in running.output
    assert 'Traceback' not in running.output


def test_dead_bridge_ends_the_stack_with_exit_code_1(start, ros_domain):
    running = start(*ORACLE, 'task:=PlaceNextTo')
    running.wait_for(r'episode \d+ PlaceNextTo')
    os.kill(node_pids(ros_domain)['sim_bridge_node'], signal.SIGKILL)
    assert running.wait(20) == 1, running.output
    assert node_pids(ros_domain) == {}


@pytest.mark.parametrize('word', ['tsk:=Swap', 'planner:=vml', 'seed:=x'])
def test_wrong_argument_is_one_line_and_exit_code_2(start, word):
    running = start(word)
    assert running.wait(20) == 2
    assert len(running.lines) == 1, running.output


def test_unknown_task_is_a_sentence_with_the_nearest_name(start):
    running = start('task:=PlaceNexTo', 'episodes:=1', 'exit:=true')
    assert running.wait() == 1, running.output
    assert 'PlaceNextTo' in running.output
    assert 'Traceback' not in running.output


@pytest.mark.skipif(shutil.which('ros2') is None, reason='ros2 launch is not installed')
def test_ros2_launch_runs_an_episode_and_returns_its_verdict(start, failing, ros_domain):
    command = ['ros2', 'launch', 'c2a', 'bringup.launch.py']
    words = (*ORACLE, 'task:=PlaceNextTo', 'episodes:=1', 'exit:=true')
    running = start(*words, command=command)
    assert running.wait() == 0, running.output
    running = start(*failing, command=command)
    assert running.wait() == 1, running.output
    assert node_pids(ros_domain) == {}
