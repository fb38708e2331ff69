# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The policy's network: what its output depends on, and on what it does not."""

from __future__ import annotations

import pytest
from small_planner import STEPS
from small_policy_net import SIZE, small_config, small_net, small_tokenizer

torch = pytest.importorskip('torch', reason='torch is not installed')

from c2a_controller.policy_net import PolicyNet, _cell_weights  # noqa: E402
from c2a_controller.policy_text import load_t5_tokenizer  # noqa: E402

CODE, OTHER = STEPS[1], STEPS[1].replace('red', 'blue')


@pytest.fixture(scope='module')
def net():
    return small_net()


def inputs(batch=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = {
        name: torch.randint(0, 256, (batch, 3, SIZE, SIZE), generator=generator).to(torch.uint8)
        for name in ('base', 'wrist')
    }
    return images, torch.randn(batch, 24, generator=generator)


@torch.no_grad()
def condition(net, code=CODE, cache='', images=None, proprio=None):
    seen, body = inputs()
    text = net.encode_text(small_tokenizer().encode([code], [cache]))
    shown = net.encode_images({**seen, **(images or {})})
    return net.condition(text, shown, body if proprio is None else proprio)


def differs(one, other):
    return (one - other).abs().max().item() > 1e-3


def test_the_condition_depends_on_all_that_is_known(net):
    first = condition(net)
    assert differs(first, condition(net, code=OTHER))
    assert differs(first, condition(net, cache=STEPS[0].split('\n')[0]))
    assert differs(first, condition(net, code=CODE.replace('(3, 5)', '(7, 1)')))
    assert differs(first, condition(net, proprio=torch.ones(1, 24)))
    for camera in ('base', 'wrist'):
        assert differs(first, condition(net, images={camera: inputs(seed=1)[0][camera]}))


def test_joint_velocities_are_seen_where_they_are_wanted(net):
    _, body = inputs()
    moved = body.clone()
    moved[:, 7:14] += 1.0
    assert torch.equal(condition(net, proprio=body), condition(net, proprio=moved))
    seeing = small_net(small_config(joint_velocities=True))
    assert differs(condition(seeing, proprio=body), condition(seeing, proprio=moved))
    # Whatever else the robot feels is seen in both cases.
    for at in (0, 6, 14, 23):
        other = body.clone()
        other[:, at] += 3.0
        assert not torch.equal(condition(net, proprio=body), condition(net, proprio=other))


def test_the_prediction_depends_on_chunk_noise_level_and_condition(net):
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(1, 16, 7, generator=generator)
    times = torch.tensor([50.0])
    known = condition(net)
    with torch.no_grad():
        first = net.denoise(noisy, times, known)
        assert first.shape == noisy.shape
        assert differs(first, net.denoise(noisy + 1, times, known))
        assert differs(first, net.denoise(noisy, times - 40, known))
        assert differs(first, net.denoise(noisy, times, condition(net, code=OTHER)))


def test_a_text_that_is_padded_in_a_batch_says_the_same(net):
    images, proprio = inputs(batch=2)
    codes, caches = [CODE, STEPS[0]], [STEPS[0].split('\n')[0], '']
    with torch.no_grad():
        together = net.condition(
            net.encode_text(small_tokenizer().encode(codes, caches)),
            net.encode_images(images),
            proprio,
        )
        for row in range(2):
            alone = net.condition(
                net.encode_text(small_tokenizer().encode([codes[row]], [caches[row]])),
                net.encode_images({name: image[row : row + 1] for name, image in images.items()}),
                proprio[row : row + 1],
            )
            assert torch.allclose(together[row], alone[0], atol=1e-5)


def test_training_predicts_for_each_noise_what_inference_does(net):
    images, proprio = inputs(batch=2)
    text = small_tokenizer().encode([CODE, OTHER], ['', ''])
    noisy = torch.randn(2, 3, 16, 7, generator=torch.Generator().manual_seed(0))
    times = torch.tensor([[1.0, 50.0, 99.0], [0.0, 20.0, 80.0]])
    with torch.no_grad():
        predicted = net(text, images, proprio, noisy, times)
        known = net.condition(net.encode_text(text), net.encode_images(images), proprio)
        one = net.denoise(noisy[1:, 2], times[1:, 2], known[1:])
    assert predicted.shape == noisy.shape
    assert torch.allclose(predicted[1, 2], one[0], atol=1e-5)


def test_every_weight_learns(net):
    images, proprio = inputs(batch=2)
    text = small_tokenizer().encode([CODE, OTHER], [STEPS[0].split('\n')[0], ''])
    net(text, images, proprio, torch.randn(2, 1, 16, 7), torch.full((2, 1), 50.0)).sum().backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is None] == []
    net.zero_grad(set_to_none=True)


def test_what_a_cell_shows_is_read_where_the_cell_is():
    side = 5
    weights = _cell_weights(side)
    assert not weights[0].any()
    assert torch.allclose(weights[1:].sum(1), torch.ones(100))
    # Cell (7, 2) has its middle at 0.75 from the left and 0.25 from the top: in a picture of
    # 5 x 5 tokens between columns 3 and 4, and in row 1 and a bit above.
    grid = weights[1 + 10 * 7 + 2].view(side, side)
    rows, columns = grid.sum(1), grid.sum(0)
    assert columns.tolist() == pytest.approx([0, 0, 0, 0.75, 0.25])
    assert rows.tolist() == pytest.approx([0.25, 0.75, 0, 0, 0])


@pytest.mark.parametrize(
    'changes',
    [
        {'image_tokens': 'single', 'cell_features': False, 'proprio_skip': False},
        {'cameras': ('base',)},
        {'image_size': 48, 'pooling_blocks': 2, 'unet_widths': (8, 16, 24), 'unet_kernel': 5},
        {'pred_horizon': 8},
    ],
    ids=['paper', 'base camera only', 'other sizes', 'halved horizon'],
)
def test_other_architectures_are_a_switch_away(changes):
    config = small_config(**changes)
    net = PolicyNet(config)
    side = config.image_size
    images = {name: torch.zeros(1, 3, side, side) for name in config.cameras}
    noisy = torch.zeros(1, 1, config.pred_horizon, 7)
    text = small_tokenizer().encode([CODE], [''])
    assert net(text, images, torch.zeros(1, 24), noisy, torch.zeros(1, 1)).shape == noisy.shape


def test_a_t5_stays_as_it_is_and_out_of_the_checkpoint(tmp_path):
    transformers = pytest.importorskip('transformers', reason='transformers is not installed')
    tokenizer = small_tokenizer()
    tokenizer.write(tmp_path / 'tokenizer.json')
    transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / 'tokenizer.json'), pad_token='<pad>'
    ).save_pretrained(tmp_path)
    size = {'d_model': 16, 'd_kv': 8, 'd_ff': 16, 'num_layers': 1, 'num_heads': 2}
    t5 = transformers.T5Config(vocab_size=tokenizer.vocabulary_size, **size)
    transformers.T5EncoderModel(t5).save_pretrained(tmp_path)
    net = PolicyNet(small_config(text_encoder='t5', text_model=str(tmp_path)))
    assert [name for name in net.state_dict() if name.startswith('text.')] == [
        'text.project.weight',
        'text.project.bias',
    ]
    code = load_t5_tokenizer(str(tmp_path)).encode([CODE, OTHER], ['', STEPS[0]])
    words = net.train().encode_text(code).tokens
    assert torch.equal(words, net.encode_text(code).tokens)  # no dropout in it
    words.sum().backward()
    assert net.text.project.weight.grad is not None
