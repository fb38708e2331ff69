# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import inspect
import io
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from rich.console import Console
from safetensors.torch import load_file
from sample_episodes import make_rows
from small_policy import SMALL_POLICY
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

from c2a_controller.chunk_executor import ChunkExecutor
from c2a_controller.diffusion_policy import DiffusionPolicy
from c2a_controller.params import ControllerParams
from c2a_controller.policy_checkpoint import find_checkpoint, read_policy
from c2a_controller.policy_net import PolicyNet
from c2a_controller.policy_text import train_tokenizer
from c2a_planner.checkpoint import find_checkpoint as find_planner
from c2a_training.commands import train_policy_command
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.evaluation.evaluation_settings import EvaluationSettings
from c2a_training.policy import closed_loop
from c2a_training.policy.eye_features import EyeFeatures
from c2a_training.policy.policy_train_config import ClosedLoopSettings, make_config
from c2a_training.policy.train_policy import train_policy
from c2a_training.training.train_loop import TrainLoop
from c2a_training.training.train_request import TrainRequest
from c2a_training.training.train_state import StateStore


@pytest.fixture(autouse=True, scope='module')
def one_thread():
    """Networks this small are slowed down by a second one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp('sets') / 'set'
    with EpisodeWriter(directory, {'image_size': 32}) as writer:
        for seed in range(6):
            writer.add(make_rows('Pick', seed, 6))
        writer.finish()
    return directory


def train(data, out, *, preset='tiny', resume=False, init=None, **changes):
    names = {name.replace('__', '.'): value for name, value in changes.items()}
    config = make_config(preset, SMALL_POLICY | names)
    text = io.StringIO()
    is_done = train_policy(
        TrainRequest(config, (data,), out, resume, init),
        Console(file=text, width=200),
        lambda: Accelerator(cpu=True),
    )
    return is_done, text.getvalue()


def stop_after(monkeypatch, step):
    """Press Ctrl-C before a step."""
    original = TrainLoop._decide

    def decide(self, stage):
        if self.progress.total_steps == step:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, stage)

    monkeypatch.setattr(TrainLoop, '_decide', decide)


def state_of(out):
    return StateStore(out / 'state').load()


@pytest.fixture(scope='module')
def whole(data, tmp_path_factory):
    """A training that nothing interrupted, and what it said."""
    out = tmp_path_factory.mktemp('runs') / 'whole'
    is_done, text = train(data, out)
    assert is_done
    return out, text


def test_stopped_and_resumed_equals_uninterrupted_bit_for_bit(data, whole, tmp_path, monkeypatch):
    out = tmp_path / 'run'
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        assert train(data, out)[0] is False
    assert state_of(out).progress.step == 2
    assert train(data, out, resume=True)[0] is True
    first, second = state_of(out), state_of(whole[0])
    for name in ('model', 'optimizer'):
        ours, theirs = getattr(first, name), getattr(second, name)
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            assert torch.equal(value, theirs[key]), key
    averages = [key for key in first.model if key.startswith('average//')]
    assert any(not torch.equal(first.model[k], first.model[k[9:]]) for k in averages)


def test_best_and_last_are_checkpoints_of_the_average_that_run(whole):
    out, text = whole
    for name in ('best', 'last'):
        checkpoint = find_checkpoint(out / name)
        checkpoint.check('framed')
        assert checkpoint.info.training_seeds == ((0, 5),)
        assert checkpoint.info.training_splits == ('simple',)
        assert (checkpoint.info.text, checkpoint.info.labels) == ('code', 'oracle')
        assert checkpoint.info.metrics['step_mm'] > 0
        assert {'color_right', 'shape_right', 'goal_mm'} <= checkpoint.info.metrics.keys()
        assert 'score' not in checkpoint.info.metrics
        assert '| Pick | `set` | 100.0% |' in (out / name / 'README.md').read_text()
    parts = read_policy(checkpoint)
    state = state_of(out).model
    for key, value in parts.net.named_parameters():
        assert torch.equal(value, state[f'average//policy.{key}'].bfloat16().float()), key
    DiffusionPolicy(parts).warm_up()
    assert 'held-out episodes: loss' in text
    assert 'set: Pick, 100.0%' in text


def test_curves_and_chunks_are_in_tensorboard(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole[0] / 'tensorboard'))
    events.Reload()
    assert 'policy/validation/step_mm' in events.Tags()['scalars']
    assert 'policy/chunks' in events.Tags()['images']


def test_a_training_is_not_overwritten(data, whole):
    with pytest.raises(ValueError, match='--resume'):
        train(data, whole[0])


def test_another_network_cannot_go_on(data, whole):
    with pytest.raises(ValueError, match='token_dim'):
        train(data, whole[0], resume=True, model__token_dim=64)


def test_other_sampling_and_more_steps_go_on(data, tmp_path):
    out = tmp_path / 'run'
    train(data, out, train__steps=1)
    assert train(data, out, resume=True, train__steps=2, model__denoising_steps=5)[0]
    assert find_checkpoint(out / 'last').info.metrics
    assert json.loads((out / 'last' / 'policy.json').read_text())['denoising_steps'] == 5


def test_a_checkpoint_can_be_trained_on(data, whole, tmp_path):
    out = tmp_path / 'run'
    train(data, out, init=str(whole[0] / 'last'), train__steps=1, train__learning_rate=1e-6)
    before = read_policy(find_checkpoint(whole[0] / 'last')).net.state_dict()
    after = state_of(out).model
    for name, value in before.items():
        assert torch.allclose(after[f'policy.{name}'], value, atol=1e-4), name
    for name in ('tokenizer.json', 'normalisation.json'):
        assert (out / 'last' / name).read_bytes() == (whole[0] / 'last' / name).read_bytes()
    with pytest.raises(ValueError, match='unet_widths'):
        train(data, tmp_path / 'other', init=str(whole[0] / 'last'), model__unet_widths=(8, 16))


def test_the_flat_baseline_and_flow_matching_train_too(data, tmp_path):
    changes = {'model__objective': 'flow', 'model__scheduler': 'flow', 'frames': 'cache'}
    assert train(data, tmp_path / 'run', windows__flat=True, **changes)[0]
    checkpoint = find_checkpoint(tmp_path / 'run' / 'best')
    assert checkpoint.info.text == 'instruction'
    DiffusionPolicy(read_policy(checkpoint)).warm_up()


def test_the_full_preset_learns_all_but_its_t5(data, tmp_path):
    tokenizer = train_tokenizer(['move3d()', 'pick()'], 400)
    tokenizer.write(tmp_path / 'tokenizer.json')
    PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / 'tokenizer.json'), pad_token='<pad>'
    ).save_pretrained(tmp_path / 't5')
    size = {'d_model': 16, 'd_kv': 8, 'd_ff': 16, 'num_layers': 1, 'num_heads': 2}
    t5 = T5Config(vocab_size=tokenizer.vocabulary_size, **size)
    T5EncoderModel(t5).save_pretrained(tmp_path / 't5')
    out = tmp_path / 'run'
    changes = {'model__text_model': str(tmp_path / 't5'), 'auxiliary__dense_weight': 0.0}
    assert train(data, out, preset='full', train__steps=1, **changes)[0]
    assert train(data, out, preset='full', resume=True, train__steps=2, **changes)[0]
    assert not [name for name in state_of(out).model if 't5' in name]
    parts = read_policy(find_checkpoint(out / 'last'))
    assert (parts.config.text_encoder, parts.config.image_tokens) == ('t5', 'single')
    DiffusionPolicy(parts).warm_up()


def test_without_held_out_episodes_it_says_so_and_trains(data, tmp_path):
    is_done, text = train(data, tmp_path / 'run', windows__validation_share=0.0)
    assert is_done
    assert 'no episode is held out' in text


class FakeEvaluator:
    """Policies solve more episodes the later they come."""

    made = 0
    seen: list[tuple[str, int]] = []

    def __init__(self, settings, *, policy):
        FakeEvaluator.made += 1
        assert settings.low_level == 'policy'
        self.planner = settings.planner
        self.policy = policy

    def evaluate(self, job):
        self.policy.begin_episode(job.task, job.seed)
        FakeEvaluator.seen.append((job.task, job.seed))
        torch.set_num_threads(1)
        return argparse.Namespace(success=len(self.seen) % 2 == 0, reason='time-out', seed=0)


def test_episodes_are_run_at_the_end_and_choose_the_best(data, tmp_path, monkeypatch):
    monkeypatch.setattr(closed_loop, 'EpisodeEvaluator', FakeEvaluator)
    threads = torch.get_num_threads()
    is_done, text = train(data, tmp_path / 'run', closed_loop__minutes=500.0)
    assert is_done
    assert FakeEvaluator.made == 1
    assert FakeEvaluator.seen == [('Pick', 500_000), ('Pick', 500_001)]
    assert torch.get_num_threads() == threads
    metrics = find_checkpoint(tmp_path / 'run' / 'best').info.metrics
    assert metrics['success'] == metrics['success_Pick'] == 0.5
    assert 'closed loop' in text


def test_the_poses_of_both_cameras_are_written_down(tmp_path):
    with EpisodeWriter(tmp_path / 'set', {'image_size': 32, 'wrist_camera': 'original'}) as writer:
        for seed in range(3):
            writer.add(make_rows('Pick', seed, 6))
        writer.finish()
    with pytest.raises(ValueError, match='wrist camera framed, the data have original'):
        train(tmp_path / 'set', tmp_path / 'no', train__steps=1, closed_loop__minutes=1.0)
    assert train(tmp_path / 'set', tmp_path / 'run', train__steps=1)[0]
    info = find_checkpoint(tmp_path / 'run' / 'last').info
    assert (info.base_camera, info.wrist_camera) == ('framed', 'original')


class TestCommand:
    def run(self, words):
        args = _parser().parse_args(['policy', *words])
        text = io.StringIO()
        code = train_policy_command.run(args, Console(file=text, width=200))
        return code, text.getvalue()

    def test_wrong_setting_is_told_before_anything_is_read(self, tmp_path):
        words = ['--data', str(tmp_path), '--out', str(tmp_path / 'x'), '--set', 'compil=true']
        code, text = self.run(words)
        assert code == 2
        assert 'did you mean compile' in text
        assert not (tmp_path / 'x').exists()

    @pytest.mark.parametrize(
        ('words', 'told'),
        [
            (['--labels', 'relabeled'], 'expected one of recorded, oracle'),
            (['--weights', 'Pick'], 'NAME=W'),
            (['--set', 'model.objective=flow'], 'scheduler is ddim, expected flow'),
            (['--threads', '0'], '--threads'),
        ],
    )
    def test_bad_words_are_told(self, data, tmp_path, words, told):
        code, text = self.run(['--data', str(data), '--out', str(tmp_path / 'x'), *words])
        assert code == 2
        assert told in text

    def test_a_task_that_the_data_have_not(self, data, tmp_path):
        words = ['--data', str(data), '--out', str(tmp_path / 'x'), '--weights', 'Stack=2']
        code, text = self.run(words)
        assert code == 1
        assert 'the data have Pick, set' in text

    def test_from_words_to_checkpoint_and_on(self, data, tmp_path):
        out = tmp_path / 'run'
        values = SMALL_POLICY | {'model.unet_widths': '16,32'}
        settings = [f'{name}={value}' for name, value in values.items()]
        words = ['--data', str(data), '--out', str(out)]
        options = ['--steps', '1', '--labels', 'shift:2', '--weights', 'Pick=2']
        # Nothing to go on from, as after a kill in the first minute: it begins.
        assert self.run([*words, '--set', *settings, *options, '--resume'])[0] == 0
        stored = json.loads((out / 'config.json').read_text())
        assert stored['train']['steps'] == 1
        assert stored['windows']['weights'] == ['Pick=2']
        assert find_checkpoint(out / 'last').info.labels == 'shift:2'
        code, text = self.run([*words, '--resume', '--steps', '2'])
        assert code == 0
        assert state_of(out).progress.step == 2
        assert 'going on: step 1' in text


def _parser():
    parser = argparse.ArgumentParser()
    train_policy_command.add_parser(parser.add_subparsers(dest='command'))
    return parser


def test_what_is_executed_of_a_chunk_is_the_same_everywhere():
    config = make_config('tiny')
    executor = inspect.signature(ChunkExecutor).parameters['exec_horizon'].default
    horizons = {
        *(ControllerParams().exec_horizon, executor, EvaluationSettings().exec_horizon),
        *(ClosedLoopSettings().exec_horizon, config.closed_loop.exec_horizon),
    }
    assert len(horizons) == 1
    # Some of a chunk is left for delays.
    assert 2 * horizons.pop() <= config.model.pred_horizon


def test_small_settings_are_of_the_preset():
    config = make_config('tiny', SMALL_POLICY)
    assert config.model.pred_horizon == 4
    assert make_config('full').model.text_encoder == 't5'
    assert np.isclose(make_config('full').beta1, 0.95)


EYE = {
    **{'model__base_eye': 'planner', 'auxiliary__dense_weight': 0.0},
    **{'frames': 'cache', 'augment': False},
}


@pytest.fixture(scope='module')
def seeing(data, tmp_path_factory):
    """A training that looked through the shipped planner's eye, and what it said."""
    out = tmp_path_factory.mktemp('eyes') / 'run'
    is_done, text = train(data, out, **EYE)
    assert is_done
    return out, text


class TestThroughThePlannersEye:
    def test_a_checkpoint_has_the_planners_tower(self, seeing):
        out, text = seeing
        assert 'what the eye sees: 100%' in text
        parts = read_policy(find_checkpoint(out / 'last'))
        planner = load_file(Path(find_planner('tiny').source) / 'model.safetensors')
        tower = parts.net.cameras['base'].tower.state_dict()
        for name, weight in tower.items():
            assert torch.equal(weight, planner[f'vision_tower.{name}'].float()), name
        DiffusionPolicy(parts).warm_up()

    def test_stopped_and_resumed_equals_uninterrupted(self, data, seeing, tmp_path, monkeypatch):
        out = tmp_path / 'run'
        with monkeypatch.context() as patch:
            stop_after(patch, 2)
            assert train(data, out, **EYE)[0] is False
        assert train(data, out, resume=True, **EYE)[0] is True
        first, second = state_of(out).model, state_of(seeing[0]).model
        assert all(torch.equal(first[name], second[name]) for name in second)

    def test_what_the_planner_was_trained_on_counts_as_seen(self, seeing, data, tmp_path):
        planner = find_planner('tiny')
        told = find_checkpoint(seeing[0] / 'last')
        assert set(planner.info.training_seeds) < set(told.info.training_seeds)
        assert set(planner.info.training_splits) <= set(told.info.training_splits)
        assert planner.label in (seeing[0] / 'last' / 'README.md').read_text()
        # Whoever goes on from there knows it too.
        assert train(data, tmp_path / 'on', init=str(seeing[0] / 'last'), **EYE)[0]
        after = find_checkpoint(tmp_path / 'on' / 'last').info
        assert set(planner.info.training_seeds) < set(after.training_seeds)

    def test_a_training_that_goes_on_keeps_its_own_tower(
        self, data, seeing, tmp_path, monkeypatch
    ):
        out = tmp_path / 'run'
        with monkeypatch.context() as patch:
            stop_after(patch, 2)
            train(data, out, **EYE)
        # Meanwhile the planner is another one, or is gone.
        assert train(data, out, resume=True, eye='no such planner', **EYE)[0] is True
        assert len(list((out / 'frames').glob('*.bf16'))) == 1
        first, second = state_of(out).model, state_of(seeing[0]).model
        assert all(torch.equal(first[name], second[name]) for name in second)

    def test_pictures_that_were_seen_cannot_be_changed(self, data, tmp_path):
        with pytest.raises(ValueError, match='set frames to decode'):
            train(data, tmp_path / 'run', **EYE, shift_px=2)

    def test_what_was_computed_once_is_what_the_eye_sees(self, data):
        dataset = EpisodeDataset(data)
        eye = PolicyNet(make_config('tiny', SMALL_POLICY | {'model.base_eye': 'planner'}).model)
        eye = eye.cameras['base']
        features = EyeFeatures([dataset], 32, eye)
        features.open_caches(data / 'cache', lambda share: None)
        rows = np.array([[0, 4], [0, 0], [0, 4]])
        pictures = torch.from_numpy(dataset.base_frames(rows[:, 1])).permute(0, 3, 1, 2)
        with torch.autocast('cpu', torch.bfloat16):
            expected = eye.features(pictures)
        assert torch.allclose(features.of(rows).float(), expected.float(), atol=0.1)
        # Found again, and another tower's is another's.
        before = sorted((data / 'cache').iterdir())
        EyeFeatures([dataset], 32, eye).open_caches(data / 'cache', lambda share: None)
        assert sorted((data / 'cache').iterdir()) == before
        eye.tower.position.data += 1.0
        EyeFeatures([dataset], 32, eye).open_caches(data / 'cache', lambda share: None)
        assert len(list((data / 'cache').iterdir())) == 2

    def test_a_planner_that_is_not_there_is_refused(self, data, tmp_path):
        with pytest.raises(ValueError, match='there is no checkpoint'):
            train(data, tmp_path / 'run', **EYE, eye='no such planner')
