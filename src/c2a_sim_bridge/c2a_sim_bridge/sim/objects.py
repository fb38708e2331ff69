# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What an object is: a coloured vertical prism and its geometry.

Knows nothing of physics engines or tasks. `world.py` builds bodies from `ObjectSpec`,
`placement.py` makes `PlacedObject`s, `predicates.py` and the skills read the geometry.

Object frame: origin at the centre of mass, z up along the prism.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

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

SHAPES = ('cube', 'cylinder', 'triangle', 'hexagon')

NOMINAL_SIZE = (0.1, 0.1, 0.05)
"""Width (y), depth (x) and height (z) of an ordinary object in metres."""

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
}


@dataclass(frozen=True)
class ObjectSpec:
    """A prism of one colour. Equal specs share their geometry arrays, which are read-only.

    Attributes:
        color: a key of `COLORS`.
        shape: one of `SHAPES`.
        size: (width along y, depth along x, height along z) in metres; the nominal box,
            which triangle and hexagon do not fill exactly.
        density: kg/m^3.
    """

    color: str
    shape: str
    size: tuple[float, float, float] = NOMINAL_SIZE
    density: float = DENSITY

    def __post_init__(self) -> None:
        """Refuse unknown colours and shapes and impossible sizes."""
        if self.color not in COLORS:
            raise ValueError(f'unknown colour {self.color!r}, expected one of {sorted(COLORS)}')
        if self.shape not in SHAPES:
            raise ValueError(f'unknown shape {self.shape!r}, expected one of {SHAPES}')
        if len(self.size) != 3 or not all(0.0 < side < math.inf for side in self.size):
            raise ValueError(
                f'size of {self.color} {self.shape} must be three positive lengths in metres,'
                f' got {self.size}'
            )

    @cached_property
    def name(self) -> str:
        """What instructions and code call the object, e.g. 'red cube'."""
        return f'{self.color} {self.shape}'

    @property
    def rgb(self) -> tuple[float, float, float]:
        """Colour, each channel in 0..1."""
        return COLORS[self.color]

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
    """

    spec: ObjectSpec
    position: np.ndarray
    yaw: float

    @property
    def name(self) -> str:
        """The spec's name."""
        return self.spec.name

    @cached_property
    def quat_wxyz(self) -> np.ndarray:
        """Orientation (4,), world frame."""
        return np.array([math.cos(self.yaw / 2), 0.0, 0.0, math.sin(self.yaw / 2)])

    @cached_property
    def footprint(self) -> np.ndarray:
        """Outline (n, 2) in metres, world frame, counter-clockwise."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return self.spec.footprint @ np.array([[c, s], [-s, c]]) + self.position[:2]


@lru_cache(maxsize=256)
def _geometry(
    shape: str, size: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Footprint (n, 2), vertices (2n, 3), face normals (n + 2, 3) and offsets (n + 2,)."""
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
    arrays = (footprint, np.concatenate([lower, upper]), normals, offsets)
    for array in arrays:
        array.setflags(write=False)
    return arrays
