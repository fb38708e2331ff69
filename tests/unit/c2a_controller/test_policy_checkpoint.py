# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A policy's sealed checkpoint: written whole, read back, refused where it does not fit."""

from __future__ import annotations

import json
import shutil

import pytest
from small_policy_net import small_config, small_net, write_small_policy

torch = pytest.importorskip('torch', reason='torch is not installed')

from c2a_controller import policy_checkpoint  # noqa: E402
from c2a_controller.policy_checkpoint import find_checkpoint, read_policy  # noqa: E402
from c2a_core.sealed_directory import INFO_NAME, CheckpointError  # noqa: E402


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    directory = tmp_path_factory.mktemp('checkpoints') / 'small'
    seeds = ((0, 99), (5000, 5010))
    write_small_policy(directory, metrics={'success': 0.5}, training_seeds=seeds)
    return directory


@pytest.fixture
def copied(written, tmp_path):
    return shutil.copytree(written, tmp_path / 'copy')


def change(directory, **fields):
    path = directory / INFO_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_it_gives_back_the_weights_rounded_to_bfloat16(written):
    checkpoint = find_checkpoint(written)
    checkpoint.check('framed')
    parts = read_policy(checkpoint)
    assert parts.config == small_config()
    assert not parts.net.training
    state = small_net().state_dict()
    for name, weight in parts.net.state_dict().items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, state[name].bfloat16().float()), name


def test_it_says_what_it_was_made_for(written):
    info = find_checkpoint(written).info
    assert info.training_seeds == ((0, 99), (5000, 5010))
    assert (info.kind, info.text, info.control_rate_hz) == ('policy', 'code', 20.0)
    assert 'measured pose' in info.action_convention
    card = (written / 'README.md').read_text()
    assert '| success | 0.5 |' in card
    assert 'the running key step, as code' in card


def test_it_has_no_pickle(written):
    names = {path.name for path in written.iterdir()}
    assert names == {
        *('policy.json', 'model.safetensors', 'tokenizer.json', 'normalisation.json'),
        *(INFO_NAME, 'README.md'),
    }


def test_the_same_weights_have_the_same_name(written, tmp_path):
    write_small_policy(tmp_path / 'again')
    write_small_policy(tmp_path / 'other', seed=1)
    label = find_checkpoint(written).label
    assert len(label) == 12
    assert find_checkpoint(tmp_path / 'again').label == label
    assert find_checkpoint(tmp_path / 'other').label != label


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        ({'skill_api_version': 99}, 'another skill API version: 99, here it is 1'),
        ({'grid_size': 12}, 'another cells along the picture: 12, here it is 10'),
        ({'image_layout': 'bgr8'}, "another pictures: 'bgr8'"),
        ({'base_camera': 'original'}, "another base camera: 'original', here it is 'framed'"),
        ({'wrist_camera': 'original'}, "another wrist camera: 'original', here it is 'framed'"),
        ({'action_convention': 'joints'}, "another convention of actions: 'joints'"),
        ({'control_rate_hz': 10.0}, 'another control rate'),
        ({'proprioception': ['q']}, 'another proprioception'),
        ({'format_version': 2}, 'format 2, expected a policy in format 1'),
        ({'kind': 'planner'}, 'describes a planner'),
        ({'text': 'poems'}, "text is 'poems'"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_differs(copied, fields, words):
    change(copied, **fields)
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(copied).check('framed', 'framed')
    assert words in str(caught.value)


@pytest.mark.parametrize('camera', ['', 'framed', 'original'])
def test_a_checkpoint_that_knows_both_cameras_takes_either(copied, camera):
    change(copied, base_camera='framed+original', wrist_camera='original+framed')
    find_checkpoint(copied).check(camera, camera)


def test_the_wrist_cameras_pose_matters_to_those_that_see_it(copied):
    path = copied / INFO_NAME
    content = json.loads(path.read_text())
    assert content.pop('wrist_camera') == 'framed'
    path.write_text(json.dumps(content))
    # One from before it was written down has seen the framed one.
    find_checkpoint(copied).check('framed', 'framed')
    with pytest.raises(CheckpointError, match='another wrist camera'):
        find_checkpoint(copied).check('framed', 'original')
    change(copied, cameras=['base'])
    find_checkpoint(copied).check('framed', 'original')


def test_damage_is_found(copied):
    path = copied / 'normalisation.json'
    path.write_text(path.read_text().replace('0', '1', 1))
    with pytest.raises(CheckpointError, match='is damaged: .*normalisation.json has the hash'):
        find_checkpoint(copied).check()


@pytest.mark.parametrize(
    ('file', 'content', 'words'),
    [
        ('policy.json', '{"horizon": 16}', "no setting 'horizon'"),
        ('policy.json', '[', 'is no JSON'),
        ('policy.json', '[]', 'holds list, expected an object'),
        ('normalisation.json', '{}', "no usable 'action'"),
        ('tokenizer.json', '{}', 'cannot read the tokenizer'),
        ('model.safetensors', 'pickle', 'cannot load policy checkpoint'),
    ],
)
def test_files_that_cannot_be_read_are_refused(copied, file, content, words):
    (copied / file).write_text(content)
    with pytest.raises(CheckpointError) as caught:
        read_policy(find_checkpoint(copied))
    assert words in str(caught.value)


def test_weights_of_another_network_are_refused(copied):
    path = copied / 'policy.json'
    path.write_text(path.read_text().replace('"pooling_blocks": 1', '"pooling_blocks": 2'))
    with pytest.raises(CheckpointError, match='pooling.blocks.1'):
        read_policy(find_checkpoint(copied))


@pytest.mark.parametrize('name', ['/no/such/folder', 'huge', 'owner/model', ''])
def test_what_is_not_there_is_said(name):
    with pytest.raises(CheckpointError, match='there is no policy checkpoint .* a shipped one'):
        find_checkpoint(name)


def test_what_is_not_shipped_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(policy_checkpoint, 'SHIPPED_FOLDER', tmp_path)
    with pytest.raises(CheckpointError, match='make one with `./c2a train policy`'):
        find_checkpoint('tiny')


def test_the_shipped_one_is_found_by_its_name(written, tmp_path, monkeypatch):
    shutil.copytree(written, tmp_path / 'policy_tiny')
    monkeypatch.setattr(policy_checkpoint, 'SHIPPED_FOLDER', tmp_path)
    assert find_checkpoint('tiny').label == find_checkpoint(written).label
