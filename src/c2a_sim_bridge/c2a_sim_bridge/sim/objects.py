# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What an object is: a coloured vertical prism (or a goal mark) and its geometry.

Knows nothing of physics engines or tasks. `world.py` builds bodies from `ObjectSpec`,
`placement.py` makes `PlacedObject`s, `predicates.py` and the skills read the geometry.
`object_pool.py` says which colours and shapes a scene may draw.

Object frame: origin at the centre of mass, z up along the prism. A gripper mark's origin is the
tip of its cups, with z out of them, as in the `ee` frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from c2a_core.geometry import quat_multiply_wxyz

COLORS: dict[str, tuple[float, float, float]] = {
    'red': (1.0, 0.0, 0.0),
    'green': (0.0, 1.0, 0.0),
    'blue': (0.0, 0.0, 1.0),
    'yellow': (1.0, 1.0, 0.0),
    'purple': (1.0, 0.0, 1.0),
    'cyan': (0.0, 1.0, 1.0),
    'white': (1.0, 1.0, 1.0),
    'black': (0.2, 0.2, 0.2),
}
"""Colour word to linear RGB, the eight colours of ClevrSkills' plain split."""

GREY = 'grey'
"""A ninth colour for what has none of its own: scales, obstacles. Never drawn."""

SHAPES = ('cube', 'cylinder', 'triangle', 'hexagon')

MARK_SHAPES = ('sphere', 'gripper')
"""Shapes that only marks have besides the prisms."""


class ObjectKind:
    """How an object takes part in the world."""

    OBJECT = 'object'  # a body that moves; the only kind the gripper can hold
    AREA = 'area'  # a slab fixed on the table
    FIXED = 'fixed'  # a body fixed anywhere, also in the air
    PART = 'part'  # a body that belongs to the scene's fixture, e.g. a scale's plate
    MARK = 'mark'  # only seen: a goal; nothing collides with it

    ALL = (OBJECT, AREA, FIXED, PART, MARK)
    STILL = (AREA, FIXED, MARK)
    """Kinds that never move."""


NOMINAL_SIZE = (0.1, 0.1, 0.05)
"""Width (y), depth (x) and height (z) of an ordinary object in metres."""

AREA_HEIGHT_M = 0.01

TALL_SIZE = (0.05, 0.05, 0.2)
"""Size of an object that is to be toppled, in metres."""

DENSITY = 1000.0
"""kg/m^3, as in ClevrSkills."""

# Ring of each prism: vertices, start angle and radii along x and y at unit size. Triangle and
# hexagon are not regular: ClevrSkills' correction factors land on the swapped axes, and masses
# and footprints follow from these rings.
_RINGS = {
    'cube': (4, math.pi / 4, math.sqrt(0.5), math.sqrt(0.5)),
    'cylinder': (16, 0.0, 0.5, 0.5),
    'triangle': (3, 0.0, 2.0 / 3.0, 1.0 / math.sqrt(3.0)),
    'hexagon': (6, 0.0, 0.5, 1.0 / math.sqrt(3.0)),
    'sphere': (16, 0.0, 0.5, 0.5),
    'gripper': (4, math.pi / 4, math.sqrt(0.5), math.sqrt(0.5)),
}

_RGB = {**COLORS, GREY: (0.5, 0.5, 0.5)}

# A sphere's corners lie on these heights (share of its radius), for boxes and outlines.
_SPHERE_LATITUDES = np.sin(np.radians([-90.0, -60.0, -30.0, 0.0, 30.0, 60.0, 90.0]))


@dataclass(frozen=True)
class ObjectSpec:
    """A prism of one colour. Equal specs share their geometry arrays, which are read-only.

    Attributes:
        color: a key of `COLORS`, or `GREY`.
        shape: one of `SHAPES`; for marks also of `MARK_SHAPES`.
        size: (width along y, depth along x, height along z) in metres; the nominal box,
            which triangle and hexagon do not fill exactly.
        density: kg/m^3.
        kind: one of `ObjectKind`.
        label: another name than the one that follows from colour, shape and kind.
    """

    color: str
    shape: str
    size: tuple[float, float, float] = NOMINAL_SIZE
    density: float = DENSITY
    kind: str = ObjectKind.OBJECT
    label: str = ''

    def __post_init__(self) -> None:
        """Refuse unknown colours and shapes and impossible sizes."""
        if self.color not in _RGB:
            raise ValueError(f'unknown colour {self.color!r}, expected one of {sorted(_RGB)}')
        if self.kind not in ObjectKind.ALL:
            raise ValueError(f'unknown kind {self.kind!r}, expected one of {ObjectKind.ALL}')
        shapes = (*SHAPES, *MARK_SHAPES) if self.kind == ObjectKind.MARK else SHAPES
        if self.shape not in shapes:
            raise ValueError(
                f'unknown shape {self.shape!r} of kind {self.kind!r}, expected one of {shapes}'
            )
        if len(self.size) != 3 or not all(0.0 < side < math.inf for side in self.size):
            raise ValueError(
                f'size of {self.color} {self.shape} must be three positive lengths in metres,'
                f' got {self.size}'
            )

    @cached_property
    def name(self) -> str:
        """What instructions and code call the object.

        For example 'red cube'; 'red area' for an area, 'red goal' for a mark.
        """
        if self.label:
            return self.label
        nouns = {ObjectKind.AREA: 'area', ObjectKind.MARK: 'goal'}
        return f'{self.color} {nouns.get(self.kind, self.shape)}'

    @property
    def is_movable(self) -> bool:
        """Whether the gripper can hold it and contacts can move it."""
        return self.kind == ObjectKind.OBJECT

    @property
    def is_solid(self) -> bool:
        """Whether anything collides with it."""
        return self.kind != ObjectKind.MARK

    @property
    def rgb(self) -> tuple[float, float, float]:
        """Colour, each channel in 0..1."""
        return _RGB[self.color]

    @cached_property
    def height(self) -> float:
        """Extent along the object's z in metres."""
        return float(self.size[2])

    @cached_property
    def footprint(self) -> np.ndarray:
        """Ring (n, 2) in metres, counter-clockwise, seen from above in the object's frame."""
        return _geometry(self.shape, self.size)[0]

    @cached_property
    def vertices(self) -> np.ndarray:
        """Corners (2n, 3) in metres, object frame: the lower ring, then the upper one."""
        return _geometry(self.shape, self.size)[1]

    @cached_property
    def face_normals(self) -> np.ndarray:
        """Outward unit normals (n + 2, 3), object frame: sides, bottom, top."""
        return _geometry(self.shape, self.size)[2]

    @cached_property
    def face_offsets(self) -> np.ndarray:
        """Plane offsets (n + 2,) in metres: inside is `face_normals @ x <= face_offsets`."""
        return _geometry(self.shape, self.size)[3]

    @cached_property
    def radius(self) -> float:
        """Radius in metres of the footprint's circle about the object's axis."""
        return float(np.sqrt((self.footprint**2).sum(axis=1)).max())

    @cached_property
    def extents_xy(self) -> tuple[float, float]:
        """True extents along the object's x and y in metres."""
        extents = np.ptp(self.footprint, axis=0)
        return float(extents[0]), float(extents[1])

    @cached_property
    def mass(self) -> float:
        """Mass in kg."""
        x, y = self.footprint.T
        area = 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
        return area * self.height * self.density


@dataclass(frozen=True, eq=False)
class PlacedObject:
    """Where an object starts.

    Attributes:
        spec: the object.
        position: centre (3,) in metres, world frame.
        yaw: rotation about world z in radians.
        tilt_wxyz: orientation (4,) before that rotation, for marks that do not stand upright.
    """

    spec: ObjectSpec
    position: np.ndarray
    yaw: float
    tilt_wxyz: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    @property
    def name(self) -> str:
        """The spec's name."""
        return self.spec.name

    @cached_property
    def quat_wxyz(self) -> np.ndarray:
        """Orientation (4,), world frame."""
        turn = np.array([math.cos(self.yaw / 2), 0.0, 0.0, math.sin(self.yaw / 2)])
        if self.tilt_wxyz == (1.0, 0.0, 0.0, 0.0):
            return turn
        return quat_multiply_wxyz(turn, np.array(self.tilt_wxyz))

    @cached_property
    def footprint(self) -> np.ndarray:
        """Outline (n, 2) in metres, world frame, counter-clockwise."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return self.spec.footprint @ np.array([[c, s], [-s, c]]) + self.position[:2]


@lru_cache(maxsize=256)
def _geometry(
    shape: str, size: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Footprint (n, 2), vertices (2n, 3), face normals (n + 2, 3) and offsets (n + 2,).

    A sphere has more vertices and no faces of its own: those of the prism about it.
    """
    count, start, radius_x, radius_y = _RINGS[shape]
    width, depth, height = size
    # ClevrSkills walks the ring clockwise (x = sin, y = cos); reversed here.
    angle = start - 2.0 * np.pi * np.arange(count) / count
    footprint = np.stack(
        [depth * radius_x * np.sin(angle), width * radius_y * np.cos(angle)], axis=1
    )
    lower = np.concatenate([footprint, np.full((count, 1), -height / 2)], axis=1)
    upper = lower * [1.0, 1.0, -1.0]
    edge = np.roll(footprint, -1, axis=0) - footprint
    side = np.stack([edge[:, 1], -edge[:, 0], np.zeros(count)], axis=1)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    normals = np.concatenate([side, [[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]])
    offsets = np.concatenate([(side * lower).sum(axis=1), [height / 2, height / 2]])
    vertices = np.concatenate([lower, upper])
    if shape == 'sphere':
        rings = [
            np.column_stack([footprint * math.sqrt(1.0 - z * z), np.full(count, z * height / 2)])
            for z in _SPHERE_LATITUDES
        ]
        vertices = np.concatenate(rings)
    elif shape == 'gripper':
        vertices = vertices - [0.0, 0.0, height / 2]
    arrays = (footprint, vertices, normals, offsets)
    for array in arrays:
        array.setflags(write=False)
    return arrays
