# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Reads ClevrSkills' action traces, which are pickled, without executing anything in them.

A pickle is a program that may call whatever it can import. This reader lets it import nothing:
it accepts plain containers, text, numbers, None, and numpy's scalars and arrays, and rebuilds the
latter itself from their bytes. numpy's own unpickling functions are never called either: they
take a length and a type from the file at its word. Everything else is refused by name.
"""

from __future__ import annotations

import bz2
import io
import math
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np

# A trace of 1,000 steps has a few megabytes. A small file can unpack to anything.
MAX_BYTES = 256 * 2**20
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
        Containers, text, numbers and None; numpy's scalars and arrays are `PlainScalar` and
        `PlainArray`, see `plain`.

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
        return _PlainUnpickler(io.BytesIO(data)).load()
    except TraceRefusedError as err:
        raise TraceRefusedError(f'{path.name} is refused: {err}') from None
    except MemoryError:
        raise TraceRefusedError(f'{path.name} asks for more memory than there is') from None
    except Exception as err:
        # Damaged pickles fail with nearly every kind of exception.
        raise TraceRefusedError(f'{path.name} is damaged: {type(err).__name__} {err}') from err


def plain(value: object) -> object:
    """A numpy value from `read_plain_pickle` as number, flag or (nested) list; others as is."""
    if isinstance(value, (PlainScalar, PlainArray)):
        return value.plain()
    return value


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        stand_in = _STAND_INS.get((module.replace('numpy._core', 'numpy.core'), name))
        if stand_in is None:
            raise TraceRefusedError(f'it wants {module}.{name}, which is not plain data')
        return stand_in

    def persistent_load(self, pid: object) -> object:
        raise TraceRefusedError(f'it refers to an object outside the file: {pid!r:.40}')


class PlainType:
    """Stands in for numpy's dtype: numbers and flags only."""

    def __init__(self, code: object = '', *_flags: object) -> None:
        self._code = code
        self._order = '<'

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or any(state[2:5]):
            raise TraceRefusedError('it has an array of records')
        self._order = state[1]

    def dtype(self) -> np.dtype:
        """The type, made anew from the code."""
        if self._code not in _NUMBERS or self._order not in ('<', '>', '|', '='):
            raise TraceRefusedError(f'it has an array of type {self._code!r}, expected numbers')
        order = '<' if self._order in '|=' else self._order
        return np.dtype(f'{order}{self._code}')


class PlainScalar:
    """Stands in for the function that makes a numpy scalar."""

    def __init__(self, kind: object, data: object) -> None:
        self._array = _array_of(kind, data, ())

    def plain(self) -> object:
        """The number or flag."""
        return self._array.item()


class PlainArray:
    """Stands in for a numpy array; the content comes with its state."""

    def __init__(self, *_empty: object) -> None:
        self._array = np.empty(0)

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise TraceRefusedError('it has an array of a strange form')
        _, shape, kind, is_fortran, data = state
        self._array = _array_of(kind, data, shape, order='F' if is_fortran else 'C')

    def plain(self) -> object:
        """The numbers as nested lists."""
        return self._array.tolist()


def _array_of(kind: object, data: object, shape: object, order: str = 'C') -> np.ndarray:
    if not isinstance(kind, PlainType) or not isinstance(data, bytes):
        raise TraceRefusedError('it has an array that does not consist of numbers')
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise TraceRefusedError(f'it has an array of shape {shape!r}')
    dtype = kind.dtype()
    if math.prod(shape) * dtype.itemsize != len(data):
        raise TraceRefusedError(f'it has an array of shape {shape} with {len(data)} bytes')
    return np.frombuffer(data, dtype).reshape(shape, order=order)  # type: ignore[call-overload]


class _ArrayType:
    """Only ever handed to the stand-in of numpy's reconstruct function."""

    def __new__(cls, *_args: object) -> _ArrayType:
        raise TraceRefusedError('it makes an array in a strange way')


def _from_buffer(data: object, kind: object, shape: object, order: object) -> PlainArray:
    """Stands in for the function that numpy's arrays name in newer pickles."""
    array = PlainArray()
    content = bytes(data) if isinstance(data, (bytes, bytearray)) else data
    array.__setstate__((1, shape, kind, order == 'F', content))
    return array


_STAND_INS: dict[tuple[str, str], object] = {
    ('numpy', 'dtype'): PlainType,
    ('numpy', 'ndarray'): _ArrayType,
    ('numpy.core.multiarray', 'scalar'): PlainScalar,
    ('numpy.core.multiarray', '_reconstruct'): PlainArray,
    ('numpy.core.numeric', '_frombuffer'): _from_buffer,
    ('collections', 'OrderedDict'): OrderedDict,
}
