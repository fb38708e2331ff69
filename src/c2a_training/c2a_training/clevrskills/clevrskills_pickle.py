# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Reads ClevrSkills' action traces, which are pickled, without executing anything in them.

A pickle is a program for a machine that can import and call whatever it likes. This machine can
not: it knows the operations that build plain containers, text, numbers and None, and it knows
numpy's scalars and arrays by name, which it rebuilds itself from their bytes. Every other
operation and every other name is refused. Python's own unpickler is never involved, nor numpy's.
"""

from __future__ import annotations

import bz2
import math
import pickletools
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

# A trace of 1,000 steps has a few megabytes. A small file can unpack to anything.
MAX_BYTES = 256 * 2**20
# Each operation may make a container, which takes many times the byte that asks for it.
MAX_OPERATIONS = 10_000_000
# Fields of a trace are poses and flags; as Python's numbers an array takes many times its bytes.
_MAX_LISTED = 10_000
# numpy's type codes of numbers and flags.
_NUMBERS = frozenset(('b1', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8'))


class TraceRefusedError(ValueError):
    """A file that is not the plain data an action trace is."""


def read_plain_pickle(path: Path, max_bytes: int = MAX_BYTES) -> object:
    """Read a bz2-compressed pickle of plain data.

    Args:
        path: the file.
        max_bytes: the most that it may unpack to.

    Returns:
        Containers, text, numbers and None; numpy's scalars and arrays are `PlainArray`, see
        `plain`.

    Raises:
        TraceRefusedError: for anything else, a damaged file, or one that is too large.
    """
    try:
        with bz2.open(path, 'rb') as file:
            data = file.read(max_bytes + 1)
    except (OSError, EOFError, ValueError) as err:
        raise TraceRefusedError(f'{path.name} does not unpack: {err}') from err
    if len(data) > max_bytes:
        raise TraceRefusedError(f'{path.name} unpacks to more than {max_bytes} bytes')
    try:
        return _Machine().run(data)
    except TraceRefusedError as err:
        raise TraceRefusedError(f'{path.name} is refused: {err}') from None
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, MemoryError) as err:
        raise TraceRefusedError(f'{path.name} is damaged: {type(err).__name__} {err}') from err


def plain(value: object) -> object:
    """A numpy value from `read_plain_pickle` as number, flag or (nested) list; others as is.

    Raises:
        TraceRefusedError: for an array that is too large for a list.
    """
    if not isinstance(value, PlainArray):
        return value
    if value.array.size > _MAX_LISTED:
        raise TraceRefusedError(
            f'it has an array of {value.array.size} numbers, expected at most {_MAX_LISTED}'
        )
    return value.array.tolist()


class PlainType:
    """A type of numpy's: numbers and flags only."""

    def __init__(self, code: object) -> None:
        self._code = code
        self._order: object = '<'

    def set_state(self, state: object) -> None:
        """Take the byte order from numpy's state of a type."""
        if not isinstance(state, tuple) or len(state) < 2 or any(state[2:5]):
            raise TraceRefusedError('it has an array of records')
        self._order = state[1]

    def dtype(self) -> np.dtype:
        """The type, made anew from the code."""
        if not isinstance(self._code, str) or self._code not in _NUMBERS:
            raise TraceRefusedError(
                f'it has an array of type {reprlib.repr(self._code)}, expected numbers'
            )
        if self._order not in ('<', '>', '|', '='):
            raise TraceRefusedError(f'it has an array of byte order {reprlib.repr(self._order)}')
        return np.dtype(f'{">" if self._order == ">" else "<"}{self._code}')


class PlainArray:
    """A scalar or an array of numpy's, with numbers only.

    Attributes:
        array: the numbers; a scalar has the shape ().
    """

    def __init__(self) -> None:
        self.array: np.ndarray = np.empty(0)

    def set_state(self, state: object) -> None:
        """Take shape, type and bytes from numpy's state of an array."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise TraceRefusedError('it has an array of a strange form')
        _, shape, kind, is_fortran, data = state
        self.fill(kind, data, shape, 'F' if is_fortran else 'C')

    def fill(self, kind: object, data: object, shape: object, order: str = 'C') -> PlainArray:
        """Make the array from its bytes."""
        if not isinstance(kind, PlainType) or not isinstance(data, (bytes, bytearray)):
            raise TraceRefusedError('it has an array that does not consist of numbers')
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise TraceRefusedError(f'it has an array of shape {reprlib.repr(shape)}')
        dtype = kind.dtype()
        if math.prod(shape) * dtype.itemsize != len(data):
            raise TraceRefusedError(
                f'it has an array of shape {reprlib.repr(shape)} with {len(data)} bytes'
            )
        # No copy: a file may make a thousand arrays of the same bytes.
        flat = np.frombuffer(data, dtype)
        self.array = flat.reshape(shape, order='F' if order == 'F' else 'C')
        return self


class _Name(NamedTuple):
    """A name that the file refers to; only those of `_CALLS` and `_ARRAY` exist."""

    module: str
    name: str


_ARRAY = _Name('numpy', 'ndarray')
# What may be called, and what is done instead.
_CALLS: dict[_Name, Callable[..., object]] = {
    _Name('numpy', 'dtype'): lambda code, *_flags: PlainType(code),
    _Name('numpy.core.multiarray', 'scalar'): lambda kind, data: PlainArray().fill(kind, data, ()),
    _Name('numpy.core.multiarray', '_reconstruct'): lambda *_empty: PlainArray(),
    _Name('numpy.core.numeric', '_frombuffer'): (
        lambda data, kind, shape, order: PlainArray().fill(kind, data, shape, order)
    ),
    _Name('collections', 'OrderedDict'): lambda: {},
}

_NOTHING = frozenset(('PROTO', 'FRAME'))
_VALUES = frozenset(
    (
        *('BININT', 'BININT1', 'BININT2', 'INT', 'LONG', 'LONG1', 'LONG4', 'FLOAT', 'BINFLOAT'),
        *('UNICODE', 'BINUNICODE', 'SHORT_BINUNICODE', 'BINUNICODE8'),
        *('BINBYTES', 'SHORT_BINBYTES', 'BINBYTES8', 'BYTEARRAY8'),
    )
)
_CONSTANTS: dict[str, Callable[[], object]] = {
    'NONE': lambda: None,
    'NEWTRUE': lambda: True,
    'NEWFALSE': lambda: False,
    'EMPTY_LIST': list,
    'EMPTY_TUPLE': tuple,
    'EMPTY_DICT': dict,
}
_SHORT_TUPLES = {'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}
_PUTS = frozenset(('PUT', 'BINPUT', 'LONG_BINPUT'))
_GETS = frozenset(('GET', 'BINGET', 'LONG_BINGET'))


class _Machine:
    """Runs the operations of one pickle."""

    def __init__(self) -> None:
        self._stack: list = []
        self._marked: list[list] = []
        self._memo: dict[object, object] = {}
        self._operations: dict[str, Callable[[], None]] = {
            'MARK': self._mark,
            'MEMOIZE': lambda: self._memo.__setitem__(len(self._memo), self._stack[-1]),
            'APPEND': lambda: self._append([self._stack.pop()]),
            'APPENDS': lambda: self._append(self._since_mark()),
            'LIST': lambda: self._push(self._since_mark()),
            'TUPLE': lambda: self._push(tuple(self._since_mark())),
            'DICT': lambda: self._push(_pairs(self._since_mark())),
            'SETITEM': lambda: self._set_items([self._stack.pop(-2), self._stack.pop()]),
            'SETITEMS': lambda: self._set_items(self._since_mark()),
            'STACK_GLOBAL': lambda: self._refer(self._stack.pop(-2), self._stack.pop()),
            'REDUCE': self._call,
            'BUILD': self._set_state,
        }

    def run(self, data: bytes) -> object:
        """The value that a pickle builds."""
        for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_OPERATIONS:
                raise TraceRefusedError(f'it has more than {MAX_OPERATIONS} operations')
            name = operation.name
            if name in _VALUES:
                self._stack.append(argument)
            elif name in _CONSTANTS:
                self._stack.append(_CONSTANTS[name]())
            elif name in self._operations:
                self._operations[name]()
            elif name in _PUTS:
                self._memo[argument] = self._stack[-1]
            elif name in _GETS:
                self._stack.append(self._memo[argument])
            elif name in _SHORT_TUPLES:
                self._stack[-_SHORT_TUPLES[name] :] = [tuple(self._stack[-_SHORT_TUPLES[name] :])]
            elif name == 'GLOBAL':
                self._refer(*str(argument).split(' ', 1))
            elif name == 'STOP':
                return self._stack.pop()
            elif name not in _NOTHING:
                raise TraceRefusedError(f'it uses {name}, which plain data does not need')
        raise TraceRefusedError('it has no end')

    def _mark(self) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list:
        items = self._stack
        self._stack = self._marked.pop()
        return items

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _append(self, items: list) -> None:
        if type(self._stack[-1]) is not list:
            raise TraceRefusedError('it appends to what is no list')
        self._stack[-1].extend(items)

    def _set_items(self, items: list) -> None:
        if type(self._stack[-1]) is not dict:
            raise TraceRefusedError('it sets items of what is no dictionary')
        self._stack[-1].update(_pairs(items))

    def _refer(self, module: object, name: object) -> None:
        # Texts only: to write out a list that contains itself many times would never end.
        if not isinstance(module, str) or not isinstance(name, str):
            raise TraceRefusedError('it refers to a name that is no text')
        found = _Name(module.replace('numpy._core', 'numpy.core'), name)
        if found != _ARRAY and found not in _CALLS:
            raise TraceRefusedError(f'it wants {module}.{name}, which is not plain data')
        self._stack.append(found)

    def _call(self) -> None:
        arguments, name = self._stack.pop(), self._stack.pop()
        if not isinstance(name, _Name) or name not in _CALLS or not isinstance(arguments, tuple):
            raise TraceRefusedError(f'it calls {reprlib.repr(name)}, which is no function')
        self._stack.append(_CALLS[name](*arguments))

    def _set_state(self) -> None:
        state = self._stack.pop()
        if not isinstance(self._stack[-1], (PlainType, PlainArray)):
            raise TraceRefusedError('it sets the state of what is no array')
        self._stack[-1].set_state(state)


def _pairs(items: list) -> dict:
    # Hashing what is nested takes for ever where a file nests the same thing in itself.
    if not all(isinstance(key, (str, int, float, bytes, type(None))) for key in items[::2]):
        raise TraceRefusedError('it has a dictionary whose keys are not plain')
    return dict(zip(items[::2], items[1::2], strict=True))
