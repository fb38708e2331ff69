# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""SortByTexture: put every object on the area of its colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import COLORS, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.predicates import Set
from c2a_sim_bridge.sim.predicates_pose import Inside2d
from c2a_sim_bridge.sim.skills.plan import Stage, settle_stage
from c2a_sim_bridge.sim.tasks.areas import MAX_AREAS, draw_between, place_areas
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.inside import inside_stage
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, the

MAX_ACTORS = 4
_MAX_LAYOUTS = 400


@dataclass(frozen=True)
class SortByTexture(Task):
    """Put the objects, which come first in the layout, on the areas of their colours.

    Attributes:
        num_actors: how many objects.
        num_areas: how many areas; no object has another colour.
        sample_num_actors: draw both numbers from 1 on.
    """

    num_actors: int = 4
    num_areas: int = 2
    sample_num_actors: bool = True

    name = 'SortByTexture'
    order = 41
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 122
    paper_rows = 'Table 2 Sort by texture'
    arguments = '`Sort2d`, num_actors 4, num_areas 2, sampled'
    success = '`Set(Inside2d(object, area of its colour), …)`: nothing sticks out of an area'
    max_objects = 6
    phrasings = (
        'place the objects in the identically textured areas',
        'put {list}',
        'sort the objects into the areas of their colours',
        'move every object to the area that has its colour',
    )

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_actors', self.num_actors, 1, MAX_ACTORS)
        check_count(self.name, 'num_areas', self.num_areas, 1, MAX_AREAS)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw areas, objects in their colours, and a layout in which none is sorted yet."""
        areas = draw_count(rng, self.num_areas, is_sampled=self.sample_num_actors)
        count = draw_count(rng, self.num_actors, is_sampled=self.sample_num_actors)
        colors = [str(color) for color in rng.permutation(list(COLORS))[:areas]]
        specs = _draw_specs(rng, pool, colors, count)
        objects = _place(rng, specs, colors)
        pairs = [(k, count + colors.index(spec.color)) for k, spec in enumerate(specs)]
        goal = Set(*(Inside2d(actor, area) for actor, area in pairs))
        stages: list[Stage] = [inside_stage(actor, area) for actor, area in pairs]
        listed = ', put '.join(
            f'{the(objects[actor])} in {the(objects[area])}' for actor, area in pairs
        )
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, list=listed),
            goal=goal,
            stages=(*stages, settle_stage(goal.update)),
        )


def _draw_specs(
    rng: np.random.Generator, pool: ObjectPool, colors: list[str], count: int
) -> list[ObjectSpec]:
    """Objects in the areas' colours; of three areas none gets more than two.

    No two have one name, unless the pool has too few shapes of a colour.
    """
    room = MAX_ACTORS if len(colors) < MAX_AREAS else 2
    drawn = rng.permutation([color for color in colors for _ in range(room)])[:count]
    specs: list[ObjectSpec] = []
    for color in map(str, drawn):
        for _ in range(20):
            spec = ObjectSpec(color, pool.draw_shape(rng, color))
            if spec not in specs:
                break
        specs.append(spec)
    return specs


def _place(
    rng: np.random.Generator, specs: list[ObjectSpec], colors: list[str]
) -> tuple[PlacedObject, ...]:
    """Areas, and objects on the table or on an area that is not theirs; objects first."""
    for _ in range(_MAX_LAYOUTS):
        areas = place_areas(rng, colors)
        layout = areas
        for spec in specs:
            # On one of three small areas a strange object would take somebody's place.
            own = (colors.index(spec.color),)
            barred = own if len(colors) < MAX_AREAS else range(MAX_AREAS)
            placed = draw_between(rng, spec, layout, barred)
            if placed is None:
                break
            layout = (*layout, placed)
        else:
            return (*layout[len(areas) :], *areas)
    raise RuntimeError(
        f'no layout for {[spec.name for spec in specs]} and areas {colors} after'
        f' {_MAX_LAYOUTS} tries: take fewer objects'
    )


TASKS = (SortByTexture(),)
