# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Neighbour: put an object and the one that stood beside it on one area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.predicates import Set
from c2a_sim_bridge.sim.predicates_pose import Inside2d
from c2a_sim_bridge.sim.skills.plan import settle_stage
from c2a_sim_bridge.sim.tasks.areas import MAX_AREAS, draw_between, place_areas, stand
from c2a_sim_bridge.sim.tasks.counts import check_count, draw_count
from c2a_sim_bridge.sim.tasks.inside import inside_stage
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the

COMPASS = {
    'west': (0.0, 1.0),
    'east': (0.0, -1.0),
    'north': (1.0, 0.0),
    'south': (-1.0, 0.0),
}
"""Compass words to directions on the table, world frame: the robot faces north."""

DISTANCE_M = (0.13, 0.2)
"""Between the centres of the two objects."""

_MAX_LAYOUTS = 2000


@dataclass(frozen=True)
class Neighbour(Task):
    """Put object 0, then object 1, which stands on one side of it, on area 2.

    Attributes:
        num_areas: how many areas.
        sample_num_actors: draw their number from 1 to `num_areas`.
    """

    num_areas: int = 2
    sample_num_actors: bool = True

    name = 'Neighbour'
    order = 35
    level = 1
    tables = ('table2',)
    oracle_p95_steps = 67
    paper_rows = 'Table 2 Neighbour'
    arguments = '`Neighbour`, num_areas 2, sampled'
    success = '`Set(Inside2d(0, 2), Inside2d(1, 2))`: nothing sticks out of the area'
    max_objects = 4
    phrasings = (
        'first put {x} in {area} and then put the object that was at its {side} in the same area',
        'put {x} in {area}, then the object that stood {side} of {x}',
        'move {x}, and then the object that was to the {side} of it, to {area}',
    )

    def __post_init__(self) -> None:
        """Refuse counts that no scene can have."""
        check_count(self.name, 'num_areas', self.num_areas, 1, MAX_AREAS)

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw two neighbours and areas of other colours."""
        count = draw_count(rng, self.num_areas, is_sampled=self.sample_num_actors)
        *pair, first, second, third = draw_specs(rng, 5, pool=pool)
        colors = [spec.color for spec in (first, second, third)][:count]
        side = tuple(COMPASS)[int(rng.integers(len(COMPASS)))]
        objects = _place(rng, pair, colors, side)
        goal = Set(Inside2d(0, 2), Inside2d(1, 2))
        words = {'x': the(objects[0]), 'area': the(objects[2]), 'side': side}
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, **words),
            goal=goal,
            stages=(inside_stage(0, 2), inside_stage(1, 2), settle_stage(goal.update)),
        )


def _place(
    rng: np.random.Generator, pair: list[ObjectSpec], colors: list[str], side: str
) -> tuple[PlacedObject, ...]:
    """The two objects, then the areas; the first of the colours is that of the target."""
    direction = np.array(COMPASS[side])
    for _ in range(_MAX_LAYOUTS):
        # Which of the areas is where is drawn too.
        drawn = [str(color) for color in rng.permutation(colors)]
        areas = place_areas(rng, drawn)
        target = drawn.index(colors[0])
        first = draw_between(rng, pair[0], areas, barred=(target,))
        if first is None:
            continue
        x, y = first.position[:2] + direction * rng.uniform(*DISTANCE_M)
        second = stand(pair[1], x, y, first.yaw, (*areas, first), barred=(target,))
        if second is not None:
            in_order = sorted(areas, key=lambda area: colors.index(area.spec.color))
            return (first, second, *in_order)
    raise RuntimeError(
        f'no layout for {[spec.name for spec in pair]} and areas {colors} after'
        f' {_MAX_LAYOUTS} tries: take fewer areas'
    )


TASKS = (Neighbour(),)
