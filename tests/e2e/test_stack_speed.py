# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the whole stack runs and writes what benchmarks/README.md says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.ros]

SCRIPT = Path(__file__).resolve().parents[2] / 'benchmarks' / 'stack_speed.py'


@pytest.fixture
def installed(ros_domain):  # noqa: ARG001 (the processes inherit the domain)
    for name in ('torch', 'transformers', 'diffusers'):
        pytest.importorskip(name, reason=f'{name} is not installed')
    index = pytest.importorskip('ament_index_python.packages', reason='ROS is not installed')
    try:
        index.get_package_prefix('c2a')
    except index.PackageNotFoundError:
        pytest.skip('the workspace is not built: run ./c2a test')


@pytest.mark.usefixtures('installed')
def test_stack_speed_prints_a_table_and_writes_json(tmp_path):
    report = tmp_path / 'stack.json'
    result = subprocess.run(
        [sys.executable, str(SCRIPT), '--task', 'Pick', '--episodes', '1', '--json', str(report)],
        capture_output=True,
        text=True,
        timeout=170.0,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert 'decisions a second' in ' '.join(result.stdout.split())
    runs = json.loads(report.read_text())['runs']
    assert runs.keys() == {'lockstep', 'realtime'}
    for figures in runs.values():
        assert figures['episodes'] == 1
        assert figures['steps'] > 0
        assert figures['decisions_per_s'] > 0
        assert figures['chunk_p50_ms'] > 0
    # The world waits there.
    assert runs['lockstep']['late_percent'] == 0
