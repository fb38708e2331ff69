# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Settings as nested frozen dataclasses: read from JSON, changed by dotted name.

    changed(TrainConfig, {'train': {'batch_size': 32}}, {'train.batch_size': '64'})

The dataclass is the schema: an unknown name is an error that says which one was probably meant.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Settings = TypeVar('Settings')
Changes = Mapping[str, object] | Iterable[tuple[str, object]]

# Fields of a dataclass of which one holds: giving one of them puts the others to None.
EXCLUSIVE = frozenset({'steps', 'minutes'})
_NONE_WORDS = ('none', 'null')


def build(kind: type[Settings], document: Mapping[str, object], prefix: str = '') -> Settings:
    """Settings of a document.

    Args:
        kind: a dataclass, nested or not.
        document: values by name, groups as documents of their own.
        prefix: of the names in errors.

    Raises:
        ValueError: for an unknown name or a wrong value.
    """
    hints, values = get_type_hints(kind), {}
    for name, value in document.items():
        if name not in hints:
            raise ValueError(_unknown(f'{prefix}{name}', name, hints))
        if dataclasses.is_dataclass(hints[name]) and isinstance(value, Mapping):
            value = build(hints[name], value, f'{prefix}{name}.')
        values[name] = _tuples(value)
    return kind(**values)


def changed(kind: type[Settings], document: Mapping[str, object], changes: Changes) -> Settings:
    """Settings of a document with changes.

    Args:
        kind: a dataclass.
        document: values by name.
        changes: values by dotted name; text is read as the field's type.

    Raises:
        ValueError: for an unknown name or a wrong value.
    """
    document = json.loads(json.dumps(document))
    for name, value in dict(changes).items():
        _set(kind, document, name, value, name)
    return build(kind, document)


def as_document(settings: object) -> dict[str, object]:
    """Settings as JSON can hold them."""
    return json.loads(json.dumps(dataclasses.asdict(settings)))  # type: ignore[call-overload]


def read_settings(kind: type[Settings], path: Path) -> Settings:
    """The settings in a JSON file.

    Raises:
        ValueError: if it has others.
    """
    try:
        return build(kind, json.loads(path.read_text(encoding='utf-8')))
    except (ValueError, TypeError) as err:
        raise ValueError(f'cannot read the settings in {path}: {err}') from err


def _set(kind: type, document: dict, name: str, value: object, whole: str) -> None:
    hints = get_type_hints(kind)
    first, _, rest = name.partition('.')
    if first not in hints:
        raise ValueError(_unknown(whole, first, hints))
    hint = hints[first]
    if rest:
        if not dataclasses.is_dataclass(hint):
            raise ValueError(f'setting {first!r} has no parts, got {whole!r}')
        _set(hint, document.setdefault(first, {}), rest, value, whole)
        return
    if dataclasses.is_dataclass(hint):
        names = ', '.join(f'{first}.{part.name}' for part in dataclasses.fields(hint))
        raise ValueError(f'setting {whole!r} is a group, name a part of it: {names}')
    document[first] = _read(value, hint, whole) if isinstance(value, str) else value
    if first in EXCLUSIVE and hints.keys() >= EXCLUSIVE and document[first] is not None:
        document.update(dict.fromkeys(EXCLUSIVE - {first}))


def _read(text: str, hint: object, name: str) -> object:
    """A text as a value of the type."""
    kinds = _alternatives(hint)
    if type(None) in kinds:
        if text.lower() in _NONE_WORDS:
            return None
        kinds = tuple(kind for kind in kinds if kind is not type(None))
    kind = kinds[0]
    if get_origin(kind) is Literal:
        allowed = get_args(kind)
        if text not in allowed:
            raise ValueError(f'setting {name} is {text!r}, expected one of {", ".join(allowed)}')
        return text
    if get_origin(kind) is tuple:
        part = get_args(kind)[0]
        return tuple(_read(word.strip(), part, name) for word in text.split(',') if word.strip())
    if kind is str:
        return text
    if kind is bool:
        if text.lower() not in ('true', 'false'):
            raise ValueError(f'setting {name} is {text!r}, expected true or false')
        return text.lower() == 'true'
    if kind not in (int, float):
        raise ValueError(f'setting {name} cannot be given as text')
    try:
        return kind(text)  # type: ignore[operator]
    except ValueError as err:
        expected = 'a whole number' if kind is int else 'a number'
        raise ValueError(f'setting {name} is {text!r}, expected {expected}') from err


def _alternatives(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _tuples(value: object) -> object:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


def _unknown(name: str, part: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(part, names, n=1)
    hint = f': did you mean {close[0]}?' if close else ''
    return f'no setting {name!r}{hint} Settings: {", ".join(names)}'
