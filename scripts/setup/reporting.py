# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the set-up says, and how it runs other programs. Standard library only."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# prctl's option: the kernel ends this process when its parent is gone, however that happened.
PR_SET_PDEATHSIG = 1

# Enough of a failed program's output to see why; the whole is in the log.
TAIL_LINES = 12


class SetupError(Exception):
    """The set-up cannot go on; the text is one line that says what to do."""


class ProgramError(Exception):
    """A program that the set-up ran has failed; `output` is what it wrote."""

    def __init__(self, command: Sequence[str], output: str) -> None:
        super().__init__(f'{command[0]} failed')
        self.output = output

    def tail(self) -> str:
        """Return the last lines of the output."""
        return '\n'.join(self.output.strip().splitlines()[-TAIL_LINES:])


def say(text: str) -> None:
    """Write one line about the set-up; standard output belongs to the command itself."""
    print(f'c2a: {text}', file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say in one line what is done and, when it is done, how long it took."""
    start = time.monotonic()
    live = sys.stderr.isatty()
    print(f'c2a: {text} ...', end='' if live else '\n', file=sys.stderr, flush=True)
    try:
        yield
    except BaseException:
        if live:
            print(file=sys.stderr)
        raise
    elapsed = time.monotonic() - start
    end = f' {elapsed:.0f} s' if live else f'c2a: {text}: {elapsed:.0f} s'
    print(end, file=sys.stderr, flush=True)


def run(
    command: Sequence[str],
    *,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> str:
    """Run a program and return its output (both streams together).

    Args:
        command: program and arguments.
        log: file that the output is added to.
        environment: the program's environment; None passes this process's.
        directory: where it runs.

    Raises:
        ProgramError: the program is missing or its exit status is not 0.
    """
    try:
        result = subprocess.run(
            command,
            check=False,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            preexec_fn=_end_with_parent,
        )
    except OSError as err:
        raise ProgramError(command, str(err)) from err
    if log and _is_own_folder(log.parent):
        with log.open('a', encoding='utf-8') as file:
            file.write(f'\n$ {" ".join(command)}\n{result.stdout}')
    if result.returncode:
        raise ProgramError(command, result.stdout)
    return result.stdout


def _is_own_folder(folder: Path) -> bool:
    """Tell whether to write there: `sudo ./c2a system-packages` must leave no file of root's."""
    return folder.is_dir() and folder.stat().st_uid == os.geteuid()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
