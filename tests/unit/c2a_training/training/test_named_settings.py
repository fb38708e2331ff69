# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

import pytest

from c2a_training.training.named_settings import as_document, build, changed, read_settings


@dataclass(frozen=True)
class Part:
    steps: int | None = None
    minutes: float | None = 1.0
    widths: tuple[int, ...] = (1, 2)
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    part: Part = field(default_factory=Part)
    kind: Literal['a', 'b'] = 'a'
    is_quick: bool = False
    rate: float = 0.5
    count: int = 1
    path: str | None = None


@pytest.mark.parametrize(
    ('name', 'text', 'value'),
    [
        ('kind', 'b', 'b'),
        ('is_quick', 'TRUE', True),
        ('rate', '1e-3', 1e-3),
        ('count', '7', 7),
        ('path', 'here', 'here'),
        ('path', 'none', None),
        ('part.widths', '16, 32', (16, 32)),
        ('part.names', 'Pick=2,Push=1', ('Pick=2', 'Push=1')),
        ('part.names', '', ()),
    ],
)
def test_text_becomes_the_fields_type(name, text, value):
    settings = changed(Whole, {}, {name: text})
    for part in name.split('.'):
        settings = getattr(settings, part)
    assert settings == value
    assert type(settings) is type(value)


@pytest.mark.parametrize(
    ('name', 'text', 'told'),
    [
        ('knd', 'a', 'did you mean kind'),
        ('part.step', '1', 'did you mean steps'),
        ('kind', 'c', 'expected one of a, b'),
        ('is_quick', 'yes', 'expected true or false'),
        ('count', '1.5', 'expected a whole number'),
        ('rate', 'fast', 'expected a number'),
        ('part.widths', '1,x', 'expected a whole number'),
        ('part', '1', 'name a part of it: part.steps'),
        ('rate.x', '1', 'has no parts'),
    ],
)
def test_what_cannot_be_set_is_told(name, text, told):
    with pytest.raises(ValueError, match=told):
        changed(Whole, {}, {name: text})


def test_of_two_ways_to_say_a_length_the_last_one_holds():
    part = changed(Whole, {}, {'part.steps': '5'}).part
    assert (part.steps, part.minutes) == (5, None)
    part = changed(Whole, {'part': {'steps': 5, 'minutes': None}}, {'part.minutes': 2.0}).part
    assert (part.steps, part.minutes) == (None, 2.0)


def test_settings_come_back_from_their_file(tmp_path):
    settings = changed(Whole, {}, {'part.widths': '4', 'kind': 'b'})
    path = tmp_path / 'config.json'
    path.write_text(json.dumps(as_document(settings)))
    assert read_settings(Whole, path) == settings
    assert build(Whole, as_document(settings)) == settings
    path.write_text('{"kond": "a"}')
    with pytest.raises(ValueError, match='did you mean kind'):
        read_settings(Whole, path)
