# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What an oracle is to do, before it is code: stages, plan steps and their builders.

A task gives stages; `follower.py` works on the first stage whose goal is false and turns its
plan steps into key steps: `Obj(index)` becomes `get_actor('red cube', (3, 5))` with the cell
of that moment. Knows no motion, no camera and no physics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from c2a_core.skill_api import ActorRef, KeyStepCode, PoseCall, PoseRead, SkillCall, Value
from c2a_sim_bridge.sim.state import WorldState


@dataclass(frozen=True, slots=True)
class Obj:
    """An object by its index in the layout, where code will have `get_actor(...)`."""

    index: int


@dataclass(frozen=True, slots=True)
class PoseTemplate:
    """A pose expression to be, e.g. `get_pose(actor=Obj(0))`.

    Attributes:
        function: a function of the skill API that gives a pose.
        args: (name, value) pairs; a value is an `Obj`, another pose or a literal.
    """

    function: str
    args: tuple[tuple[str, TemplateValue], ...]


TemplateValue = Obj | PoseTemplate | Value
Assignments = tuple[tuple[str, PoseTemplate | PoseRead], ...]
Refer = Callable[[int], ActorRef]


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One key step to be: assignments, then one call.

    Attributes:
        call: a skill's name.
        args: (name, value) pairs.
        assignments: (key, pose expression) pairs, stored when the step begins.
    """

    call: str
    args: tuple[tuple[str, TemplateValue], ...]
    assignments: Assignments = ()

    def to_code(self, refer: Refer) -> KeyStepCode:
        """The key step's code.

        Args:
            refer: gives the reference to an object by its index, with its cell of now.
        """
        assignments = tuple((key, _bind(value, refer)) for key, value in self.assignments)
        args = tuple((name, _bind(value, refer)) for name, value in self.args)
        return KeyStepCode(assignments, SkillCall(self.call, args))


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a task.

    Attributes:
        goal: whether the part is done, fed one state per control step. Later stages may undo
            it: then it is worked on again, unless the goal itself latches.
        steps: what is left to do in this state, given the pose keys that are assigned
            already. Empty means: nothing now, wait (an object is settling).
        latch: once done, the stage stays done.
    """

    goal: Callable[[WorldState], bool]
    steps: Callable[[WorldState, frozenset[str]], tuple[PlanStep, ...]]
    latch: bool = False


def pick_steps(actor: int, assignments: Assignments = ()) -> tuple[PlanStep, ...]:
    """Move to the object and pick it."""
    return (
        PlanStep('move3d', (('actor', Obj(actor)),), assignments),
        PlanStep('pick', (('actor', Obj(actor)),)),
    )


def pick_place_on(actor: int, target: int, is_held: bool = False) -> tuple[PlanStep, ...]:
    """Pick an object and place it on another; from the middle on if it is held already."""
    carry = (
        PlanStep('move3d', (('target_actor', Obj(target)),)),
        PlanStep('place', (('actor', Obj(actor)), ('target_actor', Obj(target)))),
    )
    return carry if is_held else pick_steps(actor) + carry


def pick_place_at(
    actor: int,
    key: str,
    assignments: Assignments = (),
    is_held: bool = False,
    match_ori: bool = False,
) -> tuple[PlanStep, ...]:
    """Pick an object and place it at a stored pose.

    Args:
        actor: the object.
        key: where in `pose_dict` the target is.
        assignments: what the first step stores.
        is_held: the object is in the gripper already: begin by carrying it.
        match_ori: turn it as the pose is turned.
    """
    target: tuple[tuple[str, TemplateValue], ...] = (('target_pose', PoseRead(key)),)
    if match_ori:
        target += (('match_ori', True),)
    carry = (
        PlanStep('move3d', target, assignments if is_held else ()),
        PlanStep('place', (('actor', Obj(actor)), *target)),
    )
    return carry if is_held else pick_steps(actor, assignments) + carry


def push_steps(
    actor: int, key: str | None = None, assignments: Assignments = ()
) -> tuple[PlanStep, ...]:
    """Push an object, away from the robot or towards a stored pose, then back off."""
    target = () if key is None else (('target_pose', PoseRead(key)),)
    return (
        PlanStep('move3d', (('push_actor', Obj(actor)), *target), assignments),
        PlanStep('push', (('actor', Obj(actor)), *target)),
        *retreat_steps(actor),
    )


def topple_steps(actor: int) -> tuple[PlanStep, ...]:
    """Topple an object, then back off."""
    return (
        PlanStep('move3d', (('topple_actor', Obj(actor)),)),
        PlanStep('topple', (('actor', Obj(actor)),)),
        *retreat_steps(actor),
    )


def retreat_steps(actor: int) -> tuple[PlanStep, ...]:
    """Back off from an object."""
    return (PlanStep('move3d', (('retreat_from', Obj(actor)),)),)


def settle_stage(goal: Callable[[WorldState], bool]) -> Stage:
    """Wait for a goal that follows by itself from the stages before."""
    return Stage(goal, lambda _state, _assigned: ())


def get_pose(actor: int) -> PoseTemplate:
    """Where the object is now."""
    return PoseTemplate('get_pose', (('actor', Obj(actor)),))


def rotate_z(pose: PoseTemplate | PoseRead, degrees: float) -> PoseTemplate:
    """A pose turned about its z axis, anti-clockwise positive."""
    return PoseTemplate('rotate_z', (('pose', pose), ('degrees', float(degrees))))


def touch_steps(actor: int) -> tuple[PlanStep, ...]:
    """Touch an object, then back off."""
    return (
        PlanStep('move3d', (('touch_actor', Obj(actor)),)),
        PlanStep('touch', (('actor', Obj(actor)),)),
        *retreat_steps(actor),
    )


def free_space(actor: int) -> PoseTemplate:
    """A free place for the object."""
    return PoseTemplate('free_space', (('actor', Obj(actor)),))


def free_space_next_to(
    actor: int, other: int, direction: tuple[float, float, float], description: str
) -> PoseTemplate:
    """A free place on one side of another object."""
    return PoseTemplate(
        'free_space_next_to',
        (
            ('actor', Obj(actor)),
            ('next_to_actor', Obj(other)),
            ('direction', direction),
            ('description', description),
        ),
    )


def towards(actor: int, target: int) -> PoseTemplate:
    """Half-way from one object to another."""
    return PoseTemplate('towards', (('actor', Obj(actor)), ('target_actor', Obj(target))))


def _bind(value: TemplateValue, refer: Refer) -> Value:
    """The value with its placeholders replaced."""
    if isinstance(value, Obj):
        return refer(value.index)
    if isinstance(value, PoseTemplate):
        args = tuple((name, _bind(argument, refer)) for name, argument in value.args)
        return PoseCall(value.function, args)
    return value
