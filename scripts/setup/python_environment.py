# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The virtual environment of the checkout: made from the lock, with the right build of torch."""

from __future__ import annotations

import re
import sys
import sysconfig
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import layout
from reporting import ProgramError, SetupError, run, step

PYTHON = layout.VENV / 'bin' / 'python'
STAMP = layout.VENV / 'c2a.stamp'
# PyTorch's own index of builds without CUDA. PyPI's build brings gigabytes of CUDA libraries.
CPU_INDEX = 'https://download.pytorch.org/whl/cpu'
# Where the wheels of ROS were built: their exported CMake files name this folder's headers.
BUILDER_PATH = re.compile(r'/opt/python/cp3[^;"\s]*')
INDEX_TIMEOUT_S = 5.0
DEFAULT_INDEX = 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)'
NETWORK_WORDS = (
    'connection',
    'timed out',
    'name resolution',
    'resolve host',
    'unreachable',
    'proxy',
)


def is_ready() -> bool:
    """Tell whether the environment of this lock is there and whole."""
    return layout.is_current(STAMP, layout.environment_key()) and PYTHON.exists()


def make() -> None:
    """Make the environment from nothing.

    Raises:
        SetupError: the network, a package or a check failed.
    """
    layout.remove(layout.VENV)
    with step(f'making the Python {sys.version_info[0]}.{sys.version_info[1]} environment'):
        _make_venv()
    with step(f'installing torch ({"CUDA" if layout.has_nvidia_gpu() else "CPU"} build)'):
        _install_torch()
    with step('installing the locked Python packages'):
        _install_locked()
    with step('checking the installed packages'):
        _check()
        if not layout.system_ros():
            repair_cmake_paths(layout.VENV / 'share')
    layout.write_whole(STAMP, layout.environment_key())


def repair_cmake_paths(share: Path) -> int:
    """Point exported CMake files at this machine's headers; return how many files were changed.

    The wheels of ROS were built in a container whose include paths (Python's, numpy's) they still
    export. Paths that exist are left alone.
    """
    changed = 0
    for path in share.rglob('*.cmake'):
        text = path.read_text(encoding='utf-8', errors='surrogateescape')
        new = BUILDER_PATH.sub(_local_include, text)
        if new != text:
            path.write_text(new, encoding='utf-8', errors='surrogateescape')
            changed += 1
    return changed


def _local_include(match: re.Match[str]) -> str:
    path = match.group()
    if Path(path).exists():
        return path
    if 'numpy' in path:
        site = layout.VENV / 'lib' / f'python3.{sys.version_info[1]}' / 'site-packages'
        return str(site / 'numpy' / '_core' / 'include')
    return sysconfig.get_paths()['include']


def _make_venv() -> None:
    command = [sys.executable, '-m', 'venv', str(layout.VENV)]
    if layout.system_ros():
        command.append('--system-site-packages')
    try:
        run(command, log=layout.LOG)
    except ProgramError as err:
        raise SetupError(
            f'{sys.executable} cannot make a virtual environment: install python3-venv, '
            f'or set C2A_PYTHON to a Python that has venv; see {layout.LOG}'
        ) from err


def _locked() -> list[str]:
    lines = layout.REQUIREMENTS.read_text(encoding='utf-8').splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def _torch_pin() -> str:
    return next(line for line in _locked() if line.startswith('torch=='))


def _install_torch() -> None:
    pin = _torch_pin()
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / 'constraints.txt'
        constraints.write_text('\n'.join(_locked()), encoding='utf-8')
        wanted = ['-c', str(constraints), pin]
        if not layout.has_nvidia_gpu() and _is_reachable(f'{CPU_INDEX}/torch'):
            try:
                _pip('--index-url', CPU_INDEX, *wanted)
                return
            except ProgramError:
                pass  # that index lacks a dependency or this Python: the usual index has both
        _pip_or_explain(*wanted)


def _install_locked() -> None:
    lines = [line for line in _locked() if not line.startswith('torch==')]
    if layout.system_ros():
        # ROS, its message packages and its empy come from the installed distribution.
        lines = [line for line in lines if not line.startswith(('ros-', 'empy=='))]
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / 'requirements.txt'
        requirements.write_text('\n'.join(lines), encoding='utf-8')
        _pip_or_explain('--no-deps', '-r', str(requirements))


def _check() -> None:
    code = 'from importlib.metadata import version; print(version("torch"))'
    found = run([str(PYTHON), '-c', code]).strip().splitlines()[-1]
    wanted = _torch_pin().partition('==')[2]
    if found.partition('+')[0] != wanted:
        raise SetupError(f'torch {found} came instead of {wanted}: remove .c2a and run again')
    if layout.system_ros():
        return  # pip would judge the distribution's packages too
    try:
        run([str(PYTHON), '-m', 'pip', 'check'], log=layout.LOG)
    except ProgramError as err:
        line = err.output.strip().splitlines()[0]
        raise SetupError(f'the packages do not fit together ({line}): see {layout.LOG}') from err


def _pip(*arguments: str) -> None:
    command = [str(PYTHON), '-m', 'pip', 'install', '--no-input', '--disable-pip-version-check']
    run([*command, *arguments], log=layout.LOG)


def _pip_or_explain(*arguments: str) -> None:
    try:
        _pip(*arguments)
    except ProgramError as err:
        raise SetupError(_explain(err)) from err


def _explain(err: ProgramError) -> str:
    text = err.output.lower()
    if 'no space left' in text:
        return 'the disk is full: the Python environment needs about 4 GB, free some and run again'
    if any(word in text for word in NETWORK_WORDS) or not _is_reachable(_index()):
        return (
            'the package index cannot be reached: check the network, or name a mirror to pip '
            f'(PIP_INDEX_URL), and run again; pip said more in {layout.LOG}'
        )
    lines = [line for line in err.output.splitlines() if line.startswith('ERROR')]
    return f'pip failed ({(lines or ["no reason given"])[-1]}): see {layout.LOG}'


def _index() -> str:
    """Return the package index that pip is configured to use."""
    for name in ('global.index-url', ':env:.index-url'):
        try:
            return run([str(PYTHON), '-m', 'pip', 'config', 'get', name]).strip()
        except ProgramError:
            continue
    return run([str(PYTHON), '-c', DEFAULT_INDEX]).strip()


def _is_reachable(url: str) -> bool:
    """Tell whether something answers at `url`, whatever it says."""
    try:
        with urllib.request.urlopen(f'{url}/', timeout=INDEX_TIMEOUT_S):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
