# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The package's README against its code."""

from __future__ import annotations

import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[3] / 'src' / 'c2a_training'
README = (PACKAGE / 'README.md').read_text(encoding='utf-8')


def test_every_module_is_listed():
    listed = set(re.findall(r'^\| `(\w+)`', README, re.MULTILINE))
    modules = {path.stem for path in (PACKAGE / 'c2a_training').rglob('*.py')} - {'__init__'}
    assert listed == modules


def test_the_example_runs():
    example = re.search(r'```python\n(.*?)```', README, re.DOTALL)[1]
    exec(compile(example, 'README.md', 'exec'), {})
