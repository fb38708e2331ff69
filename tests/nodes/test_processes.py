# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Nodes that die and come back, and Ctrl-C: with real processes."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fakes import CUBE, FakeSimulator
from node_processes import Processes
from node_world import wait_until

from c2a_core.episode_file import RecordedEpisode, write_episode

pytestmark = pytest.mark.ros

TESTS = Path(__file__).resolve().parents[1]
MOVE = f'move3d(actor={CUBE})'


def endless():
    return FakeSimulator(needs_steps=0, max_steps=10**6, skill_steps=10**5, step_s=0.01)


@pytest.fixture(autouse=True)
def udp_only(monkeypatch):
    """No shared memory: Fast DDS 2.14 may crash this process after a writer was killed in it."""
    monkeypatch.setenv('FASTDDS_BUILTIN_TRANSPORTS', 'UDPv4')
    # A profile of the user's own: the nodes then leave the transports alone.
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', 'none')


@pytest.fixture
def processes():
    started = Processes()
    yield started
    started.close()


@pytest.fixture
def recording(tmp_path):
    """Recorded episodes that are longer than any test."""
    steps = 5000
    actions = np.zeros((steps, 7), np.float32)
    actions[:, 0] = 0.02
    for seed in range(3):
        episode = RecordedEpisode('FakeTask', seed, 'do', True, actions, (MOVE,) * (steps + 1))
        write_episode(tmp_path, episode)
    return tmp_path


def errors(probe):
    """Messages of what /diagnostics reports as an error, with when."""
    return [
        (event.wall_s, status.name, status.message)
        for event in probe.events
        if event.kind == 'diagnostics'
        for status in event.value.status
        if status.level == DiagnosticStatus.ERROR
    ]


@pytest.mark.parametrize('stepping', ['lockstep', 'realtime'])
@pytest.mark.parametrize('victim', ['planner', 'controller'])
def test_a_dead_peer_is_reported_and_after_its_return_the_next_episode_runs(
    ros, processes, recording, stepping, victim
):
    common = {'low_level': 'replay', 'stepping': stepping}
    simulator = endless()
    bridge = ros.bridge(simulator, episodes=0, **common)
    ros.probe.listen('diagnostics', DiagnosticArray, '/diagnostics')
    starts = {
        'planner': lambda: processes.node('c2a_planner.planner_node', **common),
        'controller': lambda: processes.node(
            'c2a_controller.controller_node', replay_dir=recording, **common
        ),
    }
    nodes = {name: start() for name, start in starts.items()}
    wait_until(lambda: bridge.loop.step > 20, 20.0, 'the first episode runs')
    nodes[victim].kill()
    wait_until(lambda: not bridge.loop.is_running, 10.0, 'the episode ends')
    assert ros.ended(1).reason == f'aborted: {victim} is gone'

    def reports():
        return [e for e in errors(ros.probe) if victim in e[1] and 'gone' in e[2]]

    wait_until(reports)
    before = simulator.position.copy()
    time.sleep(0.3)
    assert np.linalg.norm(simulator.position - before) < 1e-3
    assert not ros.probe.of('status', 2)
    starts[victim]()
    wait_until(lambda: bridge.loop.episode_id == 2 and bridge.loop.step > 10, 20.0, 'episode 2')
    assert not bridge.missing()


def test_a_planner_that_ends_in_good_order_is_missed_at_once(ros, processes, recording):
    bridge = ros.bridge(endless(), low_level='replay')
    ros.controller(low_level='replay', replay_dir=str(recording))
    planner = processes.node('c2a_planner.planner_node', low_level='replay')
    wait_until(lambda: bridge.loop.step > 5, 20.0)
    planner.send_signal(signal.SIGINT)
    wait_until(lambda: not bridge.loop.is_running, 5.0)
    assert planner.wait(10) == 0


@pytest.mark.parametrize('stepping', ['lockstep', 'realtime'])
def test_ctrl_c_at_the_bridge_stops_the_robot(ros, processes, stepping):
    ros.planner(stepping=stepping)
    ros.controller(stepping=stepping)
    bridge = processes.start(
        str(TESTS / 'fake_bridge_process.py'), task='FakeTask', stepping=stepping
    )
    wait_until(lambda: len(ros.probe.of('observation', 1)) > 10, 20.0)
    bridge.send_signal(signal.SIGINT)
    assert bridge.wait(10) == 0
    assert ros.ended().reason == 'aborted: the bridge was shut down'


def test_an_interrupted_run_with_a_verdict_has_not_succeeded(ros, processes):
    ros.planner()
    ros.controller()
    bridge = processes.node(
        'c2a_sim_bridge.sim_bridge_node', episodes=100000, exit='true', render='false'
    )
    # Of any episode: the first ones may be over before the probe has found the bridge.
    wait_until(lambda: ros.probe.of('observation'), 40.0)
    bridge.send_signal(signal.SIGINT)
    assert bridge.wait(20) == 1
