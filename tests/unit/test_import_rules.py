# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The architecture as a test: who may import whom, and where ROS and the simulator may appear."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / 'src'

RUNTIME = ('c2a_planner', 'c2a_controller', 'c2a_sim_bridge')
# Package -> packages of ours that it may import.
MAY_IMPORT = {
    'c2a_core': {'c2a_core', 'c2a_msgs'},
    **{name: {name, 'c2a_core', 'c2a_msgs'} for name in RUNTIME},
    'c2a_training': {'c2a_training', *RUNTIME, 'c2a_core', 'c2a_msgs'},
}

ROS = {
    *('rclpy', 'launch', 'launch_ros', 'rosidl_runtime_py', 'rpyutils', 'cv_bridge'),
    *('c2a_msgs', 'builtin_interfaces', 'rcl_interfaces', 'std_msgs', 'std_srvs', 'sensor_msgs'),
    *('geometry_msgs', 'visualization_msgs', 'diagnostic_msgs', 'rosgraph_msgs', 'tf2_msgs'),
    *('action_msgs', 'nav_msgs', 'trajectory_msgs', 'rosbag2_py'),
}
SIMULATOR = {'mani_skill', 'sapien'}

# Modules that may import ROS besides those named *_node.py or ros_*.py.
ROS_MODULES = {'c2a_core.ros', 'c2a_core.messages'}
# A network that planner and policy share; nobody else in the core imports it.
SHARED_NETWORKS = {'c2a_core.grid_tower'}
# Where models are; whoever has none must not pay for the import.
TRANSFORMERS_PLACES = ('c2a_planner.', 'c2a_controller.', 'c2a_training.planner.')


@dataclass(frozen=True)
class Module:
    name: str
    path: Path

    @property
    def package(self) -> str:
        return self.name.split('.')[0]

    @property
    def stem(self) -> str:
        return self.path.stem

    @property
    def is_ros(self) -> bool:
        named = self.stem.endswith('_node') or self.stem.startswith('ros_')
        return self.name in ROS_MODULES or named

    def imports(self, *, at_import_time: bool = False) -> Iterator[tuple[str, int]]:
        """Dotted names that it imports, with the line; all, or those that importing it imports."""
        tree = ast.parse(self.path.read_text(encoding='utf-8'), str(self.path))
        for node in _top_level(tree) if at_import_time else ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                yield base, node.lineno
                yield from ((f'{base}.{alias.name}', node.lineno) for alias in node.names)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ''
        is_package = self.path.name == '__init__.py'
        parts = self.name.split('.')
        parts = parts[: len(parts) - node.level + is_package]
        return '.'.join((*parts, node.module)) if node.module else '.'.join(parts)


def _top_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run when the module is imported: not in functions, not for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.unparse(node.test):
            continue
        yield node
        yield from _top_level(node)


def _modules() -> list[Module]:
    modules = []
    for package in MAY_IMPORT:
        folder = SOURCE / package
        for path in sorted((folder / package).rglob('*.py')):
            parts = path.relative_to(folder).with_suffix('').parts
            name = '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
            modules.append(Module(name, path))
    return modules


MODULES = _modules()
ROS_NAMES = {module.name for module in MODULES if module.is_ros}


def _where(module: Module, line: int, what: str) -> str:
    return f'{module.path.relative_to(ROOT)}:{line} imports {what}'


def test_there_are_modules_to_check():
    assert {'c2a_core.types', 'c2a_core.ros'} <= {module.name for module in MODULES}


def test_packages_import_one_way_only():
    wrong = [
        _where(module, line, name)
        for module in MODULES
        for name, line in module.imports()
        if (top := name.split('.')[0]) in {*MAY_IMPORT, 'c2a_msgs'}
        and top not in MAY_IMPORT[module.package]
    ]
    assert wrong == []


def test_ros_only_where_the_name_says_so():
    wrong = [
        _where(module, line, name)
        for module in MODULES
        if not module.is_ros
        for name, line in module.imports()
        if name.split('.')[0] in ROS
    ]
    assert wrong == []


def test_libraries_do_not_import_ros_through_another_module():
    wrong = [
        _where(module, line, name)
        for module in MODULES
        if not module.is_ros
        for name, line in module.imports(at_import_time=True)
        if name in ROS_NAMES
    ]
    assert wrong == []


def test_there_is_no_ros_inside_the_simulator():
    inside = [m for m in MODULES if m.name.startswith('c2a_sim_bridge.sim.')]
    assert [m.name for m in inside if m.is_ros] == []


@pytest.mark.parametrize(
    ('names', 'allowed'),
    [
        (SIMULATOR, lambda module: module.package == 'c2a_sim_bridge'),
        ({'transformers'}, lambda module: module.name.startswith(TRANSFORMERS_PLACES)),
        (
            {'torch'},
            lambda module: module.package != 'c2a_core' or module.name in SHARED_NETWORKS,
        ),
        ({'ray'}, lambda module: module.package == 'c2a_training'),
    ],
    ids=['simulator', 'transformers', 'torch', 'ray'],
)
def test_heavy_packages_stay_where_they_belong(names, allowed):
    wrong = [
        _where(module, line, name)
        for module in MODULES
        if not allowed(module)
        for name, line in module.imports()
        if name.split('.')[0] in names
    ]
    assert wrong == []


def test_init_files_are_empty():
    inits = SOURCE.rglob('__init__.py')
    assert [str(path.relative_to(ROOT)) for path in inits if path.read_text().strip()] == []


def test_the_launch_package_is_no_python_package():
    # An __init__.py here would shadow ROS's launch for whatever runs from the root.
    assert not (ROOT / 'launch' / '__init__.py').exists()


@pytest.mark.parametrize(
    ('packages', 'forbidden'),
    [
        (('c2a_core',), ROS | SIMULATOR | {'torch', 'transformers'}),
        (('c2a_core', 'c2a_planner', 'c2a_controller'), ROS | SIMULATOR),
    ],
    ids=['core', 'planner and controller'],
)
def test_importing_the_libraries_loads_neither_ros_nor_the_simulator(packages, forbidden):
    light = [m for m in MODULES if not m.is_ros and m.name not in SHARED_NETWORKS]
    names = [m.name for m in light if m.package in packages]
    code = (
        'import importlib, sys\n'
        f'for name in {names!r}:\n    importlib.import_module(name)\n'
        f'print(sorted(set({sorted(forbidden)!r}) & sys.modules.keys()))'
    )
    paths = [str(SOURCE / package) for package in MAY_IMPORT]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    run = subprocess.run(
        [sys.executable, '-c', code], env=env, capture_output=True, text=True, timeout=180
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == '[]'


def test_the_planner_without_a_model_loads_no_torch():
    code = (
        'import sys, c2a_planner.planner, c2a_planner.params, c2a_planner.checkpoint\n'
        'from c2a_planner.backend import make_backend\n'
        "make_backend('oracle')\n"
        "print(sorted({'torch', 'transformers', 'llguidance', 'openai'} & sys.modules.keys()))"
    )
    paths = [str(SOURCE / package) for package in MAY_IMPORT]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    run = subprocess.run(
        [sys.executable, '-c', code], env=env, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == '[]'
