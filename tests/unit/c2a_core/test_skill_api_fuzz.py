# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""100,000 random and mutated programs: none executes, none crashes the parser."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from c2a_core.skill_api import (
    KeyStepCode,
    SkillCodeError,
    comment,
    is_commented,
    parse_key_step,
    uncomment,
)

PROGRAMS = 100_000

A = "get_actor('red cube', (3, 5))"
B = "get_actor('blue hexagon', (7, 2))"
GOOD = [
    f"pose_dict['target'] = free_space_next_to(actor={A}, next_to_actor={B}, "
    f'direction=[-1.0, 0.0, 0.0], description="behind")\nmove3d(actor={A})',
    f"pose_dict['red cube'] = get_pose(actor={A})\npose_dict['free'] = free_space(actor={A})\n"
    f'move3d(actor={A})',
    f"pose_dict['c'] = rotate_z(Pose(pose_dict['a'].p, get_pose(actor={A}).q), 90.0)\ndone()",
    f'pick(actor={A})',
    f'place(actor={A}, target_actor={B})',
    f"push(actor={A}, target_pose=pose_dict['target'])",
    f'throw(actor={A}, target_actor={B}, target_2d=True)',
    'done()',
]
TOKENS = [
    *('pick', 'move3d', 'done', 'pose_dict', 'get_actor', 'get_pose', 'rotate_z', 'Pose', 'actor'),
    *('target_pose', 'match_ori', 'True', 'False', 'None', 'lambda', 'not', 'await', 'yield'),
    *('import', 'exec', 'eval', 'open', '__import__', '__class__', '__subclasses__', 'x', 'os'),
    *('(', ')', '[', ']', '{', '}', ',', '=', '.', ':', ';', '*', '**', '-', '~', '@', '#', '\\'),
    *("'", '"', "'''", 'f"', 'b"', 'r"', "'red cube'", '"a"', '3', '5.0', '1e999', '0x1f', '1_0'),
    *(
        '9' * 5000,
        'nan',
        '1j',
        '\n',
        '\r',
        '\t',
        ' ',
        '\x00',
        '\x0c',
        '\u2028',
        '\ud800',
        'é',
        '𝕩',
    ),
]


def test_fuzzed_programs_never_execute_and_never_crash_the_parser(tmp_path):
    marker = tmp_path / 'executed'
    rng = random.Random(20260101)
    seeds = [*GOOD, *_malicious(marker)]
    accepted = rejected = 0
    with _Audit() as audit:
        for number in range(PROGRAMS):
            text = _program(rng, seeds)
            try:
                if is_commented(text):
                    text = uncomment(text)
                code = parse_key_step(text)
            except SkillCodeError:
                rejected += 1
                continue
            except BaseException as err:
                pytest.fail(f'program {number} raised {err!r}: {text!r}')
            accepted += 1
            assert type(code) is KeyStepCode
            assert parse_key_step(code.render()) == code
    assert audit.events == set()
    assert not marker.exists()
    # Both outcomes must be well represented, or the mutations are too wild or too tame.
    assert accepted > PROGRAMS // 50
    assert rejected > PROGRAMS // 2


def test_the_audit_sees_what_the_parser_must_not_do(tmp_path):
    with _Audit() as audit:
        exec(compile(f'open({str(tmp_path / "f")!r}, "w").close()', '<audit>', 'exec'))
    assert {'compile', 'exec', 'open'} <= audit.events


class _Audit:
    """Collects what the interpreter reports meanwhile: compile, exec, import, open, subprocess."""

    _current: _Audit | None = None
    _installed = False

    def __init__(self) -> None:
        self.events: set[str] = set()

    def __enter__(self) -> _Audit:
        if not _Audit._installed:
            # A hook cannot be removed, so there is one for the whole process.
            sys.addaudithook(lambda event, args: _Audit._note(event))
            _Audit._installed = True
        _Audit._current = self
        return self

    def __exit__(self, *args: object) -> None:
        _Audit._current = None

    @staticmethod
    def _note(event: str) -> None:
        if _Audit._current is not None:
            _Audit._current.events.add(event)


def _malicious(marker: Path) -> list[str]:
    """Programs that would leave a trace if any of them ran."""
    touch = f'open({str(marker)!r}, "w")'
    return [
        f"__import__('os').system('touch {marker}')",
        f'pick(actor={touch})',
        f'pose_dict[{touch}] = get_pose(actor={A})\ndone()',
        f'move3d(target_pose=(lambda: {touch})())',
        f'done() if {touch} else done()',
        f"pick(actor=get_actor(f'{{{touch}}}', (3, 5)))",
        f'pick(actor=get_actor("a", ({touch}, 5)))',
        f'exec({touch!r})',
        f'[{touch} for x in (1,)]',
        f'@{touch}\ndef f(): pass\ndone()',
    ]


def _program(rng: random.Random, seeds: list[str]) -> str:
    kind = rng.random()
    if kind < 0.10:
        return ''.join(rng.choice(TOKENS) for _ in range(rng.randrange(1, 40)))
    if kind < 0.13:
        return ''.join(chr(rng.randrange(0x250)) for _ in range(rng.randrange(1, 60)))
    if kind < 0.14:
        return rng.choice(TOKENS) * rng.randrange(1, 4200)
    text = rng.choice(seeds) if kind > 0.2 else comment(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        text = rng.choice(_MUTATIONS)(rng, text)
    return text


def _replace_cut(rng: random.Random, text: str) -> str:
    start, end = _span(rng, text)
    return text[:start] + rng.choice(TOKENS) + text[end:]


def _delete(rng: random.Random, text: str) -> str:
    start, end = _span(rng, text)
    return text[:start] + text[end:]


def _insert_token(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(TOKENS) + text[at:]


def _change_character(rng: random.Random, text: str) -> str:
    if not text:
        return text
    at = rng.randrange(len(text))
    return text[:at] + chr(rng.randrange(32, 127)) + text[at + 1 :]


def _repeat(rng: random.Random, text: str) -> str:
    start, end = _span(rng, text)
    return text[:end] + text[start:end] * rng.choice((1, 2, 50)) + text[end:]


def _splice(rng: random.Random, text: str) -> str:
    other = rng.choice(GOOD)
    return text[: rng.randrange(len(text) + 1)] + other[rng.randrange(len(other)) :]


def _change_digit(rng: random.Random, text: str) -> str:
    digits = [i for i, c in enumerate(text) if c.isdigit()]
    if not digits:
        return text
    at = rng.choice(digits)
    return text[:at] + rng.choice('0123456789') + text[at + 1 :]


def _space(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice((' ', '\t', '\n', '\r\n')) + text[at:]


def _span(rng: random.Random, text: str) -> tuple[int, int]:
    start = rng.randrange(len(text) + 1)
    return start, min(len(text), start + rng.randrange(1, 12))


_MUTATIONS = (
    _replace_cut,
    _delete,
    _insert_token,
    _change_character,
    _repeat,
    _splice,
    _change_digit,
    _space,
)
