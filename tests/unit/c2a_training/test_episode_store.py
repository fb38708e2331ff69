# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sample_episodes import assert_equal_rows, make_rows

from c2a_core.episode_file import read_episode
from c2a_training.dataset.dataset_manifest import MANIFEST
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.dataset.pending_file import write_pending

OPTIONS = {'generator': 'oracle', 'image_size': 32, 'split': 'simple'}


def names(count, task='Pick'):
    return [f'{task}-{seed}' for seed in range(count)]


def fill(directory, count=4, *, task='Pick', shard_bytes=10**9):
    with EpisodeWriter(directory, OPTIONS, shard_bytes) as writer:
        for seed in range(count):
            writer.add(make_rows(task, seed))
        writer.finish()
    return directory


def shard_bytes(directory):
    return {path.name: path.read_bytes() for path in sorted(directory.glob('data/*'))}


@pytest.fixture
def dataset(tmp_path):
    return fill(tmp_path / 'set')


def test_episodes_come_back_as_they_were(dataset):
    store = EpisodeStore(dataset)
    assert [episode.episode for episode in store.episodes] == names(4)
    assert (len(store), store.n_rows) == (4, 28)
    assert 'Pick-2' in store
    for seed, rows in enumerate(store):
        assert_equal_rows(rows, make_rows('Pick', seed))
    assert_equal_rows(store.read('Pick-2'), make_rows('Pick', 2))
    assert store.metadata('Pick-3').seed == 3
    assert not (dataset / '.pending').exists()


def test_one_row_group_is_one_episode(dataset):
    file = pq.ParquetFile(dataset / 'data/Pick-00000.parquet')
    assert file.num_row_groups == 4
    table = pq.read_table(dataset / 'data', filters=[('episode', '=', 'Pick-1')])
    assert table['seed'].to_pylist() == [1] * 7


def test_manifest_counts_and_has_the_fingerprint(dataset):
    document = json.loads((dataset / MANIFEST).read_text())
    assert (document['schema_version'], document['kind']) == (3, 'c2a-episodes')
    assert (document['episodes'], document['rows']) == (4, 28)
    assert document['options'] == OPTIONS
    assert document['vocabulary']['colors'][0] == 'red'
    assert document['fingerprint'] == EpisodeStore(dataset).fingerprint
    assert [shard['episodes'] for shard in document['shards']] == [4]


def test_fingerprint_is_of_the_content_not_of_the_shards(tmp_path, dataset):
    other = fill(tmp_path / 'small', shard_bytes=1)
    assert len(EpisodeStore(other).shards) == 4
    assert EpisodeStore(other).fingerprint == EpisodeStore(dataset).fingerprint
    fill(other, 1, task='Push')
    assert EpisodeStore(other).fingerprint != EpisodeStore(dataset).fingerprint


def test_shards_have_the_same_bytes_whatever_the_order_of_closing(tmp_path, dataset):
    with EpisodeWriter(tmp_path / 'b', OPTIONS) as writer:
        for seed in (2, 0, 3):
            writer.add(make_rows('Pick', seed))
    with EpisodeWriter(tmp_path / 'b', OPTIONS) as writer:
        assert sorted(writer.pending) == ['Pick-0', 'Pick-2', 'Pick-3']
        writer.adopt(write_pending(tmp_path / 'b', make_rows('Pick', 1)))
        writer.finish()
    assert shard_bytes(tmp_path / 'b') == shard_bytes(dataset)
    assert (tmp_path / 'b' / MANIFEST).read_bytes() == (dataset / MANIFEST).read_bytes()


def test_full_shards_close_early_and_never_change(tmp_path):
    size = None
    with EpisodeWriter(tmp_path / 's', OPTIONS, shard_bytes=10**9) as writer:
        for seed in range(5):
            writer.add(make_rows('Pick', seed))
        size = writer.pending['Pick-0'].bytes
        writer._shard_bytes = 2 * size
        assert writer.make_shards('Pick', names(5), is_last=False) == 4
        before = shard_bytes(tmp_path / 's')
        assert list(before) == ['Pick-00000.parquet', 'Pick-00001.parquet']
        assert writer.make_shards('Pick', ['Pick-4'], is_last=True) == 1
    after = shard_bytes(tmp_path / 's')
    assert list(after) == [*before, 'Pick-00002.parquet']
    assert all(after[name] == data for name, data in before.items())


def test_pending_episodes_are_not_seen_by_readers(dataset):
    with EpisodeWriter(dataset, OPTIONS) as writer:
        writer.add(make_rows('Pick', 9))
    assert len(EpisodeStore(dataset)) == 4


def test_names_of_variants_make_safe_file_names(tmp_path):
    task = 'Rotate:num_actors=3,restore=true'
    directory = fill(tmp_path / 'v', 2, task=task)
    (shard,) = directory.glob('data/*.parquet')
    assert shard.name == 'Rotate-num_actors=3-restore=true-00000.parquet'
    assert EpisodeStore(directory).read(f'{task}-1').metadata.task == task


def test_recording_for_replay(tmp_path, dataset):
    path = EpisodeStore(dataset).write_recording('Pick-2', tmp_path / 'out')
    assert path.name == 'Pick_2.npz'
    np.testing.assert_array_equal(read_episode(path).actions, make_rows('Pick', 2).actions)


def test_dropped_seeds_are_remembered(tmp_path):
    with EpisodeWriter(tmp_path / 'd', OPTIONS) as writer:
        writer.drop('Pick', 5, 'time-out')
        writer.drop('Pick', 5, 'early done', 'test')
    with EpisodeWriter(tmp_path / 'd', OPTIONS) as writer:
        assert writer.dropped['Pick-5'].reason == 'time-out'
        assert writer.dropped['Pick-5-test'].reason == 'early done'
    dropped = EpisodeStore(tmp_path / 'd').manifest.dropped
    assert [(d.task, d.seed, d.split) for d in dropped] == [
        ('Pick', 5, 'simple'),
        ('Pick', 5, 'test'),
    ]


class TestKilled:
    """What a kill leaves at each moment is put right."""

    def test_between_a_shard_and_the_manifest(self, tmp_path, dataset, monkeypatch):
        directory = tmp_path / 'k'
        with EpisodeWriter(directory, OPTIONS) as writer:
            for seed in range(4):
                writer.add(make_rows('Pick', seed))
            monkeypatch.setattr(writer, 'save', self.die)
            with pytest.raises(KeyboardInterrupt):
                writer.finish()
        assert len(EpisodeStore(directory)) == 4
        with EpisodeWriter(directory, OPTIONS) as writer:
            assert not writer.pending
            writer.finish()
        assert shard_bytes(directory) == shard_bytes(dataset)
        assert (directory / MANIFEST).read_bytes() == (dataset / MANIFEST).read_bytes()

    def test_between_the_manifest_and_the_pending_files(self, tmp_path, dataset, monkeypatch):
        directory = tmp_path / 'k'
        with EpisodeWriter(directory, OPTIONS) as writer:
            for seed in range(4):
                writer.add(make_rows('Pick', seed))
            monkeypatch.setattr(writer, 'discard', self.die)
            with pytest.raises(KeyboardInterrupt):
                writer.finish()
        with EpisodeWriter(directory, OPTIONS) as writer:
            assert not writer.pending
        assert shard_bytes(directory) == shard_bytes(dataset)

    def test_within_a_pending_file_or_a_shard(self, dataset):
        (dataset / '.pending').mkdir()
        (dataset / '.pending/.Pick-7.1.part.arrow').write_bytes(b'half')
        (dataset / '.pending/.Pick-00001.1.part.parquet').write_bytes(b'half')
        (dataset / '.pending/Pick-8.arrow').write_bytes(b'torn by a loss of power')
        (dataset / '.pending/dropped.jsonl').write_text(
            '["Pick-5", "Pick", 5, "x"]\n["Pick-6", "P'
        )
        with EpisodeWriter(dataset, OPTIONS) as writer:
            assert not writer.pending
            assert set(writer.dropped) == {'Pick-5'}
        assert not (dataset / '.pending').exists()

    def test_within_the_first_manifest(self, tmp_path):
        (tmp_path / '.c2a_dataset.77.part.json').write_text('{')
        fill(tmp_path, 1)
        assert sorted(p.name for p in tmp_path.iterdir()) == [MANIFEST, 'data']

    @staticmethod
    def die(*_):
        raise KeyboardInterrupt


class TestRefused:
    """What a store and a writer refuse."""

    def test_no_dataset(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='no such directory'):
            EpisodeStore(tmp_path / 'x')
        with pytest.raises(FileNotFoundError, match=f'no {MANIFEST} in it'):
            EpisodeStore(tmp_path)

    def test_directory_with_other_files(self, tmp_path):
        (tmp_path / 'thesis.tex').write_text('x')
        with pytest.raises(ValueError, match=r'no dataset and not empty \(it has thesis.tex\)'):
            EpisodeWriter(tmp_path, OPTIONS)
        assert [p.name for p in tmp_path.iterdir()] == ['thesis.tex']

    def test_file(self, tmp_path):
        (tmp_path / 'x').write_text('x')
        with pytest.raises(ValueError, match='is a file'):
            EpisodeWriter(tmp_path / 'x', OPTIONS)

    def test_other_options(self, dataset):
        with pytest.raises(ValueError, match='image_size is 32 there and 64 here'):
            EpisodeWriter(dataset, {**OPTIONS, 'image_size': 64})

    @pytest.mark.parametrize('opener', [EpisodeStore, lambda d: EpisodeWriter(d, OPTIONS)])
    def test_other_schema_version(self, dataset, opener):
        path = dataset / MANIFEST
        path.write_text(path.read_text().replace('"schema_version": 3', '"schema_version": 4'))
        with pytest.raises(ValueError, match='schema version 4, this C2A reads 1, 2, 3'):
            opener(dataset)

    def test_shard_of_another_schema_version(self, dataset, monkeypatch):
        monkeypatch.setattr('c2a_training.dataset.shard_file.READABLE_VERSIONS', (4,))
        path = dataset / MANIFEST
        path.write_text(path.read_text().replace('"schema_version": 3', '"schema_version": 4'))
        with pytest.raises(ValueError, match=r'Pick-00000.parquet has schema version 3'):
            EpisodeStore(dataset)

    @pytest.mark.parametrize('text', ['{', '[]', '{"kind": "c2a-episodes", "schema_version": 1}'])
    def test_damaged_manifest(self, dataset, text):
        (dataset / MANIFEST).write_text(text)
        with pytest.raises(ValueError, match='damaged'):
            EpisodeStore(dataset)

    def test_truncated_shard(self, dataset):
        path = dataset / 'data/Pick-00000.parquet'
        os.truncate(path, path.stat().st_size - 100)
        with pytest.raises(ValueError, match=r'bytes, expected \d+: it was truncated or altered'):
            EpisodeStore(dataset)

    def test_truncated_shard_that_is_not_listed(self, dataset):
        data = (dataset / 'data/Pick-00000.parquet').read_bytes()
        (dataset / 'data/Pick-00001.parquet').write_bytes(data[:-100])
        with pytest.raises(ValueError, match='truncated or no Parquet file'):
            EpisodeStore(dataset)

    def test_altered_picture(self, dataset):
        path = dataset / 'data/Pick-00000.parquet'
        data = bytearray(path.read_bytes())
        at = data.find(make_rows('Pick', 1).wrist_jpeg[3])
        data[at + 40] ^= 1
        path.write_bytes(data)
        store = EpisodeStore(dataset)
        store.read('Pick-0')
        with pytest.raises(ValueError, match=r'Pick-00000.parquet \(Pick-1\).* altered'):
            store.read('Pick-1')

    def test_missing_shard(self, dataset):
        (dataset / 'data/Pick-00000.parquet').unlink()
        with pytest.raises(ValueError, match='lacks data/Pick-00000.parquet'):
            EpisodeStore(dataset)

    def test_foreign_parquet(self, dataset):
        pq.write_table(pa.table({'x': [1]}), dataset / 'data/Other.parquet')
        with pytest.raises(ValueError, match='Parquet file of something else'):
            EpisodeStore(dataset)

    def test_one_episode_twice(self, dataset):
        data = (dataset / 'data/Pick-00000.parquet').read_bytes()
        (dataset / 'data/Copy.parquet').write_bytes(data)
        with pytest.raises(ValueError, match='episode Pick-0 is in .*Copy.parquet and in'):
            EpisodeStore(dataset)
        with EpisodeWriter(dataset.parent / 'w', OPTIONS) as writer:
            writer.add(make_rows())
            with pytest.raises(ValueError, match='already has an episode Pick-0'):
                writer.add(make_rows())

    def test_unknown_episode(self, dataset):
        with pytest.raises(KeyError, match="no episode 'Pick-33'.*did you mean Pick-3"):
            EpisodeStore(dataset).read('Pick-33')

    def test_two_writers(self, dataset):
        with (
            EpisodeWriter(dataset, OPTIONS),
            pytest.raises(RuntimeError, match='another process is writing'),
        ):
            EpisodeWriter(dataset, OPTIONS)
        with EpisodeWriter(dataset, OPTIONS):
            pass
