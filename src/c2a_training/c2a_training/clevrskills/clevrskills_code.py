# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""From ClevrSkills' solvers to our code: which call each part of a trace stands for.

A key step begins where the deepest solver's identity changes. Three exceptions keep the code a
description of sub-tasks: a composite solver that holds the arm still, a solver that starts anew
with the same call, and the lift after `pick` in a task that only picks all belong to the key step
before them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from c2a_core.skill_code import (
    ActorRef,
    KeyStepCode,
    PoseCall,
    PoseExpr,
    PoseField,
    PoseRead,
    SkillCall,
    Value,
)
from c2a_training.clevrskills.clevrskills_trace import (
    ActorId,
    Solver,
    SolverState,
    Step,
    TraceError,
)

# Gives the reference to an object with its cell at a control step.
Refer = Callable[[ActorId, int], ActorRef]
Assignments = tuple[tuple[str, PoseExpr], ...]

# The keys that our own oracle uses; a second one of a kind is called `target 2`.
TARGET_KEY = 'target'
FREE_KEY = 'free'
START_KEY = 'start'
_NEUTRAL = 'neutral pose'  # how ClevrSkills calls the retreat after contact


@dataclass(frozen=True)
class Draft:
    """A call whose objects have no cells yet, so that two can be compared.

    Attributes:
        function: the skill.
        args: objects by identity, flags, numbers and stored poses.
    """

    function: str
    args: tuple[tuple[str, ActorId | PoseRead | bool], ...]

    def bind(self, step: int, refer: Refer) -> SkillCall:
        """The call with its objects' cells at a step."""
        args = ((n, refer(v, step) if isinstance(v, tuple) else v) for n, v in self.args)
        return SkillCall(self.function, tuple(args))


@dataclass(frozen=True)
class KeyStepAt:
    """A key step and the control step at which it begins."""

    step: int
    code: KeyStepCode


@dataclass(frozen=True)
class _Goal:
    """Where a pick-and-place or a push shall end, as arguments of its calls."""

    target: tuple[tuple[str, ActorId | PoseRead], ...] = ()


@dataclass
class TraceCoder:
    """Reads a trace from its beginning to its end.

    Attributes:
        refer: gives references to objects.
    """

    refer: Refer
    _goals: dict[tuple[str, int, int], _Goal] = field(default_factory=dict)
    _keys: set[str] = field(default_factory=set)
    # Where objects were before they first moved: keys in `pose_dict`.
    _places: dict[ActorId, str] = field(default_factory=dict)
    _starts: dict[ActorId, str] = field(default_factory=dict)
    _turned_back: set[ActorId] = field(default_factory=set)
    _last_actor: ActorId | None = None

    def key_steps(self, trace: tuple[Step, ...]) -> Iterator[KeyStepAt]:
        """Key steps of an episode, without the closing `done()`.

        Raises:
            TraceError: for a solver that the skill API has no call for.
            SkillCodeError: for a name or number that it does not allow.
        """
        self._turned_back = set(_turned_back(trace))
        running: Draft | None = None
        identity: tuple[str, int, int] | None = None
        for number, solvers in enumerate(trace):
            leaf = solvers[-1]
            if leaf.solver in Solver.COMPOSITE or leaf.identity == identity:
                continue
            identity = leaf.identity
            # The arm may hold still before it begins: the first key step covers that too.
            step = number if running is not None else 0
            assignments, draft = self._draft(solvers, step)
            if draft is None or (draft == running and not assignments):
                continue
            running = draft
            yield KeyStepAt(step, KeyStepCode(assignments, draft.bind(step, self.refer)))

    def _draft(self, solvers: Step, step: int) -> tuple[Assignments, Draft | None]:
        """What a new deepest solver stores and calls; no call means that the last goes on."""
        leaf = solvers[-1]
        parent = solvers[-2] if len(solvers) > 1 else None
        if parent is None or parent.solver == Solver.TOP:
            return (), self._alone(leaf)
        if parent.solver == Solver.PICK_MOVE_PLACE:
            assignments, goal = self._goal(parent, step)
            return assignments, self._pick_place(leaf, parent, goal)
        if parent.solver == Solver.PUSH:
            assignments, goal = self._goal(parent, step)
            return assignments, self._push(leaf, parent, goal)
        if parent.solver == Solver.TOUCH_MOVE:
            return (), self._contact(leaf, parent)
        if parent.solver == Solver.THROW_MOVE:
            return (), self._throw(leaf, parent)
        if parent.solver == Solver.BALANCE and leaf.solver == Solver.MOVE:
            if self._last_actor is None:
                raise TraceError('the arm moves away from a scale on which it placed nothing')
            return (), Draft('move3d', (('retreat_from', self._last_actor),))
        raise _no_call(leaf, parent)

    def _alone(self, leaf: SolverState) -> Draft:
        if leaf.solver == Solver.PICK:
            return Draft('pick', (('actor', leaf.needed_actor('actor')),))
        if leaf.solver == Solver.MOVE:
            raise TraceError('the end effector moves to a pose that only a picture shows')
        raise _no_call(leaf, None)

    def _pick_place(self, leaf: SolverState, parent: SolverState, goal: _Goal) -> Draft | None:
        actor = self._last_actor = parent.needed_actor('actor')
        if leaf.solver == Solver.PICK:
            return Draft('pick', (('actor', actor),))
        turned = _match_ori(leaf, goal)
        if leaf.solver in (Solver.PLACE, Solver.PLACE_ON) and goal.target:
            return Draft('place', (('actor', actor), *goal.target, *turned))
        if leaf.solver == Solver.MOVE and not leaf.flag('vacuum'):
            return Draft('move3d', (('actor', actor),))
        if leaf.solver == Solver.MOVE:
            return Draft('move3d', (*goal.target, *turned)) if goal.target else None
        raise _no_call(leaf, parent)

    def _push(self, leaf: SolverState, parent: SolverState, goal: _Goal) -> Draft:
        actor = parent.needed_actor('actor')
        if leaf.solver == Solver.PUSH_PATH:
            return Draft('push', (('actor', actor), *goal.target))
        if leaf.solver == Solver.MOVE and _NEUTRAL in leaf.text('target_pose_name'):
            return Draft('move3d', (('retreat_from', actor),))
        if leaf.solver == Solver.MOVE:
            return Draft('move3d', (('push_actor', actor), *goal.target))
        raise _no_call(leaf, parent)

    def _contact(self, leaf: SolverState, parent: SolverState) -> Draft:
        actor = parent.needed_actor('actor')
        verb = 'touch'
        if parent.flag('topple'):
            verb = 'topple'
        elif parent.flag('push'):
            verb = 'push'
        if leaf.solver == Solver.TOUCH:
            return Draft(verb, (('actor', actor),))
        if leaf.solver == Solver.MOVE and _NEUTRAL in leaf.text('target_pose_name'):
            return Draft('move3d', (('retreat_from', actor),))
        if leaf.solver == Solver.MOVE:
            return Draft('move3d', ((f'{verb}_actor', actor),))
        raise _no_call(leaf, parent)

    def _throw(self, leaf: SolverState, parent: SolverState) -> Draft:
        actor, target = parent.needed_actor('throw_actor'), parent.actor('target_actor')
        if target is None:
            raise TraceError('it throws at a place without an object')
        if leaf.solver == Solver.PICK:
            return Draft('pick', (('actor', actor),))
        if leaf.solver == Solver.MOVE:
            return Draft('move3d', (('throw_at', target),))
        if leaf.solver == Solver.THROW:
            seen_from_above = (('target_2d', True),) if parent.flag('target_2d') else ()
            return Draft('throw', (('actor', actor), ('target_actor', target), *seen_from_above))
        raise _no_call(leaf, parent)

    def _goal(self, parent: SolverState, step: int) -> tuple[Assignments, _Goal]:
        """Where a composite solver is heading; the first time also what has to be stored."""
        known = self._goals.get(parent.identity)
        if known is not None:
            return (), known
        assignments, goal = self._new_goal(parent, step)
        self._goals[parent.identity] = goal
        return assignments, goal

    def _new_goal(self, parent: SolverState, step: int) -> tuple[Assignments, _Goal]:
        actor, target = parent.needed_actor('actor'), parent.actor('target_actor')
        function = parent.text('target_pose_function')
        here = self.refer(actor, step)
        if function == 'in_area':
            pose = PoseCall.of(
                'free_space_next_to',
                actor=here,
                next_to_actor=self.refer(parent.needed_actor('area_actor'), step),
                direction=_direction(parent.numbers('area_direction', 3)),
                description=parent.text('area_description'),
            )
            return self._at_new_pose(TARGET_KEY, pose)
        if function == 'rotate':
            return self._rotate(parent, actor, here)
        if function == 'towards':
            other = self.refer(parent.needed_actor('target_actor'), step)
            pose = PoseCall.of('towards', actor=here, target_actor=other)
            return self._at_new_pose(TARGET_KEY, pose)
        if function == 'free_space' or _is_put_aside(parent, function):
            store = self._store(self._places, actor, actor[0], here) if function else ()
            free, goal = self._at_new_pose(FREE_KEY, PoseCall.of('free_space', actor=here))
            return (*store, *free), goal
        if function in ('swap', 'swap_rotate'):
            return self._swap(parent, actor, here)
        if function in ('', 'on_top') and target is not None:
            return (), _Goal((('target_actor', target),))
        if function == '' and not parent.has('target_pose'):
            return (), _Goal()
        what = f'by {function!r}' if function else 'without a name'
        raise TraceError(f'{parent.solver} heads for a pose given {what}: there is no code for it')

    def _rotate(
        self, parent: SolverState, actor: ActorId, here: ActorRef
    ) -> tuple[Assignments, _Goal]:
        degrees = parent.number('angle')
        if parent.flag('restore'):
            if actor not in self._starts:
                raise TraceError('it turns an object back that was not turned before')
            return (), _at(self._starts[actor])
        if actor not in self._turned_back:
            pose = _rotate_z(PoseCall.of('get_pose', actor=here), degrees)
            return self._at_new_pose(TARGET_KEY, pose)
        store = self._store(self._starts, actor, START_KEY, here)
        turned = _rotate_z(PoseRead(self._starts[actor]), degrees)
        assignment, goal = self._at_new_pose(TARGET_KEY, turned)
        return (*store, *assignment), goal

    def _swap(
        self, parent: SolverState, actor: ActorId, here: ActorRef
    ) -> tuple[Assignments, _Goal]:
        other = self._places.get(parent.needed_actor('target_actor'))
        if other is None:
            raise TraceError('a swap heads for the pose of an object that was never stored')
        store = self._store(self._places, actor, actor[0], here)
        if parent.text('target_pose_function') == 'swap':
            return store, _at(other)
        mixed = PoseCall.of(
            'Pose',
            p=PoseField(PoseRead(other), 'p'),
            q=PoseField(PoseRead(self._places[actor]), 'q'),
        )
        pose = _rotate_z(mixed, parent.number('angle'))
        assignment, goal = self._at_new_pose(f'{actor[0]} {TARGET_KEY}', pose)
        return (*store, *assignment), goal

    def _at_new_pose(self, name: str, pose: PoseExpr) -> tuple[Assignments, _Goal]:
        key = self._new_key(name)
        return ((key, pose),), _at(key)

    def _store(
        self, places: dict[ActorId, str], actor: ActorId, name: str, here: ActorRef
    ) -> Assignments:
        """Store where an object is, once: before it first moves."""
        if actor in places:
            return ()
        places[actor] = self._new_key(name)
        return ((places[actor], PoseCall.of('get_pose', actor=here)),)

    def _new_key(self, name: str) -> str:
        key, number = name, 2
        while key in self._keys:
            key, number = f'{name} {number}', number + 1
        self._keys.add(key)
        return key


def _at(key: str) -> _Goal:
    return _Goal((('target_pose', PoseRead(key)),))


def _turned_back(trace: tuple[Step, ...]) -> Iterator[ActorId]:
    """Objects that are turned and later turned back: where they start has to be stored."""
    for solvers in trace:
        for solver in solvers:
            if solver.solver == Solver.PICK_MOVE_PLACE and solver.flag('restore'):
                yield solver.needed_actor('actor')


def _match_ori(leaf: SolverState, goal: _Goal) -> tuple[tuple[str, bool], ...]:
    """The flag, where the call has one: on top of an object the orientation is the skill's."""
    is_wanted = leaf.flag('match_ori') or leaf.flag('match_ori_2d')
    has_pose = bool(goal.target) and goal.target[0][0] == 'target_pose'
    return (('match_ori', True),) if is_wanted and has_pose else ()


def _is_put_aside(parent: SolverState, function: str) -> bool:
    """Balancing puts an object back on the table, at a place that it draws itself."""
    return function == '' and parent.text('target_pose_name') == 'ground'


def _rotate_z(pose: PoseExpr, degrees: float) -> PoseCall:
    return PoseCall('rotate_z', (('pose', pose), ('degrees', degrees)))


def _direction(numbers: tuple[float, ...]) -> Value:
    x, y, z = numbers
    return x, y, z


def _no_call(leaf: SolverState, parent: SolverState | None) -> TraceError:
    where = f' in {parent.solver}' if parent is not None else ''
    return TraceError(f'there is no call for {leaf.solver}{where}')
