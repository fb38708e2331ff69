# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sample_episodes import assert_equal_rows, episode_parts, make_rows, picture

from c2a_core.episode_file import read_episode, write_episode
from c2a_training.dataset.episode_rows import EpisodeRows, EpisodeRowsBuilder, metadata_of
from c2a_training.dataset.jpeg import decode_jpeg, encode_jpeg
from c2a_training.dataset.row_schema import SCHEMA


@pytest.mark.parametrize('with_labels', [True, False], ids=['labels', 'no labels'])
def test_rows_survive_arrow_and_parquet(tmp_path, with_labels):
    rows = make_rows(with_labels=with_labels)
    pq.write_table(rows.to_table(), tmp_path / 'x.parquet')
    table = pq.read_table(tmp_path / 'x.parquet')
    back = EpisodeRows.from_table(table, metadata_of(table))
    assert_equal_rows(rows, back)
    assert back.content_sha256() == rows.metadata.content_sha256
    np.testing.assert_array_equal(back.actions, rows.actions)
    assert table['action'].is_null().to_pylist() == [False] * 6 + [True]
    assert (back.labels[0] is None) is not with_labels
    if with_labels:
        np.testing.assert_array_equal(back.labels[3].boxes, rows.labels[3].boxes)
        np.testing.assert_array_equal(back.labels[3].cell_colors, rows.labels[3].cell_colors)


def test_rows_with_labels_in_some_rows_only_survive():
    rows = make_rows(steps=4)
    some = dataclasses.replace(
        rows, labels=(None, rows.labels[1], None, None, rows.labels[4])
    ).sealed()
    back = EpisodeRows.from_table(some.to_table())
    assert [label is None for label in back.labels] == [True, False, True, True, False]
    np.testing.assert_array_equal(back.labels[4].cells, rows.labels[4].cells)
    np.testing.assert_array_equal(back.labels[1].pixels, rows.labels[1].pixels)
    np.testing.assert_array_equal(back.labels[4].cell_shapes, rows.labels[4].cell_shapes)
    assert back.content_sha256() == some.metadata.content_sha256


def test_table_has_the_schema_and_reads_as_the_rows():
    rows = make_rows(task='Swap', seed=7, split='train')
    table = rows.to_table()
    assert table.schema.equals(SCHEMA)
    first, last = table.slice(0, 1).to_pylist()[0], table.slice(6, 1).to_pylist()[0]
    assert first['episode'] == 'Swap-7-train'
    assert (first['task'], first['seed'], first['instruction']) == ('Swap', 7, 'Do Swap 7')
    assert first['memory'] == []
    assert first['is_key_step']
    assert first['cache_info'].startswith("pose_dict['target']")
    assert last['code'] == 'done()'
    assert last['action'] is None
    assert len(last['memory']) == 3
    assert last['success']
    assert not first['success']
    assert len(first['cell_colors']) == 100


def test_metadata_counts_steps_and_calls():
    info = make_rows(steps=6).metadata
    assert (info.n_steps, info.n_rows, info.skill_calls) == (6, 7, 3)
    assert info.success
    assert info.source == 'generate'


def test_hashes_tell_motion_from_pictures():
    rows = make_rows()
    other = dataclasses.replace(rows, base_jpeg=(rows.base_jpeg[1], *rows.base_jpeg[1:])).sealed()
    assert other.metadata.sha256 == rows.metadata.sha256
    assert other.metadata.content_sha256 != rows.metadata.content_sha256
    assert make_rows(seed=1).metadata.sha256 != rows.metadata.sha256


def test_equal_pictures_give_equal_bytes_and_come_back_similar():
    image = picture(np.random.default_rng(0), 64)
    view = np.ascontiguousarray(image[:, ::-1])[:, ::-1]
    assert encode_jpeg(image) == encode_jpeg(image.copy()) == encode_jpeg(view)
    back = decode_jpeg(encode_jpeg(image))
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).mean() < 3.0


def test_saturated_colours_stay_what_they_are():
    image = np.zeros((16, 16, 3), np.uint8)
    image[4:6, 4:6] = (255, 0, 255)
    back = decode_jpeg(encode_jpeg(image)).astype(int)
    assert np.abs(back[4:6, 4:6] - (255, 0, 255)).max() < 60


@pytest.mark.parametrize('data', [b'', b'no picture'], ids=['empty', 'text'])
def test_bytes_that_are_no_picture_are_refused(data):
    with pytest.raises(ValueError, match='no JPEG'):
        decode_jpeg(data)


def test_wrong_picture_is_refused():
    with pytest.raises(ValueError, match=r'expected \(H, W, 3\) uint8'):
        encode_jpeg(np.zeros((4, 4), np.uint8))


def test_episode_becomes_a_recording_for_replay(tmp_path):
    rows = make_rows()
    path = write_episode(tmp_path, rows.to_recorded())
    recorded = read_episode(path)
    np.testing.assert_array_equal(recorded.actions, rows.actions)
    assert recorded.code == rows.code
    assert recorded.state_digest == rows.metadata.state_digest


class TestBuilder:
    """What the builder refuses."""

    @staticmethod
    def parts(step=0):
        return list(episode_parts())[step]

    def test_missing_picture(self):
        observation, *rest = self.parts()
        observation = dataclasses.replace(observation, wrist_image=np.zeros((0, 0, 3), np.uint8))
        with pytest.raises(ValueError, match='observation 0 has no wrist_image'):
            EpisodeRowsBuilder('Pick', 0, 'x').add(observation, *rest)

    def test_row_out_of_order(self):
        with pytest.raises(ValueError, match='row 0 was given parts of the steps 1'):
            EpisodeRowsBuilder('Pick', 0, 'x').add(*self.parts(1))

    def test_key_step_of_another_row(self):
        observation, _, command, *rest = self.parts(0)
        other = self.parts(1)[1]
        with pytest.raises(ValueError, match='steps 0, 1'):
            EpisodeRowsBuilder('Pick', 0, 'x').add(observation, other, command, *rest)

    def test_row_after_the_last(self):
        builder = EpisodeRowsBuilder('Pick', 0, 'x')
        observation, key_step, _, *rest = self.parts(0)
        builder.add(observation, key_step, None, *rest)
        with pytest.raises(ValueError, match='closed'):
            builder.add(*self.parts(1))

    def test_episode_without_its_closing_row(self):
        builder = EpisodeRowsBuilder('Pick', 0, 'x')
        builder.add(*self.parts(0))
        with pytest.raises(ValueError, match='no whole episode'):
            builder.finish()

    def test_unknown_source(self):
        with pytest.raises(ValueError, match="'dream'"):
            EpisodeRowsBuilder('Pick', 0, 'x', source='dream')


class TestBadTables:
    """What reading rows refuses."""

    def test_missing_column(self):
        table = make_rows().to_table().drop_columns(['cache_info'])
        with pytest.raises(ValueError, match="f.parquet has no column 'cache_info'"):
            EpisodeRows.from_table(table, where='f.parquet')

    def test_column_of_another_type(self):
        table = make_rows().to_table()
        at = table.schema.get_field_index('seed')
        table = table.set_column(at, 'seed', table['seed'].cast(pa.string()))
        with pytest.raises(ValueError, match="column 'seed' of type string, expected int64"):
            EpisodeRows.from_table(table)

    def test_missing_rows(self):
        table = make_rows().to_table()
        with pytest.raises(ValueError, match='has 5 rows of Pick-0, expected 7 of Pick-0'):
            EpisodeRows.from_table(table.slice(0, 5))

    def test_missing_image(self):
        table = make_rows().to_table()
        at = table.schema.get_field_index('wrist_image')
        images = table['wrist_image'].to_pylist()
        images[2] = {'bytes': None, 'path': None}
        column = pa.array(images, SCHEMA.field('wrist_image').type)
        with pytest.raises(
            ValueError, match='wrist_image without bytes in 1 rows, the first is row 2'
        ):
            EpisodeRows.from_table(table.set_column(at, 'wrist_image', column))

    def test_foreign_table(self):
        with pytest.raises(ValueError, match='not a shard of a C2A dataset'):
            EpisodeRows.from_table(pa.table({'x': [1]}))

    def test_table_without_metadata(self):
        table = make_rows().to_table().replace_schema_metadata(None)
        with pytest.raises(ValueError, match='not written by C2A'):
            EpisodeRows.from_table(table)
