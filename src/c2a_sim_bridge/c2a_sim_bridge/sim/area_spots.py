# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Where on an area an object is put down, and whether one lies inside an area.

An area may hold several objects, so `place(actor=…, target_actor=area)` looks for a free spot: the
same one for the same state.
"""

from __future__ import annotations

import numpy as np

from c2a_sim_bridge.sim.objects import ObjectKind
from c2a_sim_bridge.sim.placement import MIN_REACH, ROBOT_BASE_XY
from c2a_sim_bridge.sim.polygons import minkowski_difference, points_polygon_distance
from c2a_sim_bridge.sim.state import WorldState

AREA_REACH_M = 0.77
"""Horizontal distance from the robot's base up to which a tool that points down works low over
the table."""

EDGE_M = 0.008
"""Between an object that is put down and the area's edge."""

GAP_M = 0.02
"""Between it and other objects, if there is so much room."""

TIGHT_GAP_M = 0.006
"""With less than this there is no room."""

SNUG_M = 0.04
"""An area in which an object can be shifted by less than this either way has room for one."""

KEPT_M = 0.02
"""A good spot this near to where the object is held is kept."""

_GRID_STEP_M = 0.01


def spot_on_area(
    state: WorldState, actor: int, area: int, turn: float = 0.0, near: np.ndarray | None = None
) -> np.ndarray:
    """Where the object's centre (2,) goes on an area, m, world frame.

    The free spot nearest to the area's corner at the robot's side, so that areas are filled from
    there and further objects find room; in an area for one object the middle.

    Args:
        state: the present state.
        actor: the object.
        area: the area's index.
        turn: how far the object will be turned about the vertical until then, rad.
        near: a point (2,): a good spot close by it is taken first.

    Raises:
        RuntimeError: if no spot is free.
    """
    outline = _turned(state.world_footprint(actor) - state.positions[actor, :2], turn)
    points = _inside(state.world_footprint(area), outline)
    gap = _gap(state, points, outline, (actor, area))
    if not len(points) or gap.max() < TIGHT_GAP_M:
        raise RuntimeError(
            f'no free place for the {state.specs[actor].name} on the {state.specs[area].name}:'
            f' expected {TIGHT_GAP_M} m to its edge and to other objects'
        )
    if near is not None:
        distance = np.hypot(*(points - near).T) + np.where(gap < 0.5 * GAP_M, np.inf, 0.0)
        if distance.min() < KEPT_M:
            return points[np.argmin(distance)]
    if gap.max() < GAP_M:
        return points[np.argmax(gap)]
    anchor = state.positions[area, :2]
    if float(np.ptp(points, axis=0).min()) >= 2.0 * SNUG_M:
        corners = state.world_footprint(area)
        anchor = corners[np.argmin(np.hypot(*(corners - ROBOT_BASE_XY).T).round(6))]
    distance = np.hypot(*(points - anchor).T).round(6)
    return points[np.argmin(np.where(gap >= GAP_M, distance, np.inf))]


def is_area(state: WorldState, index: int) -> bool:
    """Whether the object is an area on the table."""
    return state.specs[index].kind == ObjectKind.AREA


def _turned(outline: np.ndarray, angle: float) -> np.ndarray:
    """An outline (n, 2) about the origin, turned."""
    c, s = np.cos(angle), np.sin(angle)
    return outline @ np.array([[c, s], [-s, c]])


def _inside(area: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Points (K, 2) at which an outline (n, 2) lies inside the area and in reach.

    A grid, and the corners of what is possible.
    """
    middle = area.mean(axis=0)
    edge = np.roll(area, -1, axis=0) - area
    inward = np.stack([-edge[:, 1], edge[:, 0]], axis=1)
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    needed = (inward * area).sum(axis=1) - (outline @ inward.T).min(axis=0) + EDGE_M
    neighbours = np.stack([inward, np.roll(inward, 1, axis=0)], axis=1)
    bounds = np.stack([needed, np.roll(needed, 1)], axis=1)
    corners = np.linalg.solve(neighbours, bounds[..., None])[..., 0]
    reach = np.ceil(np.abs(area - middle).max() / _GRID_STEP_M) * _GRID_STEP_M
    steps = np.arange(-reach, reach + 1e-9, _GRID_STEP_M)
    grid = middle + np.stack(np.meshgrid(steps, steps, indexing='ij'), axis=-1).reshape(-1, 2)
    points = np.concatenate([grid, corners])
    from_base = np.hypot(*(points - ROBOT_BASE_XY).T)
    is_inside = (points @ inward.T >= needed - 1e-9).all(axis=1)
    return points[is_inside & (from_base >= MIN_REACH) & (from_base <= AREA_REACH_M)]


def _gap(
    state: WorldState, points: np.ndarray, outline: np.ndarray, ignored: tuple[int, int]
) -> np.ndarray:
    """Distance (K,) in metres from an outline at each point to the nearest other object."""
    gap = np.full(len(points), np.inf)
    for index, spec in enumerate(state.specs):
        if index in ignored or not spec.is_solid or spec.kind == ObjectKind.AREA:
            continue
        difference = minkowski_difference(state.world_footprint(index), outline)
        np.minimum(gap, points_polygon_distance(points, difference), out=gap)
    return gap
