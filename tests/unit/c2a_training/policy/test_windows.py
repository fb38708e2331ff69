# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from sample_episodes import episode_parts, make_rows

from c2a_core.spaces import make_action
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.episode_rows import EpisodeRowsBuilder
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.policy.frame_source import FrameSource, check_disk
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


def test_a_window_at_the_end_learns_to_rest(datasets):
    windows = windows_of(datasets[:1])
    # Row 4 of the first episode: actions 4 and 5 are there, then the episode ends.
    number = windows.rows[:, 1].tolist().index(4)
    actions, mask = windows.actions(np.array([number]))
    recorded = datasets[0].actions
    assert mask[0].all()
    assert np.array_equal(actions[0, :2], recorded[4:6])
    assert not actions[0, 2:, :6].any()
    assert (actions[0, 2:, 6] == recorded[5, 6]).all()


@pytest.mark.parametrize(
    ('past_border', 'learned'),
    [('next', [True] * 4), ('hold', [True] * 4), ('mask', [True, False, False, False])],
)
def test_what_is_learned_past_a_border_is_a_choice(datasets, past_border, learned):
    recorded, code = datasets[0].actions, datasets[0].texts('code', range(STEPS))
    border = next(row for row in range(1, STEPS) if code[row] != code[row - 1])
    windows = windows_of(datasets[:1], past_border=past_border)
    number = windows.rows[:, 1].tolist().index(border - 1)
    actions, mask = windows.actions(np.array([number]))
    assert mask[0].tolist() == learned
    if past_border == 'next':
        assert np.array_equal(actions[0], recorded[border - 1 : border + 3])
    else:
        # Nothing of the next sub-task leaks, not even where it is masked.
        assert np.array_equal(actions[0, 0], recorded[border - 1])
        assert not actions[0, 1:, :6].any()
        assert (actions[0, 1:, 6] == recorded[border - 1, 6]).all()


@pytest.mark.parametrize('past_border', ['next', 'hold', 'mask'])
def test_the_rest_after_the_last_sub_task_is_learned_in_any_case(datasets, past_border):
    windows = windows_of(datasets[:1], past_border=past_border)
    actions, mask = windows.actions(np.array([windows.rows[:, 1].tolist().index(STEPS - 1)]))
    assert mask.all()
    assert not actions[0, 1:, :6].any()


def test_a_choice_that_is_none_is_refused():
    with pytest.raises(ValueError, match='expected one of next, mask, hold'):
        WindowSettings(past_border='last')
    with pytest.raises(ValueError, match='border_weight 0'):
        WindowSettings(border_weight=0.0)


LENGTH, PUSHED = 20, (6, 7)


def write_disturbed(directory, **options):
    """An episode of 20 steps, disturbed in its rows 6 and 7."""
    builder = EpisodeRowsBuilder('Pick', 0, 'Do Pick 0')
    for step, parts in enumerate(episode_parts('Pick', 0, LENGTH)):
        wanted = make_action([0.001 * step, 0.0, 0.0], np.zeros(3), True)
        builder.add(*parts, wanted if step in PUSHED else None)
    with EpisodeWriter(directory, {'image_size': 32, **options}) as writer:
        writer.add(builder.finish())
        writer.finish()
    return [EpisodeDataset(directory, threads=1)]


@pytest.fixture(scope='module')
def pushed(tmp_path_factory):
    """Disturbed by noise."""
    return write_disturbed(tmp_path_factory.mktemp('sets') / 'pushed')


class TestPushed:
    """Windows around a push."""

    def learned(self, windows, row):
        """Actions and mask of the window at a row."""
        number = windows.rows[:, 1].tolist().index(row)
        actions, mask = windows.actions(np.array([number]))
        return actions[0], mask[0].tolist()

    def test_windows_that_cannot_foresee_a_push_are_left_out(self, pushed):
        rows = windows_of(pushed, undisturbed_rows=3).rows[:, 1].tolist()
        assert rows == [0, 1, 2, *range(6, LENGTH)]
        every = windows_of(pushed, undisturbed_rows=0).rows[:, 1].tolist()
        assert every == list(range(LENGTH))

    def test_what_was_intended_is_learned_up_to_the_push(self, pushed):
        windows = windows_of(pushed, undisturbed_rows=0)
        actions, mask = self.learned(windows, 4)
        assert mask == [True, True, True, False]
        assert actions[2, 0] == np.float32(0.006)
        # From a window that begins in it or after it, recovery is learned.
        for row in (6, 7, 8):
            actions, mask = self.learned(windows, row)
            assert mask == [True] * 4
            assert np.array_equal(actions, pushed[0].intended_actions[row : row + 4])

    def test_where_a_policy_led_only_what_the_skill_did_afterwards_is_learned(self, tmp_path):
        led = write_disturbed(tmp_path / 'led', policy='abc')
        rows = windows_of(led, undisturbed_rows=3).rows[:, 1].tolist()
        assert rows == [0, 1, 2, *range(8, LENGTH)]
        windows = windows_of(led, undisturbed_rows=0)
        # In a stretch each answer is to a step of the policy: only the first is right.
        assert self.learned(windows, 6)[1] == [True, False, False, False]
        assert self.learned(windows, 4)[1] == [True, True, True, False]
        assert self.learned(windows, 8)[1] == [True] * 4

    def test_a_push_in_the_next_sub_task_does_not_matter_to_one_that_rests(self, pushed):
        # Sub-tasks begin at 0 and 6.
        windows = windows_of(pushed, undisturbed_rows=3, past_border='hold')
        assert windows.rows[:, 1].tolist() == list(range(LENGTH))
        assert self.learned(windows, 4)[1] == [True] * 4


def test_beginnings_of_sub_tasks_are_drawn_more_often(tmp_path):
    with EpisodeWriter(tmp_path / 'set', {'image_size': 32}) as writer:
        writer.add(make_rows('Pick', 0, 12))
        writer.finish()
    windows = windows_of([EpisodeDataset(tmp_path / 'set', threads=1)], border_weight=3.0)
    drawn = np.bincount(windows.draw(np.random.default_rng(0), 40_000), minlength=len(windows))
    expected = np.array([3, 3, 1, 1] * 3)
    assert drawn / drawn.sum() == pytest.approx(expected / expected.sum(), rel=0.15)


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
            check_disk(tmp_path, source.missing_bytes(tmp_path))
        assert source.cache_bytes > 1e12
        check_disk(tmp_path, FrameSource(datasets, 32).missing_bytes(tmp_path))


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
