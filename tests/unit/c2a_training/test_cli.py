# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from c2a_training import cli


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(['--help'])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert all(f'    {name} ' in text for name in cli.COMMANDS)


def test_without_a_command_the_help_is_shown(capsys):
    assert cli.main([]) == 0
    assert 'COMMAND' in capsys.readouterr().out


def test_a_wrong_command_names_the_nearest(capsys):
    assert cli.main(['orcale']) == 2
    assert 'did you mean oracle?' in capsys.readouterr().err


def test_help_needs_neither_ros_nor_a_simulator():
    code = (
        'import sys\n'
        'from c2a_training import cli\n'
        'cli.main([])\n'
        "heavy = {'rclpy', 'torch', 'sapien', 'mani_skill', 'av', 'cv2'} & set(sys.modules)\n"
        'sys.exit(str(heavy) if heavy else 0)\n'
    )
    folder = str(Path(cli.__file__).parents[1])
    environment = {**os.environ, 'PYTHONPATH': folder}
    subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, env=environment)


def test_ctrl_c_becomes_exit_code_130(monkeypatch):
    from c2a_training.commands import oracle_command

    def interrupt(args) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(oracle_command, 'run', interrupt)
    assert cli.main(['oracle']) == 130


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    (tmp_path / 'file').write_text('no folder')
    target = tmp_path / 'file' / 'dataset'
    assert cli.main(['generate', '--tasks', 'Pick', '--episodes', '1', '--out', str(target)]) == 1
    said = capsys.readouterr().err
    assert said == f'error: cannot use {target}: not a directory; name another path\n'
