# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Layouts of tasks with areas: large coloured slabs that objects are put on.

Two areas of ClevrSkills' 0.35 m fill most of what the arm reaches, so objects also start on an
area that is not theirs; never across an edge, where they would lean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from c2a_sim_bridge.sim.area_spots import AREA_REACH_M
from c2a_sim_bridge.sim.objects import AREA_HEIGHT_M, ObjectKind, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.picture_layout import SAME_NAME_DISTANCE_M
from c2a_sim_bridge.sim.placement import DEFAULT_MARGIN, MIN_REACH, Workspace
from c2a_sim_bridge.sim.polygons import points_polygon_distance, polygon_distance

MAX_AREAS = 3
LARGE_M = 0.35
"""Side of an area of which there are one or two, as in ClevrSkills."""
MEDIUM_M = 0.26
"""Side of an area of which there are three: more would not be within reach."""

WORKSPACE = Workspace(x=(-0.4, 0.11), y=(-0.3, 0.3), reach=(MIN_REACH, AREA_REACH_M - 0.01))

_EDGE_M = 0.012
_TRIES = 60

Layout = tuple[PlacedObject, ...]


def area_spec(color: str, side: float) -> ObjectSpec:
    """A square area."""
    return ObjectSpec(color, 'cube', (side, side, AREA_HEIGHT_M), kind=ObjectKind.AREA)


def area_side(count: int) -> float:
    """Side in metres of each of so many large areas."""
    return LARGE_M if count <= 2 else MEDIUM_M


def place_areas(rng: np.random.Generator, colors: Sequence[str]) -> Layout:
    """One to three large areas side by side in front of the robot, square to the table."""
    count = len(colors)
    side = area_side(count)
    rows = {1: (0.0,), 2: (-0.19, 0.19), 3: (-0.275, 0.0, 0.275)}[count]
    aside = {1: 0.18, 2: 0.01, 3: 0.004}[count]
    depth = {1: (-0.22, -0.05), 2: (-0.21, -0.15), 3: (-0.28, -0.25)}[count]
    placed = []
    for color, y in zip(colors, rows, strict=True):
        position = [rng.uniform(*depth), y + rng.uniform(-aside, aside), AREA_HEIGHT_M / 2]
        placed.append(PlacedObject(area_spec(color, side), np.array(position), 0.0))
    return tuple(placed)


def draw_between(
    rng: np.random.Generator, spec: ObjectSpec, layout: Layout, barred: Sequence[int]
) -> PlacedObject | None:
    """An object somewhere on the table or wholly on an area; None if no place was found.

    Args:
        rng: the episode's generator.
        spec: the object.
        layout: what there is already, areas among it.
        barred: indices in `layout` of the areas that it must not stand on.
    """
    for _ in range(_TRIES):
        x, y = WORKSPACE.sample(rng)
        placed = stand(spec, x, y, float(rng.uniform(-math.pi, math.pi)), layout, barred)
        if placed is not None:
            return placed
    return None


def stand(
    spec: ObjectSpec, x: float, y: float, yaw: float, layout: Layout, barred: Sequence[int]
) -> PlacedObject | None:
    """The object standing at that place; None where it would not stand well.

    Args:
        spec: the object.
        x: of its centre, m, world frame.
        y: likewise.
        yaw: its turn about the vertical, rad.
        layout: what there is already, areas among it.
        barred: indices in `layout` of the areas that it must not stand on.
    """
    placed = PlacedObject(spec, np.array([x, y, spec.height / 2]), yaw)
    if not WORKSPACE.contains(placed.position[:2]):
        return None
    on_area = False
    for index, other in enumerate(layout):
        gap = polygon_distance(placed.footprint, other.footprint)
        if other.spec.kind != ObjectKind.AREA:
            is_far = math.dist(placed.position[:2], other.position[:2]) >= SAME_NAME_DISTANCE_M
            if gap < DEFAULT_MARGIN or (other.name == placed.name and not is_far):
                return None
        elif gap < _EDGE_M:
            if index in barred or not _is_inside(placed.footprint, other):
                return None
            on_area = True
    height = spec.height / 2 + (AREA_HEIGHT_M if on_area else 0.0)
    return PlacedObject(spec, np.array([x, y, height]), yaw)


def _is_inside(footprint: np.ndarray, area: PlacedObject) -> bool:
    """Whether an outline lies inside an area with a margin."""
    ring = area.spec.footprint
    shrunk = area.position[:2] + ring * (1.0 - _EDGE_M / np.abs(ring).max())
    return bool(points_polygon_distance(footprint, shrunk).max() <= 0.0)
