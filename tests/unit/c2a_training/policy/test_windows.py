# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from sample_episodes import make_rows

from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.policy.frame_source import FrameSource
from c2a_training.policy.picture_shift import vary
from c2a_training.policy.windows import NoWindowsError, PolicyWindows, WindowSettings

STEPS, HORIZON = 6, 4
NONE_HELD = {'validation_share': 0.0}


@pytest.fixture(scope='module')
def datasets(tmp_path_factory):
    made = []
    for name, tasks in (('first', ('Pick', 'Push')), ('second', ('Pick',))):
        directory = tmp_path_factory.mktemp('sets') / name
        with EpisodeWriter(directory, {'image_size': 32}) as writer:
            for task in tasks:
                for seed in range(3):
                    writer.add(make_rows(task, seed, STEPS, success=seed != 2))
            writer.finish()
        made.append(EpisodeDataset(directory, threads=1))
    return made


def windows_of(datasets, held_out=False, **settings):
    chosen = WindowSettings(**{**NONE_HELD, **settings})
    return PolicyWindows(datasets, chosen, pred_horizon=HORIZON, held_out=held_out)


def test_a_window_at_the_end_is_padded_with_rest_and_masked(datasets):
    windows = windows_of(datasets[:1])
    # Row 4 of the first episode: actions 4 and 5 are there, then the episode ends.
    number = windows.rows[:, 1].tolist().index(4)
    actions, mask = windows.actions(np.array([number]))
    recorded = datasets[0].actions
    assert mask[0].tolist() == [True, True, False, False]
    assert np.array_equal(actions[0, :2], recorded[4:6])
    assert not actions[0, 2:, :6].any()
    assert (actions[0, 2:, 6] == recorded[5, 6]).all()


def test_actions_run_past_borders_unless_they_are_masked(datasets):
    code = datasets[0].texts('code', range(STEPS))
    border = next(row for row in range(1, STEPS) if code[row] != code[row - 1])
    number = windows_of(datasets[:1]).rows[:, 1].tolist().index(border - 1)
    plain, all_rows = windows_of(datasets[:1]).actions(np.array([number]))
    masked, some_rows = windows_of(datasets[:1], mask_past_border=True).actions(np.array([number]))
    assert np.array_equal(plain, masked)
    assert all_rows[0].all()
    assert some_rows[0].tolist() == [True, False, False, False]


def test_failed_episodes_and_last_rows_are_left_out(datasets):
    windows = windows_of(datasets)
    # Two successful episodes of each of three (dataset, task), STEPS rows each.
    assert len(windows) == 3 * 2 * STEPS
    assert len(windows_of(datasets, successes_only=False)) == 3 * 3 * STEPS
    assert windows.groups == [('first', 'Pick'), ('first', 'Push'), ('second', 'Pick')]


def test_held_out_episodes_are_not_trained_on(datasets):
    train = windows_of(datasets, validation_share=0.5)
    held = windows_of(datasets, validation_share=0.5, held_out=True)
    assert len(train) + len(held) == 3 * 2 * STEPS
    assert not {tuple(row) for row in train.rows.tolist()} & {
        tuple(row) for row in held.rows.tolist()
    }


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
        ({}, {'first/Pick': 1 / 3, 'first/Push': 1 / 3, 'second/Pick': 1 / 3}),
        ({'balance': 'tasks'}, {'first/Pick': 0.25, 'first/Push': 0.5, 'second/Pick': 0.25}),
        ({'weights': ('Push=2',)}, {'first/Pick': 0.25, 'first/Push': 0.5, 'second/Pick': 0.25}),
        ({'weights': ('second=0',)}, {'first/Pick': 0.5, 'first/Push': 0.5}),
    ],
)
def test_windows_are_drawn_by_weight(datasets, settings, expected):
    windows = windows_of(datasets, **settings)
    drawn = windows.draw(np.random.default_rng(0), 20_000)
    assert drawn.min() >= 0
    counts = np.bincount(windows.group_of[drawn], minlength=len(windows.groups)) / len(drawn)
    names = ['/'.join(group) for group in windows.groups]
    found = {name: share for name, share in zip(names, counts, strict=True) if share > 0}
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize('weight', ['Push', 'Push=-1', '=2', 'Push=x', 'Push=inf'])
def test_what_is_no_weight_is_refused(weight):
    with pytest.raises(ValueError, match='NAME=W'):
        WindowSettings(weights=(weight,))


def test_weights_hold_for_held_out_episodes_too(datasets):
    # Whatever tasks happen to be held out, the weights' names are those of all data.
    held = windows_of(
        datasets[:1], held_out=True, validation_share=0.999, weights=('Push=0', 'Pick=2')
    )
    assert held.tasks() == ('Pick',)
    with pytest.raises(NoWindowsError, match='weight over 0'):
        windows_of(datasets[1:], weights=('Pick=0',))


def test_a_weight_for_nothing_is_refused(datasets):
    with pytest.raises(ValueError, match='first, second|Pick, Push'):
        windows_of(datasets, weights=('Stack=2',))


class TestFrames:
    def test_a_cache_shows_what_decoding_shows(self, datasets, tmp_path):
        rows = np.array([[0, 3], [1, 2], [0, 3], [0, 15]])
        plain, cached = FrameSource(datasets, 32), FrameSource(datasets, 32)
        shares = []
        cached.open_caches(tmp_path, shares.append)
        assert shares[-1] == 1.0
        expected = plain.images(rows)
        frames = datasets[0].frames([3])
        assert np.array_equal(expected[0, 0], frames.base_images[0])
        assert np.array_equal(expected[2, 1], frames.wrist_images[0])
        assert np.array_equal(cached.images(rows), expected)
        # It is found again and not made a second time.
        written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        FrameSource(datasets, 32).open_caches(tmp_path, shares.append)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written

    def test_other_sizes_are_resized(self, datasets):
        assert FrameSource(datasets, 16).images(np.array([[0, 0]])).shape == (1, 2, 16, 16, 3)

    def test_a_cache_that_does_not_fit_is_refused_with_its_size(self, datasets, tmp_path):
        source = FrameSource(datasets, 1_000_000)
        with pytest.raises(ValueError, match='frames=decode'):
            source.check_space(tmp_path)
        assert source.cache_bytes > 1e12
        FrameSource(datasets, 32).check_space(tmp_path)


def test_varied_pictures_are_moved_by_whole_pixels_and_lit_alike():
    pictures = np.zeros((2, 2, 32, 32, 3), np.uint8)
    pictures[:, :, 10:14, 12:16] = (200, 100, 50)
    streams = [np.random.default_rng(seed) for seed in (1, 2)]
    moved = vary(pictures, streams, light=True, shift_px=3)
    for index in range(2):
        tones = set()
        for camera in range(2):
            places = np.argwhere(moved[index, camera].any(-1))
            assert len(places) == 16
            assert abs(places.min(0) - (10, 12)).max() <= 3
            tones.add(tuple(moved[index, camera][tuple(places[0])].tolist()))
        assert len(tones) == 1
        assert tones != {(200, 100, 50)}
    same = vary(pictures, streams, light=False, shift_px=0)
    assert np.array_equal(same, pictures)
