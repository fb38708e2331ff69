# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest

from c2a_training.planner.train_config import (
    PRESETS,
    StageConfig,
    change_config,
    config_from_dict,
    make_config,
)
from c2a_training.training.train_schedule import done_share, learning_rate


def preset_changes(preset):
    return {'model': 'some/model'} if preset == 'phi3' else {}


@pytest.mark.parametrize('preset', PRESETS)
def test_settings_come_back_from_json(preset):
    config = make_config(preset, preset_changes(preset))
    assert config_from_dict(config.as_dict()) == config


def test_texts_become_what_the_settings_hold():
    config = make_config(
        'tiny',
        {
            'language.batch_size': '48',
            'language.learning_rate': '5e-4',
            'compile': 'false',
            'vision_mode': 'slow',
            'lora.targets': 'o_proj,down_proj',
            'examples.questions': '7',
        },
    )
    assert config.language.batch_size == 48
    assert config.language.learning_rate == 5e-4
    assert config.compile is False
    assert config.vision_mode == 'slow'
    assert config.lora.targets == ('o_proj', 'down_proj')
    assert config.examples.questions == 7


def test_a_length_in_steps_replaces_one_in_minutes_and_back():
    config = make_config('tiny', {'language.steps': '10'})
    assert (config.language.steps, config.language.minutes) == (10, None)
    config = change_config(config, {'language.minutes': 2.0})
    assert (config.language.steps, config.language.minutes) == (None, 2.0)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'language.batchsize': '4'}, 'did you mean batch_size'),
        ({'langauge.batch_size': '4'}, 'did you mean language'),
        ({'language': '4'}, 'is a group'),
        ({'language.batch_size': 'many'}, 'expected a whole number'),
        ({'compile': 'perhaps'}, 'expected true or false'),
        ({'vision_mode': 'quick'}, 'expected one of frozen, slow'),
        ({'language.batch_size': '0'}, 'at least 1'),
        ({'seed.x': '1'}, 'has no parts'),
    ],
)
def test_wrong_settings_are_refused_with_what_to_write(changes, message):
    with pytest.raises(ValueError, match=message):
        make_config('tiny', changes)


def test_phi3_needs_a_model_to_start_from():
    with pytest.raises(ValueError, match='--model'):
        make_config('phi3')


def test_phi3_has_room_for_its_picture_and_a_long_memory():
    assert make_config('phi3', preset_changes('phi3')).longest == 2048


def test_learning_rate_rises_then_falls_along_half_a_cosine():
    config = StageConfig(steps=100, learning_rate=1.0, warmup_steps=10, final_share=0.1)
    rates = [learning_rate(config, step, done_share(config, step, 0.0)) for step in range(101)]
    assert rates[0] == pytest.approx(0.1, abs=0.01)
    assert max(rates) == rates[9]
    assert all(a > b for a, b in zip(rates[10:], rates[11:], strict=False))
    assert rates[50] == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / 2)))
    assert rates[100] == pytest.approx(0.1)


def test_by_the_clock_seconds_count_and_steps_do_not():
    config = StageConfig(minutes=2.0)
    assert done_share(config, 10_000, 60.0) == 0.5
    assert done_share(config, 0, 500.0) == 1.0
