# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import make_state, place, with_object

from c2a_sim_bridge.sim.objects import SHAPES, TALL_SIZE, ObjectSpec
from c2a_sim_bridge.sim.polygons import (
    convex_hull,
    minkowski_difference,
    points_polygon_distance,
    polygon_distance,
)
from c2a_sim_bridge.sim.state import STATIC_SPEED


@pytest.mark.parametrize(
    ('shape', 'extents', 'mass'),
    [
        ('cube', (0.1, 0.1), 0.5),
        ('cylinder', (0.1, 0.1), 0.383),
        ('triangle', (0.1155, 0.0866), 0.25),
        ('hexagon', (0.0866, 0.1155), 0.375),
    ],
)
def test_nominal_object_has_the_extents_and_mass_of_clevrskills(shape, extents, mass):
    spec = ObjectSpec('red', shape)

    assert spec.extents_xy == pytest.approx(extents, abs=1e-4)
    assert spec.mass == pytest.approx(mass, abs=1e-3)
    assert np.ptp(spec.vertices[:, 2]) == pytest.approx(0.05)


@pytest.mark.parametrize('shape', SHAPES)
def test_geometry_is_a_closed_convex_prism_about_its_centre_of_mass(shape):
    spec = ObjectSpec('blue', shape, TALL_SIZE)
    inside = spec.vertices @ spec.face_normals.T - spec.face_offsets

    assert (inside <= 1e-12).all()
    assert (np.isclose(inside, 0.0, atol=1e-12).sum(axis=1) == 3).all()
    assert np.allclose(np.linalg.norm(spec.face_normals, axis=1), 1.0)
    assert np.allclose(spec.vertices.mean(axis=0), 0.0, atol=1e-12)
    assert len(convex_hull(spec.footprint)) == len(spec.footprint)


def test_equal_specs_share_read_only_geometry():
    first, second = ObjectSpec('red', 'cube'), ObjectSpec('blue', 'cube')

    assert first.vertices is second.vertices
    with pytest.raises(ValueError, match='read-only'):
        first.vertices[0, 0] = 1.0


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (('pink', 'cube'), "unknown colour 'pink'"),
        (('red', 'star'), "unknown shape 'star'"),
        (('red', 'cube', (0.1, 0.0, 0.1)), 'three positive lengths'),
    ],
)
def test_impossible_object_is_refused(args, message):
    with pytest.raises(ValueError, match=message):
        ObjectSpec(*args)


def test_placed_object_is_turned_about_its_centre():
    placed = place('red triangle', 0.1, 0.2, yaw=np.pi / 2)

    # The apex of a triangle points along +y at yaw 0, so along -x after a quarter turn.
    assert placed.footprint[:, 0].min() == pytest.approx(0.1 - 0.0577, abs=1e-4)
    state = make_state([placed])
    assert state.world_footprint(0) == pytest.approx(placed.footprint)
    assert state.yaw(0) == pytest.approx(np.pi / 2)


def test_polygon_distance_is_the_gap_or_minus_the_penetration():
    square = ObjectSpec('red', 'cube').footprint

    assert polygon_distance(square, square + [0.2, 0.2]) == pytest.approx(0.1 * 2**0.5)
    assert polygon_distance(square, square + [0.3, 0.04]) == pytest.approx(0.2)
    assert polygon_distance(square, square + [0.09, 0.0]) == pytest.approx(-0.01)
    assert polygon_distance(square, 0.2 * square) < 0.0


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('yaw', [0.0, 0.3, np.pi / 4, 2.0])
def test_distance_to_the_minkowski_difference_is_that_of_the_moved_polygon(shape, yaw):
    fixed = place(f'red {shape}', 0.3, -0.1, yaw).footprint
    for moved in (ObjectSpec('blue', other).footprint for other in SHAPES):
        difference = minkowski_difference(fixed, moved)
        points = np.random.default_rng(0).uniform(-0.5, 0.7, size=(50, 2))
        gaps = points_polygon_distance(points, difference)
        expected = [max(polygon_distance(fixed, moved + point), 0.0) for point in points]
        assert gaps == pytest.approx(expected, abs=1e-9)


def test_state_helpers_follow_a_toppled_object():
    state = make_state([place('red cube', 0.0, 0.0, size=TALL_SIZE)])
    lying = with_object(
        state, 0, position=(0.1, 0.0, 0.025), rotation_vector=(0.0, np.pi / 2, 0.0)
    )

    assert (state.bottom_z(0), state.top_z(0)) == pytest.approx((0.0, 0.2))
    assert state.tilt_rad(0) == pytest.approx(0.0)
    assert (lying.bottom_z(0), lying.top_z(0)) == pytest.approx((0.0, 0.05))
    assert lying.tilt_rad(0) == pytest.approx(np.pi / 2)
    assert lying.up_axis(0) == pytest.approx((1.0, 0.0, 0.0))
    assert np.ptp(lying.world_footprint(0), axis=0) == pytest.approx((0.2, 0.05))


def test_static_means_slow_in_both_senses():
    state = make_state([place('red cube', 0.0, 0.0)])

    assert state.is_static(0)
    assert not with_object(state, 0, velocity=(0.0, 0.0, 1.01 * STATIC_SPEED)).is_static(0)
    assert not with_object(state, 0, spin=(0.0, 0.011, 0.0)).is_static(0)


def test_index_of_needs_exactly_one_object_of_the_name():
    state = make_state([place('red cube', 0.0, 0.0), place('blue cube', 0.2, 0.0)])

    assert state.index_of('blue cube') == 1
    with pytest.raises(ValueError, match="expected one object named 'green cube', got 0"):
        state.index_of('green cube')
