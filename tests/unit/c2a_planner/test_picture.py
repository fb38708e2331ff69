# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures of another size than the model's."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('torch')

from c2a_planner.picture import PictureSettings

SETTINGS = PictureSettings(size=8)


def test_of_pictures_three_times_as_large_the_middles_are_taken():
    small = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3), np.uint8)
    large = np.zeros((2, 24, 24, 3), np.uint8)
    large[:, 1::3, 1::3] = small
    np.testing.assert_array_equal(SETTINGS.resize(large), small)


@pytest.mark.parametrize('side', [4, 16, 20])
def test_pictures_of_any_other_size_are_interpolated_or_averaged(side: int):
    flat = np.full((1, side, side, 3), 77, np.uint8)
    assert SETTINGS.resize(flat).shape == (1, 8, 8, 3)
    assert (SETTINGS.resize(flat) == 77).all()


def test_picture_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match='square RGB'):
        SETTINGS.resize(np.zeros((1, 8, 9, 3), np.uint8))


def test_large_render_shrinks_to_the_very_small_render():
    """The demo films larger pictures than the model sees: the model must see the same."""
    pytest.importorskip('sapien')
    from c2a_sim_bridge.sim.simulator import SimConfig, Simulator

    pictures = {}
    for side in (48, 144):
        world = Simulator(SimConfig(image_size=side))
        world.reset('Swap', 3)
        pictures[side] = world.observe(1).base_image
    shrunk = PictureSettings(size=48).resize(pictures[144][None])[0]
    np.testing.assert_array_equal(shrunk, pictures[48])
