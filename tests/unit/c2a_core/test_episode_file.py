# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from c2a_core.episode_file import (
    RecordedEpisode,
    episode_path,
    list_episodes,
    read_episode,
    write_episode,
)

EPISODE = RecordedEpisode(
    task='Pick',
    seed=7,
    instruction='pick up the «red» cube\nplease',
    success=True,
    actions=np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32),
    code=("pose_dict['a'] = pose_dict['b']\npick()",) * 5 + ('done()',),
    state_digest='0a1b',
)


def test_an_episode_comes_back_bit_for_bit(tmp_path):
    path = write_episode(tmp_path / 'new' / 'directory', EPISODE)
    assert path.name == 'Pick_7.npz'
    assert read_episode(path) == EPISODE


def test_an_episode_without_actions_is_one_observation(tmp_path):
    episode = dataclasses.replace(EPISODE, actions=np.zeros((0, 7)), code=('done()',))
    assert read_episode(write_episode(tmp_path, episode)) == episode


def test_semantics_9_code_has_one_row_more_than_actions():
    with pytest.raises(ValueError, match='5 texts of code for 5 actions, expected 6'):
        dataclasses.replace(EPISODE, code=EPISODE.code[:-1])


@pytest.mark.parametrize('change', [{'task': '../x'}, {'task': ''}, {'seed': -1}])
def test_a_name_that_is_no_file_name_is_refused(change):
    with pytest.raises(ValueError, match='no file name for task'):
        dataclasses.replace(EPISODE, **change)


def test_writing_replaces_and_leaves_nothing_else(tmp_path):
    write_episode(tmp_path, EPISODE)
    write_episode(tmp_path, dataclasses.replace(EPISODE, success=False))
    assert not read_episode(episode_path(tmp_path, 'Pick', 7)).success
    assert [p.name for p in tmp_path.iterdir()] == ['Pick_7.npz']


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = write_episode(tmp_path, EPISODE)

    def fail(file, **arrays):
        file.write(b'half')
        raise OSError('disk full')

    monkeypatch.setattr(np, 'savez_compressed', fail)
    with pytest.raises(OSError, match='disk full'):
        write_episode(tmp_path, dataclasses.replace(EPISODE, success=False))
    assert read_episode(path) == EPISODE
    assert [p.name for p in tmp_path.iterdir()] == ['Pick_7.npz']


def test_a_missing_file_lists_what_is_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'has no recorded episodes'):
        read_episode(episode_path(tmp_path, 'Swap', 1))
    write_episode(tmp_path, EPISODE)
    with pytest.raises(FileNotFoundError, match=r'Swap_1\.npz: there are Pick_7'):
        read_episode(episode_path(tmp_path, 'Swap', 1))
    with pytest.raises(FileNotFoundError, match='does not exist'):
        read_episode(tmp_path / 'none' / 'Swap_1.npz')


def test_episodes_are_listed_by_task_and_seed(tmp_path):
    for task, seed in (('Swap', 10), ('Pick', 2), ('Swap', 9)):
        write_episode(tmp_path, dataclasses.replace(EPISODE, task=task, seed=seed))
    (tmp_path / 'other.npz').write_bytes(b'')
    assert list_episodes(tmp_path) == [('Pick', 2), ('Swap', 9), ('Swap', 10)]


def _truncated(path):
    path.write_bytes(path.read_bytes()[:-300])


def _flipped(path):
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(bytes(data))


def _foreign(path):
    np.savez(path, a=1)


def _pickled(path):
    np.savez(path, version=np.array([object()]))


def _newer(path):
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **{**arrays, 'version': 2})


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (_truncated, 'cannot read'),
        (_flipped, 'cannot read'),
        (_foreign, 'not a recorded episode'),
        (_pickled, 'allow_pickle'),
        (_newer, 'version 2, expected 1'),
    ],
)
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, damage, message):
    path = write_episode(tmp_path, EPISODE)
    damage(path)
    with pytest.raises(ValueError, match=message) as error:
        read_episode(path)
    assert str(path) in str(error.value)


def test_a_variant_of_a_task_has_a_file_of_its_own(tmp_path):
    names = ('Rotate', 'Rotate:num_actors=3,restore=true')
    for task in names:
        write_episode(tmp_path, dataclasses.replace(EPISODE, task=task))
    for task in names:
        assert read_episode(episode_path(tmp_path, task, 7)).task == task
    assert len(list_episodes(tmp_path)) == 2
