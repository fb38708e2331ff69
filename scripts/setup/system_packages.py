# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What has to come from the distribution: a compiler, OpenGL's and Vulkan's loaders, a renderer.

Only what is missing is installed, only as root and only with apt; anything else is said in one
line. Mesa's software renderer is taken from the distribution's backports where its own is too old,
without leaving a package source behind.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import layout
from reporting import ProgramError, SetupError, run, say, step

# SAPIEN needs descriptor indexing: llvmpipe lacks it in Mesa 22.3 (Debian 12), has it in 25.0.
MINIMUM_MESA = (23, 2)
MESA = 'mesa-vulkan-drivers'
# Program or shared library -> the package that brings it on Debian and Ubuntu.
PROGRAMS = {'c++': 'g++', 'make': 'make', 'cmake': 'cmake'}
LIBRARIES = {
    'libGL.so.1': 'libgl1',
    'libEGL.so.1': 'libegl1',
    'libX11.so.6': 'libx11-6',
    'libgthread-2.0.so.0': 'libglib2.0-0',
    'libgomp.so.1': 'libgomp1',
    'libvulkan.so.1': 'libvulkan1',
}
RENDER_PROBE = (
    'import sapien; sapien.render.RenderSystem(); print(sapien.render.get_device_summary())'
)


def install_missing() -> None:
    """Install what is missing.

    Raises:
        SetupError: something is missing and cannot be installed here; the text says what to do.
    """
    packages = missing_packages()
    needs_mesa = not layout.has_nvidia_gpu() and not is_mesa_new_enough(installed_mesa())
    if not packages and not needs_mesa:
        return
    wanted = [*packages, MESA] if needs_mesa else packages
    if not shutil.which('apt-get'):
        if packages:
            raise SetupError(
                f'missing: {" ".join(packages)} (names on Debian): install them and run again'
            )
        return  # the renderer is tried later; there is no way to ask this system for its version
    if os.geteuid() != 0:
        raise SetupError(
            f'system packages are missing ({" ".join(wanted)}) and only root can install them: '
            'run `sudo ./c2a system-packages`, then run this again'
        )
    with step(f'installing system packages ({" ".join(wanted)})'):
        _apt_install(packages, needs_mesa=needs_mesa)


def missing_packages() -> list[str]:
    """Return the names of packages whose program, library or header is not there."""
    missing = [package for name, package in PROGRAMS.items() if not shutil.which(name)]
    missing += [package for name, package in LIBRARIES.items() if not _loads(name)]
    if not (Path(sysconfig.get_paths()['include']) / 'Python.h').exists():
        missing.append(f'python3.{sys.version_info[1]}-dev')
    if not importlib.util.find_spec('ensurepip'):
        missing.append(f'python3.{sys.version_info[1]}-venv')
    return missing


def installed_mesa() -> str:
    """Return the version of the installed software renderer, '' if there is none."""
    try:
        status = run(['dpkg-query', '-W', '-f', '${db:Status-Status} ${Version}', MESA])
    except ProgramError:
        return ''
    state, _, version = status.partition(' ')
    return version if state == 'installed' else ''


def is_mesa_new_enough(version: str) -> bool:
    """Tell whether SAPIEN accepts the software renderer of this Debian version string."""
    match = re.match(r'(?:\d+:)?(\d+)\.(\d+)', version)
    return bool(match) and tuple(int(part) for part in match.groups()) >= MINIMUM_MESA


def check_renderer(python: str) -> None:
    """Let SAPIEN open its render device: the GPU where there is one, else the processor.

    Raises:
        SetupError: there is no usable Vulkan device; the text says what to do.
    """
    with step('checking the renderer'):
        try:
            devices = run([python, '-c', RENDER_PROBE], log=layout.LOG)
        except ProgramError as err:
            raise SetupError(
                f'no usable Vulkan device: install {MESA} {_minimum()} or newer (found: '
                f'{installed_mesa() or "none"}) or an NVIDIA driver with Vulkan; see {layout.LOG}'
            ) from err
    if layout.has_nvidia_gpu() and 'NVIDIA' not in devices:
        say('the GPU does not render (has its driver Vulkan?): the processor renders instead')


def backports_source(targets: str, keyring: Path) -> str:
    """Return an apt source line for the backports of the running Debian, '' if it has none.

    Args:
        targets: what `apt-get indextargets` says of the configured sources, one per line:
            repository address, code name, origin, component. Mirrors are kept this way.
        keyring: Debian's archive key, named where it exists.
    """
    for line in targets.splitlines():
        address, codename, origin, component = (line.split('|') + [''] * 4)[:4]
        # The plain suite only: `bookworm`, not `bookworm-security` or `-updates`.
        if origin == 'Debian' and component == 'main' and re.fullmatch('[a-z]+', codename):
            signed = f'[signed-by={keyring}] ' if keyring.exists() else ''
            return f'deb {signed}{address} {codename}-backports main\n'
    return ''


def _minimum() -> str:
    return '.'.join(str(part) for part in MINIMUM_MESA)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _apt_install(packages: list[str], *, needs_mesa: bool) -> None:
    _apt('update', on_error='ignore')  # one broken third-party source must not stop the others
    if needs_mesa and not is_mesa_new_enough(_candidate_mesa()):
        _install_mesa_from_backports()
    elif needs_mesa:
        packages = [*packages, MESA]
    if packages:
        _apt('install', *packages)


def _install_mesa_from_backports() -> None:
    form = '$(REPO_URI)|$(CODENAME)|$(ORIGIN)|$(COMPONENT)'
    targets = run(['apt-get', 'indextargets', '--format', form, 'Created-By: Packages'])
    source = backports_source(targets, Path('/usr/share/keyrings/debian-archive-keyring.gpg'))
    if not source:
        raise SetupError(
            f'{MESA} {_candidate_mesa() or "(none)"} of this distribution is too old '
            f'and there are no backports of it: install {_minimum()} or newer'
        )
    suite = source.split()[-2]
    with _extra_source(source) as options:
        _apt(*options, 'update', on_error='ignore')
        _apt(*options, 'install', '-t', suite, MESA)


@contextmanager
def _extra_source(source: str) -> Iterator[list[str]]:
    """Give apt one more package source for as long as this lasts; /etc stays as it is."""
    with tempfile.TemporaryDirectory(prefix='c2a-apt-') as folder:
        os.chmod(folder, 0o755)  # apt reads it as its own user
        for path in Path('/etc/apt/sources.list.d').glob('*'):
            (Path(folder) / path.name).symlink_to(path)
        extra = Path(folder) / 'c2a-backports.list'
        extra.write_text(source, encoding='utf-8')
        yield ['-o', f'Dir::Etc::sourceparts={folder}']


def _candidate_mesa() -> str:
    try:
        policy = run(['apt-cache', 'policy', MESA], environment={**os.environ, 'LC_ALL': 'C'})
    except ProgramError:
        return ''
    match = re.search(r'Candidate: (\S+)', policy)
    return match.group(1) if match else ''


def _apt(*arguments: str, on_error: str = 'raise') -> None:
    environment = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive', 'LC_ALL': 'C'}
    command = ['apt-get', '-y', '-q', '-o', 'DPkg::Lock::Timeout=120', '--no-install-recommends']
    try:
        run([*command, *arguments], log=layout.LOG, environment=environment)
    except ProgramError as err:
        if on_error == 'ignore':
            return
        lines = [line for line in err.output.splitlines() if line.startswith('E: ')]
        raise SetupError(
            f'apt-get {" ".join(arguments[-2:])} failed ({(lines or ["no reason given"])[0]}): '
            f'check the network and the package sources, then run again; see {layout.LOG}'
        ) from err
