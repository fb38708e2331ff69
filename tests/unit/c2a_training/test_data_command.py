# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from types import ModuleType

import pytest

from c2a_training import cli
from c2a_training.command_group import CommandGroup
from c2a_training.commands import data_command


@pytest.fixture
def group(monkeypatch) -> CommandGroup:
    """`app` with the commands `one` (gives its number back) and `broken` (cannot be imported)."""
    one = ModuleType('one_of_a_group')
    one.add_parser = lambda subparsers: subparsers.add_parser('one').add_argument(
        '--number', type=int
    )
    one.run = lambda args: args.number
    monkeypatch.setitem(sys.modules, 'one_of_a_group', one)
    commands = {
        'one': ('one_of_a_group', 'first'),
        'broken': ('there_is_no_such_module', 'second'),
    }
    return CommandGroup('app', 'what it is for', 'the end', commands)


def test_only_the_module_that_is_asked_for_is_imported(group):
    assert group.main(['one', '--number', '7']) == 7
    with pytest.raises(ModuleNotFoundError):
        group.main(['broken'])


def test_help_of_a_group_imports_none_of_its_modules(group, capsys):
    with pytest.raises(SystemExit) as end:
        group.main(['--help'])
    assert end.value.code == 0
    assert 'second' in capsys.readouterr().out


def test_a_group_in_a_group_takes_the_rest_of_the_words(group, monkeypatch):
    module = ModuleType('a_group')
    module.GROUP = group
    monkeypatch.setitem(sys.modules, 'a_group', module)
    outer = CommandGroup('outer', '', '', {'app': ('a_group', '')})
    assert outer.main(['app', 'one', '--number', '3']) == 3


def test_data_without_a_command_shows_its_commands(capsys):
    assert cli.main(['data']) == 0
    text = capsys.readouterr().out
    assert all(f'    {name}' in text for name in data_command.COMMANDS)


def test_a_wrong_data_command_names_the_nearest(capsys):
    assert cli.main(['data', 'inof']) == 2
    assert 'c2a data: no command' in (text := capsys.readouterr().err)
    assert 'did you mean info?' in text
