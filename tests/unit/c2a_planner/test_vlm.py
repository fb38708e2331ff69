# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The model: what it keeps of a prompt gives the logits of reading everything at once."""

from __future__ import annotations

import pytest
from small_planner import INSTRUCTION, STEPS, picture, small_vlm

torch = pytest.importorskip('torch', reason='torch is not installed')

from c2a_planner.prompt import KEY_STEP_REQUEST, STEP_REQUEST  # noqa: E402
from c2a_planner.reply_writer import write_reply  # noqa: E402


@pytest.fixture(scope='module')
def vlm():
    return small_vlm()


def agree(one, other):
    return torch.allclose(one, other, atol=2e-4 * float(other.abs().max()))


def test_logits_with_the_cache_are_those_without(vlm):
    draft = vlm.encode('# move3d')
    for count in (0, 1, 3, 2, 0):
        for request in (STEP_REQUEST, KEY_STEP_REQUEST):
            prompt = vlm.encode_prompt(INSTRUCTION, STEPS[:count], request)
            with_cache = vlm.read(prompt, picture(count), draft)
            assert agree(with_cache, vlm.logits_at_once(prompt, picture(count), draft))


def test_logits_token_by_token_are_those_at_once(vlm):
    prompt = vlm.encode_prompt(INSTRUCTION, STEPS, STEP_REQUEST)
    reply = vlm.encode('# place(actor=')
    rows = [vlm.read(prompt, picture())[0], *(vlm.go_on([token]) for token in reply)]
    assert agree(torch.stack(rows), vlm.logits_at_once(prompt, picture(), reply))


def test_the_picture_and_the_request_matter(vlm):
    prompt = vlm.encode_prompt(INSTRUCTION, STEPS, STEP_REQUEST)
    other = vlm.encode_prompt(INSTRUCTION, STEPS, KEY_STEP_REQUEST)
    logits = vlm.read(prompt, picture(0))
    assert not agree(vlm.read(prompt, picture(1)), logits)
    assert not agree(vlm.read(other, picture(0)), logits)


def test_only_what_is_new_of_instruction_and_memory_is_read(vlm):
    vlm.clear()
    before = [vlm.encode_prompt(INSTRUCTION, STEPS[:n], STEP_REQUEST).before for n in (1, 2)]
    assert vlm.read_prefix(before[0]) == len(before[0])
    vlm.read(vlm.encode_prompt(INSTRUCTION, STEPS[:1], KEY_STEP_REQUEST), picture())
    assert vlm.read_prefix(before[0]) == 0
    assert vlm.read_prefix(before[1]) == len(before[1]) - len(before[0])
    assert vlm.read_prefix(before[0]) == 0
    other = vlm.encode_prompt('do nothing', (), STEP_REQUEST).before
    assert 0 < vlm.read_prefix(other) < len(other)


def test_a_memory_longer_than_a_block_of_the_cache(vlm):
    from c2a_planner.kv_cache import BLOCK

    prompt = vlm.encode_prompt(INSTRUCTION, STEPS * 30, STEP_REQUEST)
    assert len(prompt.before) > BLOCK
    assert agree(vlm.read(prompt, picture()), vlm.logits_at_once(prompt, picture()))


def test_drafts_do_not_change_what_the_model_writes(vlm):
    prompt = vlm.encode_prompt(INSTRUCTION, STEPS[:1], STEP_REQUEST)
    plain = write_reply(vlm, prompt, picture(), max_tokens=12)
    own = vlm.encode(plain.text)
    for draft in (own[:5], own[:3] + own[:2], vlm.encode('# move3d(actor=')):
        drafted = write_reply(vlm, prompt, picture(), max_tokens=12, draft=draft)
        assert drafted.text == plain.text


def test_static_slots_give_the_same_logits(vlm):
    from c2a_planner.kv_cache import SlotCache

    prompt = vlm.encode_prompt(INSTRUCTION, STEPS[:2], STEP_REQUEST)
    expected = vlm.logits_at_once(prompt, picture())
    other = small_vlm()
    other._cache = SlotCache(is_static=True)
    assert agree(other.read(prompt, picture()), expected)


def test_a_sliding_window_hides_what_is_too_far_back():
    from c2a_planner.kv_cache import SlotCache

    cache = SlotCache(window=2)
    cache.begin(2, torch.device('cpu'))
    positions, mask = cache.begin(2, torch.device('cpu'))
    assert positions.tolist() == [[2, 3]]
    assert mask[0, 0].tolist() == [[False, True, True, False], [False, False, True, True]]
