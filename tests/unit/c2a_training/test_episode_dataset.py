# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
from sample_episodes import assert_equal_rows, episode_parts, make_rows

from c2a_core.spaces import make_action
from c2a_training.commands import data_merge
from c2a_training.dataset import row_schema, shard_file
from c2a_training.dataset.dataset_manifest import MANIFEST
from c2a_training.dataset.episode_check import check_rows
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.episode_rows import EpisodeRowsBuilder
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.episode_writer import EpisodeWriter

STEPS = (6, 3, 9)


@pytest.fixture(scope='module')
def directory(tmp_path_factory):
    """Two tasks of three episodes each, in five shards."""
    directory = tmp_path_factory.mktemp('sets') / 'set'
    with EpisodeWriter(directory, {'image_size': 32}, shard_bytes=30_000) as writer:
        for task in ('Pick', 'Swap'):
            for seed, steps in enumerate(STEPS):
                writer.add(make_rows(task, seed, steps))
        writer.finish()
    assert len(EpisodeStore(directory).shards) > 2
    return directory


@pytest.fixture
def dataset(directory):
    return EpisodeDataset(directory, threads=2)


def test_rows_are_those_of_the_episodes(dataset, directory):
    assert len(dataset) == 2 * sum(steps + 1 for steps in STEPS)
    assert dataset.episode_starts.tolist() == [0, 7, 11, 21, 28, 32, 42]
    assert dataset.fingerprint == EpisodeStore(directory).fingerprint
    for index, rows in enumerate(EpisodeStore(directory)):
        start, end = dataset.episode_starts[index : index + 2]
        assert dataset.episodes[index] == rows.metadata
        np.testing.assert_array_equal(dataset.proprioception[start:end], rows.proprioception)
        np.testing.assert_array_equal(dataset.actions[start : end - 1], rows.actions)
        np.testing.assert_array_equal(dataset.step[start:end], rows.step)
        np.testing.assert_array_equal(dataset.is_key_step[start:end], rows.is_key_step)
        np.testing.assert_array_equal(dataset.subtask_id[start:end], rows.subtask_id)
        np.testing.assert_array_equal(dataset.success[start:end], rows.success)
        assert tuple(dataset.texts('code', range(start, end))) == rows.code
        assert tuple(dataset.texts('cache_info', range(start, end))) == rows.cache_info
        assert dataset.texts('instruction', [start]) == [rows.metadata.instruction]
        assert tuple(map(dataset.memory, range(start, end))) == rows.memory


@pytest.mark.skipif(not os.path.isdir('/proc/self/fd'), reason='there is no /proc/self/fd')
def test_no_shard_stays_open(dataset):
    # A process may have 1,024 open files; 330,000 episodes are some 10,000 shards.
    dataset.frames([0])
    before = len(os.listdir('/proc/self/fd'))
    dataset.frames(range(len(dataset)))
    assert len(os.listdir('/proc/self/fd')) == before


def test_last_rows_have_no_action(dataset):
    last = dataset.episode_starts[1:] - 1
    assert not dataset.has_action[last].any()
    assert dataset.has_action.sum() == len(dataset) - len(last)
    assert not dataset.actions[last].any()
    np.testing.assert_array_equal(dataset.episode_of(last), np.arange(6))


def test_frames_come_in_the_order_asked_for(dataset, directory):
    rows = np.random.default_rng(0).integers(len(dataset), size=50)
    batch = dataset.frames(rows)
    assert batch.base_images.shape == (50, 32, 32, 3)
    np.testing.assert_array_equal(batch.proprioception, dataset.proprioception[rows])
    store = EpisodeStore(directory)
    for place, row in enumerate(rows):
        episode = int(dataset.episode_of(row))
        found = store.read(dataset.episodes[episode].episode)
        step = int(row - dataset.episode_starts[episode])
        np.testing.assert_array_equal(batch.base_images[place], found.base_image(step))
        np.testing.assert_array_equal(batch.wrist_images[place], found.wrist_image(step))


def test_one_row_and_no_row(dataset):
    assert dataset.frames([3]).wrist_images.shape == (1, 32, 32, 3)
    assert len(dataset.frames([]).base_images) == 0


def test_frames_do_not_depend_on_threads_or_copies(dataset, directory):
    rows = np.arange(len(dataset))
    alone = EpisodeDataset(directory, threads=1).frames(rows)
    dataset.frames([0])
    other = copy.copy(dataset).frames(rows)
    for batch in (alone, other):
        np.testing.assert_array_equal(batch.base_images, dataset.frames(rows).base_images)


@pytest.mark.parametrize('rows', [[42], [-1], [0, 99]])
def test_rows_that_are_not_there_are_refused(dataset, rows):
    with pytest.raises(IndexError, match='expected 0 to 41'):
        dataset.frames(rows)


def test_unknown_column_of_texts(dataset):
    with pytest.raises(KeyError, match='cache_info'):
        dataset.texts('colour', [0])


def test_altered_picture_is_noticed(tmp_path):
    directory = write_one(tmp_path)
    path = directory / 'data/Pick-00000.parquet'
    data = bytearray(path.read_bytes())
    data[data.find(make_rows().base_jpeg[2]) + 50] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r'row group 0 of .*Pick-00000.parquet'):
        EpisodeDataset(directory).frames([0])


def test_shard_of_another_program_is_refused(tmp_path):
    """Its pictures are compressed or in a dictionary: they cannot be found in the file."""
    directory = write_one(tmp_path)
    path = directory / 'data/Pick-00000.parquet'
    size = path.stat().st_size
    pq.write_table(pq.read_table(path), path, compression='gzip')
    manifest = directory / 'c2a_dataset.json'
    text = manifest.read_text().replace(f'"bytes": {size}', f'"bytes": {path.stat().st_size}')
    manifest.write_text(text)
    with pytest.raises(ValueError, match='another program wrote it'):
        EpisodeDataset(directory).frames([0])


def test_empty_dataset_is_refused(tmp_path):
    with EpisodeWriter(tmp_path / 'e', {}):
        pass
    with pytest.raises(ValueError, match='no episodes: generate some first'):
        EpisodeDataset(tmp_path / 'e')


def test_load_dataset_decodes_the_pictures(directory, tmp_path, monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    monkeypatch.setenv('HF_DATASETS_DISABLE_PROGRESS_BARS', '1')
    datasets = pytest.importorskip('datasets')
    rows = datasets.load_dataset(
        'parquet',
        data_files=str(directory / 'data/*.parquet'),
        split='train',
        cache_dir=str(tmp_path),
    )
    dataset = EpisodeDataset(directory)
    assert len(rows) == len(dataset)
    names = rows['episode']
    row = list(names).index('Swap-1') + 2
    found, index = rows[row], dataset.episode_starts[4] + 2
    assert found['step'] == 2
    assert found['memory'] == list(dataset.memory(index))
    np.testing.assert_array_equal(found['action'], dataset.actions[index])
    picture = np.asarray(found['wrist_image'])
    assert picture.shape == (32, 32, 3)
    # Two JPEG decoders may round differently.
    ours = dataset.frames([index]).wrist_images[0]
    assert np.abs(picture.astype(int) - ours).max() <= 4


def write_one(tmp_path):
    """A dataset of one episode."""
    with EpisodeWriter(tmp_path / 'one', {}) as writer:
        writer.add(make_rows())
        writer.finish()
    return tmp_path / 'one'


def test_reader_needs_no_copy_of_the_data(directory):
    before = sorted(os.listdir(directory))
    EpisodeDataset(directory).frames([0, 41])
    assert sorted(os.listdir(directory)) == before


class TestSparse:
    """Datasets with pictures in some rows only."""

    @pytest.fixture
    def directory(self, tmp_path):
        directory = tmp_path / 'sparse'
        with EpisodeWriter(directory, {'pictures': 'key-steps:0'}, shard_bytes=5_000) as writer:
            for seed, steps in enumerate(STEPS):
                writer.add(make_rows('Pick', seed, steps, sparse=True))
            writer.finish()
        assert len(EpisodeStore(directory).shards) > 1
        return directory

    def test_rows_with_pictures_can_be_told_and_read(self, directory):
        dataset = EpisodeDataset(directory)
        np.testing.assert_array_equal(dataset.has_base_picture, dataset.is_key_step)
        assert not dataset.has_wrist_picture.any()
        rows = np.nonzero(dataset.has_base_picture)[0][::-1]
        pictures = dataset.base_frames(rows)
        store = list(EpisodeStore(directory))
        for place, row in enumerate(rows):
            episode = int(dataset.episode_of(row))
            step = int(row - dataset.episode_starts[episode])
            np.testing.assert_array_equal(pictures[place], store[episode].base_image(step))

    def test_labels_are_those_of_the_episodes(self, directory):
        dataset = EpisodeDataset(directory)
        expected = [labels for rows in EpisodeStore(directory) for labels in rows.labels]
        colors, shapes = (
            f(range(len(dataset))) for f in (dataset.cell_colors, dataset.cell_shapes)
        )
        np.testing.assert_array_equal(dataset.has_labels, dataset.has_base_picture)
        for row, labels in enumerate(expected):
            found = dataset.labels(row)
            if labels is None:
                assert found is None
                assert not colors[row].any()
                continue
            assert found.names == labels.names
            for name in ('cells', 'boxes', 'pixels', 'cell_colors', 'cell_shapes'):
                np.testing.assert_array_equal(getattr(found, name), getattr(labels, name))
            np.testing.assert_array_equal(colors[row], labels.cell_colors)
            np.testing.assert_array_equal(shapes[row], labels.cell_shapes)

    def test_ground_truth_is_a_column_of_texts(self, directory):
        dataset = EpisodeDataset(directory)
        expected = [code for rows in EpisodeStore(directory) for code in rows.oracle_code]
        assert dataset.texts('oracle_code', range(len(dataset))) == expected

    def test_frames_of_a_row_without_pictures_are_refused(self, directory):
        dataset = EpisodeDataset(directory)
        with pytest.raises(ValueError, match=r'row 0 .*Pick-0, step 0\) has no wrist_image'):
            dataset.frames([0])
        with pytest.raises(ValueError, match=r'row 1 .*Pick-0, step 1\) has no base_image'):
            dataset.base_frames([0, 1])

    def test_load_dataset_gives_none_where_there_is_no_picture(
        self, directory, tmp_path, monkeypatch
    ):
        monkeypatch.setenv('HF_HUB_OFFLINE', '1')
        datasets = pytest.importorskip('datasets')
        rows = datasets.load_dataset(
            'parquet',
            data_files=str(directory / 'data/Pick-00000.parquet'),
            split='train',
            cache_dir=str(tmp_path / 'cache'),
        )
        assert rows[0]['base_image'].size == (32, 32)
        assert rows[1]['base_image'] is None
        assert rows[0]['wrist_image'] is None


LATER_COLUMNS = {1: ['oracle_code', 'intended_action'], 2: ['intended_action']}


@pytest.fixture(scope='module')
def disturbed():
    """An episode with a disturbance in its rows 2 and 3."""
    builder = EpisodeRowsBuilder('Swap', 9, 'Do Swap 9')
    for step, parts in enumerate(episode_parts('Swap', 9)):
        wanted = make_action([0.01, 0.0, 0.002 * step], np.zeros(3), True)
        builder.add(*parts, wanted if step in (2, 3) else None)
    return builder.finish()


class TestIntendedActions:
    """What a skill wanted where it was disturbed on purpose."""

    def test_they_equal_the_actions_where_nothing_was_disturbed(self, disturbed):
        differ = (disturbed.intended_actions != disturbed.actions).any(1)
        assert np.nonzero(differ)[0].tolist() == [2, 3]
        assert disturbed.intended_actions[3, 2] == np.float32(0.006)
        assert list(check_rows(disturbed)) == []

    def test_they_are_written_and_read(self, disturbed, tmp_path):
        with EpisodeWriter(tmp_path / 'set', {}) as writer:
            writer.add(disturbed)
            writer.add(make_rows('Swap', 10))
            writer.finish()
        store = EpisodeStore(tmp_path / 'set')
        assert_equal_rows(store.read('Swap-9'), disturbed)
        assert store.read('Swap-10').intended_actions is None
        dataset = EpisodeDataset(tmp_path / 'set')
        assert np.nonzero(dataset.is_disturbed)[0].tolist() == [2, 3]
        assert np.array_equal(dataset.intended_actions[:6], disturbed.intended_actions)
        assert np.array_equal(dataset.intended_actions[6:], dataset.actions[6:])

    def test_they_are_part_of_the_content(self, disturbed):
        without = dataclasses.replace(disturbed, intended_actions=None).sealed()
        assert without.metadata.content_sha256 != disturbed.metadata.content_sha256
        assert without.metadata.sha256 == disturbed.metadata.sha256
        wild = disturbed.intended_actions.copy()
        wild[0, 0] = 1.0
        problems = check_rows(dataclasses.replace(disturbed, intended_actions=wild).sealed())
        assert 'row 0 has an intended action over the bounds' in next(problems)


@pytest.fixture(params=LATER_COLUMNS)
def old(request, tmp_path, monkeypatch):
    """A dataset of an earlier schema version: it lacks what came later."""
    version, directory = request.param, tmp_path / 'old'
    rows = make_rows('Swap', 4, with_labels=False)
    with EpisodeWriter(directory, {}) as writer:
        writer.add(rows)
        writer.finish()
    path = directory / 'data/Swap-00000.parquet'
    path.unlink()
    without = row_schema.SCHEMA
    for name in LATER_COLUMNS[version]:
        without = without.remove(without.get_field_index(name))
    with monkeypatch.context() as patch:
        patch.setattr(shard_file, 'SCHEMA', without)
        patch.setattr(shard_file, 'SCHEMA_VERSION', version)
        table = rows.to_table().drop_columns(LATER_COLUMNS[version])
        shard_file.write_shard(path, [table], [rows.metadata])
    manifest = json.loads((directory / MANIFEST).read_text())
    manifest['schema_version'] = version
    manifest['shards'][0].update(bytes=path.stat().st_size, sha256=shard_file.file_sha256(path))
    (directory / MANIFEST).write_text(json.dumps(manifest))
    return directory


class TestOlderVersions:
    """Datasets from before ground truth and intended actions had columns."""

    def test_is_read(self, old):
        dataset = EpisodeDataset(old)
        assert set(dataset.texts('oracle_code', range(len(dataset)))) == {''}
        assert dataset.has_base_picture.all()
        assert dataset.frames([3]).base_images.shape == (1, 32, 32, 3)
        assert np.array_equal(dataset.intended_actions, dataset.actions)
        rows = EpisodeStore(old).read('Swap-4')
        assert set(rows.oracle_code) == {None}
        assert rows.intended_actions is None
        assert list(check_rows(rows)) == []

    def test_is_not_written(self, old):
        with pytest.raises(ValueError, match=r'has schema version [12], .*c2a data merge .*old'):
            EpisodeWriter(old, {})

    def test_is_brought_over_by_merge(self, old, tmp_path):
        args = argparse.Namespace(directories=[old], out=tmp_path / 'new')
        assert data_merge.run(args) == 0
        store = EpisodeStore(tmp_path / 'new')
        assert store.manifest.schema_version == 3
        assert store.fingerprint == EpisodeStore(old).fingerprint
