# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Nodes as processes of their own, for tests that kill them."""

from __future__ import annotations

import os
import subprocess
import sys


class Processes:
    """Starts nodes as processes and ends what is left of them."""

    def __init__(self):
        self.running = []

    def start(self, *command, **parameters):
        arguments = ['--ros-args', '-r', '__ns:=/c2a']
        for name, value in parameters.items():
            arguments += ['-p', f'{name}:={value}']
        environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
        process = subprocess.Popen([sys.executable, *command, *arguments], env=environment)
        self.running.append(process)
        return process

    def node(self, module, **parameters):
        return self.start('-c', f'from {module} import main; main()', **parameters)

    def close(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait(10)
