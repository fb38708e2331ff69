# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which message goes into which episode's bag, in whatever order they arrive."""

from __future__ import annotations

import logging
import threading
from collections import Counter

import pytest
from recorder_pieces import (
    DESCRIPTION,
    EPISODE,
    IMAGE,
    KEY_STEP,
    OBSERVATION,
    FakeBag,
    heard,
    said,
    thing,
)

from c2a_training.bags.bag_session import LAST_WORD_S, BagSession, SessionCounts, episode_and_step
from c2a_training.bags.bag_thread import BagThread
from c2a_training.bags.recorded_topics import recorded_topics
from c2a_training.bags.sequence_gaps import SequenceGaps


class World:
    """A session with bags that are not written, and a clock that stands."""

    def __init__(self, since_ns=0):
        self.bags, self.now, self.error = [], 0.0, None
        self.counts = SessionCounts()
        self.session = BagSession(self.open, self.counts, since_ns, lambda: self.now)

    def open(self, name, about):
        if self.error is not None:
            raise self.error
        self.bags.append(FakeBag(name, about))
        return self.bags[-1]

    def take(self, *messages):
        for message in messages:
            self.session.take(message)

    def wait(self, seconds):
        self.now += seconds
        self.session.tick()

    def episode(self, episode_id, steps=2, at_ns=1000):
        """A whole episode, in the order in which it is sent."""
        self.take(said(episode_id, at_ns=at_ns))
        for step in range(steps + 1):
            self.take(
                heard(OBSERVATION, episode_id, step, at_ns + 1),
                heard(IMAGE, at_ns=at_ns + 1),
                heard(KEY_STEP, episode_id, step, at_ns + 2),
            )
        self.take(said(episode_id, steps, 'success', at_ns + 3))


@pytest.mark.parametrize('frame', ['', 'a', 'world', 'panda_link0', 'camera_base_optical_frame'])
def test_episode_and_step_are_found_whatever_the_frame_is_called(frame):
    assert episode_and_step(thing(2**40, 77, frame=frame)) == (2**40, 77)


def test_an_episode_gets_a_bag_named_after_it_with_all_that_it_says():
    world = World()
    world.episode(3)
    world.wait(1.0)
    (bag,) = world.bags
    assert (bag.name, bag.is_closed) == ('PlaceNextTo_7_3', True)
    assert bag.counts == {EPISODE: 2, OBSERVATION: 3, KEY_STEP: 3, IMAGE: 3}
    expected = {'task': 'PlaceNextTo', 'seed': '7', 'episode_id': '3', 'success': 'true'}
    expected |= {'split': 'train'}
    expected |= {'reason': 'success', 'steps': '2', 'complete': 'true', 'dropped': ''}
    expected |= {'planner_checkpoint': 'abc', 'instruction': 'put it there', 'observations': '3'}
    assert expected.items() <= bag.about.items()
    assert world.counts.bags == 1


def test_an_episode_waits_for_the_answer_to_its_last_observation():
    world = World()
    world.take(said(1), heard(OBSERVATION), said(1, 0, 'time-out', 1003))
    world.wait(5.0)
    assert not world.bags[0].is_closed
    world.take(heard(KEY_STEP))
    world.wait(0.1)
    assert world.bags[0].is_closed
    assert world.bags[0].counts[KEY_STEP] == 1


def test_the_wait_for_the_last_answer_is_bounded():
    world = World()
    world.take(said(1), heard(OBSERVATION), said(1, 0, 'time-out', 1003))
    world.wait(LAST_WORD_S + 0.1)
    assert world.bags[0].is_closed


def test_an_observation_that_overtakes_its_status_is_not_lost():
    world = World()
    world.take(heard(OBSERVATION), heard(KEY_STEP), said(1))
    assert world.bags[0].counts == {EPISODE: 1, OBSERVATION: 1, KEY_STEP: 1}


def test_late_messages_of_the_last_episode_go_into_its_own_bag():
    world = World()
    world.episode(1)
    world.take(said(2, at_ns=2000))
    world.take(
        heard(KEY_STEP, 1, 2, 1500),
        heard(IMAGE, at_ns=1002),  # sent while the first one ran
        heard(IMAGE, at_ns=1900),  # sent between the two
        heard(IMAGE, at_ns=2001),
    )
    first, second = world.bags
    assert (first.counts[KEY_STEP], first.counts[IMAGE]) == (4, 4)
    assert (second.counts[KEY_STEP], second.counts[IMAGE]) == (0, 1)
    assert world.counts.outside == 1


def test_a_reset_closes_the_bag_of_the_episode_that_it_ended():
    world = World()
    world.take(said(1), heard(OBSERVATION), said(1, 0, 'reset', 1500), said(2, at_ns=1600))
    world.wait(1.0)
    first, second = world.bags
    assert (first.is_closed, first.about['reason'], first.about['success']) == (
        True,
        'reset',
        'false',
    )
    assert not second.is_closed


def test_a_bridge_that_was_started_anew_counts_from_one_again():
    world = World()
    world.take(said(1), heard(OBSERVATION, step=0), heard(OBSERVATION, step=1))
    world.take(said(1, at_ns=5000), heard(OBSERVATION, step=0, at_ns=5001))
    first, second = world.bags
    assert (first.is_closed, first.about['complete'], second.is_closed) == (True, 'false', False)
    assert (first.counts[OBSERVATION], second.counts[OBSERVATION]) == (2, 1)


def test_a_status_that_is_said_again_begins_nothing():
    world = World()
    world.take(said(1), heard(OBSERVATION), said(1), heard(OBSERVATION))
    assert len(world.bags) == 1
    world.take(said(1, 0, 'success', 1003), heard(KEY_STEP))
    world.wait(1.0)
    assert world.bags[0].about['observations'] == '1'
    assert world.bags[0].about['complete'] == 'true'


def test_an_episode_that_runs_already_is_not_recorded_and_that_is_said(caplog):
    world = World()
    with caplog.at_level(logging.WARNING):
        world.take(said(4, 10), said(4, 11), heard(OBSERVATION, 4, 11), said(4, 12, 'success'))
    assert world.bags == []
    assert [r.message for r in caplog.records] == [
        'episode 4 runs already: it is not recorded, the next one is'
    ]
    world.episode(5)
    assert world.bags[0].counts[OBSERVATION] == 3


def test_episodes_of_before_are_not_recorded_again_when_the_recorder_comes_back():
    world = World(since_ns=5000)
    world.take(said(1, at_ns=1000), said(1, 16, 'success', 2000))  # latched: they come at once
    world.take(said(2, at_ns=3000), heard(OBSERVATION, 2, 7, 6000), heard(KEY_STEP, 2, 7, 6000))
    world.take(said(2, 16, 'success', 7000))
    assert world.bags == []
    world.episode(3, at_ns=8000)
    world.wait(1.0)
    assert [bag.about['complete'] for bag in world.bags] == ['true']


def test_what_is_latched_is_in_every_bag_however_late_it_comes():
    world = World()
    world.take(heard(DESCRIPTION, at_ns=1))
    world.episode(1)
    world.episode(2, at_ns=2000)
    world.take(heard(DESCRIPTION, at_ns=1), heard(DESCRIPTION, 9, at_ns=1))
    assert [bag.counts[DESCRIPTION] for bag in world.bags] == [2, 2]


def test_missing_observations_make_a_bag_incomplete():
    world = World()
    world.take(said(1), heard(OBSERVATION, step=0), heard(OBSERVATION, step=2))
    world.take(said(1, 2, 'success', 1003))
    world.session.close()
    assert (world.bags[0].about['complete'], world.bags[0].about['observations']) == ('false', '2')


def test_drops_stand_in_the_metadata_of_their_episode_only():
    world = World()
    world.session.note_drops({IMAGE: 5})
    world.take(said(1))
    world.session.note_drops({IMAGE: 2, OBSERVATION: 1})
    world.session.close()
    assert world.bags[0].about['dropped'] == f'{OBSERVATION}: 1, {IMAGE}: 2'
    assert world.bags[0].about['complete'] == 'false'


def test_a_bag_that_cannot_be_made_costs_one_episode_and_says_what_to_do(caplog):
    world = World()
    world.error = OSError(28, 'No space left on device')
    world.episode(1)
    assert world.bags == []
    assert world.counts.failure == 'PlaceNextTo_7_1 is not recorded: No space left on device'
    assert [r.levelname for r in caplog.records] == ['ERROR']
    assert 'choose another record_dir' in caplog.text
    world.error = None
    world.episode(2)
    assert (world.bags[0].counts[OBSERVATION], world.counts.failure) == (3, '')


def test_a_bag_that_breaks_is_let_go_and_the_next_episode_has_one(caplog):
    world = World()
    world.take(said(1))
    world.bags[0].error = OSError(28, 'No space left on device')
    world.take(heard(OBSERVATION), heard(OBSERVATION, step=1), said(1, 1, 'success', 1003))
    assert (world.bags[0].is_abandoned, world.counts.failed) == (True, 1)
    assert len(caplog.records) == 1
    world.episode(2, at_ns=3000)
    world.wait(1.0)
    assert world.bags[1].is_closed


def test_names_of_variants_are_fit_for_a_folder():
    world = World()
    world.take(said(1, task='Rotate:num_actors=3,restore=true'))
    assert world.bags[0].name == 'Rotate-num_actors=3,restore=true_7_1'


def test_what_does_not_fit_into_memory_is_dropped_and_counted_but_no_status():
    world, gate = World(), threading.Event()
    take = world.session.take
    world.session.take = lambda message: (gate.wait(10.0), take(message))
    thread = BagThread(world.session, buffer_bytes=200)
    assert thread.put(said(1))
    kept = [thread.put(heard(OBSERVATION, step=step)) for step in range(20)]
    assert thread.put(said(1, 19, 'success', 1003))
    gate.set()
    assert thread.close(10.0)
    lost = kept.count(False)
    assert 10 < lost < 20
    assert world.counts.drops == Counter({OBSERVATION: lost})
    assert world.bags[0].counts == {EPISODE: 2, OBSERVATION: 20 - lost}
    assert world.bags[0].about['dropped'] == f'{OBSERVATION}: {lost}'
    assert thread.waiting_bytes == 0


def test_what_is_lost_on_the_way_is_counted_too():
    world = World()
    thread = BagThread(world.session, 10**6)
    thread.put(said(1))
    thread.note_lost(IMAGE, 3)
    assert thread.close(10.0)
    assert world.bags[0].about['dropped'] == f'{IMAGE}: 3'


def test_a_message_that_is_not_what_its_topic_says_hurts_no_other():
    world = World()
    thread = BagThread(world.session, 10**6)
    broken = heard(OBSERVATION)
    for message in (said(1), type(broken)(OBSERVATION, b'\0\1', 1, 1, is_loop=True), broken):
        thread.put(message)
    assert thread.close(10.0)
    assert (world.bags[0].counts[OBSERVATION], world.counts.drops[OBSERVATION]) == (1, 1)


def test_the_end_of_the_writing_thread_is_seen(caplog):
    world = World()

    def breaks():
        raise KeyError('a mistake')

    world.session.tick = breaks
    thread = BagThread(world.session, 10**6)
    thread.put(said(1))
    assert thread.close(10.0)
    assert world.counts.failure == "recording has ended: KeyError 'a mistake'"
    assert 'recording has ended' in caplog.text


def test_gaps_in_a_writers_numbers_are_losses_and_a_new_writer_is_none():
    gaps = SequenceGaps()
    numbers = [5, 6, 9, 10, 1, 2, 4]
    assert [gaps.missing(IMAGE, n) for n in numbers] == [0, 0, 2, 0, 0, 0, 1]
    assert gaps.missing(OBSERVATION, 7) == 0


def test_a_picture_that_got_lost_leaves_a_bag_complete_an_observation_does_not():
    for topic, complete in ((IMAGE, 'true'), (OBSERVATION, 'false')):
        world = World()
        world.take(said(1), heard(OBSERVATION))
        world.session.note_drops({topic: 1})
        world.take(said(1, 0, 'success', 1003))
        world.session.close()
        assert (world.bags[0].about['complete'], world.bags[0].about['dropped']) == (
            complete,
            f'{topic}: 1',
        )


def test_topics_can_be_left_out_but_not_the_one_that_a_bag_needs():
    assert len(recorded_topics()) - len(recorded_topics('/c2a/overlay, /clock')) == 2
    with pytest.raises(ValueError, match='/overlay is not among the recorded topics'):
        recorded_topics('/overlay')
    for name in (EPISODE, OBSERVATION):
        with pytest.raises(ValueError, match='an episode is made of it'):
            recorded_topics(name)
