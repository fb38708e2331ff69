# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The package's README against its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from c2a_core.skill_signatures import POSE_FUNCTIONS, SKILLS

PACKAGE = Path(__file__).resolve().parents[3] / 'src' / 'c2a_core'
README = (PACKAGE / 'README.md').read_text(encoding='utf-8')

FORMS = [
    f'| `{form.signature(function)}` | {form.meaning} |'
    for table in (SKILLS, POSE_FUNCTIONS)
    for function, forms in table.items()
    for form in forms
]


def _section(title):
    return README.split(f'## {title}\n')[1].split('\n## ')[0]


def test_the_tables_of_calls_are_those_of_the_code():
    rows = [line for line in _section('The skill API').splitlines() if line.startswith('| `')]
    assert rows == FORMS


def test_every_module_is_listed():
    listed = set(re.findall(r'^\| `(\w+)`', README.split('## The skill API')[0], re.MULTILINE))
    modules = {path.stem for path in (PACKAGE / 'c2a_core').glob('*.py')} - {'__init__'}
    assert listed == modules


def test_the_example_runs():
    example = re.search(r'```python\n(.*?)```', README, re.DOTALL)[1]
    exec(compile(example, 'README.md', 'exec'), {})


@pytest.mark.ros
def test_the_table_of_profiles_is_that_of_the_code():
    pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')
    from c2a_core.ros import LIVELINESS_LEASE_S, Qos

    rows = {}
    for line in _section('Writing a node').splitlines():
        if line.startswith('| `'):
            names, _, *facts = (cell.strip() for cell in line.strip('|').split('|'))
            rows |= {name: facts for name in re.findall(r'`(\w+)`', names)}
    assert rows.keys() == {name for name in vars(Qos) if name.isupper()}
    for name, facts in rows.items():
        profile = getattr(Qos, name)
        lease = profile.liveliness_lease_duration.nanoseconds == LIVELINESS_LEASE_S * 1e9
        assert facts == [
            'yes' if profile.reliability.name == 'RELIABLE' else 'no',
            str(profile.depth),
            'yes' if profile.durability.name == 'TRANSIENT_LOCAL' else 'no',
            f'{LIVELINESS_LEASE_S:g} s' if lease else '–',
        ], name
