# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The recorder: episodes become bags that others can read, whatever happens to it."""

from __future__ import annotations

import os
import re
import signal
import time

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fakes import TRACE, FakePolicy, FakeSimulator
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from node_processes import Processes
from node_world import wait_until
from rosbags.highlevel import AnyReader

from c2a_training.bags.bag_writer import ABOUT_FILE, BagWriter
from c2a_training.bags.recorded_topics import TOPICS

pytestmark = pytest.mark.ros

STEPS = 16
LISTENED = ('/camera/base/image_raw', '/camera/wrist/image_raw', '/joint_states', '/ee_pose')


@pytest.fixture
def processes(monkeypatch):
    # No shared memory: Fast DDS 2.14 may crash this process after a reader was killed in it.
    monkeypatch.setenv('FASTDDS_BUILTIN_TRANSPORTS', 'UDPv4')
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', 'none')
    started = Processes()
    yield started
    started.close()


def endless():
    return FakeSimulator(needs_steps=0, max_steps=10**6, skill_steps=10**5, step_s=0.01)


def stack(ros, simulator=None, policy=None, episodes=1, **common):
    """A stack that waits for the recorder; the nodes that answer come after it."""
    low_level = 'oracle' if policy is None else 'policy'
    bridge = {'audience': 'recorder', 'episodes': episodes}
    return ros.stack(
        simulator or FakeSimulator(), None, policy, bridge=bridge, low_level=low_level, **common
    )


def bag(folder, name):
    """Wait for a closed bag; the last file that only an open one has goes after its new name."""
    path = folder / name
    wait_until(
        lambda: path.is_dir() and not (path / ABOUT_FILE).exists(),
        what=f'{name} in {os.listdir(folder)}',
    )
    return path


def custom(path):
    document = yaml.safe_load((path / 'metadata.yaml').read_text())
    return document['rosbag2_bagfile_information']['custom_data']


def counts(path):
    """Messages by topic as rosbags finds them; it checks type hashes against the definitions."""
    with AnyReader([path]) as reader:
        found = {connection.topic: 0 for connection in reader.connections}
        for connection, _, data in reader.messages():
            reader.deserialize(data, connection.msgtype)
            found[connection.topic] += 1
        assert found == {c.topic: c.msgcount for c in reader.connections}
    return found


def decoded(path, topic):
    """Messages of a topic as mcap's own reader decodes them, without ROS's message packages."""
    with open(next(path.glob('*.mcap')), 'rb') as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        return [value for _, _, _, value in reader.iter_decoded_messages(topics=[topic])]


def test_an_episode_becomes_a_bag_with_all_that_was_said(ros, tmp_path):
    ros.recorder(tmp_path)
    stack(ros)
    path = bag(tmp_path, 'FakeTask_0_1')
    found = counts(path)
    assert found['/c2a/observation'] == found['/c2a/key_step'] == STEPS + 1
    assert found['/c2a/oracle_key_step'] == STEPS + 1
    assert found['/c2a/command'] == STEPS
    assert found['/c2a/episode'] >= 2
    assert found['/robot_description'] == 1
    assert {found[topic] for topic in LISTENED} <= {STEPS, STEPS + 1}
    about = custom(path)
    assert (about['task'], about['seed'], about['episode_id']) == ('FakeTask', '0', '1')
    assert (about['success'], about['reason'], about['steps']) == ('true', 'success', '16')
    assert (about['complete'], about['dropped']) == ('true', '')
    assert (about['instruction'], about['planner_checkpoint']) == ('do FakeTask', 'oracle')


def test_a_bag_has_the_very_bytes_and_mcaps_reader_understands_them(ros, tmp_path):
    ros.recorder(tmp_path)
    stack(ros, policy=FakePolicy())
    path = bag(tmp_path, 'FakeTask_0_1')
    observations = decoded(path, '/c2a/observation')
    assert [o.step for o in observations] == list(range(STEPS + 1))
    for k, observation in enumerate(observations):
        assert set(np.frombuffer(observation.base_image.data, np.uint8)) == {k}
        assert observation.joint_positions[0] == pytest.approx(0.01 * k)
    key_steps = decoded(path, '/c2a/key_step')
    assert [k.code for k in key_steps if k.is_key_step] == [*TRACE, 'done()']
    commands = {c.step: c for c in decoded(path, '/c2a/command')}
    heard = {c.step: c for c in ros.probe.of('command', 1)}
    assert {k: list(c.action) for k, c in commands.items()} == {
        k: [pytest.approx(x) for x in c.action] for k, c in heard.items() if k in commands
    }
    assert set(range(STEPS)) <= commands.keys()
    chunks = decoded(path, '/c2a/action_chunk')
    assert chunks[0].checkpoint == 'fake-policy'
    assert custom(path)['policy_checkpoint'] == 'fake-policy'


def test_every_bag_has_what_was_said_once_for_all(ros, tmp_path):
    ros.recorder(tmp_path)
    stack(ros, episodes=3)
    paths = [bag(tmp_path, f'FakeTask_{seed}_{seed + 1}') for seed in range(3)]
    for number, path in enumerate(paths, start=1):
        found = counts(path)
        assert found['/robot_description'] == 1
        assert found['/c2a/observation'] == found['/c2a/key_step'] == STEPS + 1
        for topic in ('/c2a/observation', '/c2a/key_step', '/c2a/command', '/c2a/episode'):
            assert {message.episode_id for message in decoded(path, topic)} == {number}


def test_a_recorder_that_comes_late_records_what_begins_after_it(ros, tmp_path):
    bridge = ros.stack(FakeSimulator(), None, FakePolicy(), low_level='policy')
    ros.ended(1)
    observations = bridge.topics.observations
    readers = observations.get_subscription_count()
    ros.recorder(tmp_path)
    wait_until(lambda: observations.get_subscription_count() > readers)
    ros.reset(task='OtherTask', seed=5)
    path = bag(tmp_path, 'OtherTask_5_2')
    assert os.listdir(tmp_path) == [path.name]
    assert custom(path)['complete'] == 'true'


def test_topics_can_be_left_out(ros, tmp_path):
    ros.recorder(tmp_path, exclude='/c2a/overlay, /camera/base/image_raw')
    stack(ros)
    found = counts(bag(tmp_path, 'FakeTask_0_1'))
    left_out = {'/c2a/overlay', '/camera/base/image_raw'}
    assert not left_out & found.keys()
    optional = {topic.name for topic in TOPICS if topic.is_optional}
    expected = {topic.name for topic in TOPICS} - left_out - optional - {'/c2a/action_chunk'}
    assert expected - found.keys() <= {'/diagnostics'}  # said once a second


def test_an_open_bag_is_closed_when_the_recorder_ends(ros, tmp_path):
    recorder = ros.recorder(tmp_path)
    stack(ros, endless())
    wait_until(lambda: os.listdir(tmp_path) == ['FakeTask_0_1.open'])
    heard = len(ros.probe.of('observation', 1))
    wait_until(lambda: len(ros.probe.of('observation', 1)) > heard + 20)
    ros.remove(recorder)
    path = bag(tmp_path, 'FakeTask_0_1')
    assert (custom(path)['done'], custom(path)['complete']) == ('false', 'false')
    assert counts(path)['/c2a/observation'] > 5


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_recorder_close_its_bag(ros, processes, tmp_path, number):
    recorder = processes.node('c2a_training.recorder_node', record_dir=tmp_path)
    stack(ros, endless())
    # The probe may hear the bridge earlier than another process does.
    wait_until(lambda: os.listdir(tmp_path) == ['FakeTask_0_1.open'])
    heard = len(ros.probe.of('observation', 1))
    wait_until(lambda: len(ros.probe.of('observation', 1)) > heard + 20)
    recorder.send_signal(number)
    assert recorder.wait(10) == 0
    assert os.listdir(tmp_path) == ['FakeTask_0_1']
    assert counts(tmp_path / 'FakeTask_0_1')['/c2a/observation'] > 5


def test_after_kill_9_closed_bags_are_whole_and_the_open_one_is_recovered(
    ros, processes, tmp_path
):
    recorder = processes.node('c2a_training.recorder_node', record_dir=tmp_path)
    simulator = FakeSimulator(needs_steps=0, max_steps=60, skill_steps=100, step_s=0.05)
    bridge = stack(ros, simulator, episodes=2)
    closed = bag(tmp_path, 'FakeTask_0_1')
    before = {file.name: file.read_bytes() for file in closed.iterdir()}
    # A chunk has to be full, or a second over: what is younger may go.
    open_file = tmp_path / 'FakeTask_1_2.open' / 'FakeTask_1_2.mcap'
    wait_until(lambda: open_file.is_file() and open_file.stat().st_size > 10_000)
    recorder.kill()
    recorder.wait(10)
    assert bridge.loop.episode_id == 2
    ros.recorder(tmp_path)
    assert {file.name: file.read_bytes() for file in closed.iterdir()} == before
    path = bag(tmp_path, 'FakeTask_1_2')
    assert sorted(os.listdir(tmp_path)) == ['FakeTask_0_1', 'FakeTask_1_2']
    steps = [o.step for o in decoded(path, '/c2a/observation')]
    assert steps == list(range(len(steps)))
    assert 0 < len(steps) < 61
    about = custom(path)
    assert (about['recovered'], about['complete'], about['task']) == ('true', 'false', 'FakeTask')


def test_a_folder_that_cannot_be_written_is_refused_with_what_to_do(ros, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ValueError, match='choose another folder with record_dir:=FOLDER'):
        ros.recorder(tmp_path / 'file' / 'bags')


def test_a_disk_that_is_too_slow_costs_messages_that_are_counted_and_reported(
    ros, tmp_path, monkeypatch
):
    write = BagWriter.write

    def slow(self, topic, data, log_ns, publish_ns):
        time.sleep(0.05 if topic == '/c2a/observation' else 0.0)
        write(self, topic, data, log_ns, publish_ns)

    monkeypatch.setattr(BagWriter, 'write', slow)
    ros.probe.listen('diagnostics', DiagnosticArray, '/diagnostics')
    ros.recorder(tmp_path, buffer_mb=1)
    stack(ros, FakeSimulator(image_size=256, skill_steps=10))
    about = custom(bag(tmp_path, 'FakeTask_0_1'))
    assert '/c2a/observation: ' in about['dropped']
    lost = int(re.search('/c2a/observation: ([0-9]+)', about['dropped'])[1])
    assert int(about['observations']) + lost == 41
    assert (about['complete'], about['done']) == ('false', 'true')

    def warnings():
        arrays = [event.value for event in ros.probe.events if event.kind == 'diagnostics']
        entries = [status for array in arrays for status in array.status]
        return [
            s for s in entries if s.name == 'recorder: bag' and s.level == DiagnosticStatus.WARN
        ]

    assert 'messages were dropped' in wait_until(warnings)[0].message
