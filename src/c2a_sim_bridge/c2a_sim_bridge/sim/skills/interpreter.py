# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""From a key step's code to a running skill: resolves actors, evaluates poses, picks the skill.

Interprets checked values of `c2a_core.skill_api`; text is parsed there and nowhere executed.
Pose expressions are evaluated once, when their key step begins, into this episode's `pose_dict`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import numpy as np

from c2a_core.geometry import Pose, quat_multiply_wxyz, quat_wxyz_from_yaw
from c2a_core.skill_api import (
    ActorRef,
    KeyStepCode,
    PoseCall,
    PoseField,
    PoseRead,
    SkillCall,
    check_reads,
)
from c2a_sim_bridge.sim.placement import find_free_space, free_space_next_to
from c2a_sim_bridge.sim.skills.contact import Done, Push, Topple, Touch
from c2a_sim_bridge.sim.skills.goal import MoveToGoal
from c2a_sim_bridge.sim.skills.move3d import Carry, MoveAbove, MoveBeside, Retreat
from c2a_sim_bridge.sim.skills.pick import Pick
from c2a_sim_bridge.sim.skills.place import Place
from c2a_sim_bridge.sim.skills.skill import Skill, SkillFailedError
from c2a_sim_bridge.sim.skills.throw import Throw, WindUp
from c2a_sim_bridge.sim.skills.tool_heading import heading_before_turn, is_turn
from c2a_sim_bridge.sim.state import WorldState

logger = logging.getLogger(__name__)

_SUNK_M = 0.005  # a pose this far under an object's resting height is no place for its centre

CellOf = Callable[[int], tuple[int, int]]


class Interpreter:
    """Poses and running skill of one episode."""

    def __init__(self, cell_of: CellOf, free_poses: dict[int, np.ndarray]) -> None:
        """Begin an episode with an empty `pose_dict`.

        Args:
            cell_of: grid cell of an object in the base camera's picture, now.
            free_poses: places (3,) set aside for `free_space`, by object index.
        """
        self.pose_dict: dict[str, Pose] = {}
        self._cell_of = cell_of
        self._free_poses = free_poses
        self._has_turned = False

    def start(self, code: KeyStepCode, state: WorldState) -> Skill:
        """Store the key step's poses and make its skill; nothing is stored if that fails.

        Raises:
            SkillCodeError: if it reads a pose that was never stored.
            SkillFailedError: if an object cannot be resolved or the skill cannot begin.
        """
        check_reads(code, self.pose_dict)
        poses = dict(self.pose_dict)
        for key, expression in code.assignments:
            poses[key] = self._evaluate(expression, state, poses)
        skill = self._make_skill(code.call, state, poses)
        turned = [poses[key] for key, expression in code.assignments if is_turn(expression)]
        if isinstance(skill, MoveAbove) and (turned or self._has_turned):
            # The wrist takes room for the turn to come; a turn may also be undone later.
            target = turned[-1] if turned else None
            skill = MoveAbove(skill.actor, heading_before_turn(state, skill.actor, target))
        self._has_turned = self._has_turned or bool(turned)
        self.pose_dict = poses
        return skill

    def resolve(self, actor: ActorRef, state: WorldState, *, is_held: bool | None = None) -> int:
        """Index of the object that `get_actor` names (semantics 5).

        Args:
            actor: name and cell.
            state: the present state.
            is_held: the call is about what the gripper holds (True), or certainly not (False).
                It decides among objects of one name: a carried one shares cells with what is
                under it.

        Raises:
            SkillFailedError: if no object has the name, or the nearest of several is a tie.
        """
        matches = [i for i, spec in enumerate(state.specs) if spec.name == actor.name]
        if not matches:
            names = ', '.join(sorted({spec.name for spec in state.specs}))
            raise SkillFailedError(f'no object is named {actor.name!r}, in the scene are: {names}')
        if is_held is not None and len(matches) > 1 and state.grasped in matches:
            matches = [i for i in matches if (i == state.grasped) == is_held]
        errors = {i: _cell_distance(self._cell_of(i), actor.cell) for i in matches}
        nearest = min(matches, key=errors.__getitem__)
        if len(matches) == 1:
            if errors[nearest] > 0:
                logger.debug('cell of %s is off by %.1f', actor.render(), errors[nearest])
            return nearest
        if sum(error == errors[nearest] for error in errors.values()) > 1:
            raise SkillFailedError(
                f'{actor.render()} fits several objects equally well, in cells '
                + ', '.join(str(self._cell_of(i)) for i in matches)
            )
        return nearest

    def _resolve_other(self, actor: ActorRef, state: WorldState) -> int:
        """The object named, which is not the one in the gripper if there is another."""
        return self.resolve(actor, state, is_held=False)

    def _evaluate(self, expression: object, state: WorldState, poses: dict[str, Pose]) -> Pose:
        if isinstance(expression, PoseRead):
            return poses[expression.key]
        if not isinstance(expression, PoseCall):
            raise SkillFailedError(f'{expression!r} is no pose')
        function = expression.function
        if function == 'Pose':
            return Pose(
                self._field(expression.get('p'), state, poses),
                self._field(expression.get('q'), state, poses),
            )
        if function == 'rotate_z':
            pose = self._evaluate(expression.get('pose'), state, poses)
            turn = quat_wxyz_from_yaw(math.radians(expression.get('degrees')))
            return Pose(pose.position, quat_multiply_wxyz(pose.quat_wxyz, turn))
        actor = self.resolve(expression.get('actor'), state)
        return Pose(self._position(expression, actor, state), state.quats_wxyz[actor])

    def _field(self, field: object, state: WorldState, poses: dict[str, Pose]) -> np.ndarray:
        if not isinstance(field, PoseField):
            raise SkillFailedError(f'{field!r} is neither the .p nor the .q of a pose')
        pose = self._evaluate(field.pose, state, poses)
        return pose.position if field.field == 'p' else pose.quat_wxyz

    def _position(self, call: PoseCall, actor: int, state: WorldState) -> np.ndarray:
        """Position (3,) of the pose functions that are about one actor."""
        if call.function == 'get_pose':
            return state.positions[actor].copy()
        try:
            if call.function == 'free_space':
                if actor in self._free_poses:
                    return np.asarray(self._free_poses[actor], dtype=np.float64)
                return find_free_space(state, actor)
            if call.function == 'free_space_next_to':
                other = self.resolve(call.get('next_to_actor'), state)
                return free_space_next_to(state, actor, other, tuple(call.get('direction')))
        except RuntimeError as err:
            raise SkillFailedError(str(err)) from err
        if call.function == 'towards':
            other = self.resolve(call.get('target_actor'), state)
            middle = 0.5 * (state.positions[actor] + state.positions[other])
            return np.array([middle[0], middle[1], state.positions[actor, 2]])
        raise SkillFailedError(f'pose function {call.function} is not there yet in this simulator')

    def _make_skill(self, call: SkillCall, state: WorldState, poses: dict[str, Pose]) -> Skill:
        function = call.function
        if function == 'done':
            return Done()
        if function == 'move3d':
            return self._make_move(call, state, poses)
        is_held = True if function in ('place', 'throw') else None
        actor = self.resolve(call.get('actor'), state, is_held=is_held)
        if function == 'pick':
            return Pick(actor, state)
        if function == 'topple':
            return Topple(state, actor)
        if function == 'touch':
            return Touch(actor)
        if function == 'throw':
            return self._make_throw(call, actor, state)
        target_pose = self._pose_argument(call, state, poses)
        if function == 'push':
            return Push(state, actor, target_pose)
        target = call.get('target_actor')
        return Place(
            state,
            actor,
            target_actor=None if target is None else self._resolve_other(target, state),
            target_pose=_standing(state, actor, target_pose),
            match_ori=bool(call.get('match_ori')),
        )

    def _make_throw(self, call: SkillCall, actor: int, state: WorldState) -> Skill:
        return Throw(
            state,
            actor,
            self._resolve_other(call.get('target_actor'), state),
            target_2d=bool(call.get('target_2d')),
            direction=call.get('direction'),
        )

    def _make_move(self, call: SkillCall, state: WorldState, poses: dict[str, Pose]) -> Skill:
        head = call.args[0][0]
        target_pose = self._pose_argument(call, state, poses)
        if head == 'target_pose':
            target_pose = _standing(state, state.grasped, target_pose)
            return Carry(state, target_pose=target_pose, match_ori=bool(call.get('match_ori')))
        is_held = False if head == 'target_actor' else None
        actor = self.resolve(call.get(head), state, is_held=is_held)
        if head == 'actor':
            return MoveAbove(actor)
        if head == 'target_actor':
            return Carry(state, target_actor=actor)
        if head == 'retreat_from':
            return Retreat(state, actor)
        if head == 'throw_at':
            return WindUp(state, actor, call.get('direction'))
        if head == 'goal':
            return MoveToGoal(state, actor, match_ori=bool(call.get('match_ori')))
        return MoveBeside(state, actor, high=head == 'topple_actor', target_pose=target_pose)

    def _pose_argument(
        self, call: SkillCall, state: WorldState, poses: dict[str, Pose]
    ) -> Pose | None:
        expression = call.get('target_pose')
        return None if expression is None else self._evaluate(expression, state, poses)


def _standing(state: WorldState, actor: int, pose: Pose | None) -> Pose | None:
    """The pose, raised to where the object stands on the table if it is a mark lying there."""
    if pose is None or actor < 0:
        return pose
    standing = 0.5 * state.specs[actor].height
    if float(pose.position[2]) > standing - _SUNK_M:
        return pose
    return Pose(np.array([pose.position[0], pose.position[1], standing]), pose.quat_wxyz)


def _cell_distance(cell: tuple[int, int], other: tuple[int, int]) -> float:
    return math.hypot(cell[0] - other[0], cell[1] - other[1])
