# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a replay` over DDS: listeners hear what was recorded, byte by byte, when it was."""

from __future__ import annotations

import contextlib

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')

from bag_files import (
    Event,
    chunk_events,
    header,
    image_message,
    make_episode,
    typestore,
    write_bag,
)
from node_world import wait_until
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from c2a_core import ros as c2a_ros
from c2a_training.bags.bag_mcap import Channel
from c2a_training.bags.bag_messages import (
    ACTION_CHUNK,
    COMMAND,
    EPISODE,
    KEY_STEP,
    LOOP_TOPICS,
    OBSERVATION,
    ORACLE_KEY_STEP,
    OTHER_TOPICS,
    STAMPED_TOPICS,
)
from c2a_training.bags.bag_reader import BagReader
from c2a_training.bags.replay_player import BagPlayer, choose_topics, scan
from c2a_training.cli import main
from c2a_training.replay_node import Replayer, ReplayNode, profile_of

pytestmark = pytest.mark.ros

KINDS = {
    'observation': OBSERVATION,
    'key_step': KEY_STEP,
    'command': COMMAND,
    'chunk': ACTION_CHUNK,
    'status': EPISODE,
}


def test_the_topics_of_bags_are_those_of_the_nodes():
    topic = c2a_ros.Topic
    relative = (
        *(topic.OBSERVATION, topic.KEY_STEP, topic.ORACLE_KEY_STEP),
        *(topic.ACTION_CHUNK, topic.COMMAND, topic.EPISODE),
    )
    assert [f'/{c2a_ros.NAMESPACE}/{name}' for name in relative] == list(LOOP_TOPICS)
    assert ORACLE_KEY_STEP in LOOP_TOPICS
    absolute = {
        value if value.startswith('/') else f'/{c2a_ros.NAMESPACE}/{value}'
        for name, value in vars(topic).items()
        if name.isupper()
    }
    assert absolute == {*LOOP_TOPICS, *STAMPED_TOPICS, *OTHER_TOPICS} - {'/tf', '/tf_static'}


@contextlib.contextmanager
def playing(ros, bag, topics=None, **how):
    """A player of a bag whose publishers the probe has found."""
    reader = BagReader(bag)
    channels = scan(reader).channels
    chosen = choose_topics(channels, topics or ())
    heard_by_probe = sorted(chosen & set(KINDS.values()))
    with Replayer({topic: channels[topic] for topic in chosen}, 0.0) as node:
        wait_until(lambda: node.listened_to() == heard_by_probe, 20.0, 'the probe')
        yield BagPlayer(reader, node.publish, topics=chosen, **how), node


def wait_for(ros, kind, count):
    wait_until(lambda: len(ros.probe.of(kind)) >= count, what=f'{count} of {kind}')
    return ros.probe.of(kind)


def test_listeners_hear_the_recorded_messages(ros, tmp_path):
    events = chunk_events(make_episode(episode_id=5))
    picture = image_message(events[1].value.base_image, 0)
    topic = '/camera/base/image_raw'
    events.append(Event(topic, events[0].log_ns + 7, picture, 'sensor_msgs/msg/Image'))
    with playing(ros, write_bag(tmp_path / 'bag', events), rate=2.0) as (player, _):
        assert sum(player.play().counts.values()) == len(events)
    for kind, topic in KINDS.items():
        expected = [event.value for event in events if event.topic == topic]
        assert wait_for(ros, kind, len(expected)) == expected
    times = [event.wall_s for event in ros.probe.events if event.kind == 'observation']
    # 12 steps of 40 ms at twice the speed; how late the last one is, is the machine's affair.
    assert times[-1] - times[0] > 0.5 * 12 * 0.04 / 2


def test_only_the_chosen_topics_are_heard_and_unknown_types_are_left_out(ros, tmp_path):
    events = make_episode().events
    path = typestore().types['nav_msgs/msg/Path'](header=header(0), poses=[])
    events.append(Event('/path', events[0].log_ns, path, 'nav_msgs/msg/Path'))
    with playing(ros, write_bag(tmp_path / 'bag', events), [KEY_STEP, '/path']) as (player, node):
        unknown = Channel(1, '/x', 'no_such_msgs/msg/Thing', 'cdr', '', '', {})
        other = ReplayNode([unknown], context=node.context)
        assert other.skipped == {'/x': 'no_such_msgs/msg/Thing is not installed'}
        other.destroy_node()
        player.play()
    wait_for(ros, 'key_step', 12)
    assert ros.probe.of('observation') == []


def test_a_message_that_listeners_would_misread_is_left_out(ros, tmp_path):
    bag = write_bag(tmp_path / 'bag', make_episode().events, has_split=False)
    with playing(ros, bag, [KEY_STEP]) as (_, node):
        channels = scan(BagReader(bag)).channels
        other = ReplayNode(channels.values(), context=node.context)
        assert set(other.skipped) == {EPISODE}
        assert 'another version of c2a_msgs, which differs in split' in other.skipped[EPISODE]
        other.destroy_node()


def test_a_bag_can_be_played_again_until_it_is_stopped(ros, tmp_path):
    bag = write_bag(tmp_path / 'bag', make_episode().events)
    with playing(ros, bag, rate=20.0) as (player, _):
        player.play()
        player.play()
        player.stop.set()
        assert player.play().rounds == 2
    assert len(wait_for(ros, 'observation', 26)) == 26


def test_the_command_plays_a_bag(ros, tmp_path, capsys):
    events = make_episode().events
    bag = write_bag(tmp_path / 'bag', events)
    assert main(['replay', str(bag), '--rate', '20', '--delay', '0']) == 0
    out = ' '.join(capsys.readouterr().out.split())
    assert f'{len(events)} messages of 4 topics, 0.5 s long, 1 times to the end' in out


def test_profiles_are_ours_or_those_that_were_recorded():
    def profile(topic, text=''):
        metadata = {'offered_qos_profiles': text}
        return profile_of(Channel(1, topic, 'x/msg/Y', 'cdr', '', '', metadata))

    for topic, own in (('/c2a/episode', 'EPISODE'), ('/clock', 'CLOCK'), ('/ee_pose', 'STATUS')):
        ours, live = profile(topic), getattr(c2a_ros.Qos, own)
        assert (ours.reliability, ours.durability) == (live.reliability, live.durability)
        assert ours.depth >= live.depth
    for text in ('', '}{', '[]', 'text'):
        assert profile('/other', text).reliability == ReliabilityPolicy.RELIABLE
    for text in (
        '- {durability: transient_local, reliability: best_effort}',
        '- {durability: 1, reliability: 2}',
    ):
        latched = profile('/other', text)
        assert latched.durability == DurabilityPolicy.TRANSIENT_LOCAL
        assert latched.reliability == ReliabilityPolicy.BEST_EFFORT
