# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of bags runs and writes what benchmarks/README.md says; nothing is judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

SCRIPT = Path(__file__).resolve().parents[2] / 'benchmarks' / 'bag_speed.py'


def test_bag_speed_prints_a_table_and_writes_json(tmp_path):
    report = tmp_path / 'speed.json'
    options = ['--episodes', '2', '--task', 'Pick', '--rounds', '2', '--json', str(report)]
    result = subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        capture_output=True,
        text=True,
        timeout=90.0,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    assert 'GB/min' in result.stdout
    document = json.loads(report.read_text())
    assert document['bags'] == 2
    assert set(document['gb_per_min']) == {'read', 'join', 'convert'}
    for rates in document['gb_per_min'].values():
        assert len(rates) == 2
        assert 0 < rates[0] <= rates[1]
