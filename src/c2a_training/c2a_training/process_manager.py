# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Runs the stack's processes where ROS's own `launch` is not installed, with supervisor (PyPI).

supervisor starts them, starts again what ended, and stops them (SIGINT, at last SIGKILL). Added
here: each line of output carries its process's name, the end of a required process ends all of
them, and SIGTERM comes between the two signals. No socket is opened. Must not know what the
processes are.
"""

from __future__ import annotations

import math
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from supervisor import events
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.states import SupervisorStates
from supervisor.supervisord import Supervisor

# After SIGINT a process has so long to end before it gets SIGTERM as well (an interrupt in the
# middle of an import can get lost), and so long before it is killed.
TERMINATE_AFTER_S = 1.5
STOP_WAIT_S = 4
# A process that is started again must live so long to count as started; three times in a row it
# may fail to, with growing pauses, before the stack gives up.
START_S = 2
START_RETRIES = 3
GROUP = 'stack'

_CONFIG = """\
[supervisord]
nodaemon = true
silent = true
logfile = {folder}/supervisord.log
pidfile = {folder}/supervisord.pid
childlogdir = {folder}
minfds = 64
minprocs = 1
{user}
[group:{group}]
programs = {names}
"""
_PROGRAM = """
[program:{name}]
command = {command}
autorestart = {respawn}
startsecs = {start_s}
startretries = {retries}
stopsignal = INT
stopwaitsecs = {stop_wait_s}
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = NONE
stdout_events_enabled = true
"""


@dataclass(frozen=True)
class Process:
    """One process.

    Attributes:
        name: what its lines of output begin with.
        command: program and arguments.
        required: its end ends all processes.
        respawn: it is started again when it ends.
    """

    name: str
    command: tuple[str, ...]
    required: bool = False
    respawn: bool = False


def run_processes(processes: Sequence[Process], write: Callable[[str], None]) -> int:
    """Run processes until Ctrl-C, or until a required one ends.

    Takes over the signals of this process, so call it from the main thread of a program that does
    nothing else.

    Args:
        processes: what to run.
        write: gets each line of output, without its end.

    Returns:
        0 after Ctrl-C (SIGINT) or SIGTERM; else the exit code of the required process that ended,
        1 if a signal killed it or a process could not be kept running.
    """
    with tempfile.TemporaryDirectory(prefix='c2a-stack-') as folder:
        config = Path(folder) / 'supervisord.conf'
        config.write_text(_config(processes, folder), encoding='utf-8')
        options = ServerOptions()
        options.realize(['-c', str(config)])
        options.first = True
        options.test = False
        stack = _StackSupervisor(options, processes, write)
        try:
            stack.main()
        except ExitNow:  # how supervisor says that all processes have ended
            pass
        finally:
            options.close_logger()
        stack.flush()
        return stack.exit_code


class _StackSupervisor(Supervisor):
    """supervisor's own main loop, with a look at what its processes write and how they end."""

    def __init__(
        self, options: ServerOptions, processes: Sequence[Process], write: Callable[[str], None]
    ) -> None:
        super().__init__(options)
        self.exit_code = 0
        self._required = {process.name for process in processes if process.required}
        self._write = write
        self._parts: dict[str, str] = {}
        self._stopping_since: float | None = None

    def runforever(self) -> None:
        """Add our listeners (supervisor has just removed all of them), then run."""
        receive = self.options.signal_receiver.receive
        # supervisor would start everything again when the terminal is closed.
        signal.signal(signal.SIGHUP, lambda _signum, frame: receive(signal.SIGTERM, frame))
        events.subscribe(events.ProcessLogEvent, self._on_output)
        events.subscribe(events.ProcessStateExitedEvent, self._on_exit)
        events.subscribe(events.ProcessStateBackoffEvent, self._on_failed_start)
        events.subscribe(events.ProcessStateFatalEvent, self._on_given_up)
        super().runforever()

    def tick(self, now: float | None = None) -> None:
        """Do what supervisor does in each turn of its loop, and see to what does not stop."""
        super().tick(now)
        if self.options.mood >= SupervisorStates.RUNNING:
            return
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
        elif time.monotonic() - self._stopping_since > TERMINATE_AFTER_S:
            self._stopping_since = math.inf
            for process in self.process_groups[GROUP].get_unstopped_processes():
                if process.pid:
                    self.options.kill(process.pid, signal.SIGTERM)

    def flush(self) -> None:
        """Write what has no end of line yet."""
        for name, rest in self._parts.items():
            if rest:
                self._write(f'[{name}] {rest}')
        self._parts.clear()

    def _on_output(self, event: events.ProcessLogEvent) -> None:
        name = event.process.config.name
        data = event.data
        text = data.decode('utf-8', errors='replace') if isinstance(data, bytes) else data
        *lines, rest = (self._parts.get(name, '') + text).split('\n')
        for line in lines:
            self._write(f'[{name}] {line}')
        self._parts[name] = rest

    def _on_exit(self, event: events.ProcessStateExitedEvent) -> None:
        name = event.process.config.name
        code = event.process.exitstatus
        how = f'ended with exit code {code}' if code >= 0 else 'was ended by a signal'
        if name not in self._required:
            if self.options.mood >= SupervisorStates.RUNNING:
                self._write(f'[{name}] {how}: starting it again')
            return
        self._end(f'[{name}] {how}', code if code >= 0 else 1)

    def _on_failed_start(self, event: events.ProcessStateBackoffEvent) -> None:
        name = event.process.config.name
        self._write(f'[{name}] ended within {START_S} s of its start: starting it again')

    def _on_given_up(self, event: events.ProcessStateFatalEvent) -> None:
        if self.options.mood < SupervisorStates.RUNNING:
            return  # it was waiting for its next start when the stack was told to end
        name = event.process.config.name
        reason = event.process.spawnerr or 'no reason given'
        self._end(f'[{name}] cannot be kept running ({reason})', 1)

    def _end(self, why: str, exit_code: int) -> None:
        if self.options.mood < SupervisorStates.RUNNING:
            return
        self._write(f'{why}: ending the stack')
        self.exit_code = exit_code
        self.options.mood = SupervisorStates.SHUTDOWN


def _config(processes: Sequence[Process], folder: str) -> str:
    programs = [
        _PROGRAM.format(
            name=process.name,
            # supervisor expands % and splits like a shell.
            command=shlex.join(process.command).replace('%', '%%'),
            respawn=str(process.respawn).lower(),
            start_s=START_S if process.respawn else 0,
            retries=START_RETRIES,
            stop_wait_s=STOP_WAIT_S,
        )
        for process in processes
    ]
    head = _CONFIG.format(
        folder=folder.replace('%', '%%'),
        group=GROUP,
        names=','.join(process.name for process in processes),
        # Without it supervisor warns root in its log and on standard error.
        user='user = root\n' if os.geteuid() == 0 else '',
    )
    return head + ''.join(programs)


def print_line(line: str) -> None:
    """Write one line of a process's output at once."""
    sys.stdout.write(f'{line}\n')
    sys.stdout.flush()
