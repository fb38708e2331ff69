# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""At which row a chunk begins that took time to make."""

from __future__ import annotations

import math

import numpy as np
import pytest

from c2a_controller.chunk_alignment import nearest_row

START = np.array([0.1, -0.2, 0.3, 0.0, 0.0, 0.0, 1.0])


def path(*translations, yaw=0.0):
    """A chunk (n, 7) of these motions [m], each with a turn about z [rad]."""
    actions = np.zeros((len(translations), 7), np.float32)
    actions[:, :3] = translations
    actions[:, 5] = yaw
    return actions


def at(x=0.0, y=0.0, z=0.0, yaw=0.0):
    """A pose that much from `START`."""
    turn = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
    return np.array([*(START[:3] + (x, y, z)), *turn])


FORWARD = path(*[(0.01, 0.0, 0.0)] * 8)


@pytest.mark.parametrize(
    ('here', 'row'),
    [
        (at(), 0),
        (at(x=-0.05), 0),
        (at(x=0.019), 2),
        (at(x=0.021, y=0.03), 2),
        (at(x=0.08), 4),
    ],
)
def test_it_begins_where_the_arm_is_but_never_later_than_its_time(here, row):
    assert nearest_row(FORWARD, START, here, last_row=4) == row


def test_of_rows_at_the_same_place_the_latest_begins():
    waiting = path((0.01, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, -0.01))
    assert nearest_row(waiting, START, at(x=0.01), last_row=3) == 3
    assert nearest_row(waiting, START, at(x=0.01), last_row=2) == 2


def test_motions_are_in_the_frame_of_the_end_effector():
    # Twice 1 cm along x, each with a quarter turn to the left: the second leads along y.
    turning = path(*[(0.01, 0.0, 0.0)] * 3, yaw=math.pi / 2)
    assert nearest_row(turning, START, at(x=0.01, yaw=math.pi / 2), 2) == 1
    assert nearest_row(turning, START, at(x=0.01, y=0.01, yaw=math.pi), 2) == 2


def test_a_turn_on_the_spot_counts():
    turning = path(*[(0.0, 0.0, 0.0)] * 4, yaw=0.1)
    assert nearest_row(turning, START, at(yaw=0.2), 3) == 2


@pytest.mark.parametrize('broken', [0, 4])
def test_a_pose_that_is_not_finite_leaves_the_row_of_its_time(broken):
    lost = START.copy()
    lost[broken] = np.nan
    assert nearest_row(FORWARD, START, lost, 3) == 3
    assert nearest_row(FORWARD, lost, START, 3) == 3


def test_the_chunk_is_left_as_it_is():
    before = FORWARD.copy()
    nearest_row(FORWARD, START, at(x=0.02), 4)
    np.testing.assert_array_equal(FORWARD, before)
