# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""package.xml and setup.py say what the code needs and brings."""

from __future__ import annotations

import ast
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PYTHON_PACKAGES = ('c2a_controller', 'c2a_core', 'c2a_planner', 'c2a_sim_bridge', 'c2a_training')
FOLDERS = {name: ROOT / 'src' / name for name in (*PYTHON_PACKAGES, 'c2a_msgs')}
FOLDERS['c2a'] = ROOT / 'launch'

# Import name -> rosdep key, where they differ.
KEYS = {
    'ament_index_python': 'ament_index_python',
    'cv2': 'python3-opencv',
    'matplotlib': 'python3-matplotlib',
    'numpy': 'python3-numpy',
    'pandas': 'python3-pandas',
    'PIL': 'python3-pil',
    'rich': 'python3-rich',
    'scipy': 'python3-scipy',
    'yaml': 'python3-yaml',
}
# From PyPI only: rosdep has no key, the README names them.
PYPI_ONLY = {
    'accelerate',
    'av',
    'datasets',
    'diffusers',
    'llguidance',
    'lz4',
    'mani_skill',
    'mcap',
    'mcap_ros2',
    'openai',
    'peft',
    'pyarrow',
    'ray',
    'rosbags',
    'safetensors',
    'sapien',
    'supervisor',
    'tokenizers',
    'torch',
    'transformers',
    'zstandard',
}
# Names on PyPI, where they differ; and what is imported by others for us.
DISTRIBUTIONS = {'mcap_ros2': 'mcap-ros2-support'}
IMPORTED_BY_TORCH = {'tensorboard'}
ONLY_WITHOUT_ROS = {'supervisor'}


def manifest(package: str) -> ET.Element:
    return ET.parse(FOLDERS[package] / 'package.xml').getroot()


def dependencies(package: str) -> set[str]:
    kinds = ('depend', 'exec_depend')
    return {entry.text for kind in kinds for entry in manifest(package).findall(kind)}


def imported(package: str) -> set[str]:
    names = set()
    for path in (FOLDERS[package] / package).rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split('.')[0])
    return names - set(sys.stdlib_module_names) - {package}


@pytest.mark.parametrize('package', PYTHON_PACKAGES)
def test_everything_imported_is_named_in_package_xml(package):
    needed = {KEYS.get(name, name) for name in imported(package) - PYPI_ONLY}
    # The launch file and tf2_msgs are used where ROS has them.
    assert needed - dependencies(package) == set()


@pytest.mark.parametrize('package', PYTHON_PACKAGES)
def test_what_only_pypi_has_is_named_in_a_comment_of_package_xml(package):
    text = (FOLDERS[package] / 'package.xml').read_text(encoding='utf-8')
    missing = [name for name in imported(package) & PYPI_ONLY if name not in text]
    assert missing == []


def test_readme_installs_what_only_pypi_has():
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    line = re.search(r'^pip install ((?:.*\\\n)*.*)$', text, re.MULTILINE).group(1)
    installed = {word.partition('==')[0] for word in line.split()}
    needed = {DISTRIBUTIONS.get(name, name) for name in PYPI_ONLY | IMPORTED_BY_TORCH}
    assert needed - installed == ONLY_WITHOUT_ROS


@pytest.mark.parametrize('package', FOLDERS)
def test_build_type_is_ament_cmake_for_interfaces_and_launch_and_python_else(package):
    expected = 'ament_python' if package in PYTHON_PACKAGES else 'ament_cmake'
    assert manifest(package).find('export/build_type').text == expected
    assert manifest(package).find('name').text == package


def test_all_packages_have_the_same_version():
    versions = {manifest(name).find('version').text for name in FOLDERS}
    for name in PYTHON_PACKAGES:
        text = (FOLDERS[name] / 'setup.py').read_text(encoding='utf-8')
        versions.add(re.search(r"version='([^']+)'", text).group(1))
    assert len(versions) == 1


def test_launch_package_depends_on_every_package_whose_node_it_starts():
    import yaml

    stack = yaml.safe_load((ROOT / 'launch' / 'stack.yaml').read_text(encoding='utf-8'))
    started = {entry['package'] for entry in stack['nodes'].values()}
    assert started - dependencies('c2a') == set()


def test_every_executable_of_the_stack_is_made_by_its_package():
    import yaml

    stack = yaml.safe_load((ROOT / 'launch' / 'stack.yaml').read_text(encoding='utf-8'))
    for entry in stack['nodes'].values():
        if entry['package'] in PYTHON_PACKAGES:
            text = (FOLDERS[entry['package']] / 'setup.py').read_text(encoding='utf-8')
            assert f'{entry["executable"]} = {entry["package"]}.{entry["executable"]}:main' in text


def test_launch_folder_is_no_python_package():
    # It would shadow ROS's own `launch` for everything run from the checkout.
    assert list((ROOT / 'launch').rglob('__init__.py')) == []
