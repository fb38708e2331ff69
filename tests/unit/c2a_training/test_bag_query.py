# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What moved the arm at an instant: the question that provenance is recorded for."""

from __future__ import annotations

import json

import pytest
from bag_files import chunk_events, make_episode, write_bag
from scripted_world import TRACE

from c2a_training.bags.bag_messages import COMMAND, KEY_STEP
from c2a_training.cli import main

START_S = 20.0


@pytest.fixture
def bag(tmp_path):
    episode = make_episode(episode_id=4, start_ns=round(START_S * 1e9))
    return write_bag(tmp_path / 'bag', chunk_events(episode))


def ask(capsys, *words):
    """Answer as JSON."""
    assert main(['data', 'query', *map(str, words), '--json']) == 0
    return json.loads(capsys.readouterr().out)


def refusal(capsys, *words):
    assert main(['data', 'query', *map(str, words)]) == 2
    return capsys.readouterr().err


def test_code_chunk_and_checkpoints_of_an_instant(bag, capsys):
    found = ask(capsys, bag, '--at', START_S + 0.34)
    assert (found['episode_id'], found['task'], found['seed'], found['step']) == (4, 'Pick', 3, 6)
    assert (found['code'], found['subtask_id'], found['key_step_since']) == (TRACE[2], 2, 6)
    assert found['memory'] == list(TRACE[:2])
    assert (found['source'], found['chunk_id'], found['chunk_index']) == ('policy', 1, 2)
    assert (found['chunk_step'], found['chunk_rows'], found['chunk_preempted']) == (4, 8, True)
    assert (found['planner_checkpoint'], found['policy_checkpoint']) == ('oracle', 'c0ffee')
    assert (found['start_s'], found['end_s']) == (pytest.approx(20.3), pytest.approx(20.35))
    assert found['notes'] == []


def test_an_action_belongs_to_the_time_from_its_observation_on(bag, capsys):
    assert ask(capsys, bag, '--at', START_S)['step'] == 0
    assert ask(capsys, bag, '--at', START_S + 0.0499)['step'] == 0
    assert ask(capsys, bag, '--at', START_S + 0.05)['step'] == 1
    assert ask(capsys, bag, '--step', 3)['start_s'] == pytest.approx(20.15)


def test_the_table_says_the_same(bag, capsys):
    assert main(['data', 'query', str(bag), '--step', '6']) == 0
    out = capsys.readouterr().out
    for text in ('Pick seed 3', 'target', '1, row 2 of 8, made at step 4', 'c0ffee', 'dx +0.0'):
        assert text in out


@pytest.mark.parametrize('at', [19.99, 20.6, 1000.0])
def test_a_time_outside_of_the_bag_is_refused_with_what_there_is(bag, capsys, at):
    err = refusal(capsys, bag, '--at', at)
    assert f'robot time {at:g} s is outside of the bag' in err
    assert 'episode 4 (steps 0 to 11, 20.00 to 20.60 s)' in err


def test_a_time_that_is_no_number_is_refused(bag, capsys):
    assert main(['data', 'query', str(bag), '--at', 'nan']) == 2
    assert 'robot time is nan, expected seconds' in capsys.readouterr().err


def test_a_step_that_is_not_there_is_refused(bag, capsys):
    assert 'step 40 is outside of the bag' in refusal(capsys, bag, '--step', 40)
    assert 'nothing moved the arm at step 12' in refusal(capsys, bag, '--step', 12)
    assert 'no episode 9 in the bag' in refusal(capsys, bag, '--step', 1, '--episode', 9)


def test_an_action_that_serves_an_older_key_step_names_that_one(tmp_path, capsys):
    events = make_episode().changed(COMMAND, 6, subtask_id=1)
    bag = write_bag(tmp_path / 'bag', events)
    found = ask(capsys, bag, '--step', 6)
    assert (found['code'], found['subtask_id'], found['key_step_since']) == (TRACE[1], 1, 3)


def test_of_several_episodes_one_must_be_named(tmp_path, capsys):
    two = make_episode().events + make_episode(seed=4, episode_id=2).events
    bag = write_bag(tmp_path / 'bag', two)
    assert '--at needs --episode' in refusal(capsys, bag, '--at', 0.1)
    assert '--step needs --episode' in refusal(capsys, bag, '--step', 1)
    assert ask(capsys, bag, '--at', 0.1, '--episode', 2)['seed'] == 4


def test_what_the_bag_lacks_is_noted(tmp_path, capsys):
    events = [e for e in make_episode().without(COMMAND, 2) if e.topic != KEY_STEP]
    found = ask(capsys, write_bag(tmp_path / 'bag', events), '--step', 2)
    assert found['notes'] == [
        'the bag has no command for this step',
        'the bag has no key step for this step',
    ]
    assert found['action'] is None


def test_no_bag_is_refused(tmp_path, capsys):
    assert 'there is no bag' in refusal(capsys, tmp_path / 'nothing', '--at', 1)
