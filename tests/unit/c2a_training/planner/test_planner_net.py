# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from small_planner import INSTRUCTION, STEPS, small_llava, small_tokenizer
from transformers import LlamaConfig, LlamaModel

from c2a_core.skill_api import comment
from c2a_planner.prompt import END, IMAGE, KEY_STEP_REQUEST, STEP_REQUEST
from c2a_training.planner.arm_heads import ArmHeads
from c2a_training.planner.examples import Example, Turn
from c2a_training.planner.language_forward import LanguageForward
from c2a_training.planner.lora import add_adapters, merge_adapters
from c2a_training.planner.packing import IGNORED, Packer
from c2a_training.planner.planner_data import language_tensors
from c2a_training.planner.planner_net import PlannerNet
from c2a_training.planner.train_config import LoraSettings
from c2a_training.training.train_step import count_parameters

TURNS = (
    Turn('step', STEP_REQUEST, comment(STEPS[1])),
    Turn('key_step', KEY_STEP_REQUEST, STEPS[2]),
    Turn('where', 'Where is the red cube?', 'The red cube is at (3, 5).'),
)
EXAMPLES = [
    Example(0, 0, INSTRUCTION, STEPS[:2], TURNS),
    Example(1, 0, INSTRUCTION, STEPS[:1], TURNS[:2]),
]


@pytest.fixture(scope='module')
def packer():
    return Packer(small_tokenizer(), image_tokens=100)


@pytest.fixture(scope='module')
def net():
    return PlannerNet(small_llava()).eval()


def pictures(count):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 3, 64, 64, generator=generator)


def language_batch(packer, examples, multiple=1):
    packed = packer.batch([packer.sequence(example) for example in examples], multiple)
    return packed, language_tensors(packed) | {'pixel_values': pictures(len(examples))}


def test_loss_is_on_the_tokens_of_replies_and_on_no_others(packer):
    packed, batch = language_batch(packer, EXAMPLES)
    tokenizer = small_tokenizer()
    for row, example in enumerate(EXAMPLES):
        for number, turn in enumerate(example.turns, start=1):
            labels = packed.labels[row][packed.turns[row] == number]
            reply = labels[labels != IGNORED].tolist()
            assert tokenizer.decode(reply) == turn.reply + END
        shared = (packed.turns[row] == 0) | (packed.turns[row] == -1)
        assert (packed.labels[row][shared] == IGNORED).all()
    assert len(batch['target']) == int((packed.labels != IGNORED).sum())
    assert tokenizer.convert_tokens_to_ids(IMAGE) not in batch['target'].tolist()


def test_without_a_picture_turns_stand_where_they_stand_with_one(packer):
    seen, text = packer, Packer(small_tokenizer(), 0, gap=100)
    positions = [p.sequence(EXAMPLES[0]) for p in (seen, text)]
    of_turns = [sequence.positions[sequence.turns > 0].tolist() for sequence in positions]
    assert of_turns[0] == of_turns[1]
    assert len(positions[0]) == len(positions[1]) + 100


def test_a_prompt_that_does_not_fit_names_the_setting_to_raise():
    with pytest.raises(ValueError, match='at most 110 fit: raise that with --set longest='):
        Packer(small_tokenizer(), 100, max_length=110).sequence(EXAMPLES[0])


def test_free_cells_are_not_learned(packer):
    free = one_turn(EXAMPLES[0], TURNS[2]._replace(free_cells=frozenset({'(3, 5)'})))
    sequence = packer.sequence(free)
    learned = sequence.labels[sequence.labels != IGNORED].tolist()
    assert small_tokenizer().decode(learned) == TURNS[2].reply.replace('(3, 5)', '') + END


def test_the_reply_to_the_step_request_begins_where_it_is_decided(packer):
    packed, batch = language_batch(packer, EXAMPLES)
    tokenizer = small_tokenizer()
    begins = [tokenizer.encode(example.turns[0].reply)[0] for example in EXAMPLES]
    assert batch['target'][batch['decides']].tolist() == begins
    assert packed.kinds.flatten()[batch['at'][batch['decides']]].tolist() == [0, 0]


def test_the_decision_counts_as_often_as_it_is_told(packer, net):
    _, batch = language_batch(packer, EXAMPLES)
    batch |= {'arm': torch.zeros(2, 4), 'progress': torch.zeros(2, 4)}
    with torch.no_grad():
        logits = net(batch, logits_only=True)
        plain = net(batch)['loss']
        net.decision_weight = 3.0
        weighted = net(batch)['loss']
        net.decision_weight = 1.0
    first = batch['decides']
    more = torch.nn.functional.cross_entropy(logits[first], batch['target'][first])
    torch.testing.assert_close(weighted - plain, 2 * 2 * more, atol=1e-3, rtol=1e-3)


def test_how_far_a_key_step_has_come_is_asked_where_the_reply_begins(packer):
    net = PlannerNet(small_llava(), arm=arm_heads()).eval()
    net.arm_weight = 2.0
    _, batch = language_batch(packer, EXAMPLES)
    labels = {'arm': torch.zeros(2, 4), 'progress': torch.full((2, 4), 0.5)}
    with torch.no_grad():
        features = net.features(batch['pixel_values'])
        states = net._states(batch, net._tokens_of(features))[batch['decides']]
        expected = net.arm.progress_loss(states, labels['progress'])
        expected = expected + net.arm.arm_loss(features, labels['arm'])
        out, plain = net(batch | labels), net(batch)
    found = (out['loss'] - plain['loss']) / out['n']
    torch.testing.assert_close(found, 2.0 * expected, atol=1e-3, rtol=1e-3)


def arm_heads():
    config = small_llava().config
    return ArmHeads(config.vision_config.hidden_size, config.text_config.hidden_size)


def test_packed_questions_give_the_logits_of_the_questions_asked_one_by_one(packer, net):
    example = EXAMPLES[0]
    _, batch = language_batch(packer, [example])
    with torch.no_grad():
        packed = net(batch, logits_only=True)
        alone = [
            net(language_batch(packer, [one_turn(example, turn)])[1], logits_only=True)
            for turn in example.turns
        ]
    torch.testing.assert_close(packed, torch.cat(alone), atol=1e-4, rtol=1e-4)


def one_turn(example, turn):
    return Example(example.row, example.dataset, example.instruction, example.memory, (turn,))


def test_logits_are_those_of_the_plain_model(packer, net):
    """As `generate` will see it: one turn, no mask of ours, the model's own forward pass."""
    packed, batch = language_batch(packer, [one_turn(EXAMPLES[0], TURNS[0])])
    with torch.no_grad():
        plain = net.llava(
            input_ids=batch['input_ids'],
            attention_mask=torch.ones_like(batch['input_ids']),
            pixel_values=batch['pixel_values'],
        ).logits
        ours = net(batch, logits_only=True)
    torch.testing.assert_close(ours, plain[packed.labels != IGNORED], atol=1e-4, rtol=1e-4)


def test_plain_attention_gives_the_logits_of_fused_attention(packer, net):
    plain = PlannerNet(small_llava()).eval()
    plain.unfuse_attention()
    _, batch = language_batch(packer, EXAMPLES)
    with torch.no_grad():
        expected, found = net(batch, logits_only=True), plain(batch, logits_only=True)
        plain.keep_language_whole()
        whole = plain(batch, logits_only=True)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(whole, expected, atol=1e-4, rtol=1e-4)


def test_padding_changes_nothing(packer, net):
    with torch.no_grad():
        tight = net(language_batch(packer, EXAMPLES)[1], logits_only=True)
        loose = net(language_batch(packer, EXAMPLES, multiple=300)[1], logits_only=True)
    torch.testing.assert_close(tight, loose, atol=1e-5, rtol=1e-5)


def test_gradients_of_the_short_last_layer_are_those_of_the_whole_one(packer):
    _, batch = language_batch(packer, EXAMPLES)
    gradients = []
    for is_whole in (False, True):
        net = PlannerNet(small_llava()).eval()
        net._language.is_whole = is_whole
        net(batch)['loss'].backward()
        gradients.append({name: p.grad for name, p in net.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], atol=1e-3, rtol=1e-3)


def test_other_language_models_run_as_they_are():
    sizes = {'hidden_size': 16, 'intermediate_size': 32, 'num_attention_heads': 2}
    config = LlamaConfig(vocab_size=32, num_hidden_layers=2, **sizes)
    model = LlamaModel(config).eval()
    embeds, positions = torch.randn(2, 5, 16), torch.arange(5).expand(2, -1)
    mask = torch.ones(5, 5, dtype=torch.bool).tril().expand(2, 1, 5, 5)
    at = torch.tensor([1, 3, 9])
    with torch.no_grad():
        expected = model(inputs_embeds=embeds).last_hidden_state.flatten(0, 1)[at]
        found = LanguageForward(model)(embeds, mask, positions, at)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_frozen_tower_neither_learns_nor_moves_its_statistics(packer):
    net = PlannerNet(small_llava())
    net.freeze_vision(True)
    net.train()
    tower = net.llava.model.vision_tower
    before = {name: value.clone() for name, value in tower.state_dict().items()}
    net(language_batch(packer, EXAMPLES)[1])['loss'].backward()
    for name, value in tower.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in tower.parameters())
    assert net.llava.model.multi_modal_projector.linear_1.weight.grad is not None


class TestLora:
    SETTINGS = LoraSettings(rank=4, alpha=8, dropout=0.0)

    def adapted(self, settings=SETTINGS):
        net = PlannerNet(small_llava())
        add_adapters(net.llava, settings)
        return net

    def test_only_adapters_and_projector_learn(self):
        net = self.adapted()
        learning = {name for name, p in net.named_parameters() if p.requires_grad}
        assert all('lora_' in name or 'multi_modal_projector' in name for name in learning)
        sizes = {'qkv_proj': (64, 192), 'o_proj': (64, 64), 'gate_up_proj': (64, 192)}
        sizes['down_proj'] = (96, 64)
        adapters = 2 * sum(4 * (a + b) for a, b in sizes.values())
        projector = sum(p.numel() for p in net.llava.model.multi_modal_projector.parameters())
        assert count_parameters(net)[0] == adapters + projector

    def test_merged_weights_do_what_weights_and_adapters_did(self, packer):
        net = self.adapted()
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, weight in net.named_parameters():
                if 'lora_B' in name:
                    weight.copy_(torch.randn(weight.shape, generator=generator) * 0.1)
        _, batch = language_batch(packer, EXAMPLES)
        plain = PlannerNet(small_llava(seed=3))
        plain.load_state_dict(merge_adapters(net.state_dict(), self.SETTINGS))
        with torch.no_grad():
            expected, found = (n.eval()(batch, logits_only=True) for n in (net, plain))
            without = PlannerNet(small_llava()).eval()(batch, logits_only=True)
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
        assert not torch.allclose(found, without, atol=0.1)

    def test_layers_that_are_not_there_are_named(self):
        with pytest.raises(ValueError, match='q_proj are no linear layers.*qkv_proj'):
            self.adapted(LoraSettings(targets=('q_proj',)))
