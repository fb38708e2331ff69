# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Constrained decoding: what the oracles write is allowed, and nothing that is invalid."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_planner import INSTRUCTION, STEPS, observe, picture, small_tokenizer, small_vlm

pytest.importorskip('torch', reason='torch is not installed')
pytest.importorskip('llguidance', reason='llguidance is not installed')

from c2a_core.memory import KeyStepMemory  # noqa: E402
from c2a_core.skill_api import comment, parse_key_step  # noqa: E402
from c2a_core.types import ReplyStatus  # noqa: E402
from c2a_planner.code_grammar import CodeGrammar  # noqa: E402
from c2a_planner.replies import judge_reply  # noqa: E402
from c2a_planner.vlm_backend import VlmBackend  # noqa: E402

DATA = Path(__file__).resolve().parents[2] / 'data'
VALID = (ReplyStatus.KEY_STEP, ReplyStatus.SAME, ReplyStatus.REPEATED)
MORE = (
    "pose_dict['a'] = rotate_z(Pose(pose_dict['target'].p, pose_dict['target'].q), -120.0)\n"
    "move3d(target_pose=pose_dict['a'], match_ori=True)",
    "throw(actor=get_actor('red cube', (3, 5)), target_actor=get_actor('dax', (0, 0)), "
    'target_2d=True, direction=[0.0, -1.0, 0.0])',
    "push(actor=get_actor('red cube', (3, 5)), target_pose=pose_dict['target'])",
)


@pytest.fixture(scope='module')
def grammar():
    tokenizer = small_tokenizer()
    return CodeGrammar(tokenizer, len(tokenizer), tokenizer.eos_token_id)


def allows(grammar, text, memory, request_key_step=False):
    """Whether a text can be written to its end."""
    constraint = grammar.constrain(memory, request_key_step)
    matcher = constraint._matcher
    tokens = small_tokenizer()(text, add_special_tokens=False).input_ids
    for token in tokens:
        if not matcher.try_consume_tokens([token]):
            return False
        constraint._tokens.append(token)
        constraint._consume([])
        matcher = constraint._matcher
    return matcher.is_accepting()


def test_every_key_step_of_recorded_traces_is_allowed(grammar):
    for path in DATA.glob('golden_*.txt'):
        steps = tuple(path.read_text().strip().split('\n\n'))
        for count, step in enumerate(steps):
            assert allows(grammar, step, steps[:count]), step
            assert allows(grammar, step, steps[:count], request_key_step=True), step
            assert not count or allows(grammar, comment(steps[count - 1]), steps[:count])


@pytest.mark.parametrize('step', MORE)
def test_forms_that_the_traces_do_not_have_are_allowed_too(grammar, step):
    assert parse_key_step(step).render() == step
    assert allows(grammar, step, STEPS[:1])


@pytest.mark.parametrize(
    ('text', 'memory', 'request_key_step'),
    [
        (comment(STEPS[0]), STEPS[:1], True),
        (comment(STEPS[0]), (), False),
        (comment(STEPS[0]), STEPS[:2], False),
        ("move3d(target_pose=pose_dict['target'])", (), False),
        ("move3d(target_pose=pose_dict['other'])", STEPS[:1], False),
        ("pick(actor=get_actor('red cube', (3, 10)))", (), False),
        ("pick(actor=get_actor('', (3, 5)))", (), False),
        ('pick()', (), False),
        ("pose_dict['a'] = free_space(actor=get_actor('red cube', (3, 5)))", (), False),
        ('I would pick it up', (), False),
    ],
)
def test_what_would_be_invalid_is_not_allowed(grammar, text, memory, request_key_step):
    assert not allows(grammar, text, memory, request_key_step)


def test_what_a_reply_stores_it_may_read(grammar):
    lines = STEPS[0].split('\n')[0] + "\nmove3d(target_pose=pose_dict['target'])"
    assert allows(grammar, lines, ())


@pytest.mark.parametrize('seed', range(2))
def test_random_weights_write_valid_replies(seed):
    backend = VlmBackend(small_vlm(seed), constrained=True, max_tokens=700)
    for count in (0, 2):
        memory = KeyStepMemory()
        for step in STEPS[:count]:
            memory.append(step)
        for request_key_step in (False, True):
            view = observe(picture(count))
            reply = backend.reply(view, INSTRUCTION, memory.steps, request_key_step, None)
            judgement = judge_reply(reply.text, memory.steps, memory.keys(), request_key_step)
            assert judgement.status in VALID, (reply.text, judgement.reason)
            assert judgement.status != ReplyStatus.SAME or not judgement.reason
