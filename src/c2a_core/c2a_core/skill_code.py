# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Key steps as values: what the planner's text means once it is parsed.

Every constructor checks its arguments against `skill_signatures.py`, so a value that exists is
allowed, renders to canonical text, and that text parses back to an equal value. Nothing here is
ever executed; an interpreter reads these values.
"""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from c2a_core.skill_signatures import (
    DESCRIPTIONS,
    GET_ACTOR,
    MAX_DEGREES,
    MAX_NAME_LENGTH,
    MAX_POSE_DEPTH,
    MAX_TEXT_LENGTH,
    POSE_DICT,
    POSE_FUNCTIONS,
    POSITIONAL,
    SKILLS,
    UNIT_TOLERANCE,
    Form,
    Kind,
)
from c2a_core.spaces import GRID_SIZE

_FORBIDDEN_IN_NAMES = frozenset('\'"\\[]')


class SkillCodeError(ValueError):
    """Text or values outside the skill API; the message quotes what is wrong."""


@dataclass(frozen=True, slots=True)
class ActorRef:
    """An object in the scene: `get_actor('red cube', (3, 5))`.

    Attributes:
        name: colour and shape.
        cell: (column, row) in the 10 x 10 grid over the base camera's picture (semantics 5).
    """

    name: str
    cell: tuple[int, int]

    def __post_init__(self) -> None:
        """Check the name and the cell."""
        check_name(self.name, 'the name of an actor')
        object.__setattr__(self, 'cell', _checked_cell(self.cell))

    def render(self) -> str:
        """Canonical text."""
        return f"{GET_ACTOR}('{self.name}', ({self.cell[0]}, {self.cell[1]}))"


@dataclass(frozen=True, slots=True)
class PoseRead:
    """A stored pose: `pose_dict['target']`.

    Attributes:
        key: under which the pose was stored.
    """

    key: str

    def __post_init__(self) -> None:
        """Check the key."""
        check_name(self.key, f'a key of {POSE_DICT}')

    def render(self) -> str:
        """Canonical text."""
        return f"{POSE_DICT}['{self.key}']"


@dataclass(frozen=True, slots=True)
class PoseField:
    """Position (`.p`) or orientation (`.q`) of a pose; only as an argument of `Pose`.

    Attributes:
        pose: the whole pose.
        field: 'p' or 'q'.
    """

    pose: PoseExpr
    field: str

    def __post_init__(self) -> None:
        """Check both."""
        if not isinstance(self.pose, (PoseRead, PoseCall)):
            raise SkillCodeError(f'.{self.field} of {quote(self.pose)}, expected {Kind.POSE}')
        if self.field not in ('p', 'q'):
            raise SkillCodeError(
                f'unknown field {quote("." + str(self.field))} of a pose, expected .p or .q'
            )

    def render(self) -> str:
        """Canonical text."""
        return f'{self.pose.render()}.{self.field}'


@dataclass(frozen=True, slots=True)
class PoseCall:
    """A function that gives a pose, for example `get_pose(actor=...)`.

    Attributes:
        function: a name of `POSE_FUNCTIONS`.
        args: (name, value) pairs; put into the order of the signature.
    """

    function: str
    args: tuple[tuple[str, Value], ...]

    def __post_init__(self) -> None:
        """Check the arguments against the signature, and the depth of nesting."""
        forms = lookup(self.function, POSE_FUNCTIONS, 'function that gives a pose')
        object.__setattr__(self, 'args', _checked_args(self.function, self.args, forms))
        if pose_depth(self) > MAX_POSE_DEPTH:
            raise SkillCodeError(
                f'{quote(self.render())} nests more than {MAX_POSE_DEPTH} calls: store a pose in '
                f'{POSE_DICT} first'
            )

    @classmethod
    def of(cls, function: str, **args: Value) -> PoseCall:
        """Build one with keywords: `PoseCall.of('get_pose', actor=ref)`."""
        return cls(function, tuple(args.items()))

    def get(self, name: str) -> Value | None:
        """Value of an argument, None where it was left out."""
        return dict(self.args).get(name)

    def render(self) -> str:
        """Canonical text."""
        return _render_call(self.function, self.args)


PoseExpr = PoseRead | PoseCall
Direction = tuple[float, float, float]
Value = ActorRef | PoseRead | PoseCall | PoseField | Direction | str | float | bool


@dataclass(frozen=True, slots=True)
class SkillCall:
    """One call that moves the robot, for example `pick(actor=...)`.

    Attributes:
        function: a name of `SKILLS`.
        args: (name, value) pairs; put into the order of the signature.
    """

    function: str
    args: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        """Check the arguments against the signature."""
        forms = lookup(self.function, SKILLS, 'skill')
        object.__setattr__(self, 'args', _checked_args(self.function, self.args, forms))

    @classmethod
    def of(cls, function: str, **args: Value) -> SkillCall:
        """Build one with keywords: `SkillCall.of('pick', actor=ref)`."""
        return cls(function, tuple(args.items()))

    def get(self, name: str) -> Value | None:
        """Value of an argument, None where it was left out."""
        return dict(self.args).get(name)

    def render(self) -> str:
        """Canonical text."""
        return _render_call(self.function, self.args)


@dataclass(frozen=True, slots=True)
class KeyStepCode:
    """One key step (semantics 2): pose assignments, then one call. One unit in every respect.

    Attributes:
        assignments: (key, pose expression) pairs in the order in which they are written.
        call: the skill that runs.
    """

    assignments: tuple[tuple[str, PoseExpr], ...]
    call: SkillCall

    def __post_init__(self) -> None:
        """Check keys, expressions and the length of the text."""
        object.__setattr__(self, 'assignments', tuple((k, e) for k, e in self.assignments))
        for key, expression in self.assignments:
            check_name(key, f'a key of {POSE_DICT}')
            if not isinstance(expression, (PoseRead, PoseCall)):
                raise SkillCodeError(
                    f"{POSE_DICT}['{key}'] = {quote(expression)}, expected {Kind.POSE}"
                )
        if not isinstance(self.call, SkillCall):
            raise SkillCodeError(f'a key step ends with a call of a skill, got {quote(self.call)}')
        length = len(self.render())
        if length > MAX_TEXT_LENGTH:
            raise SkillCodeError(
                f'key step has {length} characters, at most {MAX_TEXT_LENGTH} are allowed'
            )

    @property
    def is_done(self) -> bool:
        """Whether it says that the task is finished."""
        return self.call.function == 'done'

    def keys(self) -> tuple[str, ...]:
        """Keys that it assigns, in order."""
        return tuple(key for key, _ in self.assignments)

    def actors(self) -> tuple[ActorRef, ...]:
        """Objects that it names, in order of appearance, with repetitions."""
        parts = (part for line in self._lines() for part in walk(line))
        return tuple(part for part in parts if isinstance(part, ActorRef))

    def assignment_lines(self) -> tuple[str, ...]:
        """Canonical text of each assignment."""
        return tuple(
            f"{POSE_DICT}['{key}'] = {expression.render()}" for key, expression in self.assignments
        )

    def render(self) -> str:
        """Canonical text: one line for each assignment, then the call; no newline at the end."""
        return '\n'.join((*self.assignment_lines(), self.call.render()))

    def _lines(self) -> Iterator[PoseExpr | SkillCall]:
        yield from (expression for _, expression in self.assignments)
        yield self.call


def walk(node: Value | SkillCall) -> Iterator[Value | SkillCall]:
    """A value and everything inside it, outermost first, in the order of the text."""
    yield node
    if isinstance(node, (PoseCall, SkillCall)):
        for _, value in node.args:
            yield from walk(value)
    elif isinstance(node, PoseField):
        yield from walk(node.pose)


def pose_depth(node: Value) -> int:
    """How many calls that give poses are nested in a value."""
    if isinstance(node, PoseField):
        return pose_depth(node.pose)
    if isinstance(node, PoseCall):
        return 1 + max(pose_depth(value) for _, value in node.args)
    return 0


def quote(value: object) -> str:
    """A value as it stands in a message: its text, printable and of bounded length."""
    text = value if isinstance(value, str) else None
    if text is None:
        render = getattr(value, 'render', None)
        text = render() if callable(render) else repr(value)
    text = text if len(text) <= 80 else text[:77] + '...'
    return '`' + ''.join(c if c.isprintable() else repr(c)[1:-1] for c in text) + '`'


def nearest(name: str, names: Iterable[str]) -> str:
    """Sentence that lists the valid names, the nearest one first where there is one."""
    names = tuple(names)
    # The cost grows with the length of the name, and a long one is like none of ours.
    matches = difflib.get_close_matches(name[:MAX_NAME_LENGTH], names, n=1, cutoff=0.5)
    meant = f'did you mean {matches[0]}? ' if matches else ''
    return f'{meant}valid: {", ".join(names)}'


def lookup(name: str, table: dict[str, tuple[Form, ...]], what: str) -> tuple[Form, ...]:
    """Forms of a function, or an error with the nearest name."""
    forms = table.get(name) if isinstance(name, str) else None
    if forms is None:
        raise SkillCodeError(f'unknown {what} {quote(name)}: {nearest(str(name), table)}')
    return forms


def check_name(name: str, what: str) -> None:
    """Refuse a name that is not plain, printable and short."""
    if not isinstance(name, str):
        raise SkillCodeError(f'{what} is {quote(name)}, expected text in quotes')
    if not 0 < len(name) <= MAX_NAME_LENGTH:
        raise SkillCodeError(
            f'{what} has {len(name)} characters, expected 1 to {MAX_NAME_LENGTH}: {quote(name)}'
        )
    if name != name.strip() or not name.isprintable() or _FORBIDDEN_IN_NAMES.intersection(name):
        raise SkillCodeError(
            f'{what} is {quote(name)}, expected printable text without quotes, brackets, '
            'backslashes and spaces around it'
        )


def _checked_cell(cell: object) -> tuple[int, int]:
    try:
        column, row = (operator.index(c) for c in cell)  # type: ignore[attr-defined]
        if not (isinstance(cell, tuple) and 0 <= column < GRID_SIZE and 0 <= row < GRID_SIZE):
            raise ValueError
    except (TypeError, ValueError):
        raise SkillCodeError(
            f'cell {quote(cell)} of an actor, expected (column, row) with whole numbers from 0 '
            f'to {GRID_SIZE - 1}'
        ) from None
    return column, row


def _checked_args(
    function: str, args: Iterable[tuple[str, Value]], forms: tuple[Form, ...]
) -> tuple[tuple[str, Value], ...]:
    """Arguments in the order of the form they fit, each checked for its kind."""
    pairs = tuple(args)
    given = dict(pairs)
    if len(given) < len(pairs):
        raise SkillCodeError(f'{function} is given the same argument twice')
    form = _matching_form(function, given, forms)
    return tuple(
        (p.name, _checked_value(function, p.name, p.kind, given[p.name]))
        for p in form.parameters
        if p.name in given
    )


def _matching_form(function: str, given: dict[str, Value], forms: tuple[Form, ...]) -> Form:
    names = given.keys()
    for form in forms:
        if form.required() <= names <= form.names():
            return form
    known = {p.name: None for form in forms for p in form.parameters}
    for name in names:
        if name not in known:
            valid = nearest(name, known) if known else f'{function}() takes none'
            raise SkillCodeError(f'unknown argument {quote(name)} of {function}: {valid}')
    shown = ', '.join(f'{name}=' for name in names)
    expected = ' or '.join(form.signature(function) for form in forms)
    raise SkillCodeError(f'{quote(f"{function}({shown})")} does not fit, expected {expected}')


def _checked_value(function: str, name: str, kind: str, value: Value) -> Value:
    """The value in its canonical type, or an error that says what the argument holds."""
    if kind == Kind.ACTOR and isinstance(value, ActorRef):
        return value
    if kind == Kind.POSE and isinstance(value, (PoseRead, PoseCall)):
        return value
    if kind == Kind.POSITION and isinstance(value, PoseField) and value.field == 'p':
        return value
    if kind == Kind.ORIENTATION and isinstance(value, PoseField) and value.field == 'q':
        return value
    if kind == Kind.DESCRIPTION and isinstance(value, str) and value in DESCRIPTIONS:
        return value
    if kind == Kind.FLAG and value is True:
        return value
    if kind == Kind.DEGREES and _is_number(value) and abs(value) <= MAX_DEGREES:  # type: ignore[arg-type]
        return float(value) + 0.0  # type: ignore[arg-type]
    if kind == Kind.DIRECTION and (direction := _checked_direction(value)) is not None:
        return direction
    raise SkillCodeError(f'{name}={_render_value(value)} of {function}, expected {kind}')


def _checked_direction(value: object) -> Direction | None:
    if not isinstance(value, (tuple, list)) or len(value) != 3 or not all(map(_is_number, value)):
        return None
    # Adding zero makes -0.0 and 0.0 one value with one text.
    x, y, z = (float(v) + 0.0 for v in value)
    norm = math.sqrt(x * x + y * y + z * z) if max(abs(x), abs(y), abs(z)) < 2.0 else math.inf
    return (x, y, z) if abs(norm - 1.0) <= UNIT_TOLERANCE else None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _render_call(function: str, args: tuple[tuple[str, Value], ...]) -> str:
    if function in POSITIONAL:
        return f'{function}({", ".join(_render_value(value) for _, value in args)})'
    return f'{function}({", ".join(f"{name}={_render_value(value)}" for name, value in args)})'


def _render_value(value: object) -> str:
    if isinstance(value, (ActorRef, PoseRead, PoseCall, PoseField)):
        return value.render()
    if isinstance(value, tuple):
        return f'[{", ".join(map(repr, value))}]'
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value)
