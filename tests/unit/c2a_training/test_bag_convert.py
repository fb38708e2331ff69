# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Bags become the rows of generation, and what is wrong with them is said and kept out."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from bag_files import Event, header, make_episode, mcap_of, typestore, write_bag
from rosbags.rosbag2 import StoragePlugin

from c2a_training.bags import bag_metadata
from c2a_training.bags.bag_convert import Thresholds, convert_bag
from c2a_training.bags.bag_messages import COMMAND, EPISODE, KEY_STEP, OBSERVATION
from c2a_training.bags.bag_reader import find_bags

STRICT = Thresholds()


def columns(rows):
    """Everything in the rows but what says where they come from."""
    return rows.to_table().to_pydict()


def convert(folder, events, thresholds=STRICT, **how):
    return convert_bag(write_bag(folder / 'bag', events, **how), thresholds)


def refusal(folder, events, thresholds=STRICT):
    """Why the only episode is refused."""
    report, rows = convert(folder, events, thresholds)
    assert rows == []
    assert report.error == ''
    [episode] = report.episodes
    return episode.refused


@pytest.mark.parametrize('storage', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_recorded_episode_gives_the_rows_of_generation(tmp_path, storage):
    episode = make_episode()
    report, [rows] = convert(tmp_path, episode.events, storage=storage)
    assert columns(rows) == columns(episode.rows())
    assert rows.metadata.source == 'bag'
    assert rows.content_sha256() == episode.rows().content_sha256()
    [entry] = report.episodes
    assert (entry.rows, entry.refused, entry.missing_steps, entry.duplicates) == (13, '', 0, 0)
    assert report.notes == ()


def test_the_split_of_the_scene_is_the_bags_own(tmp_path):
    report, [rows] = convert(tmp_path, make_episode().of_split('test'))
    assert (rows.metadata.episode, rows.metadata.split) == ('Pick-3-test', 'test')
    assert report.episodes[0].split == 'test'
    _, [rows] = convert_bag(tmp_path / 'bag', Thresholds(split='test'))
    assert rows.metadata.split == 'test'
    report, rows = convert_bag(tmp_path / 'bag', Thresholds(split='train'))
    assert rows == []
    assert 'is of split test, --split says train' in report.episodes[0].refused


def test_a_bag_from_before_the_split_needs_to_be_told(tmp_path):
    events = make_episode().events
    report, rows = convert(tmp_path, events, has_split=False)
    assert rows == []
    assert 'give --split simple, train or test' in report.episodes[0].refused
    for split, name in (('simple', 'Pick-3'), ('train', 'Pick-3-train')):
        _, [rows] = convert_bag(tmp_path / 'bag', Thresholds(split=split))
        assert (rows.metadata.episode, rows.metadata.split) == (name, split)


def test_a_backend_without_splits_counts_as_simple(tmp_path):
    events = [
        replace(e, value=replace(e.value, backend='arm')) if e.topic == EPISODE else e
        for e in make_episode().of_split('')
    ]
    _, [rows] = convert(tmp_path, events)
    assert (rows.metadata.episode, rows.metadata.split) == ('Pick-3', 'simple')


def test_rows_do_not_depend_on_the_order_of_arrival_or_on_when_the_bridge_was_started(tmp_path):
    episode = make_episode(episode_id=7, start_ns=123_450_000_000)
    shuffled = np.random.default_rng(0).permutation(len(episode.events))
    events = [
        replace(episode.events[i], log_ns=episode.events[0].log_ns + n)
        for n, i in enumerate(shuffled)
    ]
    _, [rows] = convert(tmp_path, events)
    assert columns(rows) == columns(episode.rows())


def test_messages_of_two_episodes_in_one_bag_are_told_apart(tmp_path):
    first, second = (
        make_episode(seed=1),
        make_episode(seed=2, episode_id=2, start_ns=5_000_000_000),
    )
    report, rows = convert(tmp_path, first.events + second.events)
    assert [entry.episode_id for entry in report.episodes] == [1, 2]
    assert [columns(r) for r in rows] == [columns(first.rows()), columns(second.rows())]


def test_two_runs_of_the_bridge_in_one_bag_are_refused(tmp_path):
    events = make_episode(seed=1).events + make_episode(seed=2, log_ns=10**18).events
    assert 'two episodes of number 1' in refusal(tmp_path, events)


def test_failures_are_kept_when_asked_for(tmp_path):
    failed = make_episode(needs_steps=99, max_steps=5)
    assert 'not successful (time-out)' in refusal(tmp_path, failed.events)
    _, [rows] = convert(tmp_path / 'kept', failed.events, Thresholds(keep_failures=True))
    assert columns(rows) == columns(failed.rows())
    assert not rows.metadata.success


@pytest.mark.parametrize(
    ('topic', 'part'),
    [(OBSERVATION, 'no observation'), (KEY_STEP, 'no key step'), (COMMAND, 'no command')],
)
def test_a_lost_message_is_a_gap_and_named(tmp_path, topic, part):
    events = make_episode().without(topic, 4)
    why = refusal(tmp_path, events)
    assert why.startswith('1 steps incomplete, 1 in a row from step 4 on')
    assert part in why
    report, _ = convert_bag(tmp_path / 'bag', STRICT)
    dropped = {quality.topic: quality.dropped for quality in report.topics}
    assert {name for name, count in dropped.items() if count} == {topic}


def test_the_step_before_stands_in_for_a_gap_that_is_allowed(tmp_path):
    episode = make_episode()
    expected = columns(episode.rows())
    events = [
        e for e in episode.without(KEY_STEP, 4, 6) if e.topic != COMMAND or e.value.step != 5
    ]
    why = refusal(tmp_path, events, Thresholds(max_gap_steps=2))
    assert why.startswith('3 steps incomplete, 3 in a row from step 4')
    report, [rows] = convert_bag(tmp_path / 'bag', Thresholds(max_gap_steps=3))
    found = columns(rows)
    # A key step began at the lost step 6: the next key step tells that it did.
    for name in ('code', 'subtask_id', 'is_key_step', 'memory', 'cache_info', 'base_image'):
        assert found[name] == expected[name], name
    assert found['action'][5] == expected['action'][4]
    assert report.episodes[0].filled_steps == 3


def test_a_gap_at_the_beginning_cannot_be_filled(tmp_path):
    why = refusal(tmp_path, make_episode().without(OBSERVATION, 0), Thresholds(max_gap_steps=9))
    assert 'first step is incomplete' in why


def test_an_episode_without_key_steps_is_refused(tmp_path):
    why = refusal(tmp_path, make_episode().without(KEY_STEP))
    assert why.startswith('12 steps incomplete, 12 in a row from step 0 on (no key step)')


def test_an_episode_without_its_end_is_refused(tmp_path):
    events = [e for e in make_episode().events if e.topic != EPISODE or not e.value.done]
    assert refusal(tmp_path, events) == 'its end is missing: the bag stops at step 12'


def test_an_episode_without_a_status_is_refused(tmp_path):
    assert 'no status of it' in refusal(tmp_path, make_episode().without(EPISODE))


def test_a_missing_picture_is_refused(tmp_path):
    events = make_episode().changed(OBSERVATION, 2, wrist_image=np.zeros((0, 0, 3), np.uint8))
    assert 'observation 2 has no wrist_image' in refusal(tmp_path, events)


def test_a_skewed_stamp_is_refused_unless_allowed(tmp_path):
    episode = make_episode()
    events = episode.changed(KEY_STEP, 3, stamp_ns=150_000_000 + 2_500_000)
    why = refusal(tmp_path, events)
    assert '2.5 ms off its observation' in why
    assert '--max-skew-ms' in why
    _, [rows] = convert_bag(tmp_path / 'bag', Thresholds(max_skew_ms=2.5))
    assert columns(rows) == columns(episode.rows())


def test_a_repeated_message_is_counted_and_changes_nothing(tmp_path):
    episode = make_episode()
    again = [replace(e, log_ns=e.log_ns + 1) for e in episode.events if e.topic != EPISODE]
    report, [rows] = convert(tmp_path, episode.events + again)
    assert columns(rows) == columns(episode.rows())
    assert report.episodes[0].duplicates == len(again)


def test_messages_that_contradict_each_other_are_refused(tmp_path):
    events = make_episode().events
    command = next(e for e in events if e.topic == COMMAND)
    other = replace(command.value, action=np.full(7, 0.5, np.float32))
    events = [*events, replace(command, value=other, log_ns=command.log_ns + 1)]
    assert refusal(tmp_path, events) == 'two different messages on /c2a/command for step 0'


def test_another_instruction_in_the_middle_is_refused(tmp_path):
    events = make_episode().changed(EPISODE, 12, instruction='do something else')
    assert "another instruction from step 12 on: 'do something else'" in refusal(tmp_path, events)


def test_in_realtime_a_late_or_missing_command_is_a_hold(tmp_path):
    episode = make_episode(stepping='realtime', low_level='policy')
    events = []
    for event in episode.without(COMMAND, 5):
        if event.topic == COMMAND:
            value = replace(event.value, source='policy')
            delay_ns = 50_000_000 if value.step == 3 else 0
            event = replace(event, value=value, log_ns=event.log_ns + delay_ns)
        events.append(event)
    report, [rows] = convert(tmp_path, events)
    held = np.array([[0, 0, 0, 0, 0, 0, 1]] * 2, np.float32)
    assert np.array_equal(rows.actions[[3, 5]], held)
    assert np.array_equal(rows.actions[4], episode.rows().actions[4])
    assert report.episodes[0].held_steps == 2


@pytest.mark.parametrize('is_first', [True, False])
def test_in_realtime_the_bridges_own_hold_overrules_a_late_command(tmp_path, is_first):
    episode = make_episode(stepping='realtime', low_level='policy')
    events = [
        replace(e, value=replace(e.value, source='policy')) if e.topic == COMMAND else e
        for e in episode.events
    ]
    late = next(e for e in events if e.topic == COMMAND and e.value.step == 2)
    action = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)
    hold = replace(late.value, source='hold', action=action, chunk_id=-1)
    log_ns = late.log_ns + (-1 if is_first else 1)
    report, [rows] = convert(tmp_path, [*events, replace(late, value=hold, log_ns=log_ns)])
    assert np.array_equal(rows.actions[2], action)
    assert np.array_equal(rows.actions[3], episode.rows().actions[3])
    assert (report.episodes[0].held_steps, report.episodes[0].duplicates) == (1, 0)


def test_in_lockstep_a_hold_beside_a_command_is_refused(tmp_path):
    events = make_episode().events
    command = next(e for e in events if e.topic == COMMAND)
    hold = replace(command.value, source='hold', action=np.zeros(7, np.float32))
    events = [*events, replace(command, value=hold, log_ns=command.log_ns + 1)]
    assert refusal(tmp_path, events) == 'two different messages on /c2a/command for step 0'


def test_in_realtime_what_the_bridge_commands_itself_is_never_late(tmp_path):
    episode = make_episode(stepping='realtime')
    events = [
        replace(e, log_ns=e.log_ns + 50_000_000) if e.topic == COMMAND else e
        for e in episode.events
    ]
    report, [rows] = convert(tmp_path, events)
    assert columns(rows) == columns(episode.rows())
    assert report.episodes[0].held_steps == 0


def test_an_instruction_that_was_given_before_the_first_step_counts(tmp_path):
    episode = make_episode()
    first, *others = episode.events
    given = replace(first.value, instruction='lift it')
    events = [first, replace(first, log_ns=first.log_ns + 1, value=given), *others]
    events[-1] = replace(events[-1], value=replace(events[-1].value, instruction='lift it'))
    _, [rows] = convert(tmp_path, events)
    assert rows.metadata.instruction == 'lift it'


def test_an_action_is_kept_as_the_bridge_executed_it(tmp_path):
    action = np.array([0.5, 0, 0, 0, 0, 0, 1], np.float32)
    _, [rows] = convert(tmp_path, make_episode().changed(COMMAND, 2, action=action))
    assert rows.actions[2].tolist() == pytest.approx([0.05, 0, 0, 0, 0, 0, 1])


def test_foreign_topics_are_ignored_and_listed(tmp_path):
    episode = make_episode()
    text = typestore().types['std_msgs/msg/String'](data='hello')
    foreign = Event('/other/chatter', episode.events[3].log_ns, text, 'std_msgs/msg/String')
    report, [rows] = convert(tmp_path, [*episode.events, foreign])
    assert report.foreign_topics == ('/other/chatter',)
    assert columns(rows) == columns(episode.rows())


def test_a_topic_of_another_type_makes_the_bag_unreadable(tmp_path):
    text = typestore().types['std_msgs/msg/String'](data='hello')
    events = make_episode().without(COMMAND)
    events.append(Event(COMMAND, events[0].log_ns, text, 'std_msgs/msg/String'))
    report, rows = convert(tmp_path, events)
    assert rows == []
    assert report.error == (
        'topic /c2a/command has type std_msgs/msg/String, expected c2a_msgs/msg/Command'
    )


def test_topics_for_people_are_measured_by_stamp_and_receive_time(tmp_path):
    episode = make_episode()
    types = typestore().types
    poses = [
        Event(
            '/ee_pose',
            e.log_ns + 3_000_000,
            types['geometry_msgs/msg/PoseStamped'](
                header=header(e.value.stamp_ns + 10_000_000 * (e.value.step == 2)),
                pose=types['geometry_msgs/msg/Pose'](
                    position=types['geometry_msgs/msg/Point'](x=0.0, y=0.0, z=0.0),
                    orientation=types['geometry_msgs/msg/Quaternion'](x=0.0, y=0.0, z=0.0, w=1.0),
                ),
            ),
            'geometry_msgs/msg/PoseStamped',
        )
        for e in episode.events
        if e.topic == OBSERVATION and e.value.step != 8
    ]
    report, [_] = convert(tmp_path, episode.events + poses)
    [quality] = [quality for quality in report.topics if quality.topic == '/ee_pose']
    assert (quality.messages, quality.dropped, quality.duplicates) == (12, 2, 0)
    assert quality.max_skew_ms == 10.0
    assert quality.median_delay_ms == pytest.approx(3.0)


def test_what_was_written_before_the_recorder_was_killed_can_be_read(tmp_path):
    whole = make_episode(seed=1)
    bag = write_bag(tmp_path / 'bag', whole.events)
    (bag / 'metadata.yaml').unlink()
    data = mcap_of(bag).read_bytes()
    mcap_of(bag).write_bytes(data[: len(data) // 2])
    report, rows = convert_bag(bag, STRICT)
    assert rows == []
    assert report.notes[0] == (
        'no metadata.yaml: it is being recorded, or its recorder was killed'
    )
    assert 'breaks off at byte' in report.notes[1]
    [episode] = report.episodes
    assert episode.refused.startswith('its end is missing: the bag stops at step')


def test_bags_are_found_wherever_they_lie(tmp_path):
    events = make_episode().events
    (tmp_path / 'a' / '.hidden').mkdir(parents=True)
    closed = write_bag(tmp_path / 'a' / 'closed', events)
    is_open = write_bag(tmp_path / 'a' / f'Pick_3_1{bag_metadata.OPEN_SUFFIX}', events)
    (is_open / 'metadata.yaml').unlink()
    bare = tmp_path / 'b.mcap'
    shutil.copy(mcap_of(closed), bare)
    shutil.copy(bare, tmp_path / 'a' / '.hidden' / 'c.mcap')
    assert find_bags([tmp_path]) == [is_open, closed, bare]
    assert find_bags([bare, closed, tmp_path]) == [bare, closed, is_open]
    for bag in (closed, is_open, bare):
        report, [rows] = convert_bag(bag, STRICT)
        assert len(rows) == 13
        assert bool(report.notes) == (bag != closed)


@pytest.mark.parametrize(
    ('text', 'why'),
    [
        ('}{', 'cannot be read'),
        ('just text', 'cannot be read'),
        ('rosbag2_bagfile_information: {relative_file_paths: [gone.mcap]}', 'gone.mcap'),
    ],
)
def test_a_damaged_metadata_file_is_named(tmp_path, text, why):
    bag = write_bag(tmp_path / 'bag', make_episode().events)
    (bag / 'metadata.yaml').write_text(text)
    report, rows = convert_bag(bag, STRICT)
    assert rows == []
    assert why in report.error
