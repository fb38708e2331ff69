# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The skill API as text: parse, check, comment out. What the planner writes enters here.

Text is read by a tokenizer and a recursive-descent parser of this small language; it never
reaches Python's compiler, and nothing in it is looked up by name outside the tables of
`skill_signatures.py`. Whatever the text, the outcome is a `KeyStepCode` or a `SkillCodeError`.

    key step   := { "pose_dict" "[" STRING "]" "=" pose NEWLINE } skill
    skill      := SKILL "(" [ NAME "=" value { "," NAME "=" value } ] ")"
    pose       := "pose_dict" "[" STRING "]" | FUNCTION "(" [ arguments ] ")"
    value      := actor | pose [ "." ( "p" | "q" ) ] | "[" NUMBER { "," NUMBER } "]"
                | STRING | NUMBER | "True"
    actor      := "get_actor" "(" STRING "," "(" NUMBER "," NUMBER ")" ")"

Spaces between tokens, blank lines and the kind of quotes do not matter; `render()` gives the one
canonical text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from c2a_core.skill_code import (
    ActorRef,
    KeyStepCode,
    PoseCall,
    PoseExpr,
    PoseField,
    PoseRead,
    SkillCall,
    SkillCodeError,
    Value,
    lookup,
    nearest,
    quote,
    walk,
)
from c2a_core.skill_signatures import (
    GET_ACTOR,
    MAX_POSE_DEPTH,
    MAX_TEXT_LENGTH,
    POSE_DICT,
    POSE_FUNCTIONS,
    POSITIONAL,
    SKILL_API_VERSION,
    SKILLS,
)

__all__ = [
    'SKILL_API_VERSION',
    'ActorRef',
    'KeyStepCode',
    'PoseCall',
    'PoseExpr',
    'PoseField',
    'PoseRead',
    'SkillCall',
    'SkillCodeError',
    'Value',
    'check_reads',
    'comment',
    'is_commented',
    'parse_key_step',
    'uncomment',
    'walk',
]

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<string>'[^'\\]*'|"[^"\\]*")
    |(?P<mark>[()\[\],=.])""",
    re.VERBOSE,
)
_INTEGER = re.compile(r'-?[0-9]{1,9}')
_END = 'end of line'

_T = TypeVar('_T')


class _Token(NamedTuple):
    kind: str
    text: str


def parse_key_step(text: str) -> KeyStepCode:
    """Parse and check the text of one key step (semantics 2).

    Args:
        text: assignments and one call, one to a line, not commented out.

    Returns:
        The key step; `render()` gives its canonical text.

    Raises:
        SkillCodeError: for anything else, with the offending text in the message.
    """
    lines = _lines(text)
    if any(line.startswith('#') for line in lines):
        found = next(line for line in lines if line.startswith('#'))
        raise SkillCodeError(f'key step has a commented line {quote(found)}: uncomment it first')
    *head, last = lines
    assignments = tuple(_on_line(line, _LineParser.assignment) for line in head)
    return KeyStepCode(assignments, _on_line(last, _LineParser.skill))


def check_reads(code: KeyStepCode, known_keys: Iterable[str]) -> None:
    """Refuse a key step that reads a pose that nobody stored (semantics 4).

    Args:
        code: the key step; it may read what its own earlier lines assign.
        known_keys: keys that are in `pose_dict` before it.

    Raises:
        SkillCodeError: with the offending read and the keys there are.
    """
    known = dict.fromkeys(known_keys)
    for key, expression in code.assignments:
        _check_reads_of(expression, known)
        known[key] = None
    _check_reads_of(code.call, known)


def is_commented(text: str) -> bool:
    """Whether there is a line and every line is commented out."""
    lines = [line for line in text.split('\n') if line.strip()]
    return bool(lines) and all(line.lstrip().startswith('#') for line in lines)


def comment(text: str) -> str:
    """The form that means "the same sub-task goes on": `# ` before each line."""
    return '\n'.join(f'# {line}' for line in text.split('\n'))


def uncomment(text: str) -> str:
    """Undo `comment`.

    Raises:
        SkillCodeError: if a line is not commented out.
    """
    if not is_commented(text):
        raise SkillCodeError(f'not every line is commented out: {quote(text)}')
    lines = (line.strip()[1:] for line in text.split('\n') if line.strip())
    return '\n'.join(line.removeprefix(' ') for line in lines)


def _lines(text: str) -> list[str]:
    if not isinstance(text, str):
        raise SkillCodeError(f'key step is {type(text).__name__}, expected text')
    if len(text) > MAX_TEXT_LENGTH:
        raise SkillCodeError(
            f'key step has {len(text)} characters, at most {MAX_TEXT_LENGTH} are allowed: '
            f'{quote(text)}'
        )
    lines = [line for line in (raw.strip(' \t\r') for raw in text.split('\n')) if line]
    if not lines:
        raise SkillCodeError(f'key step {quote(text)} is empty, expected a call such as done()')
    return lines


def _on_line(line: str, rule: Callable[[_LineParser], _T]) -> _T:
    """Apply a grammar rule to a whole line; errors also quote the line."""
    try:
        parser = _LineParser(_tokens(line))
        result = rule(parser)
        parser.end()
    except SkillCodeError as err:
        raise SkillCodeError(f'{err} (in {quote(line)})') from None
    return result


def _tokens(line: str) -> list[_Token]:
    tokens = []
    position = 0
    while position < len(line):
        match = _TOKEN.match(line, position)
        if match is None:
            raise SkillCodeError(f'cannot read {quote(line[position:])}')
        if match.lastgroup != 'space':
            tokens.append(_Token(str(match.lastgroup), match.group()))
        position = match.end()
    tokens.append(_Token('end', _END))
    return tokens


def _check_reads_of(node: Value | SkillCall, known: dict[str, None]) -> None:
    for part in walk(node):
        if isinstance(part, PoseRead) and part.key not in known:
            stored = nearest(part.key, known) if known else f'{POSE_DICT} is empty'
            raise SkillCodeError(f'{quote(part)} is read but was never stored: {stored}')


class _LineParser:
    """Recursive descent over the tokens of one line."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def assignment(self) -> tuple[str, PoseExpr]:
        """Read `pose_dict['key'] = pose`."""
        if self._peek().text != POSE_DICT:
            raise SkillCodeError(
                f'{quote(self._peek().text)} begins a line that is not the last, expected '
                f"{POSE_DICT}['key'] = ...: a key step has one call, at its end"
            )
        key = self._pose_read().key
        self._take('=')
        return key, self._pose()

    def skill(self) -> SkillCall:
        """Read the call that ends a key step."""
        name = self._take_kind('name', 'a skill')
        if name == POSE_DICT:
            raise SkillCodeError(
                f'key step ends with a line of {POSE_DICT}, expected a call such as '
                "move3d(target_pose=pose_dict['target'])"
            )
        lookup(name, SKILLS, 'skill')
        return SkillCall(name, self._keyword_arguments(name))

    def end(self) -> None:
        """Nothing may follow."""
        if self._peek().kind != 'end':
            raise SkillCodeError(f'{quote(self._peek().text)} after the end of the statement')

    def _value(self) -> Value:
        token = self._peek()
        if token.kind == 'name':
            return self._named_value(token.text)
        if token.kind == 'number':
            return self._number()
        if token.kind == 'string':
            return self._string()
        if token.text == '[':
            return self._direction()
        raise SkillCodeError(f'{quote(token.text)} where a value was expected')

    def _named_value(self, name: str) -> Value:
        if name == 'True':
            self._next += 1
            return True
        if name == GET_ACTOR:
            return self._actor()
        pose = self._pose()
        if self._peek().text == '.':
            self._next += 1
            return PoseField(pose, self._take_kind('name', 'p or q'))
        return pose

    def _pose(self) -> PoseExpr:
        name = self._peek().text
        if name == POSE_DICT:
            return self._pose_read()
        self._take_kind('name', 'a pose')
        if name not in POSE_FUNCTIONS:
            names = (*POSE_FUNCTIONS, POSE_DICT, GET_ACTOR)
            raise SkillCodeError(f'unknown name {quote(name)} in a value: {nearest(name, names)}')
        self._depth += 1
        if self._depth > MAX_POSE_DEPTH:
            raise SkillCodeError(f'more than {MAX_POSE_DEPTH} calls are nested at {quote(name)}')
        arguments = self._keyword_arguments if name not in POSITIONAL else self._plain_arguments
        pose = PoseCall(name, arguments(name))
        self._depth -= 1
        return pose

    def _keyword_arguments(self, function: str) -> tuple[tuple[str, Value], ...]:
        return self._arguments(lambda: self._keyword_argument(function))

    def _keyword_argument(self, function: str) -> tuple[str, Value]:
        token = self._peek()
        name = self._take_kind('name', f'a keyword argument of {function}')
        if self._peek().text != '=':
            raise SkillCodeError(
                f'{quote(token.text)} in {function} has no keyword, expected name='
            )
        self._next += 1
        return name, self._value()

    def _plain_arguments(self, function: str) -> tuple[tuple[str, Value], ...]:
        parameters = POSE_FUNCTIONS[function][0].parameters
        values = self._arguments(self._value)
        if len(values) != len(parameters):
            expected = POSE_FUNCTIONS[function][0].signature(function)
            raise SkillCodeError(
                f'{function} is given {len(values)} arguments, expected {expected}'
            )
        return tuple((p.name, value) for p, value in zip(parameters, values, strict=True))

    def _arguments(self, rule: Callable[[], _T]) -> tuple[_T, ...]:
        self._take('(')
        arguments: list[_T] = []
        while self._peek().text != ')':
            if arguments:
                self._take(',')
            arguments.append(rule())
        self._take(')')
        return tuple(arguments)

    def _actor(self) -> ActorRef:
        self._take(GET_ACTOR)
        self._take('(')
        name = self._string()
        self._take(',')
        self._take('(')
        column = self._integer()
        self._take(',')
        row = self._integer()
        self._take(')')
        self._take(')')
        return ActorRef(name, (column, row))

    def _pose_read(self) -> PoseRead:
        self._take(POSE_DICT)
        self._take('[')
        key = self._string()
        self._take(']')
        return PoseRead(key)

    def _direction(self) -> tuple[float, float, float]:
        self._take('[')
        x = self._number()
        self._take(',')
        y = self._number()
        self._take(',')
        z = self._number()
        self._take(']')
        return x, y, z

    def _number(self) -> float:
        return float(self._take_kind('number', 'a number'))

    def _integer(self) -> int:
        text = self._take_kind('number', 'a whole number')
        if not _INTEGER.fullmatch(text):
            raise SkillCodeError(f'{quote(text)} where a whole number from 0 to 9 was expected')
        return int(text)

    def _string(self) -> str:
        return self._take_kind('string', 'text in quotes')[1:-1]

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, text: str) -> None:
        if self._peek().text != text:
            raise SkillCodeError(f'{quote(self._peek().text)} where {quote(text)} was expected')
        self._next += 1

    def _take_kind(self, kind: str, what: str) -> str:
        token = self._peek()
        if token.kind != kind:
            raise SkillCodeError(f'{quote(token.text)} where {what} was expected')
        self._next += 1
        return token.text
