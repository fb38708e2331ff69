# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp
from skill_strategies import PROPERTY

from c2a_core import spaces
from c2a_core.types import Observation

finite = stnp.arrays(np.float32, 7, elements=st.floats(-1e6, 1e6, width=32))


@PROPERTY
@given(finite)
def test_clipping_keeps_directions_and_clipping_twice_changes_no_bit(action):
    clipped = spaces.clip_action(action)
    assert clipped.dtype == np.float32
    assert np.linalg.norm(clipped[:3]) <= spaces.MAX_TRANSLATION_M * (1 + 1e-6)
    assert np.linalg.norm(clipped[3:6]) <= spaces.MAX_ROTATION_RAD * (1 + 1e-6)
    assert clipped[6] == action[6]
    for part in (spaces.TRANSLATION, spaces.ROTATION):
        before, after = action[part].astype(float), clipped[part].astype(float)
        cross = np.linalg.norm(np.cross(before, after))
        assert cross <= 1e-5 * np.linalg.norm(before) * np.linalg.norm(after) + 1e-12
    assert spaces.clip_action(clipped).tobytes() == clipped.tobytes()


def test_semantics_11_an_action_within_bounds_comes_back_bit_for_bit():
    action = np.array([0.03, -0.04, 0.0, 0.15, 0.0, 0.2, -1.0], np.float32)
    assert spaces.clip_action(action).tobytes() == action.tobytes()
    assert spaces.clip_action(action) is not action


def test_semantics_11_a_zero_motion_means_keep_the_last_target():
    assert spaces.is_hold(spaces.hold_action(vacuum=True))
    assert spaces.hold_action(vacuum=True)[spaces.VACUUM] > 0
    assert spaces.hold_action(vacuum=False)[spaces.VACUUM] <= 0
    assert not spaces.is_hold(spaces.make_action([0, 0, 1e-9], [0, 0, 0], False))


@pytest.mark.parametrize(
    ('action', 'message'),
    [
        (np.zeros(6), r'shape \(6,\), expected \(7,\): dx, dy'),
        (np.zeros((1, 7)), r'shape \(1, 7\)'),
        ([0, 0, np.nan, 0, 0, 0, 0], 'not finite'),
        ([0, 0, 0, np.inf, 0, 0, 0], 'not finite'),
        ([0, 0, 0, 0, 0, 0, np.nan], 'not finite'),
    ],
)
def test_a_malformed_action_is_refused(action, message):
    with pytest.raises(ValueError, match=message):
        spaces.clip_action(action)


def test_make_action_clips_each_part_on_its_own():
    action = spaces.make_action([1.0, 0.0, 0.0], [0.0, 0.1, 0.0], vacuum=True)
    np.testing.assert_allclose(action, [0.05, 0, 0, 0, 0.1, 0, 1], rtol=1e-6)


def test_proprioception_has_the_layout_it_names():
    image = np.zeros((0, 0, 3), np.uint8)
    observation = Observation(
        0,
        0,
        0,
        image,
        image,
        np.arange(7),
        np.arange(7) + 10,
        np.arange(7) + 20,
        True,
        False,
        True,
    )
    values = dict(zip(spaces.PROPRIO_NAMES, spaces.proprioception(observation), strict=True))
    assert len(values) == spaces.PROPRIO_DIM == 24
    assert values['q_panda_joint3'] == 2
    assert values['v_panda_joint1'] == 10
    assert (values['ee_x'], values['ee_qw']) == (20, 26)
    assert (values['vacuum_on'], values['vacuum_grasping'], values['vacuum_ready']) == (1, 0, 1)


@pytest.mark.parametrize(
    ('u', 'v', 'cell'),
    [
        (0, 0, (0, 0)),
        (12.79, 12.8, (0, 1)),
        (64, 127.9, (5, 9)),
        (128, 128, (9, 9)),
        (-5, 400, (0, 9)),
    ],
)
def test_semantics_5_a_cell_is_the_floor_of_the_tenth_clipped_to_the_grid(u, v, cell):
    assert spaces.grid_cell(u, v, 128, 128) == cell


def test_semantics_5_cells_are_column_then_row_also_in_a_wide_picture():
    assert spaces.grid_cell(150, 10, 200, 100) == (7, 1)


def test_a_point_that_is_not_finite_has_no_cell():
    with pytest.raises(ValueError, match='no cell'):
        spaces.grid_cell(float('nan'), 1, 128, 128)
