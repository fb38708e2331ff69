# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The action trace of a ClevrSkills trajectory: which solvers were at work at each step.

A trace has one list per control step, the outermost solver first. Only the fields that become
code are looked at, each checked when it is asked for. `clevrskills_code.py` turns the trace into
key steps.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from c2a_training.clevrskills.clevrskills_pickle import plain, read_plain_pickle

# An object of the scene: name and simulator id. Names alone need not be unique.
ActorId = tuple[str, int]


class TraceError(ValueError):
    """A trace that does not have the published form, or says what our skill API cannot say."""


class Solver:
    """Names of ClevrSkills' solvers, as the trace has them."""

    PICK_MOVE_PLACE = 'PickMove3dPlaceSolver'
    PUSH = 'PushSolver'
    TOUCH_MOVE = 'Move3dTouchSolver'
    THROW_MOVE = 'PickMove3dThrowSolver'
    TOPPLE_STRUCTURE = 'ToppleStructure'
    BALANCE = 'BalanceScaleSolver'
    TOP = 'Solver'
    MOVE = 'Move3dSolver'
    PICK = 'PickSolver'
    PLACE = 'PlaceSolver'
    PLACE_ON = 'PlaceOnActorSolver'
    TOUCH = 'TouchSolver'
    PUSH_PATH = 'PushAlongPathSolver'
    THROW = 'ThrowSolver'

    # They choose what to do next; as the deepest entry of a step they only hold the arm still.
    COMPOSITE = frozenset(
        (PICK_MOVE_PLACE, PUSH, TOUCH_MOVE, THROW_MOVE, TOPPLE_STRUCTURE, BALANCE, TOP)
    )


@dataclass(frozen=True)
class SolverState:
    """One solver at one step.

    Attributes:
        solver: name of its class.
        identity: changes when another run of a solver begins.
        values: everything else that the trace says about it.
    """

    solver: str
    identity: tuple[str, int, int]
    values: Mapping[object, object]

    def actor(self, name: str) -> ActorId | None:
        """An object, None where there is none.

        Raises:
            TraceError: if the field holds something else; so do the other methods.
        """
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, (tuple, list)) and len(value) == 2:
            label, number = value[0], plain(value[1])
            if isinstance(label, str) and isinstance(number, int):
                return label, number
        raise self._wrong(name, 'an object as (name, id)')

    def needed_actor(self, name: str) -> ActorId:
        """An object that has to be there."""
        actor = self.actor(name)
        if actor is None:
            raise self._wrong(name, 'an object as (name, id)')
        return actor

    def flag(self, name: str) -> bool:
        """A flag; False where the field is missing."""
        value = plain(self.values.get(name, False))
        if not isinstance(value, (bool, int)):
            raise self._wrong(name, 'a flag')
        return bool(value)

    def text(self, name: str) -> str:
        """A text; empty where the field is missing."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, 'text')
        return value or ''

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """A list of numbers."""
        value = plain(self.values.get(name))
        if isinstance(value, (list, tuple)) and len(value) == count:
            items = [plain(item) for item in value]
            if all(isinstance(item, (int, float)) for item in items):
                return tuple(float(item) for item in items)  # type: ignore[arg-type]
        raise self._wrong(name, f'{count} numbers')

    def number(self, name: str) -> float:
        """One number."""
        value = plain(self.values.get(name))
        if isinstance(value, (int, float)):
            return float(value)
        raise self._wrong(name, 'a number')

    def has(self, name: str) -> bool:
        """Whether the field is there and not None."""
        return self.values.get(name) is not None

    def _wrong(self, name: str, expected: str) -> TraceError:
        shown = reprlib.repr(plain(self.values.get(name)))
        return TraceError(f'{name} of {self.solver} is {shown:.60}, expected {expected}')


Step = tuple[SolverState, ...]


def read_trace(path: Path) -> tuple[Step, ...]:
    """Read the action trace of a trajectory.

    Args:
        path: `action_trace.pickle.bz2`.

    Returns:
        The solvers at each control step, outermost first.

    Raises:
        TraceRefusedError: if the file is not plain data.
        TraceError: if it is, but not a trace.
    """
    document = read_plain_pickle(path)
    if not isinstance(document, list):
        raise TraceError(f'trace is {type(document).__name__}, expected a list of steps')
    return tuple(_read_step(step, number) for number, step in enumerate(document))


def _read_step(step: object, number: int) -> Step:
    if not isinstance(step, list) or not step or len(step) > 8:
        raise TraceError(f'step {number} of the trace is no list of solvers')
    return tuple(_read_solver(entry, number) for entry in step)


def _read_solver(entry: object, number: int) -> SolverState:
    if not isinstance(entry, dict):
        raise TraceError(f'step {number} of the trace has an entry that is no dictionary')
    solver = entry.get('solver_class')
    python_id, random_id = (plain(entry.get(f'solver_{key}_id')) for key in ('python', 'random'))
    if not (isinstance(solver, str) and isinstance(python_id, int) and isinstance(random_id, int)):
        raise TraceError(f'step {number} of the trace has an entry without a solver')
    return SolverState(solver, (solver, python_id, random_id), entry)
