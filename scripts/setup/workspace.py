# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The colcon build of the checkout, and the environment variables to run it with."""

from __future__ import annotations

import json
import os
import shlex
import sys

import layout
from python_environment import PYTHON
from reporting import ProgramError, SetupError, run, step

STAMP = layout.INSTALL / 'c2a.stamp'
# Variables that sourcing the workspace sets and that a command needs.
SOURCED = (
    'AMENT_PREFIX_PATH',
    'CMAKE_PREFIX_PATH',
    'COLCON_PREFIX_PATH',
    'LD_LIBRARY_PATH',
    'PATH',
    'PYTHONPATH',
    'ROS_DISTRO',
    'ROS_PYTHON_VERSION',
    'ROS_VERSION',
)
# These say which packages there are: what another ROS or another workspace put in is not ours.
REPLACED = ('AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH', 'COLCON_PREFIX_PATH', 'PYTHONPATH')


def is_ready() -> bool:
    """Tell whether the workspace is built from what is in the checkout now."""
    return layout.is_current(STAMP, layout.workspace_key()) and layout.ENVIRONMENT.exists()


def build() -> None:
    """Build all packages and remember the environment to run them in.

    Raises:
        SetupError: the build failed.
    """
    key = layout.workspace_key()
    STAMP.unlink(missing_ok=True)
    with step('building the workspace'):
        try:
            _colcon()
        except ProgramError:
            # What an earlier, other or broken build left may be the reason: once from nothing.
            layout.remove(layout.BUILD)
            layout.remove(layout.INSTALL)
            try:
                _colcon()
            except ProgramError as err:
                raise SetupError(
                    f'the workspace does not build: see {layout.LOG}\n{err.tail()}'
                ) from err
        layout.write_whole(layout.ENVIRONMENT, json.dumps(_sourced_variables(), indent=1))
    layout.write_whole(STAMP, key)


def runtime_environment() -> dict[str, str]:
    """Return the environment to run C2A's commands in."""
    environment = dict(os.environ)
    for name, value in json.loads(layout.ENVIRONMENT.read_text(encoding='utf-8')).items():
        before = environment.get(name, '')
        keep = before and name.endswith('PATH') and name not in REPLACED
        environment[name] = f'{value}{os.pathsep}{before}' if keep else value
    environment.pop('PYTHONHOME', None)
    environment['VIRTUAL_ENV'] = str(layout.VENV)
    environment['C2A_ROOT'] = str(layout.ROOT)
    # Nothing leaves this machine unless the user asks: DDS would multicast on every interface.
    environment.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    return environment


def _bare_environment() -> dict[str, str]:
    """Return this process's environment without any other ROS or Python workspace in it."""
    dropped = (*REPLACED, 'LD_LIBRARY_PATH', 'PYTHONHOME', 'VIRTUAL_ENV', 'ROS_DISTRO')
    environment = {key: value for key, value in os.environ.items() if key not in dropped}
    environment['PATH'] = f'{layout.VENV / "bin"}{os.pathsep}{os.environ.get("PATH", os.defpath)}'
    return environment


def _build_environment() -> dict[str, str]:
    environment = _bare_environment()
    ros = layout.system_ros()
    if ros:
        command = f'. {shlex.quote(str(ros / "setup.sh"))} && env -0'
        environment = _variables(run(['sh', '-c', command], environment=environment))
        venv = str(layout.VENV / 'bin')
        environment['PATH'] = f'{venv}{os.pathsep}{environment["PATH"]}'
    else:
        environment['AMENT_PREFIX_PATH'] = environment['CMAKE_PREFIX_PATH'] = str(layout.VENV)
    return environment


def _colcon() -> None:
    command = [str(PYTHON), '-m', 'colcon', '--log-base', str(layout.STATE / 'log')]
    command += ['build', '--merge-install', '--symlink-install']
    command += ['--base-paths', str(layout.ROOT / 'src'), str(layout.ROOT / 'launch')]
    command += ['--build-base', str(layout.BUILD), '--install-base', str(layout.INSTALL)]
    command += ['--metas', str(layout.ROOT / 'colcon.meta')]
    command += ['--event-handlers', 'console_direct+']
    command += [
        '--cmake-args',
        f'-DPython3_EXECUTABLE={PYTHON}',
        '-DBUILD_TESTING=OFF',
        '-Wno-dev',
    ]
    run(command, log=layout.LOG, environment=_build_environment(), directory=layout.STATE)


def _sourced_variables() -> dict[str, str]:
    """Source the built workspace in a shell and return what it set."""
    before = _build_environment()
    setup = shlex.quote(str(layout.INSTALL / 'local_setup.sh'))
    command = (
        f'export COLCON_CURRENT_PREFIX={shlex.quote(str(layout.INSTALL))}; . {setup} && env -0'
    )
    before['COLCON_PYTHON_EXECUTABLE'] = sys.executable
    after = _variables(run(['sh', '-c', command], environment=before))
    found = {name: after[name] for name in SOURCED if name in after}
    own = os.environ.get('PATH', os.defpath)
    if found['PATH'].endswith(own):
        found['PATH'] = found['PATH'][: -len(own)].rstrip(os.pathsep)
    return found


def _variables(text: str) -> dict[str, str]:
    pairs = (item.partition('=') for item in text.split('\0') if '=' in item)
    return {name: value for name, _, value in pairs}
