# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The picture with grid, instruction and code."""

from __future__ import annotations

import numpy as np
import pytest

from c2a_sim_bridge.overlay import Overlay, wrap

GREY = np.full((32, 32, 3), 100, np.uint8)


def test_grid_lines_are_drawn_over_the_picture():
    picture = Overlay(200).draw(GREY, '', '')
    assert (picture[10, 10] == 100).all()
    assert (picture[20, 10] > 100).all()
    assert (picture[10, 20] > 100).all()


def test_size_is_that_of_the_picture_and_the_text_band():
    overlay = Overlay(256)
    assert overlay.draw(GREY, 'head', 'done()').shape == (256 + overlay.text_height, 256, 3)


def test_text_is_written_anew_when_it_changes():
    overlay = Overlay(256)
    first = overlay.draw(GREY, 'head', 'move3d()').copy()
    same = overlay.draw(GREY, 'head', 'move3d()').copy()
    other = overlay.draw(GREY, 'head', 'pick()').copy()
    assert np.array_equal(first, same)
    assert not np.array_equal(first[256:], other[256:])


def test_without_a_picture_that_part_is_black():
    empty = np.zeros((0, 0, 3), np.uint8)
    assert not Overlay(64).draw(empty, 'head', 'code')[:64].any()


@pytest.mark.parametrize('line', ['short', 'a, b, ' * 40, 'x' * 300])
def test_wrapped_lines_fit_and_lose_nothing(line):
    pieces = wrap(line, 60)
    assert max(map(len, pieces)) <= 60
    assert ''.join(pieces).replace(' ', '') == line.replace(' ', '')
