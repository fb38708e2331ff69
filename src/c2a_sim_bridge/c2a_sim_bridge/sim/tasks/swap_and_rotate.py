# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""SwapAndRotate: exchange two objects and turn both on the way."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from c2a_core.geometry import quat_multiply_wxyz, quat_wxyz_from_yaw
from c2a_core.skill_api import PoseField, PoseRead
from c2a_sim_bridge.sim.object_pool import SIMPLE, ObjectPool
from c2a_sim_bridge.sim.objects import PlacedObject
from c2a_sim_bridge.sim.predicates import AtPosition, Set, Settling
from c2a_sim_bridge.sim.predicates_pose import AtPose
from c2a_sim_bridge.sim.skills.plan import (
    PlanStep,
    PoseTemplate,
    Stage,
    free_space,
    get_pose,
    pick_place_at,
    rotate_z,
    settle_stage,
)
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.rotate import ANGLES, SIDES
from c2a_sim_bridge.sim.tasks.swap import (
    FREE_KEY,
    is_in_the_way,
    place_with_buffer,
    unassigned,
)
from c2a_sim_bridge.sim.tasks.task import Task, TaskInstance, draw_specs, the


class SwapAndRotate(Task):
    """Object 0 to the place of object 1 and the other way round, both turned by one angle."""

    name = 'SwapAndRotate'
    order = 54
    level = 2
    tables = ('table2',)
    oracle_p95_steps = 96
    paper_rows = 'Table 2 Swap and rotate'
    arguments = '`SwapRotate`, num_actors 2'
    success = (
        '`Set(AtPose(1), AtPose(0))`: both rest within 5 cm of where the other one stood, turned '
        'from their own first orientation as told up to 18°'
    )
    max_objects = 2
    phrasings = (
        'swap positions of {x} and {y} while rotating them by {degrees} degrees {side}',
        'swap {x} and {y}, and turn both {degrees} degrees {side} on the way',
        'exchange {x} and {y} and rotate each of them {side} by {degrees} degrees',
    )

    def sample(self, rng: np.random.Generator, pool: ObjectPool = SIMPLE) -> TaskInstance:
        """Draw two objects, a free place, an angle and a sense."""
        objects, free = place_with_buffer(rng, draw_specs(rng, 2, pool=pool))
        degrees = int(rng.choice(ANGLES))
        side = str(rng.choice(list(SIDES)))
        goals = _goals(objects, SIDES[side] * degrees)
        goal = Set(*goals)
        steps = partial(_steps, objects, goals, SIDES[side] * degrees)
        x, y = (the(placed) for placed in objects)
        return TaskInstance(
            task=self.name,
            objects=objects,
            instruction=self.instruct(rng, x=x, y=y, degrees=str(degrees), side=side),
            goal=goal,
            stages=(Stage(Settling(goal).update, steps), settle_stage(goal.update)),
            free_pose={0: free, 1: free},
        )


def _goals(layout: tuple[PlacedObject, ...], degrees: float) -> tuple[AtPose, AtPose]:
    """For object 1 and then object 0: at the other one's place, turned by the angle."""
    turn = quat_wxyz_from_yaw(math.radians(degrees))
    first, second = layout
    return (
        AtPose(1, first.position, quat_multiply_wxyz(second.quat_wxyz, turn)),
        AtPose(0, second.position, quat_multiply_wxyz(first.quat_wxyz, turn)),
    )


def _steps(
    layout: tuple[PlacedObject, ...],
    goals: tuple[AtPose, AtPose],
    degrees: float,
    state: WorldState,
    assigned: frozenset[str],
) -> tuple[PlanStep, ...]:
    """What is left of: first out of the way, second to first's place, first to second's.

    Which object is where decides, as in Swap; what lies at its place but is turned wrongly is
    taken up again.
    """
    if goals[0].is_near(state):
        return _bring(layout, 0, degrees, state, assigned)
    steps: tuple[PlanStep, ...] = ()
    if not AtPosition(0, layout[1].position).is_near(state) and is_in_the_way(layout, state):
        start = (layout[0].name, get_pose(0))
        keys = unassigned(assigned, start, (FREE_KEY, free_space(0)))
        steps = pick_place_at(0, FREE_KEY, keys, is_held=state.grasped == 0)
    steps += _bring(layout, 1, degrees, state, assigned)
    return (
        steps if goals[1].is_near(state) else steps + _bring(layout, 0, degrees, state, assigned)
    )


def _bring(
    layout: tuple[PlacedObject, ...],
    actor: int,
    degrees: float,
    state: WorldState,
    assigned: frozenset[str],
) -> tuple[PlanStep, ...]:
    """Take the object to the other one's first place, turned from its own first orientation."""
    own, other = layout[actor].name, layout[1 - actor].name
    place = PoseTemplate(
        'Pose', (('p', PoseField(PoseRead(other), 'p')), ('q', PoseField(PoseRead(own), 'q')))
    )
    key = f'{own} target'
    # Object 0's own pose was stored when it was moved out of the way.
    starts = ((own, get_pose(actor)),) if actor == 1 else ()
    keys = unassigned(assigned, *starts, (key, rotate_z(place, degrees)))
    is_held = state.grasped == actor
    return pick_place_at(actor, key, keys, is_held=is_held, match_ori=True)


TASKS = (SwapAndRotate(),)
