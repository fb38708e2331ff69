# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The command line of `c2a generate`, with the real simulator where an episode is made."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from rich.console import Console
from sample_episodes import make_rows

from c2a_core.episode_file import read_episode
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_training.cli import make_parser
from c2a_training.commands import generate_command
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.pending_file import write_pending
from c2a_training.episode_worker import EpisodeJob
from c2a_training.generation.episode_maker import EpisodeMaker, MadeEpisode
from c2a_training.generation.generate_pool import InProcessPool
from c2a_training.generation.generate_settings import GenerateSettings


def run(*words, make_pool=None):
    """Run the command; its exit code and what it printed."""
    output = io.StringIO()
    console = Console(file=output, width=160)
    args = make_parser('generate').parse_args(['generate', *map(str, words)])
    code = generate_command.run(args, console, make_pool)
    return code, output.getvalue()


def make_up(directory, job):
    """A made-up episode; every fifth seed fails."""
    if job.seed % 5 == 4:
        return MadeEpisode(job.task, job.seed, False, 'time-out (skill failed: lost it)', 9)
    rows = make_rows(job.task, job.seed)
    path = write_pending(directory, rows)
    size = path.stat().st_size
    return MadeEpisode(job.task, job.seed, True, steps=6, bytes=size, path=path)


def fake_pool(make=make_up):
    return lambda request: InProcessPool(lambda job: make(request.directory, job))


class TestRefused:
    """Bad arguments end with code 2 and a sentence, and touch nothing."""

    @pytest.mark.parametrize(
        ('words', 'message'),
        [
            ('--tasks Pik --episodes 1', "unknown task 'Pik'"),
            ('--tasks Pick --episodes 0', 'expected at least 1'),
            ('--tasks Pick --seeds 1000000', 'belongs to evaluation'),
            ('--tasks Pick --seeds 5-1000003', 'belongs to evaluation'),
            ('--tasks Pick --episodes 5 --first-seed 999996', 'belongs to evaluation'),
            ('--tasks Pick --seeds 9-1', 'runs backwards'),
            ('--tasks Pick --seeds 1 --first-seed 4', 'goes with --episodes'),
            ('--tasks Pick --episodes 1 --image-size 8', 'expected 16 to 2048'),
            ('--tasks Pick --episodes 1 --workers 0', 'at least 1'),
            ('--tasks Pick --episodes 1 --pictures few', 'expected all, or key-steps:N'),
            ('--tasks Pick --episodes 1 --noise 0.2', 'expected 0 to 0.05 metres'),
            ('--tasks Pick --episodes 1 --policy nowhere', 'there is no policy checkpoint'),
            ('--tasks Pick --episodes 1 --policy x --noise 0.01', 'goes without --noise'),
            ('--tasks Pick --episodes 1 --policy-steps 4-9', 'goes with --policy'),
            ('--tasks Pick --episodes 1 --policy x --policy-steps 9-4', 'such as 10-60'),
            ('--tasks Pick --episodes 1 --policy x --policy-steps 9', 'such as 10-60'),
            ('--tasks Pick --episodes 1 --policy-vacuum', 'goes with --policy'),
            (
                '--tasks Pick --episodes 1 --policy x --policy-vacuum --policy-steps all',
                'in any case',
            ),
            ('--tasks Pick --episodes 1 --policy x --planner vlm', '--policy-steps all'),
            ('--tasks Pick --episodes 1 --late -1', 'expected 0 to 20 observations'),
            ('--tasks Pick --episodes 1 --planner vlm --late 1', 'goes with --planner oracle'),
        ],
    )
    def test_arguments(self, tmp_path, words, message):
        code, output = run(*words.split(), '--out', tmp_path / 'set')
        assert code == 2
        assert message in output
        assert not (tmp_path / 'set').exists()

    def test_seeds_and_episodes_together(self, tmp_path):
        with pytest.raises(SystemExit):
            run('--tasks', 'Pick', '--seeds', '1', '--episodes', '1', '--out', tmp_path)

    def test_directory_of_something_else(self, tmp_path):
        (tmp_path / 'notes.txt').write_text('x')
        code, output = run('--tasks', 'Pick', '--episodes', 1, '--out', tmp_path)
        assert code == 2
        assert 'is no dataset and not empty' in output

    def test_dataset_of_other_options(self, tmp_path):
        run('--tasks', 'Pick', '--episodes', 1, '--out', tmp_path, make_pool=fake_pool())
        words = ('--tasks', 'Pick', '--episodes', 2, '--out', tmp_path, '--split', 'test')
        code, output = run(*words, make_pool=fake_pool())
        assert code == 2
        assert 'split is simple there and test here' in output

    def test_dataset_of_other_pictures(self, tmp_path):
        words = ('--tasks', 'Pick', '--episodes', 1, '--out', tmp_path)
        run(*words, '--pictures', 'key-steps:2', make_pool=fake_pool())
        assert EpisodeStore(tmp_path).manifest.options['pictures'] == 'key-steps:2'
        code, output = run(*words, make_pool=fake_pool())
        assert code == 2
        assert 'pictures is key-steps:2 there and not set here' in output

    def test_ray_that_is_not_installed(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, 'ray', None)
        code, output = run('--tasks', 'Pick', '--episodes', 1, '--out', tmp_path, '--ray', 'local')
        assert code == 1
        assert 'ray is not installed' in output

    def test_ray_cluster_that_does_not_answer(self, tmp_path):
        pytest.importorskip('ray', reason='ray is not installed')
        # Port 9 (discard) of this machine: nobody listens.
        words = ('--tasks', 'Pick', '--episodes', 1, '--out', tmp_path, '--ray', '127.0.0.1:9')
        code, output = run(*words)
        assert code == 1
        assert "no ray cluster answers at '127.0.0.1:9'" in output


class TestTable:
    """What a run says at its end."""

    def test_kept_and_dropped(self, tmp_path):
        words = ('--tasks', 'Pick', 'Swap', '--episodes', 9, '--out', tmp_path)
        code, output = run(*words, make_pool=fake_pool())
        assert code == 0
        assert 'time-out (2)' in output
        assert f'dataset: {tmp_path}, 18 episodes, 126 rows' in output
        assert [e.seed for e in EpisodeStore(tmp_path).episodes if e.task == 'Swap'] == [
            *(0, 1, 2, 3, 5, 6, 7, 8, 10)
        ]

    def test_a_list_of_seeds_keeps_the_successful_ones(self, tmp_path):
        words = ('--tasks', 'Pick', '--seeds', '3-6,2', '--out', tmp_path)
        code, _ = run(*words, make_pool=fake_pool())
        assert code == 0
        assert [e.seed for e in EpisodeStore(tmp_path).episodes] == [2, 3, 5, 6]

    def test_task_without_success(self, tmp_path):
        def fail(directory, job):
            return MadeEpisode(job.task, job.seed, False, 'time-out')

        words = ('--tasks', 'Pick', '--episodes', 1, '--out', tmp_path)
        code, output = run(*words, make_pool=fake_pool(fail))
        assert code == 1
        assert 'gave up after 100 seeds' in output

    def test_interrupted_run_says_how_to_go_on_and_goes_on(self, tmp_path):
        def interrupt(directory, job):
            if job.seed == 4:
                raise KeyboardInterrupt
            return make_up(directory, job)

        words = ('--tasks', 'Pick', '--episodes', 6, '--out', tmp_path)
        code, output = run(*words, make_pool=fake_pool(interrupt))
        assert code == 130
        assert 'more are safe and get into shards when the same command goes on' in output
        assert run(*words, make_pool=fake_pool())[0] == 0
        assert len(EpisodeStore(tmp_path)) == 6

    def test_full_disk_says_how_to_go_on(self, tmp_path):
        def fill(directory, job):
            if job.seed == 2:
                raise OSError(28, 'No space left on device')
            return make_up(directory, job)

        words = ('--tasks', 'Pick', '--episodes', 3, '--out', tmp_path)
        code, output = run(*words, make_pool=fake_pool(fill))
        assert code == 1
        assert 'No space left on device; once that is put right' in output
        assert run(*words, make_pool=fake_pool())[0] == 0
        assert len(EpisodeStore(tmp_path)) == 3

    def test_other_software_is_said(self, tmp_path):
        words = ('--tasks', 'Pick', '--episodes', 1, '--out', tmp_path)
        assert 'other software' not in run(*words, make_pool=fake_pool())[1]
        path = tmp_path / 'c2a_dataset.json'
        path.write_text(path.read_text().replace('"numpy": "', '"numpy": "0.'))
        _, output = run(*words, make_pool=fake_pool())
        assert 'begun with other software: numpy 0.' in output


WORDS = ('--tasks', 'Pick', 'Topple', '--episodes', '3', '--image-size', '32')


@pytest.fixture(scope='module')
def real(tmp_path_factory):
    """Six real episodes, made in this process."""
    directory = tmp_path_factory.mktemp('real') / 'set'
    code, output = run(*WORDS, '--out', directory, '--workers', 1)
    assert code == 0, output
    return directory


def test_real_episodes_have_labels_pictures_and_the_digest(real):
    store = EpisodeStore(real)
    assert len(store) == 6
    rows = store.read('Pick-0')
    assert rows.metadata.success
    assert rows.success[-1]
    assert not rows.success[0]
    assert rows.base_image(0).shape == (32, 32, 3)
    assert rows.base_image(0).std() > 5
    assert rows.labels[0].names
    assert rows.labels[0].cell_colors.any()
    assert len(rows.metadata.state_digest) == 64
    assert rows.code[-1] == 'done()'


def test_same_seed_gives_the_same_bytes_of_states_and_actions_after_other_episodes(real):
    maker = EpisodeMaker(GenerateSettings(image_size=32), None)
    maker.run(EpisodeJob('Topple', 77))
    rows, _ = maker.run(EpisodeJob('Pick', 2))
    stored = EpisodeStore(real).read('Pick-2')
    assert rows.proprioception.tobytes() == stored.proprioception.tobytes()
    assert rows.actions.tobytes() == stored.actions.tobytes()
    assert rows.metadata == stored.metadata
    assert not np.array_equal(rows.actions, EpisodeStore(real).read('Pick-0').actions)


def test_recording_of_an_episode_replays_to_the_same_state(real, tmp_path):
    path = EpisodeStore(real).write_recording('Topple-1', tmp_path)
    recorded = read_episode(path)
    simulator = Simulator(SimConfig(render=False))
    simulator.reset(recorded.task, recorded.seed)
    for action in recorded.actions:
        simulator.step(action)
    assert simulator.success
    assert simulator.state_digest() == recorded.state_digest
