# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The command with a runner that invents results; the real one runs in the simulator's tests."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from c2a_sim_bridge.sim.tasks.registry import task_names
from c2a_training.cli import main, make_parser
from c2a_training.commands import oracle_command
from c2a_training.episode_worker import EpisodeJob, EpisodeSummary, WorkerSettings
from c2a_training.oracle_report import TaskReport, group_by_task


class InventingRunner:
    """Seed 3 fails, seeds 66 and 67 crash, seed 99 is Ctrl-C."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings

    def run(self, job: EpisodeJob) -> EpisodeSummary:
        if job.seed == 99:
            raise KeyboardInterrupt
        reasons = {3: 'time-out', 66: 'error: ValueError: no', 67: 'error: no [/tag]'}
        reason = reasons.get(job.seed, 'success')
        return EpisodeSummary(
            task=job.task,
            seed=job.seed,
            success=reason == 'success',
            reason=reason,
            steps=100,
            skill_calls=4,
            loop_s=0.25,
            reset_s=0.05,
        )


@pytest.fixture
def run_oracle(monkeypatch):
    monkeypatch.setattr(oracle_command, 'OracleRunner', InventingRunner)

    def run_oracle(*words: str) -> tuple[int, str]:
        screen = io.StringIO()
        args = make_parser('oracle').parse_args(['oracle', *words])
        code = oracle_command.run(args, Console(file=screen, width=120))
        return code, screen.getvalue()

    return run_oracle


def test_reasons_are_no_markup(run_oracle):
    assert 'no [/tag]' in run_oracle('--tasks', 'Pick', '--seeds', '67')[1]


def test_table_shows_interval_steps_calls_and_speed(run_oracle):
    code, screen = run_oracle('--tasks', 'Pick', '--seeds', '0-2')
    assert code == 0
    row = next(line for line in screen.splitlines() if 'Pick' in line)
    for cell in ('3/3', '43.9–100.0', '100.0', '4.0', '400', '50 ms'):
        assert cell in row


def test_failures_are_listed_with_seed_and_reason_and_do_not_fail_the_command(run_oracle):
    code, screen = run_oracle('--tasks', 'Pick', 'Swap', '--seeds', '2-3')
    assert code == 0
    lines = screen.splitlines()
    failures = lines[lines.index(next(line for line in lines if line.startswith('failures'))) :]
    assert sum('time-out' in line and ' 3 ' in line for line in failures) == 2


def test_json_has_the_documented_fields(run_oracle, tmp_path):
    path = tmp_path / 'deep' / 'oracle.json'
    run_oracle('--tasks', 'Pick', '--seeds', '2-3', '--json', str(path))
    document = json.loads(path.read_text())
    assert list(document) == [
        'tasks', 'seeds', 'images', 'robot', 'workers', 'complete', 'wall_s',
    ]  # fmt: skip
    (task,) = document['tasks']
    assert {key: task[key] for key in ('task', 'n', 'successes', 'mean_steps')} == {
        'task': 'Pick',
        'n': 2,
        'successes': 1,
        'mean_steps': 100.0,
    }
    assert task['p95_steps'] == 100.0
    assert task['steps_per_s'] == 400.0
    assert task['failures'] == [{'seed': 3, 'reason': 'time-out'}]
    assert document['complete'] is True
    assert [file.name for file in path.parent.iterdir()] == ['oracle.json']


def test_ctrl_c_prints_the_table_so_far(run_oracle, tmp_path):
    path = tmp_path / 'oracle.json'
    code, screen = run_oracle('--tasks', 'Pick', '--seeds', '1,2,99,5', '--json', str(path))
    assert code == 130
    assert 'interrupted: 2 of 4' in screen
    assert '2/2' in screen
    assert json.loads(path.read_text())['complete'] is False


def test_a_crashed_episode_makes_the_command_fail(run_oracle):
    code, screen = run_oracle('--tasks', 'Pick', '--seeds', '1,66')
    assert code == 1
    assert 'error: ValueError: no' in screen


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--tasks', 'PlaceNextToo'), 'PlaceNextTo'),
        (('--seeds', 'x'), 'expected numbers and ranges'),
        (('--workers', '0'), 'expected at least 1'),
        (('--video', 'out', '--no-images'), 'leave out --no-images'),
        (('--image-size', '4'), 'expected 16 to 2048'),
    ],
)
def test_wrong_arguments_are_refused_with_what_to_write(run_oracle, words, message):
    code, screen = run_oracle(*words)
    assert code == 2
    assert message in screen.replace('\n', ' ')


def test_all_means_every_task_once(run_oracle):
    args = make_parser('oracle').parse_args(['oracle'])
    request = oracle_command.check_request(args)
    assert len(set(request.tasks)) == len(request.tasks) == len(task_names())
    assert len(request.jobs) == 100 * len(request.tasks)
    args = make_parser('oracle').parse_args(['oracle', '--tasks', 'Swap,Pick', 'Pick'])
    assert oracle_command.check_request(args).tasks == ('Swap', 'Pick')


def test_video_renders_larger_pictures_than_the_observations():
    args = make_parser('oracle').parse_args(['oracle', '--tasks', 'Pick', '--video', 'out'])
    assert oracle_command.check_request(args).settings.image_size == 512
    args = make_parser('oracle').parse_args(['oracle', '--tasks', 'Pick'])
    settings = oracle_command.check_request(args).settings
    assert (settings.images, settings.image_size) == (False, 128)


def test_means_are_over_successful_episodes():
    good = EpisodeSummary('Pick', 0, True, 'success', 40, 2, 0.1, 0.1)
    bad = EpisodeSummary('Pick', 1, False, 'time-out', 300, 9, 0.7, 0.1)
    (report,) = group_by_task(['Swap', 'Pick'], [bad, good])
    assert (report.mean_steps, report.mean_calls) == (40, 2)
    assert report.steps_per_s == pytest.approx(340 / 0.8)
    assert [episode.seed for episode in report.episodes] == [0, 1]
    assert TaskReport('Pick', (bad,)).as_json()['mean_steps'] is None
    assert TaskReport('Pick', (bad,)).as_json()['p95_steps'] is None


def test_p95_is_over_successful_episodes():
    steps = [10, 30, 20, 50, 40]
    episodes = [EpisodeSummary('Pick', s, True, 'success', s, 2, 0.1, 0.1) for s in steps]
    failed = EpisodeSummary('Pick', 99, False, 'time-out', 900, 2, 0.1, 0.1)
    (report,) = group_by_task(['Pick'], [*episodes, failed])
    assert report.p95_steps == pytest.approx(48.0)


def test_ctrl_c_with_workers_ends_soon_with_the_table_so_far(tmp_path):
    command = [sys.executable, '-m', 'c2a_training.cli', 'oracle', '--tasks', 'Pick', '--seeds']
    report, episodes = tmp_path / 'oracle.json', tmp_path / 'episodes'
    files = ['--json', str(report), '--save', str(episodes)]
    process = subprocess.Popen(
        [*command, '0-9999', '--workers', '2', *files],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )
    end = time.monotonic() + 30.0
    while not list(episodes.glob('*.npz')):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, 'no episode was saved'
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: parent and workers alike
    screen, errors = process.communicate(timeout=20.0)
    assert process.returncode == 130
    assert 'interrupted: ' in screen
    assert 'Traceback' not in errors
    assert json.loads(report.read_text())['complete'] is False


def test_a_file_that_cannot_be_written_is_noticed_before_the_first_episode(tmp_path, capsys):
    (tmp_path / 'file').write_text('no folder')
    assert main(['oracle', '--tasks', 'Pick', '--json', str(tmp_path / 'file' / 'x.json')]) == 1
    assert 'cannot use' in capsys.readouterr().err
