# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""ThrowAndSort: throw each object into the far area of its colour."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import AREA_HEIGHT_M, SHAPES, ObjectKind, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.placement import Workspace, place_objects
from c2a_sim_bridge.sim.predicates import Set
from c2a_sim_bridge.sim.predicates_throw import Hit
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance
from c2a_sim_bridge.sim.tasks.throw import are_apart, draw_far, is_in_picture, throw_stage

WORKSPACE = Workspace(x=(-0.4, 0.05), reach=(0.32, 0.6))
AREA_SIDE_M = {1: 0.3, 2: 0.26}
"""By the number of areas: ClevrSkills' 0.35 m do not fit into the picture beside each other."""

AREA_REACH = (0.72, 0.85)
AREA_MARGIN_M = 0.02
_MAX_TRIES = 200
_AREA_TRIES = 30


@dataclass(frozen=True)
class ThrowAndSort(Task):
    """Objects 0..n-1 each into the area of its colour; areas come last in the layout."""

    num_actors: int = 2
    num_areas: int = 2

    name = 'ThrowAndSort'
    order = 55
    level = 2
    tables = ('table2',)
    oracle_p95_steps = 69
    paper_rows = 'Table 2 Throw and sort'
    arguments = '`ThrowAndSort`, num_actors 2, num_areas 2, exact'
    success = '`Set(Hit(k, area of its colour) …)`: each, let go, has touched its area'
    max_objects = 4
    phrasings = (
        'place the objects in the identically textured areas by throwing',
        'throw each object into the area of its color',
        'sort the objects into the areas of the same color by throwing them',
        'throw all objects onto the areas that have their color',
    )

    def __post_init__(self) -> None:
        """Refuse counts that the picture has no room for."""
        if self.num_areas not in AREA_SIDE_M or not 1 <= self.num_actors <= 4:
            raise ValueError(
                f'{self.name}: num_areas must be 1 or 2 and num_actors 1 to 4, got'
                f' {self.num_areas} and {self.num_actors}'
            )

    @property
    def max_steps(self) -> int:
        """As for the preset, times the number of objects in pairs."""
        return super().max_steps * math.ceil(self.num_actors / 2)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw areas of different colours, and objects in their colours."""
        areas = self._place_areas(rng, pool)
        colors = [placed.spec.color for placed in areas]
        specs = _draw_specs(rng, pool, colors, self.num_actors)
        movable = place_objects(
            rng, specs, WORKSPACE, accept=lambda layout: are_apart(layout, areas)
        )
        targets = [self.num_actors + colors.index(spec.color) for spec in specs]
        hits = [Hit(actor, target) for actor, target in enumerate(targets)]
        return TaskInstance(
            task=self.name,
            objects=(*movable, *areas),
            instruction=self.instruct(rng),
            goal=Set(*hits),
            stages=tuple(throw_stage(hit, *hit.objects) for hit in hits),
        )

    def _place_areas(self, rng: np.random.Generator, pool: ObjectPool) -> tuple[PlacedObject, ...]:
        """Far away, apart, and all of them in the picture."""
        side = AREA_SIDE_M[self.num_areas]
        size = (side, side, AREA_HEIGHT_M)
        looks = pool.draw(rng, self.num_areas)
        specs = [ObjectSpec(*look, size, kind=ObjectKind.AREA) for look in looks]
        for _ in range(_MAX_TRIES):
            layout: list[PlacedObject] = []
            for spec in specs:
                area = _draw_area(rng, spec, layout)
                if area is None:
                    break
                layout.append(area)
            else:
                return tuple(layout)
        raise RuntimeError(f'no room in the picture for {self.num_areas} areas of {side} m')


def _draw_area(
    rng: np.random.Generator, spec: ObjectSpec, others: list[PlacedObject]
) -> PlacedObject | None:
    """An area in the picture and apart from the others; None without room."""
    for _ in range(_AREA_TRIES):
        area = draw_far(rng, spec, AREA_REACH)
        if is_in_picture(area) and are_apart([area], others, AREA_MARGIN_M):
            return area
    return None


def _draw_specs(
    rng: np.random.Generator, pool: ObjectPool, colors: list[str], count: int
) -> tuple[ObjectSpec, ...]:
    """Objects in the given colours, none twice; outside the pool only where it has too few."""
    specs: list[ObjectSpec] = []
    for _ in range(count):
        known = {(spec.color, spec.shape) for spec in specs}
        looks = [(color, shape) for color in colors for shape in SHAPES]
        free = [look for look in looks if look in pool.looks - known]
        free = free or [look for look in looks if look not in known]
        # First the colour, so that each is as likely whatever the pool.
        color = str(rng.choice(sorted({color for color, _ in free})))
        shapes = [shape for other, shape in free if other == color]
        specs.append(ObjectSpec(color, shapes[int(rng.integers(len(shapes)))]))
    return tuple(specs)


TASKS = (ThrowAndSort(),)
