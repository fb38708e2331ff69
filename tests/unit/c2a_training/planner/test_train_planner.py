# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import functools
import io
import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from accelerate import Accelerator
from rich.console import Console
from safetensors.torch import load_file
from sample_episodes import make_rows
from small_llava_phi3 import write_llava_phi3

from c2a_planner import checkpoint
from c2a_planner.checkpoint import find_checkpoint
from c2a_planner.tiny_model import build_tiny
from c2a_training.commands import train_planner_command
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.evaluation.source_commit import source_commit
from c2a_training.planner import planner_data, planner_model
from c2a_training.planner.picture_augment import augment
from c2a_training.planner.train_config import make_config
from c2a_training.planner.train_planner import train_planner
from c2a_training.training.stage_config import StageConfig
from c2a_training.training.train_loop import TrainLoop
from c2a_training.training.train_request import TrainRequest
from c2a_training.training.train_state import StateStore
from c2a_training.training.train_step import TrainStep

SETTINGS = {
    'vision.steps': 2,
    'text.steps': 2,
    'language.steps': 4,
    'vision.batch_size': 4,
    'text.batch_size': 4,
    'language.batch_size': 4,
    'language.warmup_steps': 2,
    'compile': False,
    'vision_mode': 'frozen',
    'validation_examples': 6,
    'examples.validation_share': 0.4,
    'checkpoint_minutes': 1000.0,
    'validate_minutes': 1000.0,
}


@pytest.fixture(autouse=True, scope='module')
def small_model():
    """The preset's model, with fewer layers and numbers, and few texts for its tokenizer."""
    small = functools.partial(build_tiny, hidden_size=64, num_layers=2, intermediate_size=64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner_model, 'build_tiny', small)
        patch.setattr(planner_data, '_TOKENIZER_EXAMPLES', 20)
        yield


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp('sets') / 'set'
    with EpisodeWriter(directory, {'image_size': 32}) as writer:
        for seed in range(6):
            writer.add(make_rows('Pick', seed, 6))
        writer.finish()
    return directory


def request(data, out, *, resume=False, **changes):
    names = {name.replace('__', '.'): value for name, value in changes.items()}
    return TrainRequest(make_config('tiny', SETTINGS | names), (data,), out, resume)


def train(data, out, **changes):
    text = io.StringIO()
    is_done = train_planner(
        request(data, out, **changes),
        Console(file=text, width=200),
        lambda: Accelerator(cpu=True),
    )
    return is_done, text.getvalue()


def stop_after(monkeypatch, step):
    """Press Ctrl-C before a step, counted over all stages."""
    original = TrainLoop._decide
    pressed = []

    def decide(self, stage):
        if self.progress.total_steps == step and not pressed:
            pressed.append(step)
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, stage)

    monkeypatch.setattr(TrainLoop, '_decide', decide)


def assert_same_state(first, second):
    first, second = (StateStore(out / 'state').load() for out in (first, second))
    for name in ('model', 'optimizer'):
        ours, theirs = getattr(first, name), getattr(second, name)
        assert ours
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            assert torch.equal(value, theirs[key]), key


@pytest.fixture(scope='module')
def whole(data, small_model, tmp_path_factory):
    """A training that nothing interrupted, and what it said."""
    out = tmp_path_factory.mktemp('runs') / 'whole'
    is_done, text = train(data, out)
    assert is_done
    return out, text


# Between two stages and inside one.
@pytest.mark.parametrize('step', [2, 6])
def test_stopped_and_resumed_equals_uninterrupted_bit_for_bit(
    data, whole, tmp_path, monkeypatch, step
):
    out = tmp_path / 'run'
    with monkeypatch.context() as patch:
        stop_after(patch, step)
        assert train(data, out)[0] is False
    state = StateStore(out / 'state').load()
    assert state.progress.total_steps == step
    assert train(data, out, resume=True)[0] is True
    assert_same_state(out, whole[0])


def test_killed_before_a_state_was_whole_goes_on_from_the_one_before(
    data, whole, tmp_path, monkeypatch
):
    out = tmp_path / 'run'
    original = StateStore.save
    saved = []

    def save(self, state):
        if saved:
            raise SystemError('killed')
        saved.append(original(self, state))
        part = saved[0].with_name('00000002.part')
        part.mkdir()
        (part / 'model.safetensors').write_bytes(b'half')

    with monkeypatch.context() as patch:
        patch.setattr(StateStore, 'save', save)
        with pytest.raises(SystemError):
            train(data, out)
    assert train(data, out, resume=True)[0] is True
    assert_same_state(out, whole[0])


def written(weight):
    """As a checkpoint holds it."""
    return weight.bfloat16().float() if weight.is_floating_point() else weight


def test_last_and_best_are_checkpoints_that_open(whole, data):
    out, text = whole
    for name in ('best', 'last'):
        found = find_checkpoint(out / name)
        found.check(base_camera='framed')
        assert found.info.preset == 'tiny'
        assert found.info.metrics['exact_code'] >= 0
        card = (out / name / 'README.md').read_text()
        assert 'language' in card
        assert '6 |' in card
    model = planner_model.open_model(str(out / 'last'))
    state = StateStore(out / 'state').load().model
    for key, value in model.llava.state_dict().items():
        assert torch.equal(value, written(state[f'llava.{key}'])), key
    assert 'exact_code' in text
    assert 'of them learn' in text


def test_curves_are_written(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole[0] / 'tensorboard'))
    events.Reload()
    tags = set(events.Tags()['scalars'])
    assert {'language/validation/exact_code', 'vision/validation/cell_accuracy'} <= tags


def test_a_training_is_not_overwritten(data, whole):
    with pytest.raises(ValueError, match='--resume'):
        train(data, whole[0])


def test_a_checkpoint_can_be_trained_on(data, whole, tmp_path):
    text = io.StringIO()
    begin = TrainRequest(
        make_config('tiny', SETTINGS | {'vision.steps': 0, 'text.steps': 0, 'language.steps': 1}),
        (data,),
        tmp_path / 'run',
        init=str(whole[0] / 'last'),
    )
    before = StateStore(whole[0] / 'state').load().model
    assert train_planner(begin, Console(file=text), lambda: Accelerator(cpu=True))
    after = StateStore(tmp_path / 'run' / 'state').load().model
    name = 'llava.model.vision_tower.position'
    assert torch.equal(after[name], written(before[name]))
    name = 'llava.model.multi_modal_projector.linear_1.weight'
    assert 0 < (after[name] - written(before[name])).abs().max() < 1e-2
    card = (tmp_path / 'run' / 'last' / 'README.md').read_text()
    assert card.index('\n## Training\n') < card.index('\n## Training before\n')


def test_what_it_saw_and_what_ran_is_sealed(whole):
    info = find_checkpoint(whole[0] / 'last').info
    assert info.training_splits == ('simple',)
    assert info.validation_share == 0.4
    assert info.commit == source_commit()


def test_a_checkpoint_that_is_trained_on_passes_its_knowledge_on(data, whole, tmp_path):
    changes = {'vision__steps': 0, 'text__steps': 0, 'language__steps': 1}
    # What the first training learned from must not count as held out because the second leaves
    # more of it out.
    changes['examples__validation_share'] = 0.6
    begin = replace(request(data, tmp_path / 'run', **changes), init=str(whole[0] / 'last'))
    assert train_planner(begin, None, lambda: Accelerator(cpu=True))
    info = find_checkpoint(tmp_path / 'run' / 'last').info
    assert info.validation_share == 0.4
    assert info.training_seeds == find_checkpoint(whole[0] / 'last').info.training_seeds


def test_a_damaged_or_foreign_checkpoint_is_not_trained_on(data, whole, tmp_path):
    damaged = shutil.copytree(whole[0] / 'last', tmp_path / 'damaged')
    weights = damaged / 'model.safetensors'
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    foreign = shutil.copytree(whole[0] / 'last', tmp_path / 'foreign')
    path = foreign / 'c2a_checkpoint.json'
    path.write_text(path.read_text().replace('"planner"', '"policy"'))
    changes = {'vision__steps': 0, 'text__steps': 0}
    for init, message in ((damaged, 'is damaged'), (foreign, 'describes a policy')):
        begin = replace(request(data, tmp_path / 'run', **changes), init=str(init))
        with pytest.raises(ValueError, match=message):
            train_planner(begin, None, lambda: Accelerator(cpu=True))


def test_a_shipped_checkpoint_is_trained_on_by_its_name(data, whole, tmp_path, monkeypatch):
    shutil.copytree(whole[0] / 'last', tmp_path / 'planner_tiny')
    monkeypatch.setattr(checkpoint, 'SHIPPED_FOLDER', tmp_path)
    changes = {'vision__steps': 0, 'text__steps': 0, 'language__steps': 1}
    begin = replace(request(data, tmp_path / 'run', **changes), init='tiny')
    assert train_planner(begin, None, lambda: Accelerator(cpu=True))


def test_weights_other_than_safetensors_are_not_opened(whole, tmp_path):
    copy = shutil.copytree(whole[0] / 'last', tmp_path / 'copy')
    weights = load_file(copy / 'model.safetensors')
    (copy / 'model.safetensors').unlink()
    torch.save(weights, copy / 'pytorch_model.bin')
    with pytest.raises(ValueError, match='expected a hub id or a directory with .* safetensors'):
        planner_model.open_model(str(copy))


@pytest.mark.parametrize('changes', [{'vision_mode': 'slow'}, {'feature_cache_gb': 1.0}])
def test_other_ways_to_see_train_too(data, tmp_path, changes):
    changes = {'vision__steps': 0, 'text__steps': 0, 'language__steps': 2, **changes}
    assert train(data, tmp_path / 'run', **changes)[0]
    state = StateStore(tmp_path / 'run' / 'state').load()
    learned = any('vision_tower' in name for name in state.optimizer)
    assert learned == ('vision_mode' in changes)


def test_phi3_learns_adapters_and_writes_them_merged(data, tmp_path):
    start = write_llava_phi3(tmp_path / 'llava-phi-3')
    changes = {
        'model': str(start),
        'language.steps': 3,
        'language.batch_size': 2,
        'language.warmup_steps': 0,
        'lora.rank': 4,
        'examples.validation_share': 0.4,
        'validation_examples': 2,
    }
    text = io.StringIO()
    begin = TrainRequest(make_config('phi3', changes), (data,), tmp_path / 'run')
    assert train_planner(begin, Console(file=text, width=200), lambda: Accelerator(cpu=True))
    state = StateStore(tmp_path / 'run' / 'state').load().model
    assert all('lora_' in name or 'projector' in name for name in state)
    last = planner_model.open_model(str(tmp_path / 'run' / 'last'), torch.bfloat16)
    first = planner_model.open_model(str(start), torch.bfloat16)
    new, old = last.llava.state_dict(), first.llava.state_dict()
    assert new.keys() == old.keys()
    changed = {name for name in new if not torch.equal(new[name], old[name])}
    assert any('qkv_proj' in name for name in changed)
    assert not any('vision_tower' in name or 'embed' in name for name in changed)
    assert '%' in text.getvalue()


def test_adapters_that_go_on_stay_with_the_model_that_they_began_with(data, tmp_path):
    models = [write_llava_phi3(tmp_path / name, seed) for seed, name in enumerate(('a', 'b'))]
    changes = {
        'language.batch_size': 2,
        'language.warmup_steps': 0,
        'lora.rank': 4,
        'examples.validation_share': 0.4,
        'validation_examples': 2,
    }

    def go_on(steps, *, model=models[0], init=None, resume=True):
        config = make_config('phi3', changes | {'language.steps': steps, 'model': str(model)})
        begin = TrainRequest(config, (data,), tmp_path / 'run', resume, init)
        return train_planner(begin, None, lambda: Accelerator(cpu=True))

    def frozen_weights():
        weights = load_file(tmp_path / 'run' / 'last' / 'model.safetensors')
        return next(value for name, value in weights.items() if 'embed_tokens' in name)

    assert go_on(1, init=str(models[1]), resume=False)
    began = frozen_weights()
    # What is not said again is remembered; what is said must be the same.
    assert go_on(2)
    assert go_on(3, init=str(models[1]))
    assert torch.equal(frozen_weights(), began)
    with pytest.raises(ValueError, match=f'began with {models[1]}, .*, not to {models[0]}'):
        go_on(4, init=str(models[0]))


def test_a_model_that_was_trained_on_meanwhile_is_another_one(data, tmp_path):
    llava = write_llava_phi3(tmp_path / 'llava')
    changes = {
        'language.batch_size': 2,
        'language.warmup_steps': 0,
        'language.learning_rate': 1e-2,
        'lora.rank': 4,
        'examples.validation_share': 0.4,
        'validation_examples': 2,
    }

    def go_on(steps, model, out, *, resume=False):
        config = make_config('phi3', changes | {'language.steps': steps, 'model': str(model)})
        begin = TrainRequest(config, (data,), out, resume)
        return train_planner(begin, None, lambda: Accelerator(cpu=True))

    first, second = tmp_path / 'first', tmp_path / 'second'
    assert go_on(1, llava, first)
    assert go_on(1, first / 'last', second)
    assert find_checkpoint(second / 'last').info.training_seeds == ((0, 5),)
    moved = shutil.copytree(first / 'last', tmp_path / 'moved')
    assert go_on(2, moved, second, resume=True)
    assert go_on(2, llava, first, resume=True)
    with pytest.raises(ValueError, match='as it is now: name that one'):
        go_on(3, first / 'last', second, resume=True)


def test_augmentation_changes_light_and_moves_nothing():
    rng = np.random.default_rng(0)
    pictures = np.zeros((2, 40, 40, 3), np.uint8) + 60
    pictures[:, 8:12, 20:24] = (220, 40, 40)
    changed = augment(pictures, rng)
    assert changed.shape == pictures.shape
    assert (changed != pictures).mean() > 0.5
    for picture in changed.astype(int):
        red = picture[..., 0] - picture[..., 1] > 90
        assert np.argwhere(red).min(0).tolist() == [8, 20]
        assert np.argwhere(red).max(0).tolist() == [11, 23]


class TestCommand:
    def run(self, words):
        args = _parser().parse_args(['planner', *words])
        text = io.StringIO()
        code = train_planner_command.run(args, Console(file=text, width=200))
        return code, text.getvalue()

    def test_wrong_setting_is_told_before_anything_is_read(self, tmp_path):
        words = ['--data', str(tmp_path), '--out', str(tmp_path / 'x'), '--set', 'compil=true']
        code, text = self.run(words)
        assert code == 2
        assert 'did you mean compile' in text
        assert not (tmp_path / 'x').exists()

    def test_data_that_are_not_there(self, tmp_path):
        code, text = self.run(['--data', str(tmp_path / 'no'), '--out', str(tmp_path / 'x')])
        assert code == 2
        assert 'no directory' in text

    def test_a_directory_that_is_no_dataset(self, tmp_path):
        code, text = self.run(['--data', str(tmp_path), '--out', str(tmp_path / 'x')])
        assert code == 2
        assert 'is no dataset, there is no c2a_dataset.json in it' in text

    def test_from_words_to_checkpoint_and_on(self, data, tmp_path):
        out = tmp_path / 'run'
        settings = [f'{name}={value}' for name, value in SETTINGS.items()]
        words = ['--data', str(data), '--out', str(out), '--set', *settings]
        words += ['text.steps=0', '--vision-steps', '0', '--steps', '1']
        # Nothing to go on from, as after a kill in the first minute: it begins.
        assert self.run([*words, '--resume'])[0] == 0
        assert json.loads((out / 'config.json').read_text())['language']['steps'] == 1
        code, text = self.run(['--data', str(data), '--out', str(out), '--resume', '--steps', '2'])
        assert code == 0
        assert StateStore(out / 'state').load().progress.step == 2
        assert 'going on: stage language, step 1' in text


def _parser():
    parser = argparse.ArgumentParser()
    train_planner_command.add_parser(parser.add_subparsers(dest='command'))
    return parser


def test_stage_language_has_prompts_without_pictures_in_between():
    class Batches:
        def __init__(self, name):
            self.name = name

        def make(self, step):
            return f'{self.name} {step}'

    make = planner_data.alternating(Batches('pictures'), Batches('text'), 3)
    assert [make(step) for step in range(4)] == [
        'pictures 0',
        'pictures 1',
        'text 2',
        'pictures 3',
    ]


@pytest.mark.parametrize('seed', [0, 1, 20261121, 2**40])
def test_dropout_follows_from_any_seed(seed):
    net = torch.nn.Linear(2, 1)
    net.forward = lambda batch: {'loss': net.weight.sum(), 'n': torch.tensor(1.0)}
    step = TrainStep(net, {1.0: list(net.parameters())[:1]}, StageConfig(steps=1), cpu(), seed)
    drawn = []
    for number in (3, 3, 4):
        step.run({}, number, 1e-3)
        drawn.append(float(torch.rand(1)))
    assert drawn[0] == drawn[1] != drawn[2]


def test_small_seeds_draw_what_they_always_drew():
    net = torch.nn.Linear(2, 1)
    net.forward = lambda batch: {'loss': net.weight.sum(), 'n': torch.tensor(1.0)}
    step = TrainStep(net, {1.0: list(net.parameters())[:1]}, StageConfig(steps=1), cpu(), 7)
    step.run({}, 5, 1e-3)
    drawn = float(torch.rand(1))
    torch.manual_seed((7 * 1_000_003 + 5) * 1_000_003)
    assert drawn == float(torch.rand(1))


def test_every_layer_that_the_fsdp_configuration_names_is_in_a_llava_phi3(tmp_path):
    directory = write_llava_phi3(tmp_path / 'llava')
    net = planner_model.open_model(str(directory), torch.bfloat16).llava
    there = {type(module).__name__ for module in net.modules()}
    text = (Path(__file__).parents[4] / 'configs' / 'accelerate_fsdp.yaml').read_text()
    names = yaml.safe_load(text)['fsdp_config']['fsdp_transformer_layer_cls_to_wrap'].split(',')
    # accelerate refuses a name that is not there.
    assert set(names) <= there


def cpu():
    return Accelerator(cpu=True)
