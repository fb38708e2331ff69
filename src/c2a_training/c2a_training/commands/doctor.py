# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a doctor`: what this machine has and lacks, one line each, with the remedy.

Each check runs by itself, most of them in a process of their own, so that a broken part breaks
its own line only. Exit code 1 if something that is needed is broken.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Room for recordings and videos; the environment itself is installed by now.
NEEDED_DISK_GB = 2.0
# A round trip between two processes takes 0.4 ms on two cores; ten times that spoils lockstep.
SLOW_ROUND_TRIP_MS = 5.0
PROBE_TIMEOUT_S = 60.0
PACKAGES = (
    *('numpy', 'sapien', 'mani_skill', 'torch', 'transformers', 'diffusers'),
    'opencv-python',
)
RENDER_PROBE = (
    'import sapien; sapien.render.RenderSystem(); print(sapien.render.get_device_summary())'
)
WORKSPACE_PROBE = 'import c2a_msgs.msg, rclpy; print(rclpy.__file__)'


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        what: what was looked at.
        state: ok, note (works, could be better) or broken.
        text: what was found.
        remedy: what to do; '' if nothing.
    """

    what: str
    state: str
    text: str
    remedy: str = ''

    def line(self) -> str:
        """Return the line."""
        mark = {'ok': 'ok    ', 'note': 'note  ', 'broken': 'BROKEN'}[self.state]
        remedy = f' -> {self.remedy}' if self.remedy else ''
        return f'{mark} {self.what:12} {self.text}{remedy}'


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    help_line = 'check this machine: ROS, DDS, renderer, versions, disk'
    subparsers.add_parser('doctor', help=help_line, description=f'{help_line}. {__doc__}')


def run(args: argparse.Namespace) -> int:  # noqa: ARG001
    """Check everything, write one line each; 1 if something needed is broken."""
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    checks: tuple[Callable[[], Finding], ...] = (
        check_python,
        check_ros,
        check_launch,
        check_discovery_range,
        check_dds,
        check_renderer,
        check_versions,
        check_disk,
        check_checkpoints,
    )
    findings = []
    for check in checks:
        findings.append(check())
        sys.stdout.write(findings[-1].line() + '\n')
        sys.stdout.flush()
    return int(any(finding.state == 'broken' for finding in findings))


def check_python() -> Finding:
    """Python's version and place."""
    text = f'{platform.python_version()} in {sys.prefix}'
    if not (3, 10) <= sys.version_info[:2] <= (3, 12):
        return Finding('Python', 'broken', text, 'use Python 3.10, 3.11 or 3.12')
    return Finding('Python', 'ok', text)


def check_ros() -> Finding:
    """ROS from wheels or from the system, and the built workspace."""
    code, output = _python(WORKSPACE_PROBE)
    if code:
        last = _last_line(output)
        return Finding('ROS', 'broken', last, 'build and source the workspace, or use ./c2a')
    place = _last_line(output)
    if Path(place).is_relative_to(sys.prefix):
        return Finding('ROS', 'ok', f'Jazzy from PyPI wheels, rclpy {_version("ros-rclpy")}')
    distribution = os.environ.get('ROS_DISTRO', 'unknown')
    if distribution != 'jazzy':
        return Finding(
            'ROS', 'note', f'{distribution} at {place}', 'C2A is made for Jazzy: source that one'
        )
    return Finding('ROS', 'ok', f'{distribution} of the system, {place}')


def check_launch() -> Finding:
    """Who starts the nodes, and whether TF is there."""
    if importlib.util.find_spec('launch_ros') and shutil.which('ros2'):
        return Finding('start', 'ok', 'ros2 launch')
    if importlib.util.find_spec('supervisor') is None:
        return Finding(
            'start', 'broken', 'neither launch_ros nor supervisor is there', 'use ./c2a'
        )
    text = 'by supervisor (no launch_ros here, so no TF, RViz and rqt either)'
    return Finding('start', 'ok', text)


def check_discovery_range() -> Finding:
    """Whether the environment lets DDS leave this machine."""
    value = os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE']
    if value in ('LOCALHOST', 'OFF'):
        return Finding('DDS range', 'ok', f'{value}: nothing beyond this machine')
    return Finding(
        'DDS range',
        'note',
        f'{value}: other machines take part',
        'unset ROS_AUTOMATIC_DISCOVERY_RANGE to keep it to this machine',
    )


def check_dds() -> Finding:
    """Measured round trip of an image between two processes, and where DDS listens."""
    code, output = _run([sys.executable, '-m', 'c2a_training.dds_probe_node'])
    try:
        result = json.loads(_last_line(output)) if code == 0 else {}
    except json.JSONDecodeError:
        result = {}
    if not result.get('round_trips'):
        reason = _last_line(output) if code else 'two processes do not find each other'
        return Finding('DDS', 'broken', reason, 'is the loopback up, and UDP on it not filtered?')
    text = f'image there and back {result["median_ms"]:.2f} ms median, {result["p99_ms"]:.2f} p99'
    wants_loopback = os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] in ('LOCALHOST', 'OFF')
    if result['outside'] and wants_loopback:
        names = ', '.join(result['outside'])
        return Finding(
            'DDS', 'broken', f'{text}; it listens on {names}', 'look at your DDS profile'
        )
    where = f'listens on {", ".join(result["outside"])}' if result['outside'] else 'loopback only'
    if result['median_ms'] > SLOW_ROUND_TRIP_MS:
        return Finding('DDS', 'note', f'{text}; {where}', 'is the machine busy?')
    return Finding('DDS', 'ok', f'{text}; {where}')


def check_renderer() -> Finding:
    """Which device SAPIEN renders with."""
    code, output = _python(RENDER_PROBE)
    mesa = _mesa_version()
    if code:
        return Finding(
            'renderer',
            'broken',
            f'no usable Vulkan device (Mesa: {mesa or "none"})',
            'run `sudo ./c2a system-packages`, or install an NVIDIA driver with Vulkan',
        )
    names = [line.split(':', 1)[1].strip() for line in output.splitlines() if 'GPU:' in line]
    name = (names or ['unnamed device'])[0]
    if 'llvmpipe' in name:
        return Finding('renderer', 'ok', f'processor, {name}, Mesa {mesa or "unknown"}')
    return Finding('renderer', 'ok', f'GPU, {name}')


def check_versions() -> Finding:
    """Versions of the packages that results depend on."""
    found = {name: _version(name) for name in PACKAGES}
    text = ', '.join(f'{name} {number or "missing"}' for name, number in found.items())
    # torch is for the learned models; the simulator and the oracle do without it.
    if not (found['sapien'] and found['mani_skill'] and found['numpy']):
        return Finding('versions', 'broken', text, 'use ./c2a, or pip install what is missing')
    return Finding('versions', 'ok', text)


def check_disk() -> Finding:
    """Free space where recordings go."""
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    text = f'{free:.1f} GB free in {Path.cwd()}'
    if free < NEEDED_DISK_GB:
        return Finding('disk', 'note', text, f'free some: {NEEDED_DISK_GB:.0f} GB are sensible')
    return Finding('disk', 'ok', text)


def check_checkpoints() -> Finding:
    """Learned models that ship, and whether their files are whole and fit this version."""
    from c2a_controller import policy_checkpoint
    from c2a_core.sealed_directory import CheckpointError
    from c2a_planner import checkpoint as planner_checkpoint

    there, missing = [], []
    for kind, package, stand_in in (
        ('planner', planner_checkpoint, 'the oracle writes the code'),
        ('policy', policy_checkpoint, 'scripted skills move the arm'),
    ):
        for name in package.SHIPPED:
            try:
                package.shipped(name)
            except CheckpointError:
                missing.append(f'no {kind} {name}: {stand_in}')
                continue
            try:
                checkpoint = package.find_checkpoint(name)
                checkpoint.check()
            except CheckpointError as err:
                return Finding('checkpoints', 'broken', str(err), 'git checkout the file anew')
            size_mb = sum(f.stat().st_size for f in Path(checkpoint.source).iterdir()) / 1e6
            there.append(f'{kind} {name} {checkpoint.label}, {size_mb:.1f} MB, files verified')
    text = '; '.join([*there, *missing])
    if missing:
        return Finding('checkpoints', 'note', text, 'make one: ./c2a train --help')
    return Finding('checkpoints', 'ok', text)


def _python(code: str) -> tuple[int, str]:
    return _run([sys.executable, '-c', code])


def _run(command: Sequence[str]) -> tuple[int, str]:
    try:
        result = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, f'no answer within {PROBE_TIMEOUT_S:.0f} s'
    except OSError as err:
        return 1, str(err)
    return result.returncode, result.stdout


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [''])[-1]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ''


def _mesa_version() -> str:
    code, output = _run(['dpkg-query', '-W', '-f', '${Version}', 'mesa-vulkan-drivers'])
    return '' if code else output.strip()
