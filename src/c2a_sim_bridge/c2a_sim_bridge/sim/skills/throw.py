# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`move3d(throw_at=B)` and `throw`: bring a held object to an object that is out of reach.

The gripper runs towards the aim, rising a little, and lets go at the control step from which the
object will fly into it. Each step looks at the object's measured place and speed only: it
predicts where a release now would lead, and chooses the next step so that a release after that
hits. So the throw starts from any place and mends its own errors.
"""

from __future__ import annotations

import math

import numpy as np

from c2a_core.spaces import CONTROL_DT, hold_action
from c2a_sim_bridge.sim.objects import ObjectSpec
from c2a_sim_bridge.sim.predicates import gripper_clearance
from c2a_sim_bridge.sim.robot import BASE_POSITION
from c2a_sim_bridge.sim.skills.motion import Motion, world_action
from c2a_sim_bridge.sim.skills.skill import SkillFailedError
from c2a_sim_bridge.sim.state import GRAVITY, WorldState

BESIDE_M = 0.1  # between a target and the place beside it, as in the task suite
PASS_M = 0.04
STANDING_M = 0.05  # a target higher than this is hit from the side, a lower one from above
HIT_DEPTH_M = 0.06  # under the top of a standing target
HIT_OVERLAP_M = 0.03  # how far the aim is inside of the face
WINDUP_Z_M = (0.2, 0.38)  # of the object's centre
WINDUP_ABOVE_M = 0.04  # over the aim: a flat path hits with the speed of the arm
WINDUP_REACH_M = (0.38, 0.48)  # horizontal distance from the base, object's centre
RUN_UP_M = 0.17  # from the wound up arm to the release
RELEASE_REACH_M = 0.60  # at most, if the throw can be made high enough
MAX_REACH_M = 0.70  # beyond this the arm has no way left to accelerate
FULL_STEP_M = 0.048  # a little inside the action's bound
FULL_SPEED = FULL_STEP_M / CONTROL_DT
STEP_GAIN_M = 0.016  # change of the step's length from one step to the next
FREE_PARTS = (0.0, 0.4, 0.6, 0.8, 1.0)  # of the way from a target's middle to its corners
FREE_GAP_M = 0.02
SLOPE = 0.25  # rise of the way per metre forward
MISS_M = 0.012  # a release that leads this near to the aim is right
OVERSHOT_M = 0.06
AWAY_M = 0.05  # between gripper and released object at the end
REACHED_M = 0.012


class WindUp:
    """`move3d(throw_at=B[, direction=…])`: carry the held object to where its throw begins."""

    def __init__(
        self, state: WorldState, target: int, direction: tuple[float, ...] | None = None
    ) -> None:
        """Wind up for a throw at object `target`, or beside it.

        Raises:
            SkillFailedError: if nothing is held.
        """
        if state.grasped < 0:
            raise SkillFailedError('move3d(throw_at=…) carries an object, but nothing is held')
        self._held = state.grasped
        self._target = target
        self._direction = direction
        self._motion = Motion()

    def act(self, state: WorldState) -> np.ndarray:
        """Towards the place, over whatever is in the way, vacuum on."""
        return self._motion.towards(state, self._goal(state), vacuum=True)

    def is_done(self, state: WorldState) -> bool:
        """The held object is at its place."""
        way = self._goal(state) - state.ee_position
        return state.grasped == self._held and float(way @ way) < REACHED_M**2

    def is_lost(self, state: WorldState) -> bool:
        """The object fell."""
        return state.grasped != self._held

    def _goal(self, state: WorldState) -> np.ndarray:
        """Where the tool goes (3,), world, m."""
        held = self._held
        aim = aim_point(state, held, self._target, self._direction)
        way = aim[:2] - BASE_POSITION[:2]
        distance = math.hypot(*way)
        height = _windup_height(float(aim[2]), distance)
        drop = max(height + SLOPE * RUN_UP_M - float(aim[2]), 0.02)
        release = distance - _flight(drop, SLOPE * FULL_SPEED) * FULL_SPEED
        reach = min(max(release - RUN_UP_M, WINDUP_REACH_M[0]), WINDUP_REACH_M[1])
        goal = np.array([0.0, 0.0, height])
        goal[:2] = BASE_POSITION[:2] + way * (reach / max(distance, 1e-6))
        return goal + state.ee_position - state.positions[held]


class Throw:
    """`throw(actor=A, target_actor=B[, target_2d=True][, direction=…])`."""

    def __init__(
        self,
        state: WorldState,
        actor: int,
        target: int,
        *,
        target_2d: bool = False,
        direction: tuple[float, ...] | None = None,
    ) -> None:
        """Throw object `actor` at object `target`, over it (`target_2d`), or beside it.

        Raises:
            SkillFailedError: if the object is not held.
        """
        if state.grasped != actor:
            name = state.specs[actor].name
            raise SkillFailedError(f"throw needs the '{name}' in the gripper, but it is not held")
        self._actor = actor
        self._target = target
        self._target_2d = target_2d
        self._direction = direction
        self._step = np.zeros(3)  # the last one, world, m

    def act(self, state: WorldState) -> np.ndarray:
        """Accelerate, let go at the right step, then come to rest."""
        if state.grasped != self._actor:
            return self._follow_through(state)
        aim = self._aim(state)
        position = state.positions[self._actor]
        velocity = state.linear_velocities[self._actor]
        way = aim[:2] - position[:2]
        distance = math.hypot(*way)
        forward = way / max(distance, 1e-6)
        miss = _miss(position, velocity, aim, forward)
        if miss > -MISS_M:
            self._step = velocity * CONTROL_DT  # coasting: the cups do not rub on the object
            return world_action(state, self._step, vacuum=False)
        length = self._length(position, float(velocity[:2] @ forward), aim, forward)
        self._step = length * np.array([forward[0], forward[1], SLOPE])
        return world_action(state, self._step, vacuum=True)

    def is_done(self, state: WorldState) -> bool:
        """Let go and away from the gripper."""
        return state.grasped != self._actor and gripper_clearance(state, self._actor) >= AWAY_M

    def is_lost(self, state: WorldState) -> bool:
        """Still held where no release can hit any more."""
        if state.grasped != self._actor:
            return False
        position, aim = state.positions[self._actor], self._aim(state)
        way = aim[:2] - BASE_POSITION[:2]
        reach = position[:2] - BASE_POSITION[:2]
        gone = float(reach @ way) / max(math.hypot(*way), 1e-6)
        is_past = gone > math.hypot(*way) - OVERSHOT_M
        return is_past or math.hypot(*reach) > MAX_REACH_M or float(position[2]) < float(aim[2])

    def _aim(self, state: WorldState) -> np.ndarray:
        return aim_point(
            state, self._actor, self._target, self._direction, target_2d=self._target_2d
        )

    def _length(
        self, position: np.ndarray, speed: float, aim: np.ndarray, forward: np.ndarray
    ) -> float:
        """Horizontal length of the next step, after which a release hits or nearly does."""
        last = speed * CONTROL_DT
        low, high = max(last - STEP_GAIN_M, 0.004), min(last + STEP_GAIN_M, FULL_STEP_M)
        if _miss_after(high, position, aim, forward) <= 0.0:
            return high
        for _ in range(20):  # the miss grows with the length
            middle = 0.5 * (low + high)
            if _miss_after(middle, position, aim, forward) > 0.0:
                high = middle
            else:
                low = middle
        return low

    def _follow_through(self, state: WorldState) -> np.ndarray:
        length = math.sqrt(float(self._step @ self._step))
        if length > STEP_GAIN_M:
            self._step = self._step * (1.0 - STEP_GAIN_M / length)
            return world_action(state, self._step, vacuum=False)
        if gripper_clearance(state, self._actor) < AWAY_M:
            return world_action(state, np.array([0.0, 0.0, STEP_GAIN_M]), vacuum=False)
        return hold_action(vacuum=False)


def aim_point(
    state: WorldState,
    actor: int,
    target: int,
    direction: tuple[float, ...] | None = None,
    *,
    target_2d: bool = False,
) -> np.ndarray:
    """Where the thrown object's centre shall pass (3,), world, m.

    A flat target is hit from above in its middle, a standing one in the face that it turns to
    the robot, or half over its top (`target_2d`), a place beside it on the table.
    """
    spec = state.specs[actor]
    position = state.positions[target]
    if direction is not None:
        aim = beside_point(position, state.specs[target], direction, spec)
        if state.top_z(target) >= STANDING_M:  # what comes down behind it must not brush it
            aim[:2] += PASS_M * np.asarray(direction[:2])
        return aim
    top = state.top_z(target)
    if top < STANDING_M:
        return np.array([*_free_part(state, actor, target), top + 0.5 * spec.height])
    way = position[:2] - BASE_POSITION[:2]
    forward = way / max(math.hypot(*way), 1e-6)
    held = state.world_footprint(actor) - state.positions[actor, :2]
    front = (state.world_footprint(target) - position[:2]) @ -forward
    touching = float((held @ forward).max()) + float(front.max())
    if target_2d:
        return np.array([*(position[:2] - 0.5 * touching * forward), top + 0.5 * spec.height])
    return np.array([*(position[:2] - (touching - HIT_OVERLAP_M) * forward), top - HIT_DEPTH_M])


def beside_point(
    position: np.ndarray,
    target: ObjectSpec,
    direction: tuple[float, ...],
    thrown: ObjectSpec,
) -> np.ndarray:
    """The place (3,) on the table beside a target at `position` for the centre of `thrown`."""
    gap = BESIDE_M + max(target.extents_xy)
    x, y = np.asarray(position[:2]) + gap * np.asarray(direction[:2])
    return np.array([x, y, 0.5 * thrown.height])


def _free_part(state: WorldState, actor: int, target: int) -> np.ndarray:
    """Point (2,) of a target where nothing lies yet, as near to its middle as possible."""
    centre, spec = state.positions[target, :2], state.specs[actor]
    reach = state.specs[target].radius + spec.radius
    others = [
        index
        for index, other in enumerate(state.specs)
        if index not in (actor, target)
        and other.is_movable
        and state.planar_distance(index, target) < reach + other.radius
    ]
    if not others:
        return centre
    corners = state.world_footprint(target) - centre
    points = centre + np.concatenate([part * corners for part in FREE_PARTS])
    offset = points[:, None] - state.positions[others, :2]
    room = np.array([state.specs[index].radius + spec.radius for index in others])
    gaps = (np.hypot(offset[..., 0], offset[..., 1]) - room).min(axis=1)
    free = np.flatnonzero(gaps >= FREE_GAP_M)
    # The parts go outwards: the first free point is nearest to the middle.
    return points[int(free[0] if len(free) else np.argmax(gaps.round(6)))]


def _windup_height(aim_z: float, distance: float) -> float:
    """Height [m] of the wound up object: low, but so that the release is well within reach."""
    time = max(distance - RELEASE_REACH_M, 0.0) / FULL_SPEED
    drop = 0.5 * GRAVITY * time * time - SLOPE * FULL_SPEED * time
    needed = max(WINDUP_ABOVE_M, drop - SLOPE * RUN_UP_M)
    return min(max(aim_z + needed, WINDUP_Z_M[0]), WINDUP_Z_M[1])


def _flight(drop: float, up: float) -> float:
    """Seconds until something that flies up at `up` m/s has come down by `drop` m."""
    return (up + math.sqrt(max(up * up + 2.0 * GRAVITY * drop, 0.0))) / GRAVITY


def _miss(
    position: np.ndarray, velocity: np.ndarray, aim: np.ndarray, forward: np.ndarray
) -> float:
    """How far beyond the aim [m] a release now leads, at the aim's height; negative: short."""
    time = _flight(float(position[2] - aim[2]), float(velocity[2]))
    return float((position[:2] + time * velocity[:2] - aim[:2]) @ forward)


def _miss_after(
    length: float, position: np.ndarray, aim: np.ndarray, forward: np.ndarray
) -> float:
    """The same for a release after one more step of a horizontal length."""
    step = length * np.array([forward[0], forward[1], SLOPE])
    return _miss(position + step, step / CONTROL_DT, aim, forward)
