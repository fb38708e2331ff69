# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What `c2a doctor` says and when it fails."""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict

import pytest

from c2a_controller import policy_checkpoint
from c2a_controller.policy_checkpoint import PolicyInfo
from c2a_planner import checkpoint
from c2a_planner.checkpoint import INFO_NAME, CheckpointInfo
from c2a_training.commands import doctor

# /proc/net/igmp with DDS discovery on the loopback and on one interface beyond it.
IGMP = """Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     2      V3
\t\t\t\t0100FFEF     1 0:00000000\t\t0
\t\t\t\t010000E0     1 0:00000000\t\t0
4\teth0      :     2      V3
\t\t\t\t0100FFEF     2 0:00000000\t\t0
"""


def answer_with(monkeypatch, code: int, output: str) -> None:
    monkeypatch.setattr(doctor, '_run', lambda command: (code, output))


@pytest.fixture(autouse=True)
def localhost(monkeypatch):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')


def test_discovery_beyond_the_loopback_is_seen():
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    from c2a_training.dds_probe_node import multicast_members

    assert multicast_members(IGMP) == {'eth0': 2}


def test_good_round_trip_is_one_line_with_its_numbers(monkeypatch):
    result = {'outside': [], 'round_trips': 200, 'median_ms': 0.42, 'p99_ms': 0.9}
    answer_with(monkeypatch, 0, f'some log\n{json.dumps(result)}\n')
    finding = doctor.check_dds()
    assert finding.state == 'ok'
    assert '0.42 ms median, 0.90 p99; loopback only' in finding.line()


def test_dds_that_listens_outside_although_it_must_not_is_broken(monkeypatch):
    result = {'outside': ['eth0'], 'round_trips': 200, 'median_ms': 0.42, 'p99_ms': 0.9}
    answer_with(monkeypatch, 0, json.dumps(result))
    finding = doctor.check_dds()
    assert finding.state == 'broken'
    assert 'eth0' in finding.text
    assert finding.remedy


def test_dds_without_an_answer_is_broken(monkeypatch):
    answer_with(monkeypatch, 0, json.dumps({'outside': [], 'round_trips': 0}))
    assert doctor.check_dds().state == 'broken'


def test_missing_renderer_names_the_remedy(monkeypatch):
    answer_with(monkeypatch, 1, 'RuntimeError: failed to find a rendering device')
    finding = doctor.check_renderer()
    assert finding.state == 'broken'
    assert 'system-packages' in finding.remedy


def test_name_of_the_render_device_is_said(monkeypatch):
    answer_with(monkeypatch, 0, 'GPU: llvmpipe (LLVM 15.0.6, 256 bits)\n  Supported: 1\n')
    assert 'processor, llvmpipe (LLVM 15.0.6, 256 bits)' in doctor.check_renderer().line()
    answer_with(monkeypatch, 0, 'GPU: NVIDIA H200\n  Supported: 1\n')
    assert doctor.check_renderer().text == 'GPU, NVIDIA H200'


def test_range_beyond_this_machine_is_a_note(monkeypatch):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')
    assert doctor.check_discovery_range().state == 'note'


@pytest.mark.parametrize(('state', 'code'), [('ok', 0), ('note', 0), ('broken', 1)])
def test_only_what_is_broken_makes_the_exit_code_1(monkeypatch, capsys, state, code):
    checks = [name for name in vars(doctor) if name.startswith('check_')]
    for name in checks:
        monkeypatch.setattr(doctor, name, lambda: doctor.Finding('x', 'ok', 'fine'))
    monkeypatch.setattr(doctor, 'check_disk', lambda: doctor.Finding('x', state, 'text', 'do it'))
    assert doctor.run(argparse.Namespace()) == code
    assert len(capsys.readouterr().out.splitlines()) == len(checks)


def seal(folder, kind: str, content: bytes = b'weights') -> str:
    """A shipped checkpoint of one file; what it is called."""
    directory = folder / f'{kind}_tiny'
    directory.mkdir(parents=True)
    (directory / 'model.safetensors').write_bytes(content)
    files = {'model.safetensors': hashlib.sha256(b'weights').hexdigest()}
    describe = {'planner': CheckpointInfo, 'policy': PolicyInfo}[kind]
    info = describe('tiny', 'data', 'commit', 0, files=files)
    (directory / INFO_NAME).write_text(json.dumps(asdict(info)))
    return info.hash[:12]


@pytest.fixture
def ships(monkeypatch, tmp_path):
    """Where the checkpoints are that ship: nothing."""
    monkeypatch.setattr(checkpoint, 'SHIPPED_FOLDER', tmp_path)
    monkeypatch.setattr(policy_checkpoint, 'SHIPPED_FOLDER', tmp_path)
    return tmp_path


def test_shipped_checkpoints_are_verified_and_named_by_their_hashes(ships):
    finding = doctor.check_checkpoints()
    assert finding.state == 'note'
    labels = [seal(ships, 'planner')]
    finding = doctor.check_checkpoints()
    assert (finding.state, labels[0] in finding.text) == ('note', True)
    assert 'no policy tiny: scripted skills move the arm' in finding.text
    labels.append(seal(ships, 'policy'))
    finding = doctor.check_checkpoints()
    assert finding.state == 'ok'
    assert all(label in finding.text for label in labels)


@pytest.mark.parametrize('kind', ['planner', 'policy'])
def test_damaged_checkpoint_is_broken_and_says_which_file(ships, kind):
    seal(ships, kind, b'weighty')
    finding = doctor.check_checkpoints()
    assert finding.state == 'broken'
    assert 'model.safetensors' in finding.text
