# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The diffusion policy in the policy's seat."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from small_planner import STEPS
from small_policy_net import (
    key_step,
    observe,
    small_parts,
    small_policy,
    write_small_policy,
)

torch = pytest.importorskip('torch', reason='torch is not installed')
pytest.importorskip('diffusers', reason='diffusers is not installed')

from c2a_controller.chunk_executor import ChunkExecutor  # noqa: E402
from c2a_controller.diffusion_policy import DiffusionPolicy  # noqa: E402
from c2a_controller.policy import PolicyOptions, make_policy  # noqa: E402
from c2a_controller.policy_objective import Sampling  # noqa: E402

OTHER = STEPS[1].replace('red', 'blue')


@pytest.fixture(scope='module')
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp('checkpoints') / 'small'
    write_small_policy(directory)
    return directory


def chunk(policy, step=0, task='Pick', seed=0, **said):
    policy.begin_episode(task, seed)
    return policy.predict_action_chunk(observe(step), key_step(step=step, **said))


def test_a_chunk_has_one_action_a_row_and_equals_itself():
    policy = small_policy()
    first = chunk(policy)
    assert (first.shape, first.dtype) == ((16, 7), np.float32)
    assert first.tobytes() == chunk(policy).tobytes()
    assert first.tobytes() == chunk(small_policy()).tobytes()


@pytest.mark.parametrize(
    'change',
    [{'step': 1}, {'task': 'Push'}, {'seed': 1}, {'code': OTHER}, {'cache_info': STEPS[0][:60]}],
    ids=lambda change: next(iter(change)),
)
def test_noise_follows_the_episode_and_the_step_and_the_text_matters(change):
    policy = small_policy()
    assert np.abs(chunk(policy) - chunk(policy, **change)).max() > 1e-5


@pytest.mark.parametrize(
    ('text', 'planner', 'needs'),
    [
        ('instruction', 'abc', 'needs planner none'),
        ('code', 'none', 'a planner that writes code'),
    ],
)
def test_what_it_was_not_trained_with_is_refused(tmp_path, text, planner, needs):
    write_small_policy(tmp_path / 'checkpoint', text=text)
    policy = make_policy('policy', '', PolicyOptions(str(tmp_path / 'checkpoint')))
    right = 'none' if text == 'instruction' else 'abc'
    assert len(policy.predict_action_chunk(observe(), replace(key_step(), checkpoint=right)))
    with pytest.raises(ValueError, match=needs):
        policy.predict_action_chunk(observe(), replace(key_step(), checkpoint=planner))


def test_actions_are_within_what_was_recorded():
    parts = small_parts()
    made = DiffusionPolicy(parts).predict_action_chunk(observe(), key_step())
    assert (np.abs(made) <= parts.normalisation.action.scale * 1.0001).all()


def test_text_is_encoded_once_for_a_sub_task(monkeypatch):
    policy = small_policy()
    asked = []
    encode = policy._net.encode_text
    monkeypatch.setattr(policy._net, 'encode_text', lambda text: asked.append(1) or encode(text))
    for step, code in enumerate((STEPS[1], STEPS[1], OTHER, OTHER, STEPS[1])):
        policy.predict_action_chunk(observe(step), key_step(code=code, step=step))
    assert len(asked) == 2


def test_a_warm_start_begins_with_the_last_chunk_moved_on():
    parts = small_parts(denoising_steps=10)
    policy = DiffusionPolicy(parts, Sampling('ddim', 10, warm_start=0.9))
    cold = DiffusionPolicy(parts, Sampling('ddim', 10))
    policy.begin_episode('Pick', 0)
    first = policy.predict_action_chunk(observe(), key_step())
    start = policy._start(observe(4), key_step(step=4))
    normalised = parts.normalisation.action.normalise(first)
    moved = np.concatenate([normalised[4:], np.repeat(normalised[-1:], 4, 0)])
    assert np.allclose(start[0].numpy(), moved, atol=1e-5)
    warm = policy.predict_action_chunk(observe(4), key_step(step=4))
    assert np.abs(warm - chunk(cold, step=4)).max() > 1e-5


@pytest.mark.parametrize(
    ('step', 'said', 'episode_id'),
    [(4, {'subtask_id': 1}, 1), (16, {}, 1), (4, {}, 2)],
    ids=['new sub-task', 'chunk is over', 'new episode'],
)
def test_a_warm_start_needs_a_chunk_that_still_holds(step, said, episode_id):
    policy = DiffusionPolicy(small_parts(), Sampling('ddim', 4, warm_start=0.5))
    policy.predict_action_chunk(observe(), key_step())
    seen = observe(step, episode_id=episode_id)
    assert policy._start(seen, key_step(step=step, **said)) is None
    policy.begin_episode('Pick', 1)
    assert policy._start(observe(4), key_step(step=4)) is None


def test_the_options_choose_steps_and_scheduler(directory):
    policy = DiffusionPolicy.load(PolicyOptions(str(directory)))
    assert policy.sampling == Sampling('ddim', 4)
    ddpm = DiffusionPolicy.load(PolicyOptions(str(directory), scheduler='ddpm'))
    assert ddpm.sampling == Sampling('ddpm', 100)
    warm = DiffusionPolicy.load(PolicyOptions(str(directory), 8, 'ddim', 0.25))
    assert warm.sampling == Sampling('ddim', 8, 0.25)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'scheduler': 'flow'}, 'scheduler is flow, expected ddim or ddpm'),
        ({'denoising_steps': 200}, 'expected at most train_steps'),
        ({'base_camera': 'original'}, 'another base camera'),
        ({'checkpoint': '/nowhere'}, 'there is no policy checkpoint'),
    ],
)
def test_options_that_do_not_fit_are_refused(directory, options, words):
    options = PolicyOptions(**{'checkpoint': str(directory), **options})
    with pytest.raises(ValueError, match=words):
        make_policy('policy', '', options)


def test_it_drives_the_chunk_executor(directory):
    policy = make_policy('policy', '', PolicyOptions(str(directory)))
    executor = ChunkExecutor(policy, exec_horizon=4)
    policy.begin_episode('Pick', 0)
    chunks = [executor.command(observe(step), key_step(step=step))[1] for step in range(6)]
    assert [step for step, made in enumerate(chunks) if made is not None] == [0, 4]
    assert chunks[0].checkpoint == policy.checkpoint
    assert len(executor.metrics.latencies_s) == 2
    assert executor.metrics.summary()['chunk latency, median [ms]'] != '-'


def test_without_pictures_it_says_what_to_do():
    with pytest.raises(ValueError, match='turn rendering on'):
        small_policy().predict_action_chunk(observe(size=0), key_step())


def test_naming_the_policy_costs_no_torch():
    code = (
        'import sys, c2a_controller.policy, c2a_controller.params\n'
        'import c2a_controller.policy_checkpoint, c2a_controller.controller_loop\n'
        "print(sorted({'torch', 'diffusers', 'transformers'} & sys.modules.keys()))"
    )
    run = subprocess.run(
        [sys.executable, '-c', code],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == '[]'
