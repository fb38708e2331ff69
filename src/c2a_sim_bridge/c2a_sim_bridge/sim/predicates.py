# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What success means: predicates on the world's state.

A predicate is made per episode and fed one `WorldState` per control step; some latch what
they have seen. Thresholds are ClevrSkills', with impulses written as forces. The skills'
follower uses the same objects, so `update` answers a second call with the same state from
memory.
"""

from __future__ import annotations

import math
from collections import abc

import numpy as np

from c2a_core.geometry import rotation_matrix_from_quat_wxyz
from c2a_sim_bridge.sim.objects import PlacedObject
from c2a_sim_bridge.sim.placement import next_to_area
from c2a_sim_bridge.sim.polygons import convex_hull, polygon_distance
from c2a_sim_bridge.sim.state import GRAVITY, WorldState

PICK_CLEARANCE_M = 0.02
AT_POSITION_M = 0.05
DISPLACED_M = 0.1
TOPPLED_RAD = math.pi / 4
SUPPORT_FRACTION = 0.5
"""An object rests on another that carries more than this part of its weight."""
PUSHED_FRACTION = 0.7
PUSH_CLEARANCE_M = 0.001
DOWN_FORCE_N = 0.05
"""Of the table on what has come down to it: 1e-4 N·s in a physics step of 2 ms."""

# Box around gripper and cups in the end effector's frame: the widest part is the head, the
# longest the whole body; a lower bound of the distance is all that is needed.
_GRIPPER_BOX = np.array(
    [[x, y, z] for z in (-0.126, 0.001) for x in (-0.033, 0.033) for y in (-0.045, 0.045)]
)


class Predicate:
    """Base of all predicates: one answer per state.

    Attributes:
        objects: indices of the objects it speaks of.
    """

    objects: tuple[int, ...] = ()
    _last_state: WorldState | None = None
    _last_step = -1
    _last_answer = False

    def update(self, state: WorldState) -> bool:
        """Take in the state of a control step and say whether the predicate holds."""
        if state is not self._last_state or state.step != self._last_step:
            self._last_answer = bool(self._evaluate(state))
            self._last_state, self._last_step = state, state.step
        return self._last_answer

    def is_near(self, state: WorldState) -> bool:
        """Whether the object is let go at the right place, though perhaps not at rest yet."""
        return self.update(state)

    def goal_positions(self, state: WorldState) -> np.ndarray:  # noqa: ARG002
        """Points (K, 3) in metres to mark in a picture of the goal."""
        return np.zeros((0, 3))

    def _evaluate(self, state: WorldState) -> bool:
        raise NotImplementedError


class Picked(Predicate):
    """The object is held, clear of the table and of every other object."""

    def __init__(self, actor: int, clearance: float = PICK_CLEARANCE_M) -> None:
        """Hold `actor` with `clearance` metres around it."""
        self.objects = (actor,)
        self._clearance = clearance

    def _evaluate(self, state: WorldState) -> bool:
        actor = self.objects[0]
        if state.grasped != actor or state.bottom_z(actor) < self._clearance:
            return False
        others = (k for k, spec in enumerate(state.specs) if k != actor and spec.is_solid)
        return all(clearance(state, actor, other) >= self._clearance for other in others)


class OnTop(Predicate):
    """`top` rests on `bottom`, off the table, both still and let go."""

    def __init__(self, top: int, bottom: int) -> None:
        """Put `top` on `bottom`."""
        self.objects = (top, bottom)
        self._needed_force: float | None = None

    def _evaluate(self, state: WorldState) -> bool:
        top, bottom = self.objects
        if state.grasped in self.objects:
            return False
        if self._needed_force is None:
            self._needed_force = SUPPORT_FRACTION * state.specs[top].mass * GRAVITY
        return (
            bool(state.pair_force[top, bottom] > self._needed_force)
            and not state.is_grounded(top)
            and state.is_static(top)
            and state.is_static(bottom)
        )

    def is_near(self, state: WorldState) -> bool:
        """Let go at most a drop above the support."""
        top, bottom = self.objects
        if state.grasped in self.objects or state.planar_distance(top, bottom) > 0.06:
            return False
        return -0.01 < state.bottom_z(top) - state.top_z(bottom) < 0.06

    def goal_positions(self, state: WorldState) -> np.ndarray:
        """Above the middle of the support."""
        x, y, _ = state.positions[self.objects[1]]
        return np.array([[x, y, state.top_z(self.objects[1])]])


class AtPosition(Predicate):
    """The object rests on the table within 5 cm of a point."""

    def __init__(self, actor: int, position: np.ndarray) -> None:
        """Bring `actor` to `position` (2,) or (3,) in metres, world frame."""
        self.objects = (actor,)
        self._x, self._y = float(position[0]), float(position[1])

    def _evaluate(self, state: WorldState) -> bool:
        actor = self.objects[0]
        return self.is_near(state) and state.is_grounded(actor) and state.is_static(actor)

    def is_near(self, state: WorldState) -> bool:
        """Let go within 5 cm, whatever the height."""
        actor = self.objects[0]
        if state.grasped == actor:
            return False
        x, y, _ = state.positions[actor]
        return math.hypot(x - self._x, y - self._y) < AT_POSITION_M

    def goal_positions(self, state: WorldState) -> np.ndarray:  # noqa: ARG002
        """The point on the table."""
        return np.array([[self._x, self._y, 0.0]])


class NextTo(Predicate):
    """The object rests on the table on the given side of another."""

    def __init__(self, actor: int, other: int, direction: tuple[float, float, float]) -> None:
        """Bring `actor` to the `direction` (world frame) side of `other`."""
        self.objects = (actor, other)
        self._direction = direction
        self._area: np.ndarray | None = None

    def _evaluate(self, state: WorldState) -> bool:
        actor = self.objects[0]
        return (
            state.grasped != actor
            and state.is_grounded(actor)
            and state.is_static(actor)
            and self.is_near(state)
        )

    def is_near(self, state: WorldState) -> bool:
        """Let go within 5 cm of the area, whatever the height."""
        actor, other = self.objects
        if state.grasped == actor:
            return False
        if self._area is None:
            self._area = next_to_area(state.specs[actor], state.specs[other], self._direction)
        offset = self._area - (state.positions[actor, :2] - state.positions[other, :2])
        return bool((offset * offset).sum(axis=1).min() < AT_POSITION_M * AT_POSITION_M)

    def goal_positions(self, state: WorldState) -> np.ndarray:
        """The middle of the area."""
        actor, other = self.objects
        area = next_to_area(state.specs[actor], state.specs[other], self._direction)
        x, y = area.mean(axis=0) + state.positions[other, :2]
        return np.array([[x, y, 0.0]])


class Touched(Predicate):
    """The arm has touched the object, which has moved by 0.1 m and rests.

    Base of `Pushed` (still upright) and `Toppled` (lying).
    """

    def __init__(self, actor: int, start: PlacedObject) -> None:
        """Move `actor` away from where it stood at the start."""
        self.objects = (actor,)
        self._start = np.array(start.position, dtype=np.float64)
        self._was_touched = False

    def _evaluate(self, state: WorldState) -> bool:
        actor = self.objects[0]
        self._was_touched = self._was_touched or bool(state.ee_contact[actor])
        return self._was_touched and self.has_moved(state) and state.is_static(actor)

    def has_moved(self, state: WorldState) -> bool:
        """Whether displacement and tilt are right, moving or not."""
        actor = self.objects[0]
        displacement = math.dist(state.positions[actor], self._start)
        return displacement >= DISPLACED_M and self._is_tilt_right(state.tilt_rad(actor))

    def is_near(self, state: WorldState) -> bool:
        """Displacement and tilt are right."""
        return self.has_moved(state)

    def _is_tilt_right(self, tilt_rad: float) -> bool:
        raise NotImplementedError


class Pushed(Touched):
    """Touched and moved by at least 0.1 m, tilted less than 45 degrees."""

    def _is_tilt_right(self, tilt_rad: float) -> bool:
        return tilt_rad < TOPPLED_RAD


class Toppled(Touched):
    """Touched and moved by at least 0.1 m, tilted 45 degrees or more."""

    def _is_tilt_right(self, tilt_rad: float) -> bool:
        return tilt_rad >= TOPPLED_RAD


class DirectionPushed(Predicate):
    """Pushed, never grasped, a good part of the way to a point, and let alone."""

    def __init__(self, actor: int, start: np.ndarray, target: np.ndarray) -> None:
        """Push `actor` from `start` towards `target`, (2,) or (3,) in metres, world frame."""
        self.objects = (actor,)
        self._target = np.array(target[:2], dtype=np.float64)
        self._distance = math.dist(start[:2], self._target)

    def _evaluate(self, state: WorldState) -> bool:
        actor = self.objects[0]
        return (
            self.is_near(state)
            and not state.ee_contact[actor]
            and state.is_static(actor)
            and gripper_clearance(state, actor) >= PUSH_CLEARANCE_M
        )

    def is_near(self, state: WorldState) -> bool:
        """Far enough in the right direction, though perhaps still touched."""
        actor = self.objects[0]
        if state.ever_grasped[actor]:
            return False
        x, y = state.positions[actor, :2]
        # ClevrSkills also asks for at most 60 degrees between way and direction; whatever is
        # this near to the target is within 45 degrees.
        return math.dist((x, y), self._target) < PUSHED_FRACTION * self._distance

    def goal_positions(self, state: WorldState) -> np.ndarray:  # noqa: ARG002
        """The point on the table."""
        return np.array([[self._target[0], self._target[1], 0.0]])


class ToppleStructure(Predicate):
    """Every object touches the table."""

    def __init__(self, actors: abc.Sequence[int]) -> None:
        """Bring all `actors` down to the table."""
        self.objects = tuple(actors)

    def _evaluate(self, state: WorldState) -> bool:
        return all(state.ground_force[actor] > DOWN_FORCE_N for actor in self.objects)


class Set(Predicate):
    """All children hold now, in whatever order they came true."""

    def __init__(self, *children: Predicate) -> None:
        """Hold all `children`."""
        self.children = children
        self.objects = _union(children)

    def _evaluate(self, state: WorldState) -> bool:
        # Every child sees every state: some latch.
        return all([child.update(state) for child in self.children])

    def is_near(self, state: WorldState) -> bool:
        """All children are near."""
        return all(child.is_near(state) for child in self.children)

    def goal_positions(self, state: WorldState) -> np.ndarray:
        """All children's marks."""
        return np.concatenate([child.goal_positions(state) for child in self.children])


class Sequence(Set):
    """All children hold now; they are to be worked on in order."""


class Swap(Set):
    """Two objects stand where the other one stood at the start, both now."""

    def __init__(self, first: int, second: int, layout: abc.Sequence[PlacedObject]) -> None:
        """Exchange the places of `first` and `second`."""
        super().__init__(
            AtPosition(second, layout[first].position), AtPosition(first, layout[second].position)
        )


class Order(Set):
    """Each child has held after the one before it; earlier ones need not hold any more."""

    _passed = 0

    def _evaluate(self, state: WorldState) -> bool:
        answers = [child.update(state) for child in self.children]
        while self._passed < len(answers) and answers[self._passed]:
            self._passed += 1
        return self._passed == len(answers)

    def has_passed(self, count: int, state: WorldState) -> bool:
        """Whether the first `count` children have had their turn."""
        self.update(state)
        return self._passed >= count


class Once(Set):
    """The child has held at some time."""

    _has_held = False

    def _evaluate(self, state: WorldState) -> bool:
        self._has_held = self._has_held or super()._evaluate(state)
        return self._has_held


class Settling(Predicate):
    """True when the child holds or, for a while, when its object is let go in place.

    The follower's view of a goal: a released object falls and comes to rest in a few steps,
    and a finished part of a stack may tremble while the next one is put on it. Neither is a
    reason to work on it again, unless it lasts.
    """

    def __init__(self, child: Predicate, patience_steps: int = 20) -> None:
        """Wait for `child` up to `patience_steps` control steps."""
        self.child = child
        self.objects = child.objects
        self._patience = patience_steps
        self._waited = 0

    def _evaluate(self, state: WorldState) -> bool:
        if self.child.update(state):
            self._waited = 0
            return True
        if not self.child.is_near(state):
            self._waited = 0
            return False
        self._waited += 1
        return self._waited <= self._patience


def clearance(state: WorldState, first: int, second: int) -> float:
    """Lower bound of the distance of two objects in metres, exact for upright prisms.

    Zero when they may touch.
    """
    gap = state.planar_distance(first, second) - sum(
        math.hypot(state.specs[k].radius, state.specs[k].height / 2) for k in (first, second)
    )
    if gap >= PICK_CLEARANCE_M:
        return gap
    vertical = max(
        state.bottom_z(first) - state.top_z(second),
        state.bottom_z(second) - state.top_z(first),
        0.0,
    )
    if vertical >= PICK_CLEARANCE_M:
        return vertical
    gap = polygon_distance(state.world_footprint(first), state.world_footprint(second))
    return math.hypot(vertical, max(gap, 0.0))


def gripper_clearance(state: WorldState, actor: int) -> float:
    """Lower bound of the distance in metres between the gripper and an object."""
    rotation = rotation_matrix_from_quat_wxyz(state.ee_quat_wxyz)
    corners = _GRIPPER_BOX @ rotation.T + state.ee_position
    vertical = max(
        float(corners[:, 2].min()) - state.top_z(actor),
        state.bottom_z(actor) - float(corners[:, 2].max()),
        0.0,
    )
    gap = polygon_distance(convex_hull(corners[:, :2]), state.world_footprint(actor))
    return math.hypot(vertical, max(gap, 0.0))


def _union(children: abc.Sequence[Predicate]) -> tuple[int, ...]:
    """Objects of all children, each once, in order."""
    return tuple(dict.fromkeys(index for child in children for index in child.objects))
