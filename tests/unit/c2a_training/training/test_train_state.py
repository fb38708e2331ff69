# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest
import torch

from c2a_training.training.prefetch import Prefetch
from c2a_training.training.train_state import Progress, StateStore, TrainState


def state(step):
    shared = torch.full((2, 3), float(step))
    return TrainState(
        Progress(stage='language', step=step, seconds=1.5, best=0.5, metrics={'loss': 2.0}),
        {'a': shared, 'tied': shared, 'count': torch.tensor(step)},
        {'a//exp_avg': torch.arange(3.0).to(torch.bfloat16)},
    )


def test_a_state_comes_back_as_it_was(tmp_path):
    store = StateStore(tmp_path)
    assert store.load() is None
    store.save(state(1))
    store.save(state(2))
    loaded, expected = store.load(), state(2)
    assert loaded.progress == expected.progress
    for name in ('model', 'optimizer'):
        tensors = getattr(loaded, name)
        assert tensors.keys() == getattr(expected, name).keys()
        for key, value in getattr(expected, name).items():
            assert torch.equal(tensors[key], value)
            assert tensors[key].dtype == value.dtype


def test_a_state_from_before_more_was_told_is_read(tmp_path):
    folder = StateStore(tmp_path).save(state(1))
    path = folder / 'state.json'
    document = json.loads(path.read_text())
    for name in ('splits_before', 'share_before', 'init', 'base_hash', 'commits'):
        del document['progress'][name]
    path.write_text(json.dumps(document))
    progress = StateStore(tmp_path).load().progress
    assert (progress.step, progress.init, progress.commits) == (1, None, [])


def test_the_last_two_are_kept(tmp_path):
    store = StateStore(tmp_path)
    folders = [store.save(state(step)) for step in range(4)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [p.name for p in folders[2:]]


def test_what_a_kill_left_unfinished_is_passed_over_and_cleared(tmp_path):
    store = StateStore(tmp_path)
    store.save(state(1))
    part = tmp_path / '00000002.part'
    part.mkdir()
    (part / 'model.safetensors').write_bytes(b'half')
    assert StateStore(tmp_path).load().progress.step == 1
    store.save(state(2))
    assert not list(tmp_path.glob('*.part'))
    assert StateStore(tmp_path).load().progress.step == 2


@pytest.mark.parametrize('name', ['model.safetensors', 'optimizer.safetensors', 'state.json'])
def test_a_damaged_state_gives_way_to_the_one_before(tmp_path, name):
    store = StateStore(tmp_path)
    store.save(state(1))
    newest = store.save(state(2))
    path = newest / name
    path.write_bytes(path.read_bytes()[:20])
    assert StateStore(tmp_path).load().progress.step == 1


def test_only_damaged_states_are_an_error_and_no_new_beginning(tmp_path):
    folder = StateStore(tmp_path).save(state(1))
    (folder / 'state.json').unlink()
    with pytest.raises(ValueError, match='no state of the training can be read'):
        StateStore(tmp_path).load()


def test_prefetched_batches_come_in_order_from_where_they_begin():
    with Prefetch(lambda step: step * step, start=3, depth=2) as batches:
        assert [batches.take() for _ in range(5)] == [9, 16, 25, 36, 49]


def test_an_error_while_making_a_batch_comes_out_where_it_is_taken():
    def make(step):
        if step == 1:
            raise ValueError('no such row')
        return step

    with Prefetch(make, start=0) as batches:
        assert batches.take() == 0
        with pytest.raises(ValueError, match='no such row'):
            batches.take()


def test_nobody_waits_for_batches_that_nobody_takes():
    with Prefetch(lambda step: step, start=0, depth=1) as batches:
        batches.take()
    assert not batches._thread.is_alive()
