# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Definitions of message types as MCAP carries them, so that readers need no ROS.

They are read from the installed interface packages, where rosidl puts the text and the hash of
each type. A type's text is followed by those of all types in it, each after a line of 80 `=`.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

_SEPARATOR = '=' * 80
_FIELD = re.compile(r'^\s*(?P<type>[A-Za-z][\w/]*)(<=\d+)?(\[[<=\d]*\])?\s+[A-Za-z]')
_PRIMITIVES = frozenset(
    ('bool', 'byte', 'char', 'float32', 'float64', 'string', 'wstring')
    + tuple(f'{sign}int{bits}' for sign in ('', 'u') for bits in (8, 16, 32, 64))
)


@dataclass(frozen=True)
class Definition:
    """What a reader needs to know of a type.

    Attributes:
        text: the `.msg` text of it and of everything in it.
        type_hash: ROS 2's hash of the type (`RIHS01_…`); empty where rosidl left none.
    """

    text: str
    type_hash: str


@functools.cache
def definition_of(msg_type: str) -> Definition:
    """The definition of a type.

    Args:
        msg_type: for example `c2a_msgs/msg/Command`.

    Raises:
        ValueError: its package, or one of those in it, is not installed.
    """
    texts = {msg_type: _text(msg_type)}
    waiting = [msg_type]
    while waiting:
        current = waiting.pop(0)
        for inner in _types_in(texts[current], current.split('/')[0]):
            if inner not in texts:
                texts[inner] = _text(inner)
                waiting.append(inner)
    parts = [texts.pop(msg_type)]
    parts += [f'{_SEPARATOR}\nMSG: {_short(name)}\n{text}' for name, text in texts.items()]
    return Definition('\n'.join(parts), _type_hash(msg_type))


def _types_in(text: str, package: str) -> list[str]:
    """Full names of the types that a definition's fields have."""
    found = []
    for line in text.splitlines():
        match = _FIELD.match(line.partition('#')[0])
        name = match['type'] if match else ''
        if not name or name in _PRIMITIVES:
            continue
        parts = name.split('/')
        owner = parts[0] if len(parts) > 1 else package
        found.append(f'{owner}/msg/{parts[-1]}')
    return found


def _short(msg_type: str) -> str:
    package, _, name = msg_type.split('/')
    return f'{package}/{name}'


def _text(msg_type: str) -> str:
    return _share_file(msg_type, '.msg').read_text(encoding='utf-8')


def _type_hash(msg_type: str) -> str:
    try:
        document = json.loads(_share_file(msg_type, '.json').read_text(encoding='utf-8'))
    except ValueError:
        return ''
    hashes = {entry['type_name']: entry['hash_string'] for entry in document['type_hashes']}
    return hashes.get(msg_type, '')


def _share_file(msg_type: str, suffix: str) -> Path:
    package, _, name = msg_type.split('/')
    try:
        path = Path(get_package_share_directory(package)) / 'msg' / f'{name}{suffix}'
    except PackageNotFoundError as err:
        raise ValueError(
            f'{msg_type} is unknown: the package {package} is not in this environment'
        ) from err
    if not path.is_file():
        raise ValueError(f'{msg_type} is unknown: {path} is missing, build the workspace again')
    return path
