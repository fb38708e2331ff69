# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The pages of docs/ against the code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from c2a_core.spaces import ACTION, FRAMES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / 'docs'
PAGES = sorted([*ROOT.glob('*.md'), *DOCS.glob('*.md'), *ROOT.glob('*/README.md')])
# Pages that other pages do not have to lead to.
INTERFACES = (DOCS / 'interfaces.md').read_text(encoding='utf-8')
ARCHITECTURE = (DOCS / 'architecture.md').read_text(encoding='utf-8')

_spec = importlib.util.spec_from_file_location('make_docs', ROOT / 'scripts' / 'make_docs.py')
make_docs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_docs)


def table(title: str) -> list[list[str]]:
    """Rows of the first table below a heading of interfaces.md, without backticks."""
    section = INTERFACES.split(f'## {title}\n')[1].split('\n## ')[0]
    lines = [line for line in section.splitlines() if line.startswith('|')][2:]
    return [[cell.strip().strip('`') for cell in line.strip('|').split('|')] for line in lines]


def topics() -> list[list[str]]:
    return table('Topics of the loop') + table('Topics for people and tools')


def test_every_topic_of_the_code_is_listed_and_no_other():
    ros = pytest.importorskip('c2a_core.ros', reason='rclpy is not installed: run ./c2a test')
    names = {value for key, value in vars(ros.Topic).items() if key.isupper()}
    absolute = {name if name.startswith('/') else f'/{ros.NAMESPACE}/{name}' for name in names}
    assert {row[0] for row in topics()} == absolute


def test_profiles_of_the_topics_are_there():
    ros = pytest.importorskip('c2a_core.ros', reason='rclpy is not installed: run ./c2a test')
    for name, _, profile, _ in topics():
        assert hasattr(ros.Qos, profile), name
    own = {row[0].rsplit('/', 1)[1].upper(): row[2] for row in table('Topics of the loop')}
    assert all(name == profile for name, profile in own.items())


def test_services_and_actions_are_those_of_the_code():
    ros = pytest.importorskip('c2a_core.ros', reason='rclpy is not installed: run ./c2a test')
    names = {
        f'/{ros.NAMESPACE}/{value}'
        for kind in (ros.Service, ros.Action)
        for key, value in vars(kind).items()
        if key.isupper()
    }
    assert {row[0] for row in table('Services and actions')} == names


@pytest.mark.parametrize(
    'name', sorted({row[1] for row in topics() + table('Services and actions')})
)
def test_interface_types_exist(name: str):
    package, kind, message = name.split('/')
    if package == 'c2a_msgs':
        assert (ROOT / 'src' / 'c2a_msgs' / kind / f'{message}.{kind}').is_file()
        return
    module = pytest.importorskip(f'{package}.{kind}', reason=f'{package} is not installed')
    assert hasattr(module, message)


def test_frames_and_action_are_those_of_the_code():
    assert {row[0]: row[1] for row in table('Frames')} == FRAMES
    assert [row[:3] for row in table('Action')] == [
        [part.name, part.unit or '–', part.frame or '–'] for part in ACTION
    ]


def test_all_twelve_rules_are_there_and_have_a_test_that_names_them():
    rules = re.findall(r'^(\d+)\. \*\*', ARCHITECTURE, re.MULTILINE)
    assert rules == [str(number) for number in range(1, 13)]
    tests = '\n'.join(path.read_text(encoding='utf-8') for path in (ROOT / 'tests').rglob('*.py'))
    named = {int(number) for number in re.findall(r'def test_semantics_(\d+)_', tests)}
    missing = [rule for rule in rules if int(rule) not in named]
    assert missing == []


@pytest.mark.parametrize('page', sorted(make_docs.PAGES))
def test_written_pages_are_up_to_date(page: str):
    pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')
    text = (DOCS / page).read_text(encoding='utf-8')
    # argparse breaks lines a little differently in different versions of Python.
    assert text.split() == make_docs.PAGES[page]().split(), (
        'run ./c2a shell python scripts/make_docs.py'
    )


@pytest.mark.parametrize('path', PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path):
    text = re.sub(r'```.*?```', '', path.read_text(encoding='utf-8'), flags=re.DOTALL)
    targets = re.findall(r'\]\(([^)#\s]+)', text)
    broken = [
        target
        for target in targets
        if not target.startswith('http') and not (path.parent / target).exists()
    ]
    assert broken == []


def test_commands_that_the_pages_show_exist():
    from c2a_training.cli import COMMANDS

    known = {*COMMANDS, 'test', 'shell'}
    for path in PAGES:
        shown = set(re.findall(r'(?:^|`)\./c2a ([a-z]+)', path.read_text('utf-8'), re.MULTILINE))
        assert shown <= known, path


def test_the_simulator_page_shows_code_that_runs():
    text = (DOCS / 'simulator.md').read_text(encoding='utf-8')
    example = re.search(r'```python\n(.*?)```', text, re.DOTALL)[1]
    names: dict[str, object] = {}
    # Without pictures: what is shown is the loop, and a machine without Vulkan has it too.
    code = example.replace('image_size=128', 'render=False')
    exec(compile(code, 'simulator.md', 'exec'), names)
    assert names['simulator'].success
