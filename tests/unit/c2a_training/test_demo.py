# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The demo with a stack that is only a process and a listener that plays a rollout's rows."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
from rich.console import Console
from scripted_world import ScriptedWorld

from c2a_controller import policy_checkpoint
from c2a_controller.policy_checkpoint import PolicyInfo
from c2a_core.types import EpisodeStatus
from c2a_planner import checkpoint
from c2a_planner.checkpoint import CheckpointInfo
from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import Planner
from c2a_training import demo_settings
from c2a_training.cli import make_parser
from c2a_training.commands import demo
from c2a_training.commands.demo import DemoSettings, show_all
from c2a_training.demo_rates import RATES_FILE, read_rates
from c2a_training.evaluation.evaluation_settings import EvaluationSettings
from c2a_training.rollout import OracleLowLevel, run_episode

UNTIL_PLAYED = 'import sys; sys.stdin.read()'


class PlayingListener:
    """Plays one episode of each task, a message per spin; Swap fails."""

    tasks: tuple[str, ...] = ()
    stack_is_there = False
    is_silent = False
    stack: subprocess.Popen[bytes] | None = None

    def __init__(self, recorder, on_skill, on_chunk) -> None:
        del on_skill, on_chunk
        self._deliveries = []
        for episode_id, task in enumerate(self.tasks):
            self._add_episode(recorder, episode_id, task)

    def _add_episode(self, recorder, episode_id: int, task: str) -> None:
        rows, world = [], ScriptedWorld()
        run_episode(
            world,
            Planner(OracleBackend()),
            OracleLowLevel(world),
            task=task,
            seed=0,
            episode_id=episode_id,
            on_step=lambda *row: rows.append(row),
        )
        start = EpisodeStatus(
            episode_id, task, f'do {task}', 0, 0, 100, False, False, '', 'lockstep', 'oracle',
            'maniskill', 20.0, 'oracle', '',
        )  # fmt: skip
        success = task != 'Swap'
        end = replace(
            start,
            step=len(rows) - 1,
            success=success,
            done=True,
            reason='success' if success else 'time-out',
        )
        self._deliveries.append((recorder.add_status, start))
        for row in rows:
            self._deliveries += [(recorder.add_observation, row[0])]
            self._deliveries += [(recorder.add_key_step, row[1])]
        self._deliveries.append((recorder.add_status, end))

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        pass

    def spin(self, timeout_s: float) -> None:
        if self._deliveries and not self.is_silent:
            deliver, message = self._deliveries.pop(0)
            deliver(message)
            if not self._deliveries:
                self.stack.stdin.close()  # the scripted stack ends

    def hears_a_stack(self) -> bool:
        return self.stack_is_there


@pytest.fixture
def show(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, 'DISCOVERY_S', 0.0)
    monkeypatch.setattr(demo, 'STOP_TIMEOUT_S', 5.0)
    monkeypatch.setattr(demo, 'LAST_ROWS_S', 0.1)

    def show(
        *tasks: str,
        program: str = UNTIL_PLAYED,
        listener=PlayingListener,
        timeout_s: float = 30.0,
    ):
        stacks = []

        def start(settings, log):
            with log.open('wb') as output:
                stack = subprocess.Popen(
                    [sys.executable, '-c', program],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    start_new_session=True,
                )
            stacks.append(stack)
            listener.stack = stack
            return stack

        listener.tasks = tasks
        screen = io.StringIO()
        settings = DemoSettings(tasks, 0, tmp_path, timeout_s=timeout_s)
        console = Console(file=screen, width=200, highlight=False)
        code = show_all(settings, console, listener, start)
        assert all(stack.poll() is not None for stack in stacks)
        return code, screen.getvalue()

    return show


def test_each_task_prints_its_code_and_verdict_and_leaves_a_video(show, tmp_path):
    code, screen = show('Pick', 'StackTopple')
    assert code == 0
    assert screen.count("pick(actor=get_actor('red cube', (3, 5)))") == 2
    assert screen.count('success after 12 steps (0.6 s of robot time), 4 skill calls') == 2
    assert '2 of 2 episodes succeeded' in screen
    assert {path.name for path in tmp_path.glob('*.mp4')} == {'Pick.mp4', 'StackTopple.mp4'}


def test_a_failed_episode_fails_the_demo_but_the_others_run(show):
    code, screen = show('Swap', 'Pick')
    assert code == 1
    assert 'time-out' in screen
    assert '1 of 2 episodes succeeded' in screen


def test_a_stack_that_ends_early_is_an_error_with_the_end_of_its_log(show, tmp_path):
    class Silent(PlayingListener):
        is_silent = True

    program = 'print("no usable Vulkan device", flush=True); raise SystemExit(3)'
    code, screen = show('Pick', program=program, listener=Silent)
    assert code == 1
    assert 'exit code 3' in screen
    assert 'no usable Vulkan device' in screen
    assert list(tmp_path.glob('*.mp4')) == []


def test_a_stack_that_hangs_is_stopped_when_the_time_is_over(show):
    class Silent(PlayingListener):
        is_silent = True

    program = 'import time; time.sleep(60)'
    code, screen = show('Pick', program=program, listener=Silent, timeout_s=0.3)
    assert code == 1
    assert 'nothing came of it within' in screen


def test_another_stack_in_the_domain_is_refused(show, monkeypatch):
    class Crowded(PlayingListener):
        stack_is_there = True

    monkeypatch.setattr(demo, 'DISCOVERY_S', 1.0)
    code, screen = show('Pick', listener=Crowded)
    assert code == 1
    assert 'another C2A stack' in screen


def test_a_stack_that_fails_after_good_episodes_fails_the_demo(show):
    code, screen = show('Pick', program=UNTIL_PLAYED + '; raise SystemExit(4)')
    assert code == 1
    assert 'exit code 4' in screen


def ship(folder, kind):
    """A shipped checkpoint without files; what it is called."""
    describe = {'planner': CheckpointInfo, 'policy': PolicyInfo}[kind]
    info = describe('tiny', 'data', 'commit', 0)
    directory = folder / f'{kind}_tiny'
    directory.mkdir()
    (directory / checkpoint.INFO_NAME).write_text(json.dumps(asdict(info)))
    return info.hash[:12]


@pytest.fixture
def choose(monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoint, 'SHIPPED_FOLDER', tmp_path)
    monkeypatch.setattr(policy_checkpoint, 'SHIPPED_FOLDER', tmp_path)
    monkeypatch.setattr(demo_settings, 'read_rates', lambda: read_rates(tmp_path / 'rates.json'))
    return lambda *words: demo_settings.choose(make_parser('demo').parse_args(['demo', *words]))


def test_learned_models_are_the_default_where_their_checkpoints_ship(choose, tmp_path):
    def models(*words):
        settings = choose(*words)
        return settings.planner, settings.low_level

    assert models() == ('oracle', 'oracle')
    assert models('--checkpoint', 'mine') == ('vlm', 'oracle')
    assert models('--policy-checkpoint', 'mine') == ('oracle', 'policy')
    ship(tmp_path, 'planner')
    ship(tmp_path, 'policy')
    assert models() == ('vlm', 'policy')
    assert models('--low-level', 'oracle') == ('vlm', 'oracle')
    assert choose().tasks == demo_settings.TASKS


def write_rates(folder, planner, policy):
    cells = [
        {'task': task, 'seeds': '100-119', 'failed_seeds': failed}
        for task, failed in (
            ('Pick', '100'),
            ('Push', '100,104-119'),
            ('Swap', ''),
            ('Stack', '103'),
        )
    ]
    config = {'checkpoint': planner, 'policy_checkpoint': policy}
    (folder / 'rates.json').write_text(json.dumps({'cells': cells, 'config': config}))


def test_tasks_and_seeds_at_which_the_shipped_models_succeed_are_shown_with_their_rates(
    choose, tmp_path
):
    labels = [ship(tmp_path, kind) for kind in ('planner', 'policy')]
    write_rates(tmp_path, *labels)
    settings = choose()
    assert settings.tasks == ('Swap', 'Pick', 'Stack')
    # At 100 Pick fails.
    assert settings.seed == 101
    screen = io.StringIO()
    demo._tell_rates(settings, Console(file=screen, width=100))
    assert 'Pick: 19 of 20 seeds succeed, with these models' in screen.getvalue()
    assert choose('--seed', '7').seed == 7
    assert choose('--tasks', 'Push').seed == 101
    assert (choose('--tasks', 'Trace').seed, choose('--low-level', 'oracle').rates) == (0, None)
    assert choose('--policy-checkpoint', 'mine').rates is None
    write_rates(tmp_path, labels[0], 'another')
    assert (choose().rates, choose().tasks) == (None, demo_settings.TASKS)


def test_the_rates_in_this_repository_are_of_what_ships_here():
    assert demo_settings.shipped_rates() is not None, 'measure demo_rates.json again'
    measured = json.loads(RATES_FILE.read_text())['config']
    shipped = EvaluationSettings(low_level='policy').config()
    assert {name: measured.get(name) for name in shipped} == shipped


def test_an_interrupt_while_the_stack_is_being_started_leaves_no_process_behind():
    started = []

    def start():
        os.kill(os.getpid(), signal.SIGINT)
        sleep = [sys.executable, '-c', 'import time; time.sleep(60)']
        started.append(subprocess.Popen(sleep, start_new_session=True))
        return started[0]

    before = signal.getsignal(signal.SIGINT)
    with (
        pytest.raises(KeyboardInterrupt),
        demo.holding_interrupts() as let_through,
        demo.stopping(start()),
    ):
        let_through()
    assert started[0].poll() is not None
    assert signal.getsignal(signal.SIGINT) is before
