# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the set-up decides: which Mesa, which package source, which paths, when to build again."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
NOWHERE = Path('/no/keyring')


@pytest.fixture
def setup(monkeypatch):
    """Import a module of scripts/setup under its own name, and forget it again."""
    monkeypatch.syspath_prepend(str(ROOT / 'scripts' / 'setup'))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in ('layout', 'python_environment', 'reporting', 'system_packages', 'workspace'):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ('version', 'is_enough'),
    [
        ('', False),
        ('22.3.6-1+deb12u1', False),
        ('23.0.4-0ubuntu1~22.04.1', False),
        ('23.2.1-1ubuntu3.1~22.04.3', True),
        ('25.0.7-2~bpo12+1', True),
        ('1:25.2.8-0ubuntu0.24.04.1', True),
        ('unknown', False),
    ],
)
def test_mesa_of_debian_12_is_too_old_and_that_of_ubuntu_24_04_is_not(setup, version, is_enough):
    assert setup('system_packages').is_mesa_new_enough(version) is is_enough


def test_backports_come_from_the_configured_mirror(setup):
    targets = (
        'http://mirror.example/security/|bookworm-security|Debian|main\n'
        'http://mirror.example/packages/|bookworm-updates|Debian|main\n'
        'http://mirror.example/packages/|bookworm|Debian|main\n'
        'http://other.example/|stable|Somebody|main\n'
    )
    source = setup('system_packages').backports_source(targets, NOWHERE)
    assert source == 'deb http://mirror.example/packages/ bookworm-backports main\n'


def test_backports_are_signed_by_the_archive_key_where_it_lies(setup, tmp_path):
    key = tmp_path / 'debian.gpg'
    key.touch()
    source = setup('system_packages').backports_source('http://m/|bookworm|Debian|main', key)
    assert source == f'deb [signed-by={key}] http://m/ bookworm-backports main\n'


def test_other_distributions_have_no_backports(setup):
    assert setup('system_packages').backports_source('http://m/|noble|Ubuntu|main', NOWHERE) == ''


def test_exported_headers_are_pointed_at_this_machine(setup, tmp_path):
    cmake = tmp_path / 'pkg' / 'cmake' / 'export.cmake'
    cmake.parent.mkdir(parents=True)
    cmake.write_text(
        'set(A "/opt/python/cp311-cp311/include/python3.11;/opt/python/cp311-cp311/lib/'
        'python3.11/site-packages/numpy/_core/include")\nset(B "/usr/include")\n'
    )
    module = setup('python_environment')
    assert module.repair_cmake_paths(tmp_path) == 1
    text = cmake.read_text()
    assert '/opt/python' not in text
    assert 'numpy/_core/include' in text
    assert '"/usr/include"' in text
    assert module.repair_cmake_paths(tmp_path) == 0


def test_build_is_repeated_when_what_is_built_changes(setup, tmp_path, monkeypatch):
    layout = setup('layout')
    for name in ('src/c2a_msgs/msg/A.msg', 'src/p/setup.py', 'src/p/p/code.py', 'launch/x.yaml'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('1')
    (tmp_path / 'requirements.lock').write_text('a==1')
    monkeypatch.setattr(layout, 'ROOT', tmp_path)
    monkeypatch.setattr(layout, 'REQUIREMENTS', tmp_path / 'requirements.lock')
    before = layout.workspace_key()
    (tmp_path / 'src/p/p/code.py').write_text('2')
    assert layout.workspace_key() == before  # linked into the workspace
    for name in ('src/c2a_msgs/msg/A.msg', 'src/p/setup.py', 'launch/x.yaml', 'requirements.lock'):
        (tmp_path / name).write_text('2')
        after = layout.workspace_key()
        assert after != before, name
        before = after


def test_lock_has_names_and_versions_only():
    for line in (ROOT / 'requirements.lock').read_text().splitlines():
        assert line.startswith('#') or re.fullmatch(
            r'[A-Za-z0-9._-]+==[A-Za-z0-9.]+( ; python_full_version .*)?', line
        ), line


def test_everything_asked_for_is_locked():
    def name(line: str) -> str:
        return re.split(r'[=<>\[; ]', line)[0].lower().replace('_', '-')

    def names(path: Path) -> set[str]:
        lines = path.read_text().splitlines()
        return {name(line) for line in lines if line and not line.startswith('#')}

    assert names(ROOT / 'requirements.in') <= names(ROOT / 'requirements.lock')


def test_unsupported_python_is_refused_in_one_line():
    command = [str(ROOT / 'c2a'), 'doctor']
    environment = {'PATH': '/usr/bin:/bin', 'C2A_PYTHON': '/bin/false'}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout == ''
    assert result.stderr.count('\n') == 1
    assert '3.10, 3.11 or 3.12 is needed' in result.stderr
