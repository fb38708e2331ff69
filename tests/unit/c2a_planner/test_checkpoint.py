# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Sealed checkpoints: written whole, opened by transformers, refused where they do not fit."""

from __future__ import annotations

import json
import shutil

import pytest
from small_planner import INSTRUCTION, STEPS, picture, write_small_checkpoint

torch = pytest.importorskip('torch', reason='torch is not installed')

from c2a_core import sealed_directory  # noqa: E402
from c2a_planner import checkpoint  # noqa: E402
from c2a_planner.checkpoint import CheckpointError, find_checkpoint  # noqa: E402


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    directory = tmp_path_factory.mktemp('checkpoints') / 'small'
    write_small_checkpoint(directory, metrics={'exact': 0.5})
    return directory


@pytest.fixture
def copied(written, tmp_path):
    return shutil.copytree(written, tmp_path / 'copy')


def change(directory, **fields):
    path = directory / checkpoint.INFO_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_it_is_loaded_and_gives_the_logits_of_the_model_that_was_written(written):
    from c2a_planner.prompt import STEP_REQUEST
    from c2a_planner.vlm import VisionLanguageModel

    models = [VisionLanguageModel.load(written, dtype=torch.float32) for _ in range(2)]
    prompt = models[0].encode_prompt(INSTRUCTION, STEPS, STEP_REQUEST)
    first, second = (model.read(prompt, picture()) for model in models)
    assert torch.equal(first, second)
    assert models[0].pictures.size == 64
    assert models[0].model.dtype == torch.float32


def test_it_has_no_pickle_and_a_card(written):
    names = {path.name for path in written.iterdir()}
    assert {'config.json', 'model.safetensors', 'tokenizer.json', 'README.md'} <= names
    assert {'preprocessor_config.json', 'c2a_checkpoint.json'} <= names
    assert not [name for name in names if name.endswith(('.bin', '.pt', '.pkl'))]
    assert '| exact | 0.5 |' in (written / 'README.md').read_text()


def test_its_hash_names_the_weights(written, tmp_path):
    label = find_checkpoint(written).label
    assert len(label) == 12
    write_small_checkpoint(tmp_path / 'again')
    assert find_checkpoint(tmp_path / 'again').label == label


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        ({'skill_api_version': 99}, 'another skill API version: 99, here it is 1'),
        ({'grid_size': 12}, 'another cells along the picture: 12, here it is 10'),
        ({'image_layout': 'bgr8'}, "another pictures: 'bgr8'"),
        ({'base_camera': 'original'}, "another base camera: 'original', here it is 'framed'"),
        ({'format_version': 2}, 'format 2, expected a planner in format 1'),
        ({'kind': 'policy'}, 'describes a policy'),
    ],
)
def test_what_does_not_fit_is_refused_with_what_differs(copied, fields, words):
    change(copied, **fields)
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(copied).check('framed')
    assert words in str(caught.value)


def test_any_camera_will_do_where_none_is_named(copied):
    change(copied, base_camera='original')
    find_checkpoint(copied).check()


def test_damage_is_found(copied):
    weights = copied / 'model.safetensors'
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match='is damaged: .*model.safetensors has the hash'):
        find_checkpoint(copied).check()
    weights.unlink()
    with pytest.raises(CheckpointError, match='is missing, copy it again'):
        find_checkpoint(copied).check()


def test_a_description_that_cannot_be_read_is_refused(copied):
    (copied / checkpoint.INFO_NAME).write_text('{')
    with pytest.raises(CheckpointError, match='cannot read'):
        find_checkpoint(copied)


def test_weights_other_than_safetensors_are_refused(copied):
    from c2a_planner.vlm import VisionLanguageModel

    (copied / checkpoint.INFO_NAME).unlink()
    (copied / 'model.safetensors').rename(copied / 'pytorch_model.bin')
    with pytest.raises(CheckpointError, match='cannot load .* expected a LLaVA with safetensors'):
        VisionLanguageModel.load(copied)


def test_a_directory_without_a_seal_is_loaded_under_its_name(copied, caplog):
    from c2a_planner.vlm import VisionLanguageModel

    (copied / checkpoint.INFO_NAME).unlink()
    model = VisionLanguageModel.load(copied)
    assert model.checkpoint.label == str(copied)
    assert 'not checked' in caplog.text


@pytest.mark.parametrize('name', ['/no/such/folder', './here', 'huge'])
def test_what_is_not_there_is_said(name):
    with pytest.raises(CheckpointError, match='there is no checkpoint .* a shipped one'):
        find_checkpoint(name)


def test_a_hub_id_is_passed_on():
    found = find_checkpoint('xtuner/llava-phi-3-mini-hf')
    assert (found.source, found.info) == ('xtuner/llava-phi-3-mini-hf', None)


def test_what_is_not_shipped_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, 'SHIPPED_FOLDER', tmp_path)
    with pytest.raises(CheckpointError, match='make one with `./c2a train planner`'):
        find_checkpoint('tiny')


def test_descriptions_from_before_splits_and_shares_were_told_are_read(copied):
    path = copied / checkpoint.INFO_NAME
    content = json.loads(path.read_text())
    del content['training_splits'], content['validation_share']
    path.write_text(json.dumps(content))
    found = find_checkpoint(copied)
    found.check()
    assert (found.info.training_splits, found.info.validation_share) == ((), None)


def test_splits_and_share_come_back(copied):
    change(copied, training_splits=['simple', 'train'], validation_share=0.1)
    info = find_checkpoint(copied).info
    assert (info.training_splits, info.validation_share) == (('simple', 'train'), 0.1)


def test_a_failed_write_leaves_the_older_checkpoint(copied, monkeypatch):
    def fail(path):
        raise OSError('the disk is full')

    before = find_checkpoint(copied).label
    monkeypatch.setattr(sealed_directory, 'hash_file', fail)
    with pytest.raises(OSError, match='full'):
        write_small_checkpoint(copied, seed=1)
    monkeypatch.undo()
    assert find_checkpoint(copied).label == before
    assert [path.name for path in copied.parent.iterdir()] == ['copy']
