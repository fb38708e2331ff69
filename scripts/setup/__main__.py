# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Set the checkout up if that is needed, then run C2A's command line in it (called by ./c2a)."""

from __future__ import annotations

import fcntl
import os
import shlex
import sys

import layout
import python_environment
import system_packages
import workspace
from reporting import SetupError, say


def is_ready() -> bool:
    """Tell whether nothing has to be done."""
    return python_environment.is_ready() and workspace.is_ready()


def set_up() -> None:
    """Make what is missing; one at a time in a checkout."""
    layout.STATE.mkdir(exist_ok=True)
    with layout.LOCK.open('w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say('another ./c2a is setting this checkout up: waiting for it')
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not python_environment.is_ready():
            system_packages.install_missing()
            python_environment.make()
            system_packages.check_renderer(str(python_environment.PYTHON))
        if not workspace.is_ready():
            workspace.build()


def run_command_line(arguments: list[str]) -> None:
    """Become the command that was asked for, in the environment."""
    environment = workspace.runtime_environment()
    python = str(python_environment.PYTHON)
    command, rest = (arguments[:1], arguments[1:])
    if command == ['test']:
        words = [python, '-m', 'pytest', '-rs', *rest]
        os.chdir(layout.ROOT)
    elif command == ['shell']:
        words = shell_command(rest, environment)
    else:
        words = [python, '-m', 'c2a_training.cli', *arguments]
    try:
        os.execvpe(words[0], words, environment)
    except OSError as err:
        raise SetupError(f'cannot run {words[0]}: {err.strerror}') from err


def shell_command(words: list[str], environment: dict[str, str]) -> list[str]:
    """Return the command of a shell in the environment, or of `words` run in it."""
    if words:
        return words
    shell = os.environ.get('SHELL', '/bin/sh')
    if os.path.basename(shell) != 'bash':
        return [shell]
    # The user's own start-up file comes first, then the environment again: it may change PATH.
    start = layout.STATE / 'bashrc'
    names = [name for name in workspace.SOURCED if name in environment]
    lines = ['[ -r ~/.bashrc ] && . ~/.bashrc']
    lines += [f'export {name}={shlex.quote(environment[name])}' for name in names]
    lines += ['PS1="(c2a) $PS1"']
    layout.write_whole(start, '\n'.join(lines) + '\n')
    return [shell, '--rcfile', str(start)]


def show_help(arguments: list[str]) -> None:
    """Show the help without setting anything up: it needs no package."""
    sources = os.pathsep.join(str(path) for path in (layout.ROOT / 'src').iterdir())
    environment = {**os.environ, 'PYTHONPATH': sources}
    os.execve(sys.executable, [sys.executable, '-m', 'c2a_training.cli', *arguments], environment)


def main() -> int:
    """Set up and run; return an exit status if there is nothing to run."""
    arguments = sys.argv[1:]
    try:
        if arguments[:1] == ['system-packages']:
            system_packages.install_missing()
            return 0
        if not is_ready():
            if not arguments or arguments[0] in ('-h', '--help'):
                show_help(arguments)
            set_up()
        run_command_line(arguments)
    except SetupError as err:
        say(str(err))
    except OSError as err:
        say(f'{err}: is the disk full, or does {layout.STATE} belong to somebody else?')
    except KeyboardInterrupt:
        say('interrupted: the next ./c2a takes it up again')
        return 130
    return 1


if __name__ == '__main__':
    sys.exit(main())
