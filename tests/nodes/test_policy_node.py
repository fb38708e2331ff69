# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The controller node with a learned policy: a small one with random weights."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')
pytest.importorskip('torch', reason='torch is not installed')
pytest.importorskip('diffusers', reason='diffusers is not installed')

from fakes import FakeSimulator
from node_world import wait_until
from small_policy_net import write_small_policy

from c2a_controller.diffusion_policy import DiffusionPolicy
from c2a_controller.policy import PolicyOptions
from c2a_core.ros import Qos
from c2a_sim_bridge import ros_peers

pytestmark = pytest.mark.ros


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    directory = tmp_path_factory.mktemp('checkpoints') / 'small'
    return directory, write_small_policy(directory)


@pytest.fixture
def nothing_lost(monkeypatch):
    """Writers keep a whole episode for slow readers; a starved node does not count as gone."""
    for qos in (Qos.OBSERVATION, Qos.KEY_STEP, Qos.ACTION_CHUNK):
        monkeypatch.setattr(qos, 'depth', 100)
    monkeypatch.setattr(ros_peers, 'GRACE_S', 60.0)


def start(ros, directory, simulator=None, stepping='lockstep', episodes=1, **parameters):
    shared = {'low_level': 'policy', 'stepping': stepping}
    ros.bridge(simulator or FakeSimulator(), planner='oracle', episodes=episodes, **shared)
    ros.planner(planner='oracle', **shared)
    return ros.controller(**shared, policy_checkpoint=str(directory), **parameters)


def hear(ros, kind, episode_id, last_step):
    """All that the probe hears of a kind in an episode: topics do not wait for each other."""

    def is_last_there():
        return any(value.step == last_step for value in ros.probe.of(kind, episode_id))

    wait_until(is_last_there, 60.0, f'{kind} of step {last_step}')
    return ros.probe.of(kind, episode_id)


@pytest.mark.parametrize('warm_start', [-1.0, 0.5], ids=['cold', 'warm'])
def test_same_observations_give_the_same_chunks_in_process_and_through_the_node(
    ros, small, nothing_lost, warm_start
):
    directory, info = small
    start(ros, directory, episodes=-1, exec_horizon=3, warm_start=warm_start)
    ros.wait_for_matches()
    policy = DiffusionPolicy.load(
        PolicyOptions(str(directory), warm_start=max(0.0, warm_start), threads=1)
    )
    for episode_id in (1, 2):
        wait_until(lambda seed=episode_id: ros.reset(seed=seed).accepted, 60.0, 'an episode')
        status = ros.ended(episode_id, timeout_s=60.0)
        assert (status.reason, status.step, status.seed) == ('success', 16, episode_id)
        # Four key steps of four steps each: a chunk for each, and one after three actions.
        chunks = hear(ros, 'chunk', episode_id, last_step=15)
        assert [chunk.step for chunk in chunks] == [0, 3, 4, 7, 8, 11, 12, 15]
        observations = {o.step: o for o in hear(ros, 'observation', episode_id, last_step=16)}
        said = {key_step.step: key_step for key_step in hear(ros, 'key_step', episode_id, 16)}
        policy.begin_episode(status.task, status.seed)
        for chunk in chunks:
            expected = policy.predict_action_chunk(observations[chunk.step], said[chunk.step])
            assert chunk.actions.tobytes() == expected.tobytes()
            assert chunk.checkpoint == info.hash[:12]
            assert chunk.latency_s > 0


def test_in_real_time_the_robot_goes_on_while_a_chunk_is_made(ros, small):
    simulator = FakeSimulator(needs_steps=0, max_steps=100_000, skill_steps=1000)
    start(ros, small[0], simulator, stepping='realtime', exec_horizon=4)
    wait_until(lambda: len(ros.probe.of('chunk', 1)) >= 3, 60.0, 'three chunks')
    made = {chunk.chunk_id: chunk for chunk in ros.probe.of('chunk', 1)}
    moved = [c for c in ros.probe.of('command', 1) if c.chunk_id in made]
    assert len({command.chunk_id for command in moved}) >= 2
    # The robot held before the first chunk; the others go on where it is by then.
    assert (moved[0].chunk_id, moved[0].chunk_index) == (0, 0)
    for before, command in itertools.pairwise([None, *moved]):
        chunk = made[command.chunk_id]
        assert 0 <= command.chunk_index <= command.step - chunk.step
        assert np.array_equal(command.action, chunk.actions[command.chunk_index])
        if before is not None and before.chunk_id == command.chunk_id:
            steps = command.step - before.step
            assert command.chunk_index == before.chunk_index + steps


def test_the_diagnostics_tell_how_long_chunks_take_and_how_they_meet(ros, small):
    from diagnostic_msgs.msg import DiagnosticArray

    ros.probe.listen('diagnostics', DiagnosticArray, '/diagnostics')
    start(ros, small[0], exec_horizon=3)
    ros.ended(timeout_s=60.0)

    def said():
        for array in ros.probe.of('diagnostics'):
            for status in array.status:
                values = {entry.key: entry.value for entry in status.values}
                if status.name == 'controller: chunks' and values.get('chunks', '0') != '0':
                    return values
        return None

    values = wait_until(said, what='chunks')
    for name in ('chunk latency, median [ms]', 'chunk latency, 99th percentile [ms]'):
        assert float(values[name]) > 0
    assert 'seam jump, largest [m]' in values
    assert 'key step to first action, median [steps]' in values


def test_a_robot_without_pictures_holds_and_says_why(ros, small):
    node = start(ros, small[0], FakeSimulator(image_size=0, max_steps=8, needs_steps=0))
    assert ros.ended(timeout_s=60.0).reason == 'time-out'
    commands = hear(ros, 'command', 1, last_step=7)
    assert {command.source for command in commands} == {'hold'}
    assert 'turn rendering on' in node.loop.failure


def test_a_checkpoint_for_another_camera_is_refused(ros, small):
    with pytest.raises(ValueError, match="another base camera: 'framed', here it is 'original'"):
        ros.controller(low_level='policy', policy_checkpoint=str(small[0]), cameras='original')


def test_a_checkpoint_that_is_not_there_is_refused(ros):
    with pytest.raises(ValueError, match="there is no policy checkpoint '/nowhere'"):
        ros.controller(low_level='policy', policy_checkpoint='/nowhere')
