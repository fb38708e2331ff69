# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""When the cups seal: on a face, near and square."""

from __future__ import annotations

import math

import numpy as np
import pytest

from c2a_core.geometry import quat_wxyz_from_rotation_vector, rotation_matrix_from_quat_wxyz
from c2a_sim_bridge.sim.objects import SHAPES, ObjectSpec
from c2a_sim_bridge.sim.suction import SEAL_DISTANCE_M, is_sealed

DOWN = np.array([0.0, 0.0, -1.0])
CENTRE = np.array([-0.1, 0.2, 0.025])


def turned(*vector: float) -> np.ndarray:
    return rotation_matrix_from_quat_wxyz(quat_wxyz_from_rotation_vector(np.array(vector)))


def sealed_at(offset, axis=DOWN, shape: str = 'cube', rotation=None) -> bool:
    """Cups at `offset` from the object's centre, in the object's frame like `axis`."""
    rotation = np.eye(3) if rotation is None else rotation
    return is_sealed(
        ObjectSpec('red', shape),
        CENTRE,
        rotation,
        CENTRE + rotation @ np.asarray(offset, dtype=float),
        rotation @ np.asarray(axis, dtype=float),
    )


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('rotation', [np.eye(3), turned(0, 0, 1.0), turned(0.4, -0.7, 0.2)])
def test_seals_on_the_top_of_each_shape_however_it_lies(shape, rotation):
    assert sealed_at((0, 0, 0.025), shape=shape, rotation=rotation)


@pytest.mark.parametrize(
    ('gap', 'expected'),
    [(0.0, True), (0.9, True), (-0.9, True), (1.1, False), (-1.1, False), (10.0, False)],
)
def test_seals_within_the_cups_stroke_only(gap, expected):
    assert sealed_at((0, 0, 0.025 + gap * SEAL_DISTANCE_M)) is expected


@pytest.mark.parametrize(
    ('degrees', 'expected'), [(0, True), (8, True), (-8, True), (12, False), (90, False)]
)
def test_seals_only_when_the_tool_is_square_to_the_face(degrees, expected):
    angle = math.radians(degrees)
    assert sealed_at((0, 0, 0.025), (math.sin(angle), 0, -math.cos(angle))) is expected


def test_does_not_seal_from_inside_out():
    assert not sealed_at((0, 0, 0.025), axis=(0, 0, 1))


@pytest.mark.parametrize(
    ('aside', 'expected'), [(0.0, True), (0.045, True), (0.0535, False), (0.2, False)]
)
def test_seals_within_the_outline_only(aside, expected):
    assert sealed_at((aside, 0, 0.0245)) is expected


def test_seals_on_a_side_that_it_points_at():
    assert sealed_at((0.05, 0.01, 0.0), axis=(-1, 0, 0))
    assert not sealed_at((0.05, 0.01, 0.0), axis=DOWN)


@pytest.mark.parametrize('axis', [DOWN, (0, 0, 1)])
def test_middle_of_an_object_is_no_face(axis):
    assert not sealed_at((0, 0, 0), axis)
