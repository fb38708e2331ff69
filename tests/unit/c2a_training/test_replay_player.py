# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A bag is played with its own timing, or sent through the loop and compared."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from bag_files import PicturesqueWorld, make_episode, write_bag

from c2a_training import cli
from c2a_training.bags.bag_convert import read_episodes
from c2a_training.bags.bag_mcap import BagError
from c2a_training.bags.bag_messages import COMMAND, EPISODE, KEY_STEP, OBSERVATION
from c2a_training.bags.bag_reader import BagReader
from c2a_training.bags.replay_player import BagPlayer, choose_topics, scan
from c2a_training.bags.replay_sim import replay_episode
from c2a_training.commands import replay_command


class Clock:
    """A clock that waiting moves on, in the seat of the stop event too."""

    def __init__(self):
        self.now_s = 100.0
        self.is_stopped = False

    def __call__(self):
        return self.now_s

    def wait(self, seconds):
        self.now_s += seconds
        return self.is_stopped

    def is_set(self):
        return self.is_stopped


def played(bag, **how):
    """Messages with the time at which each was sent, since the beginning."""
    clock = Clock()
    sent = []
    player = BagPlayer(
        BagReader(bag),
        lambda message: sent.append((message.channel.topic, clock.now_s - 100.0)),
        clock=clock,
        stop=clock,
        **how,
    )
    return player.play(), sent


@pytest.fixture
def bag(tmp_path):
    return write_bag(tmp_path / 'bag', make_episode().events)


@pytest.mark.parametrize('rate', [1.0, 4.0, 0.5])
def test_messages_are_sent_with_their_own_timing(bag, rate):
    result, sent = played(bag, rate=rate)
    events = sorted(make_episode().events, key=lambda event: event.log_ns)
    start_ns = events[0].log_ns
    assert [topic for topic, _ in sent] == [event.topic for event in events]
    expected = [(event.log_ns - start_ns) / 1e9 / rate for event in events]
    assert [time_s for _, time_s in sent] == pytest.approx(expected, abs=1e-9)
    assert (result.rounds, sum(result.counts.values())) == (1, len(events))


@pytest.mark.parametrize('topics', [None, {COMMAND, KEY_STEP}])
def test_a_bag_can_be_played_as_the_robot_moved(tmp_path, topics):
    # Recorded at 40 ms a step, ten times as fast, and slower than the robot moved.
    for factor in (1.0, 0.1, 3.0):
        episode = make_episode(start_ns=7_000_000_000)
        start_ns = episode.events[0].log_ns
        events = [
            replace(e, log_ns=start_ns + round((e.log_ns - start_ns) * factor))
            for e in episode.events
        ]
        bag = write_bag(tmp_path / str(factor), events)
        _, sent = played(bag, by_robot_time=True, topics=topics)
        commands = [time_s for topic, time_s in sent if topic == COMMAND]
        assert len(commands) == 12
        for step, time_s in enumerate(commands):
            assert 0.05 * step <= time_s < 0.05 * (step + 1)
        if topics is None:
            observed = [time_s for topic, time_s in sent if topic == OBSERVATION]
            assert observed == pytest.approx([0.05 * step for step in range(13)])


def test_only_the_chosen_topics_are_played(bag):
    found = scan(BagReader(bag))
    channels = found.channels
    assert set(channels) == {OBSERVATION, KEY_STEP, COMMAND, EPISODE}
    assert found.recorded_s == pytest.approx(0.48, abs=0.01)
    assert found.robot_s == pytest.approx(0.60, abs=0.01)
    result, _ = played(bag, topics=choose_topics(channels, [COMMAND]))
    assert dict(result.counts) == {COMMAND: 12}
    with pytest.raises(ValueError, match='no topic /nothing; it has /c2a/command, /c2a/episode'):
        choose_topics(channels, ['/nothing'])


def test_playing_can_be_stopped(bag):
    clock = Clock()
    sent = []

    def publish(message):
        sent.append(message)
        clock.is_stopped = len(sent) == 5

    player = BagPlayer(BagReader(bag), publish, clock=clock, stop=clock)
    assert player.play().rounds == 0
    assert len(sent) == 5


def test_a_rate_of_zero_is_refused(bag):
    with pytest.raises(ValueError, match='rate is 0'):
        BagPlayer(BagReader(bag), print, rate=0.0)


def test_without_ros_the_command_says_so(bag, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'c2a_training.replay_node', None)
    assert cli.main(['replay', str(bag)]) == 2
    assert 'ROS is not in this environment' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('words', 'why'),
    [
        (['--topics', '/nothing'], 'no topic /nothing'),
        (['--in-sim', '--loop'], 'leave out --loop'),
        (['--max-position-mm', '1'], 'only with --in-sim: --max-position-mm'),
        (['--in-sim', '--max-position-mm', '-1'], '--max-position-mm is -1.0, expected 0 or more'),
        (['--split', 'test'], 'only with --in-sim: --split'),
    ],
)
def test_wrong_arguments_are_refused(bag, capsys, words, why):
    assert cli.main(['replay', str(bag), *words]) == 2
    assert why in capsys.readouterr().out


def test_a_bag_without_messages_is_refused(tmp_path, capsys):
    bag = write_bag(tmp_path / 'empty', [])
    assert cli.main(['replay', str(bag)]) == 2
    assert 'there is nothing to play' in capsys.readouterr().out
    assert cli.main(['replay', str(tmp_path / 'no')]) == 2
    assert 'there is no bag' in capsys.readouterr().out


class MovingWorld(PicturesqueWorld):
    """A world whose arm goes where the actions say."""

    def observe(self):
        position = sum((action[:3] for action in self.actions), np.zeros(3, np.float32))
        pose = np.array([*position, 0, 1, 0, 0], np.float32)
        return replace(super().observe(), ee_pose=pose)


def compare(tmp_path, events, tolerance_mm=0.0, **world):
    [episode] = read_episodes(write_bag(tmp_path / 'bag', events))
    return replay_episode(episode, MovingWorld(**world), tolerance_mm)


@pytest.fixture
def episode():
    return make_episode(make_world=MovingWorld)


def test_the_actions_lead_to_the_recorded_outcome(tmp_path, episode):
    result = compare(tmp_path, episode.events)
    assert result.differences == ()
    assert (result.success, result.steps, result.reason) == (
        (True, True),
        (12, 12),
        ('success', 'success'),
    )
    assert (result.is_bit_equal, result.max_position_mm) == (True, 0.0)


@pytest.mark.parametrize('reason', ['cancelled', 'estop', 'time-out'])
def test_an_episode_that_was_ended_from_outside_is_replayed_up_to_there(tmp_path, reason):
    world = {'needs_steps': 99, 'max_steps': 5}
    failed = make_episode(make_world=MovingWorld, **world)
    events = failed.changed(EPISODE, 5, reason=reason)
    max_steps = 5 if reason == 'time-out' else 50
    result = compare(tmp_path, events, needs_steps=99, max_steps=max_steps)
    assert result.differences == ()
    assert result.reason == (reason, reason)


def test_another_outcome_is_named(tmp_path, episode):
    result = compare(tmp_path, episode.events, needs_steps=99)
    assert result.differences == ('success is False, recorded was True',)
    result = compare(tmp_path / 'shorter', episode.events, needs_steps=9)
    assert result.differences == ('steps is 9, recorded was 12',)


def test_another_state_is_named_unless_it_is_near_enough(tmp_path, episode):
    pose = np.array([0.0, 0.002, 0.0, 0, 1, 0, 0], np.float32)
    events = [e for e in episode.events if e.topic != OBSERVATION or e.value.step != 0]
    first = next(e for e in episode.events if e.topic == OBSERVATION)
    events.append(replace(first, value=replace(first.value, ee_pose=pose)))
    result = compare(tmp_path, events)
    assert result.first_difference == 0
    assert result.differences == ("the robot's state differs from step 0 on, 2.000 mm at most",)
    assert compare(tmp_path / 'near', events, 2.1).differences == ()
    far = compare(tmp_path / 'far', events, 1.9).differences
    assert far == ('the end effector is 2.000 mm off, at most 1.9 mm are accepted',)


def test_code_that_the_oracle_would_not_say_is_named(tmp_path, episode):
    events = episode.changed(KEY_STEP, 3, code='done()', reply_status='key_step')
    result = compare(tmp_path, events)
    assert result.codes_differ == (3,)
    events = [
        replace(e, value=replace(e.value, checkpoint='vlm')) if e.topic == KEY_STEP else e
        for e in events
    ]
    assert compare(tmp_path / 'other', events).codes_differ == ()


def test_what_cannot_be_replayed_is_refused(tmp_path, episode):
    with pytest.raises(BagError, match='no command for step 4'):
        compare(tmp_path, episode.without(COMMAND, 4))
    with pytest.raises(BagError, match='has no status'):
        compare(tmp_path / 'status', episode.without(EPISODE))
    events = [
        replace(e, value=replace(e.value, backend='arm')) if e.topic == EPISODE else e
        for e in episode.events
    ]
    with pytest.raises(BagError, match="recorded on 'arm', expected maniskill"):
        compare(tmp_path / 'arm', events)


@pytest.mark.parametrize(('needs_steps', 'code'), [(12, 0), (99, 1)])
def test_the_exit_code_says_whether_the_outcome_is_the_same(
    tmp_path, episode, monkeypatch, needs_steps, code
):
    bag = write_bag(tmp_path / 'bag', episode.events)
    world = MovingWorld(needs_steps=needs_steps)
    monkeypatch.setattr(replay_command, 'make_simulator', lambda split: world)
    report = tmp_path / 'report.json'
    assert cli.main(['replay', str(bag), '--in-sim', '--json', str(report)]) == code
    [result] = json.loads(report.read_text())['episodes']
    assert result['success'] == [True, needs_steps == 12]


@pytest.mark.parametrize(
    ('recorded', 'words', 'expected'),
    [
        ('test', [], 'test'),
        ('train', ['--split', 'train'], 'train'),
        (None, ['--split', 'test'], 'test'),
        ('test', ['--split', 'simple'], 'is of split test, --split says simple'),
        (None, [], 'give --split simple, train or test'),
    ],
)
def test_the_scene_is_of_the_recorded_split(
    tmp_path, episode, monkeypatch, capsys, recorded, words, expected
):
    asked = []

    def make_simulator(split):
        asked.append(split)
        return MovingWorld()

    events = episode.of_split(recorded or '')
    bag = write_bag(tmp_path / 'bag', events, has_split=recorded is not None)
    monkeypatch.setattr(replay_command, 'make_simulator', make_simulator)
    code = cli.main(['replay', str(bag), '--in-sim', *words])
    if ' ' in expected:
        assert (code, asked) == (2, [])
        assert expected in ' '.join(capsys.readouterr().out.split())
    else:
        assert (code, asked) == (0, [expected])
