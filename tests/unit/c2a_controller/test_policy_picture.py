# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures at the size that the policy sees."""

from __future__ import annotations

import numpy as np
import pytest

from c2a_controller.policy_picture import prepare_pictures


def picture(side, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (1, side, side, 3), np.uint8)


def test_colours_come_first_and_the_size_fits():
    shown = picture(8)
    prepared = prepare_pictures(shown, 8)
    assert prepared.shape == (1, 3, 8, 8)
    assert np.array_equal(prepared[0, 1], shown[0, :, :, 1])
    assert prepare_pictures(picture(20), 8).shape == prepare_pictures(picture(6), 8).shape


def test_a_picture_three_times_as_large_is_what_the_small_camera_shows():
    small = picture(8)
    large = np.zeros((1, 24, 24, 3), np.uint8)
    large[:, 1::3, 1::3] = small
    assert np.array_equal(prepare_pictures(large, 8), prepare_pictures(small, 8))


def test_an_observation_without_pictures_says_what_to_do():
    with pytest.raises(ValueError, match='turn rendering on'):
        prepare_pictures(np.zeros((1, 0, 0, 3), np.uint8), 8)
    with pytest.raises(ValueError, match=r'shape \(1, 4, 8, 3\), expected \(B, H, H, 3\)'):
        prepare_pictures(np.zeros((1, 4, 8, 3), np.uint8), 8)
