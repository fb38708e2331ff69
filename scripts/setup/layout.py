# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Where things lie in the checkout, and when they have to be made again.

Everything the set-up makes is under `.c2a/`, so removing that folder undoes it. A stamp is written
last: what was interrupted has none and is made again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
STATE = ROOT / '.c2a'
VENV = STATE / 'venv'
BUILD = STATE / 'build'
INSTALL = STATE / 'install'
LOG = STATE / 'setup.log'
LOCK = STATE / 'lock'
ENVIRONMENT = STATE / 'environment.json'
REQUIREMENTS = ROOT / 'requirements.lock'
SYSTEM_ROS = Path('/opt/ros/jazzy')

# Files of a Python package that only a new build brings into the installed workspace; modules
# themselves are linked (colcon --symlink-install).
BUILD_FILES = ('package.xml', 'setup.py', 'setup.cfg', 'CMakeLists.txt', 'resource/*')


def system_ros() -> Path | None:
    """Return the prefix of an installed ROS 2 Jazzy, None if the wheels have to do."""
    sourced = [
        Path(prefix)
        for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
        if os.environ.get('ROS_DISTRO') == 'jazzy' and (Path(prefix) / 'share' / 'rclpy').is_dir()
    ]
    installed = [SYSTEM_ROS] if (SYSTEM_ROS / 'setup.sh').exists() else []
    prefixes = [prefix for prefix in sourced if VENV not in (prefix, *prefix.parents)]
    return next(iter(prefixes + installed), None)


def has_nvidia_gpu() -> bool:
    """Tell whether an NVIDIA GPU and its driver are there (no program is started for it)."""
    return Path('/proc/driver/nvidia/version').exists() or Path('/dev/nvidiactl').exists()


def environment_key() -> str:
    """Return what the Python environment depends on, as a hash."""
    return _digest([REQUIREMENTS], f'{system_ros()} cuda={has_nvidia_gpu()} {ROOT}')


def workspace_key() -> str:
    """Return what the colcon build depends on, as a hash."""
    files = [ROOT / 'colcon.meta', *_tree(ROOT / 'src' / 'c2a_msgs'), *_tree(ROOT / 'launch')]
    for package in (ROOT / 'src').iterdir():
        for pattern in BUILD_FILES:
            files += package.glob(pattern)
    return _digest(files, environment_key())


def is_current(stamp: Path, key: str) -> bool:
    """Tell whether `stamp` was written for `key`."""
    try:
        return stamp.read_text(encoding='utf-8') == key
    except OSError:
        return False


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody sees half of it."""
    part = path.with_name(f'{path.name}.part')
    part.write_text(text, encoding='utf-8')
    part.replace(path)


def remove(path: Path) -> None:
    """Remove a folder if it is there, also while something still writes into it."""
    if path.exists():
        trash = path.with_name(f'{path.name}.trash-{os.getpid()}')
        path.rename(trash)
        shutil.rmtree(trash, ignore_errors=True)
    for left in path.parent.glob(f'{path.name}.trash-*'):
        shutil.rmtree(left, ignore_errors=True)


def _tree(folder: Path) -> list[Path]:
    return [
        path for path in folder.rglob('*') if path.is_file() and '__pycache__' not in path.parts
    ]


def _digest(files: Iterable[Path], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for path in sorted(set(files)):
        digest.update(str(path.relative_to(ROOT)).encode() + b'\0')
        digest.update(path.read_bytes() if path.is_file() else b'')
    return digest.hexdigest()
