# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Convex polygons in the table plane: distance, difference, hull.

Plain numpy; polygons are (n, 2) arrays of corners in metres, counter-clockwise.
"""

from __future__ import annotations

import numpy as np


def polygon_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Signed distance of two convex polygons.

    Args:
        first: corners (n, 2) in metres.
        second: corners (m, 2) in metres.

    Returns:
        The gap in metres, or minus the penetration depth when they overlap.
    """
    gap = max(_separation(first, second), _separation(second, first))
    if gap <= 0.0:
        return gap
    return min(_corner_distance(first, second), _corner_distance(second, first))


def convex_hull(points: np.ndarray) -> np.ndarray:
    """Corners (k, 2) of the hull of points (n, 2), counter-clockwise (monotone chain)."""
    ordered = sorted(map(tuple, np.round(points, 9).tolist()))
    unique = [p for k, p in enumerate(ordered) if k == 0 or p != ordered[k - 1]]
    if len(unique) < 3:
        return np.array(unique)
    return np.array(_chain(unique)[:-1] + _chain(unique[::-1])[:-1])


def minkowski_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Corners (n + m, 2) of all `a - b` with `a` in the first polygon and `b` in the second.

    `second`, moved by a vector, is as far from `first` as that vector from the difference.
    """
    mirrored = -second
    edges = np.concatenate(
        [np.roll(first, -1, axis=0) - first, np.roll(mirrored, -1, axis=0) - mirrored]
    )
    angle = np.mod(np.arctan2(edges[:, 1], edges[:, 0]), 2.0 * np.pi)
    edges = edges[np.argsort(angle, kind='stable')]
    # Edges in order of their angle begin at the lowest corner, the leftmost of two.
    begin = sum(polygon[np.lexsort(polygon.T)[0]] for polygon in (first, mirrored))
    return begin + np.cumsum(edges, axis=0) - edges


def points_polygon_distance(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Distance (k,) in metres of points (k, 2) to a convex polygon (n, 2), 0 inside."""
    edge = np.roll(polygon, -1, axis=0) - polygon
    to_point = points[:, None] - polygon[None]  # (k, n, 2)
    along = np.clip((to_point * edge).sum(-1) / (edge * edge).sum(-1), 0.0, 1.0)
    distance = np.linalg.norm(to_point - along[..., None] * edge, axis=-1).min(axis=1)
    cross = edge[:, 0] * to_point[..., 1] - edge[:, 1] * to_point[..., 0]
    distance[(cross >= 0.0).all(axis=1)] = 0.0
    return distance


def _separation(polygon: np.ndarray, other: np.ndarray) -> float:
    """Largest signed gap along the polygon's outward edge normals (separating axes)."""
    edge = np.roll(polygon, -1, axis=0) - polygon
    normal = np.stack([edge[:, 1], -edge[:, 0]], axis=1)
    normal /= np.sqrt((normal * normal).sum(axis=1, keepdims=True))
    offset = (normal * polygon).sum(axis=1)
    return float(((other @ normal.T).min(axis=0) - offset).max())


def _corner_distance(points: np.ndarray, polygon: np.ndarray) -> float:
    """Smallest distance of corners (k, 2) to the edges of a polygon (n, 2)."""
    edge = np.roll(polygon, -1, axis=0) - polygon
    to_point = points[:, None] - polygon[None]
    along = (to_point * edge).sum(-1) / (edge * edge).sum(-1)
    np.clip(along, 0.0, 1.0, out=along)
    offset = to_point - along[..., None] * edge
    return float(np.sqrt((offset * offset).sum(-1).min()))


def _chain(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """One half of the hull of points sorted along it."""
    chain: list[tuple[float, float]] = []
    for x, y in points:
        while len(chain) > 1:
            (ax, ay), (bx, by) = chain[-2], chain[-1]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0.0:
                break
            chain.pop()
        chain.append((x, y))
    return chain
