# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A family of subcommands of which only the one that is asked for is imported.

A command's module has ``add_parser(subparsers)`` and ``run(args) -> int``; a module that has a
family of its own says so with ``GROUP`` instead. So ``--help`` is quick, and a command runs where
another one's libraries are missing.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class CommandGroup:
    """A program with subcommands.

    Attributes:
        prog: the words before the subcommand, such as `c2a data`.
        description: what the family is for.
        epilog: what follows the list of commands in the help.
        commands: name -> (module, one line of help).
        default: the command that is meant where the words begin with one of its options.
    """

    prog: str
    description: str
    epilog: str
    commands: Mapping[str, tuple[str, str]]
    default: str = ''

    def make_parser(self, command: str | None = None) -> argparse.ArgumentParser:
        """Parser of the family.

        Args:
            command: the subcommand whose arguments are wanted; the others get their one line of
                help only.
        """
        parser = argparse.ArgumentParser(
            prog=self.prog,
            description=self.description,
            epilog=self.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        subparsers = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
        for name, (_, help_line) in self.commands.items():
            if name == command and self.subgroup(name) is None:
                self._module(name).add_parser(subparsers)
            else:
                subparsers.add_parser(name, help=help_line)
        return parser

    def subgroup(self, command: str) -> CommandGroup | None:
        """The family that a command stands for, None for a plain command; imports its module."""
        return getattr(self._module(command), 'GROUP', None)

    def main(self, words: Sequence[str]) -> int:
        """Run one subcommand.

        Args:
            words: what follows `prog` on the command line.

        Returns:
            The exit code: the command's own, or 2 for a wrong name.
        """
        if not words:
            self.make_parser().print_help()
            return 0
        if self.default and words[0].startswith('-') and words[0] not in ('-h', '--help'):
            words = [self.default, *words]
        command = words[0]
        if command.startswith('-'):
            self.make_parser().parse_args(words)
            return 0
        if command not in self.commands:
            sys.stderr.write(f'{self._wrong_name(command)}\n')
            return 2
        group = self.subgroup(command)
        if group is not None:
            return group.main(words[1:])
        args = self.make_parser(command).parse_args(words)
        return int(self._module(command).run(args))

    def _module(self, command: str) -> ModuleType:
        return importlib.import_module(self.commands[command][0])

    def _wrong_name(self, command: str) -> str:
        close = difflib.get_close_matches(command, self.commands, n=1)
        hint = f': did you mean {close[0]}?' if close else ''
        return f'{self.prog}: no command {command!r}{hint} Commands: {", ".join(self.commands)}'


def say_file_error(err: OSError) -> str:
    """What the file system refused, as a sentence that says what to do."""
    if err.filename is None:
        return str(err)
    reason = (err.strerror or type(err).__name__).lower()
    return f'cannot use {err.filename}: {reason}; name another path'
