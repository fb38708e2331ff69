# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks run and write what benchmarks/README.md says; what they measure is not judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]


def test_sim_speed_prints_tables_and_writes_json(tmp_path):
    report = tmp_path / 'speed.json'
    script = str(ROOT / 'benchmarks' / 'sim_speed.py')
    options = ['--no-peer', '--tasks', 'Pick', '--steps', '10', '--rounds', '2', '--resets', '16']
    result = subprocess.run(
        [sys.executable, script, *options, '--json', str(report)],
        capture_output=True,
        text=True,
        timeout=90.0,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    assert 'control steps per second' in result.stdout
    document = json.loads(report.read_text())
    assert {row['name'] for row in document['speed']} == {'oracle loop, Pick', 'observe + step'}
    assert all(row['steps_per_s'] > 0 and row['rounds'] == 2 for row in document['speed'])
    assert len(document['resets']) == 2
    assert document['memory']['resets'] == 16
    assert document['memory']['peak_mib'] < 1500


def test_generate_speed_prints_tables_and_writes_json(tmp_path):
    report = tmp_path / 'generate.json'
    script = str(ROOT / 'benchmarks' / 'generate_speed.py')
    options = ['--tasks', 'Pick', '--episodes', '4', '--ways-episodes', '1', '--rounds', '1']
    result = subprocess.run(
        [sys.executable, script, *options, '--read-s', '0.1', '--json', str(report)],
        capture_output=True,
        text=True,
        timeout=90.0,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    assert 'random pairs of frames' in ' '.join(result.stdout.split())
    document = json.loads(report.read_text())
    (row,) = document['generation']
    assert (row['task'], row['episodes']) == ('Pick', 4)
    assert row['per_minute'] > 0
    assert row['one_process_s'] > 0
    assert document['pictures'][0]['is_equal']
    assert 0 < document['dataset']['bytes_per_step'] < 12_000
    assert document['dataset']['pairs_per_s'] > 0


def test_planner_latency_prints_tables_and_writes_json(tmp_path):
    for name in ('torch', 'transformers', 'llguidance'):
        pytest.importorskip(name, reason=f'{name} is not installed')
    report = tmp_path / 'latency.json'
    script = str(ROOT / 'benchmarks' / 'planner_latency.py')
    options = ['--rounds', '1', '--dictate', '--one-dtype', '--json', str(report)]
    result = subprocess.run(
        [sys.executable, script, *options],
        capture_output=True,
        text=True,
        timeout=110.0,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    assert 'target 60 ms' in ' '.join(result.stdout.split())
    document = json.loads(report.read_text())
    swap = document['situations']['Swap, last three key steps']
    assert swap['prefix_tokens'] > 80
    as_it_is = swap['steps']['as it is: early stop, draft']
    assert as_it_is['early'] == 1.0
    # One pass reads the picture and confirms what is looked at.
    assert as_it_is['tokens'] <= 3
    assert swap['steps']['written out, no draft']['tokens'] > as_it_is['tokens']


def test_policy_latency_prints_tables_and_writes_json(tmp_path):
    pytest.importorskip('torch', reason='torch is not installed')
    pytest.importorskip('diffusers', reason='diffusers is not installed')
    report = tmp_path / 'policy.json'
    script = str(ROOT / 'benchmarks' / 'policy_latency.py')
    options = ['--rounds', '2', '--train', '--train-steps', '1', '--batch-size', '2']
    result = subprocess.run(
        [sys.executable, script, *options, '--json', str(report)],
        capture_output=True,
        text=True,
        timeout=110.0,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    assert 'target 80 ms' in ' '.join(result.stdout.split())
    document = json.loads(report.read_text())
    assert document['parts'].keys() >= {'pictures', 'pooling', 'one denoising step'}
    assert {'ddim, 10 steps', 'ddpm, 100 steps', 'flow, 4 steps'} <= document['chunks'].keys()
    assert all(row['p50_ms'] > 0 for row in document['chunks'].values())
    assert document['training']['samples_per_s'] > 0
    assert (document['training']['batch_size'], document['training']['repeats']) == (2, 4)
