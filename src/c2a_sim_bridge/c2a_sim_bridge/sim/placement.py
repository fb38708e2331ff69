# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Where objects may stand: start layouts, free places, and the area next to an object.

Pure geometry in the table plane, deterministic from the generator that is passed in.
Tasks draw layouts here; the skill interpreter asks for `find_free_space` and
`free_space_next_to`; `predicates.py` uses the same `next_to_area`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from c2a_sim_bridge.sim.objects import ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.polygons import (
    minkowski_difference,
    points_polygon_distance,
    polygon_distance,
)
from c2a_sim_bridge.sim.state import WorldState

ROBOT_BASE_XY = (-0.65, 0.0)
"""Where the arm is bolted to the table, metres, world frame."""

MIN_REACH = 0.30
MAX_REACH = 0.72
"""Horizontal distance in metres from the robot's base within which a tool that points
straight down works at every height the tasks need."""

DEFAULT_MARGIN = 0.03
"""Smallest gap in metres between objects at the start. The cups reach 17 mm beyond a
triangle's edge, so with less they could seal on two objects at once."""

FREE_MARGIN = 0.02
"""Smallest gap in metres around a free place."""

HOME_EE_POSITION = (-0.105696, 0.0, 0.295447)
"""Where the tip of the cups is when an episode begins, metres, world frame."""

NEXT_TO_MARGIN = 0.05
"""Smallest gap in metres around a target of PlaceNextTo."""

DIRECTIONS: dict[str, tuple[float, float, float]] = {
    'left of': (0.0, 1.0, 0.0),
    'right of': (0.0, -1.0, 0.0),
    'in front of': (1.0, 0.0, 0.0),
    'behind': (-1.0, 0.0, 0.0),
}
"""Direction words, seen from the robot, to unit vectors in the world frame."""

_ATTEMPTS_PER_OBJECT = 50
_MAX_LAYOUTS = 400
_GRID_STEP = 0.025
_HELD_GAP_M = 5e-4


@dataclass(frozen=True)
class Workspace:
    """A rectangle of the table, cut by what the arm can reach.

    Attributes:
        x: smallest and largest x of an object's centre, metres, world frame.
        y: the same for y.
        reach: smallest and largest distance from the robot's base in metres.
    """

    x: tuple[float, float]
    y: tuple[float, float] = (-0.3, 0.3)
    reach: tuple[float, float] = (MIN_REACH, MAX_REACH)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Which of the points (..., 2) lie inside: bool (...)."""
        x, y = points[..., 0], points[..., 1]
        distance = np.hypot(x - ROBOT_BASE_XY[0], y - ROBOT_BASE_XY[1])
        return (
            (x >= self.x[0])
            & (x <= self.x[1])
            & (y >= self.y[0])
            & (y <= self.y[1])
            & (distance >= self.reach[0])
            & (distance <= self.reach[1])
        )

    def sample(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a point (2,) uniformly from the reachable part of the rectangle."""
        for _ in range(1000):
            point = np.array([rng.uniform(*self.x), rng.uniform(*self.y)])
            if self.contains(point):
                return point
        raise ValueError(f'no reachable point in {self}: widen the rectangle or the reach')


TABLE = Workspace(x=(-0.4, 0.1))
"""Where objects may be put down during an episode, whatever the task."""


def place_objects(
    rng: np.random.Generator,
    specs: Sequence[ObjectSpec],
    workspaces: Workspace | Sequence[Workspace],
    margin: float = DEFAULT_MARGIN,
    accept: Callable[[tuple[PlacedObject, ...]], bool] | None = None,
) -> tuple[PlacedObject, ...]:
    """Draw a layout in which all objects stand on the table and none is too near another.

    Each attempt draws a new position and a new yaw. A crowded layout is drawn anew from the
    first object on, so that nothing overlaps silently.

    Args:
        rng: the episode's generator.
        specs: objects in layout order.
        workspaces: one for all, or one per object.
        margin: smallest gap between outlines in metres.
        accept: what the task demands of the whole layout.

    Raises:
        RuntimeError: if there is no room.
    """
    areas = [workspaces] * len(specs) if isinstance(workspaces, Workspace) else list(workspaces)
    for _ in range(_MAX_LAYOUTS):
        layout = _try_layout(rng, specs, areas, margin)
        if layout is not None and (accept is None or accept(layout)):
            return layout
    names = [spec.name for spec in specs]
    raise RuntimeError(
        f'no layout for {names} with {margin} m between objects in {areas} after'
        f' {_MAX_LAYOUTS} tries: take fewer objects, a smaller margin or a larger workspace'
    )


def hold_object(rng: np.random.Generator, spec: ObjectSpec) -> PlacedObject:
    """The object hanging at the gripper's cups, which are at home: for `TaskInstance.held`."""
    x, y, z = HOME_EE_POSITION
    yaw = float(rng.uniform(-math.pi, math.pi))
    return PlacedObject(spec, np.array([x, y, z - spec.height / 2 - _HELD_GAP_M]), yaw)


def find_free_space(
    state: WorldState, actor: int, workspace: Workspace = TABLE, margin: float = FREE_MARGIN
) -> np.ndarray:
    """Nearest place (3,) in metres, world frame, where the object fits at any yaw.

    A deterministic grid search. The place the object stands on now is not free: it has to
    move away from it.

    Raises:
        RuntimeError: if the table is full.
    """
    outlines = [
        state.world_footprint(k)
        for k, spec in enumerate(state.specs)
        if spec.is_solid and (k != actor or state.grasped != actor)
    ]
    spec = state.specs[actor]
    points = _grid(workspace)
    points = points[_disc_clearance(points, spec.radius, outlines) >= margin]
    if not len(points):
        raise RuntimeError(
            f'no free place for the {spec.name}: expected {margin} m around it somewhere in'
            f' {workspace}, every place is taken'
        )
    distance = np.hypot(*(points - state.positions[actor, :2]).T)
    x, y = points[np.argmin(distance.round(6))]
    return np.array([x, y, spec.height / 2])


@lru_cache(maxsize=64)
def next_to_area(
    main: ObjectSpec, other: ObjectSpec, direction: tuple[float, float, float]
) -> np.ndarray:
    """Offsets (K, 2) from `other`'s centre that count as being on its `direction` side.

    ClevrSkills' wedge: from half to two and a half times the objects' mean extent along the
    direction, at most half of that aside. Straight and near points come first.
    """
    extent = max(0.05, float(np.mean([main.extents_xy, other.extents_xy])))
    along = np.linspace(0.5 * extent, 2.5 * extent, round(2.0 * extent / _GRID_STEP) + 1)
    across = np.linspace(-0.5 * extent, 0.5 * extent, 2 * round(0.5 * extent / _GRID_STEP) + 1)
    # The sort is stable: equally far aside means nearest first.
    across = across[np.argsort(np.abs(across).round(6), kind='stable')]
    pairs = np.array([(a, c) for c in across for a in along if abs(c) <= 0.5 * a + 1e-9])
    forward = np.array(direction[:2]) / math.hypot(direction[0], direction[1])
    aside = np.array([-forward[1], forward[0]])
    offsets = pairs[:, :1] * forward + pairs[:, 1:] * aside
    offsets.setflags(write=False)
    return offsets


def next_to_points(
    state: WorldState,
    main: int,
    other: int,
    direction: tuple[float, float, float],
    workspace: Workspace = TABLE,
) -> np.ndarray:
    """Points (K, 2) of the area next to `other` where `main` can be put, best first.

    They lie in the workspace, within reach, and leave `NEXT_TO_MARGIN` between `main` at its
    present yaw and every other object.
    """
    area = next_to_area(state.specs[main], state.specs[other], tuple(direction))
    obstacles = [
        state.world_footprint(k)
        for k, spec in enumerate(state.specs)
        if k != main and spec.is_solid
    ]
    outline = state.world_footprint(main) - state.positions[main, :2]
    return _feasible(area + state.positions[other, :2], outline, obstacles, workspace)


def free_space_next_to(
    state: WorldState,
    main: int,
    other: int,
    direction: tuple[float, float, float],
    workspace: Workspace = TABLE,
) -> np.ndarray:
    """The place (3,) in metres where `main` goes to be next to `other`: resting height.

    Always the same for the same state: straight in the direction and near if that is free.

    Raises:
        RuntimeError: if nothing on that side is free and reachable.
    """
    points = next_to_points(state, main, other, direction, workspace)
    if not len(points):
        raise RuntimeError(
            f'no free place for the {state.specs[main].name} next to the'
            f' {state.specs[other].name} in direction {list(direction)}: expected a reachable'
            f' point {NEXT_TO_MARGIN} m from all other objects'
        )
    return np.array([points[0, 0], points[0, 1], state.specs[main].height / 2])


def layout_next_to_points(
    layout: Sequence[PlacedObject], main: int, other: int, direction: tuple[float, float, float]
) -> np.ndarray:
    """`next_to_points` for a layout that is not in the world yet."""
    area = next_to_area(layout[main].spec, layout[other].spec, direction)
    obstacles = [placed.footprint for k, placed in enumerate(layout) if k != main]
    outline = layout[main].footprint - layout[main].position[:2]
    return _feasible(area + layout[other].position[:2], outline, obstacles, TABLE)


def _try_layout(
    rng: np.random.Generator,
    specs: Sequence[ObjectSpec],
    areas: Sequence[Workspace],
    margin: float,
) -> tuple[PlacedObject, ...] | None:
    """One layout, or None when an object found no room."""
    layout: list[PlacedObject] = []
    for spec, area in zip(specs, areas, strict=True):
        for _ in range(_ATTEMPTS_PER_OBJECT):
            candidate = _draw(rng, spec, area)
            if all(_is_apart(candidate, placed, margin) for placed in layout):
                layout.append(candidate)
                break
        else:
            return None
    return tuple(layout)


def _draw(rng: np.random.Generator, spec: ObjectSpec, area: Workspace) -> PlacedObject:
    """The object somewhere in the area, resting on the table."""
    x, y = area.sample(rng)
    yaw = float(rng.uniform(-math.pi, math.pi))
    return PlacedObject(spec, np.array([x, y, spec.height / 2]), yaw)


def _is_apart(first: PlacedObject, second: PlacedObject, margin: float) -> bool:
    """Whether at least `margin` is between two outlines."""
    gap = math.dist(first.position[:2], second.position[:2])
    if gap >= first.spec.radius + second.spec.radius + margin:
        return True
    return polygon_distance(first.footprint, second.footprint) >= margin


def _disc_clearance(
    points: np.ndarray, radius: float, outlines: Sequence[np.ndarray]
) -> np.ndarray:
    """Gap (K,) between discs about points (K, 2) and the nearest of the outlines."""
    gap = np.full(len(points), np.inf)
    for outline in outlines:
        np.minimum(gap, points_polygon_distance(points, outline) - radius, out=gap)
    return gap


def _feasible(
    points: np.ndarray,
    outline: np.ndarray,
    obstacles: Sequence[np.ndarray],
    workspace: Workspace,
) -> np.ndarray:
    """Those points (K, 2) at which an outline (n, 2) about its centre keeps its margin."""
    points = points[workspace.contains(points)]
    for obstacle in obstacles:
        gap = points_polygon_distance(points, minkowski_difference(obstacle, outline))
        points = points[gap > NEXT_TO_MARGIN]
    return points


def _grid(workspace: Workspace) -> np.ndarray:
    """Points (K, 2) of a regular grid inside the workspace."""
    x = np.arange(workspace.x[0], workspace.x[1] + 1e-9, _GRID_STEP)
    y = np.arange(workspace.y[0], workspace.y[1] + 1e-9, _GRID_STEP)
    points = np.stack(np.meshgrid(x, y, indexing='ij'), axis=-1).reshape(-1, 2)
    return points[workspace.contains(points)]
