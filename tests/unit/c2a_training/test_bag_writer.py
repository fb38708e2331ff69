# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Bags as they are written, and what is left of those that were not finished."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
import yaml
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from recorder_pieces import KEY_STEP, OBSERVATION, TOPICS, heard, said, thing, written_bag
from rosbags.highlevel import AnyReader

from c2a_training.bags.bag_recovery import DROPPED, IN_USE, RECOVERED, recover_open_bags
from c2a_training.bags.bag_session import BagSession, SessionCounts
from c2a_training.bags.bag_writer import BagWriter


def custom(path):
    document = yaml.safe_load((path / 'metadata.yaml').read_text())
    return document['rosbag2_bagfile_information']['custom_data']


def counts(path):
    """Messages by topic, as rosbags sees them."""
    with AnyReader([path]) as reader:
        for _ in reader.messages():
            pass
        return {c.topic: c.msgcount for c in reader.connections}


@pytest.mark.parametrize('compression', ['none', 'lz4', 'zstd'])
def test_a_bag_opens_with_rosbags_and_with_mcaps_own_reader(tmp_path, compression):
    path = written_bag(tmp_path, compression=compression).close({'success': 'true'})
    assert counts(path) == {OBSERVATION: 20, KEY_STEP: 20}
    with open(path / 'T_7_1.mcap', 'rb') as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        decoded = [
            (channel.topic, message.log_time, value.episode_id, value.step)
            for _, channel, message, value in reader.iter_decoded_messages()
        ]
        records = {record.name: record.metadata for record in reader.iter_metadata()}
    assert records['c2a'] == {'success': 'true'}
    document = yaml.safe_load((path / 'metadata.yaml').read_text())
    information = document['rosbag2_bagfile_information']
    del information['custom_data']['sha256']
    assert yaml.safe_load(records['rosbag2']['serialized_metadata']) == information
    assert decoded[:2] == [(OBSERVATION, 10**18, 1, 0), (KEY_STEP, 10**18 + 1000, 1, 0)]
    assert len(decoded) == 40


def test_metadata_says_what_the_bag_is_and_hashes_the_file(tmp_path):
    path = written_bag(tmp_path).close({'success': 'true', 'task': 'T'})
    digest = hashlib.sha256((path / 'T_7_1.mcap').read_bytes()).hexdigest()
    assert custom(path) == {'success': 'true', 'task': 'T', 'sha256': digest}
    document = yaml.safe_load((path / 'metadata.yaml').read_text())
    information = document['rosbag2_bagfile_information']
    assert (information['version'], information['storage_identifier']) == (9, 'mcap')
    assert information['message_count'] == 40
    assert information['duration'] == {'nanoseconds': 19 * 50_000_000 + 1000}
    topics = information['topics_with_message_count']
    assert {t['topic_metadata']['name']: t['message_count'] for t in topics} == counts(path)
    assert topics[0]['topic_metadata']['offered_qos_profiles'][0]['reliability'] == 'reliable'


def test_an_open_bag_has_another_name_and_a_closed_one_nothing_else(tmp_path):
    bag = written_bag(tmp_path)
    assert os.listdir(tmp_path) == ['T_7_1.open']
    bag.close({})
    assert os.listdir(tmp_path) == ['T_7_1']
    assert sorted(os.listdir(tmp_path / 'T_7_1')) == ['T_7_1.mcap', 'metadata.yaml']


def test_a_name_that_is_taken_gets_a_number(tmp_path):
    for expected in ('T_7_1', 'T_7_1-2', 'T_7_1-3'):
        assert written_bag(tmp_path, steps=1).close({}).name == expected
    assert len(os.listdir(tmp_path)) == 3


def test_closed_bags_are_left_alone(tmp_path):
    path = written_bag(tmp_path).close({})
    before = (path / 'T_7_1.mcap').read_bytes()
    assert recover_open_bags(tmp_path) == []
    assert (path / 'T_7_1.mcap').read_bytes() == before


def test_a_bag_that_is_being_written_is_left_to_its_writer(tmp_path):
    bag = written_bag(tmp_path)
    assert [r.outcome for r in recover_open_bags(tmp_path)] == [IN_USE]
    bag.close({})
    assert counts(tmp_path / 'T_7_1') == {OBSERVATION: 20, KEY_STEP: 20}


def test_what_was_flushed_is_recovered_and_says_so(tmp_path):
    bag = written_bag(tmp_path)
    bag.flush()
    bag.write(OBSERVATION, thing(1, 20), 10**18, 10**18)  # stays in memory
    bag.abandon()
    (recovery,) = recover_open_bags(tmp_path)
    assert (recovery.name, recovery.outcome, recovery.messages) == ('T_7_1', RECOVERED, 40)
    assert 'ends in the middle' in str(recovery)
    assert os.listdir(tmp_path) == ['T_7_1']
    assert counts(tmp_path / 'T_7_1') == {OBSERVATION: 20, KEY_STEP: 20}
    about = custom(tmp_path / 'T_7_1')
    assert (about['task'], about['seed'], about['recovered']) == ('T', '7', 'true')
    assert (about['complete'], about['observations'], 'name' in about) == ('false', '20', False)


def cut_bag(tmp_path, content):
    """An open bag with this content."""
    folder = tmp_path / 'T_7_1.open'
    folder.mkdir()
    (folder / 'T_7_1.mcap').write_bytes(content)
    return folder


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Content of a bag of several chunks."""
    folder = tmp_path_factory.mktemp('whole')
    path = written_bag(folder, steps=40, size=100_000).close({})
    return (path / 'T_7_1.mcap').read_bytes()


@pytest.mark.parametrize('share', [0.0, 0.000001, 0.0001, 0.1, 0.3, 0.5, 0.77, 0.99, 0.99999])
def test_a_truncated_bag_is_recovered_up_to_its_last_whole_chunk_or_dropped(
    tmp_path, whole, share
):
    cut_bag(tmp_path, whole[: int(share * len(whole))])
    (recovery,) = recover_open_bags(tmp_path)
    if recovery.outcome == DROPPED:
        assert share < 0.3
        assert os.listdir(tmp_path) == []
        assert 'no message can be read' in recovery.why
    else:
        found = counts(tmp_path / 'T_7_1')
        assert sum(found.values()) == recovery.messages > share * 80 - 22
        assert found[OBSERVATION] - found[KEY_STEP] in (0, 1)


def test_a_damaged_chunk_ends_the_recovery(tmp_path, whole):
    broken = bytearray(whole)
    broken[len(broken) // 2] ^= 0xFF
    cut_bag(tmp_path, bytes(broken))
    (recovery,) = recover_open_bags(tmp_path)
    assert (recovery.outcome, 'damaged' in recovery.why) == (RECOVERED, True)
    assert 0 < recovery.messages < 80


def test_a_bag_without_observations_is_dropped_by_name(tmp_path):
    bag = BagWriter(tmp_path, 'T_7_1', TOPICS, {})
    bag.write(KEY_STEP, thing(1, 0), 1, 1)
    bag.flush()
    bag.abandon()
    (recovery,) = recover_open_bags(tmp_path)
    assert str(recovery) == 'T_7_1: dropped, 1 messages (it has no observation)'
    assert os.listdir(tmp_path) == []


def test_a_bag_that_was_not_begun_is_dropped_by_name(tmp_path):
    (tmp_path / 'T_7_1.open').mkdir()
    (recovery,) = recover_open_bags(tmp_path)
    assert (recovery.name, recovery.outcome) == ('T_7_1', DROPPED)
    assert os.listdir(tmp_path) == []


def test_a_recovery_that_was_interrupted_begins_again(tmp_path):
    bag = written_bag(tmp_path)
    bag.flush()
    bag.abandon()
    shutil.copytree(tmp_path / 'T_7_1.open', tmp_path / 'T_7_1.rewrite' / 'T_7_1.open')
    assert [r.outcome for r in recover_open_bags(tmp_path)] == [RECOVERED]
    assert os.listdir(tmp_path) == ['T_7_1']


@pytest.mark.parametrize('operation', ['rename', 'unlink'])
def test_a_kill_while_a_bag_is_closed_loses_nothing_of_it(tmp_path, monkeypatch, operation):
    class KilledError(Exception):
        pass

    def die(*args, **values):
        raise KilledError

    bag = written_bag(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(f'pathlib.Path.{operation}', die)
        with pytest.raises(KilledError):
            bag.close({'task': 'T'})
    bag.abandon()
    recover_open_bags(tmp_path)
    assert os.listdir(tmp_path) == ['T_7_1']
    assert custom(tmp_path / 'T_7_1')['task'] == 'T'
    assert counts(tmp_path / 'T_7_1') == {OBSERVATION: 20, KEY_STEP: 20}


@pytest.mark.parametrize('survivors', [1, 2, 3, 4])
def test_a_kill_during_the_recovery_loses_nothing(tmp_path, monkeypatch, survivors):
    bag = written_bag(tmp_path)
    bag.flush()
    bag.abandon()

    class KilledError(Exception):
        pass

    calls = []

    def dying(action):
        def act(*args, **values):
            calls.append(action)
            if len(calls) == survivors:
                raise KilledError
            return action(*args, **values)

        return act

    with monkeypatch.context() as patch:
        patch.setattr('shutil.rmtree', dying(shutil.rmtree))
        patch.setattr('pathlib.Path.rename', dying(Path.rename))
        patch.setattr('pathlib.Path.rmdir', dying(Path.rmdir))
        with pytest.raises(KilledError):
            recover_open_bags(tmp_path)
    assert [r.outcome for r in recover_open_bags(tmp_path)] == [RECOVERED]
    assert os.listdir(tmp_path) == ['T_7_1']
    assert counts(tmp_path / 'T_7_1') == {OBSERVATION: 20, KEY_STEP: 20}


def test_two_recorders_that_start_together_do_not_meddle(tmp_path):
    bag = written_bag(tmp_path)
    workshop = tmp_path / 'T_7_1.rewrite' / 'T_7_1.open'
    workshop.mkdir(parents=True)
    assert [r.outcome for r in recover_open_bags(tmp_path)] == [IN_USE]
    assert workshop.is_dir()
    bag.abandon()
    assert [r.outcome for r in recover_open_bags(tmp_path)] == [DROPPED]  # nothing was flushed
    recover_open_bags(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_bag_that_cannot_be_begun_is_let_go_of(tmp_path, monkeypatch):
    def full(descriptor, data):
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr('os.write', full)
        with pytest.raises(OSError, match='No space'):
            BagWriter(tmp_path, 'T_7_1', TOPICS, {'task': 'T'}, 'none')
    assert [r.outcome for r in recover_open_bags(tmp_path)] == [DROPPED]
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_what_was_written_before(tmp_path, monkeypatch):
    bag = written_bag(tmp_path)
    bag.flush()

    def full(descriptor, data):
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr('os.write', full)
        with pytest.raises(OSError, match='No space'):
            bag.close({})
        bag.abandon()
    assert [r.messages for r in recover_open_bags(tmp_path)] == [40]


def test_when_the_disk_is_full_the_episode_is_recovered_and_the_next_ones_are_recorded(
    tmp_path, monkeypatch, caplog
):
    counts_ = SessionCounts()
    clock = [0.0]
    session = BagSession(
        lambda name, about: BagWriter(tmp_path, name, TOPICS, about), counts_, 0, lambda: clock[0]
    )

    def record(episode_id, at_ns):
        session.take(said(episode_id, at_ns=at_ns))
        for step in range(10):
            session.take(heard(OBSERVATION, episode_id, step, at_ns + step))
            clock[0] += 2.0
            session.tick()
        session.take(said(episode_id, 9, 'success', at_ns + 100))
        session.close()

    write, writes = os.write, [15]

    def limited(descriptor, data):
        writes[0] -= 1
        if writes[0] < 0:
            raise OSError(28, 'No space left on device')
        return write(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr('os.write', limited)
        record(1, 1000)
    assert (counts_.bags, counts_.failed) == (0, 1)
    assert 'No space left on device. Free space or choose another record_dir' in caplog.text
    record(2, 2000)
    assert counts_.bags == 1
    (recovery,) = recover_open_bags(tmp_path)
    assert (recovery.name, recovery.outcome) == ('PlaceNextTo_7_1', RECOVERED)
    assert sorted(os.listdir(tmp_path)) == ['PlaceNextTo_7_1', 'PlaceNextTo_7_2']
    assert 0 < counts(tmp_path / 'PlaceNextTo_7_1')[OBSERVATION] < 10
    assert counts(tmp_path / 'PlaceNextTo_7_2')[OBSERVATION] == 10
