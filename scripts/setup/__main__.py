# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Set the checkout up if that is needed, then run C2A's command line in it (called by ./c2a)."""

from __future__ import annotations

import fcntl
import os
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
    """Become C2A's command line."""
    environment = workspace.runtime_environment()
    python = str(python_environment.PYTHON)
    os.execve(python, [python, '-m', 'c2a_training.cli', *arguments], environment)


def show_help(arguments: list[str]) -> None:
    """Show the help without setting anything up: it needs no package."""
    sources = os.pathsep.join(str(path) for path in (layout.ROOT / 'src').iterdir())
    environment = {**os.environ, 'PYTHONPATH': sources}
    os.execve(sys.executable, [sys.executable, '-m', 'c2a_training.cli', *arguments], environment)


def main() -> int:
    """Set up and run; return an exit status only when that failed."""
    arguments = sys.argv[1:]
    try:
        if not is_ready():
            if not arguments or arguments[0] in ('-h', '--help'):
                show_help(arguments)
            set_up()
        run_command_line(arguments)
    except SetupError as err:
        say(str(err))
    except KeyboardInterrupt:
        say('interrupted: the next ./c2a takes it up again')
        return 130
    return 1


if __name__ == '__main__':
    sys.exit(main())
