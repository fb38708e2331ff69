# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The model in the backend's seat: requests, early stops, counters, errors."""

from __future__ import annotations

import numpy as np
import pytest
from small_planner import INSTRUCTION, STEPS, observe, picture, small_vlm, write_small_checkpoint

torch = pytest.importorskip('torch', reason='torch is not installed')

from c2a_core.skill_api import comment  # noqa: E402
from c2a_core.types import KeyStep, ReplyStatus  # noqa: E402
from c2a_planner.backend import BackendOptions, make_backend  # noqa: E402
from c2a_planner.planner import Planner  # noqa: E402
from c2a_planner.reply_statistics import ReplyStatistics  # noqa: E402
from c2a_planner.vlm_backend import VlmBackend  # noqa: E402


class Says:
    """Makes a model say a text, as far as a backend can tell; it counts the passes."""

    def __init__(self, vlm, monkeypatch, text):
        self.ids = [*vlm.encode(text), vlm.end_id]
        self.passes = 0
        self.prompts = []
        self.read_ids = []
        monkeypatch.setattr(vlm, 'read', self.read)
        monkeypatch.setattr(vlm, 'go_on', self.go_on)
        monkeypatch.setattr(vlm, 'take_back', self.take_back)
        self._size = vlm.vocabulary_size

    def read(self, prompt, picture, draft=()):
        self.passes += 1
        self.prompts.append(prompt)
        self.read_ids = list(draft)
        return torch.stack([self._logits(self.read_ids[:n]) for n in range(len(draft) + 1)])

    def go_on(self, tokens):
        self.passes += 1
        self.read_ids += tokens
        return self._logits(self.read_ids)

    def take_back(self, count):
        del self.read_ids[len(self.read_ids) - count :]

    def _logits(self, so_far):
        is_ours = so_far == self.ids[: len(so_far)] and len(so_far) < len(self.ids)
        said = self.ids[len(so_far)] if is_ours else 0
        return torch.nn.functional.one_hot(torch.tensor(said), self._size).float()


@pytest.fixture(scope='module')
def vlm():
    return small_vlm()


def ask(backend, memory=STEPS[:1], request_key_step=False):
    return backend.reply(observe(picture()), INSTRUCTION, memory, request_key_step, None)


def test_a_repeated_key_step_costs_one_pass_and_its_whole_text_comes_back(vlm, monkeypatch):
    says = Says(vlm, monkeypatch, comment(STEPS[0]))
    reply = ask(VlmBackend(vlm, early_stop_chars=8))
    assert (reply.text, reply.early_stopped) == (comment(STEPS[0]), True)
    assert says.passes == 1
    assert 0 < reply.n_tokens < 8
    assert reply.latency_s >= reply.prefill_s + reply.decode_s > 0


@pytest.mark.parametrize('said', [comment(STEPS[0]), comment(STEPS[1]), STEPS[1], 'no idea'])
@pytest.mark.parametrize('count', [1, 8, 30, 4000])
def test_decisions_are_the_same_with_and_without_early_stops(vlm, monkeypatch, said, count):
    says = Says(vlm, monkeypatch, said)
    statuses = set()
    for chars in (0, count):
        planner = Planner(VlmBackend(vlm, chars))
        planner.reset(1, INSTRUCTION)
        says.ids = [*vlm.encode(STEPS[0]), vlm.end_id]
        planner.plan(observe(picture()))
        says.ids = [*vlm.encode(said), vlm.end_id]
        key_step = planner.plan(observe(picture(), step=1))
        statuses.add((key_step.reply_status, key_step.code, key_step.is_key_step))
    assert len(statuses) == 1


def test_more_characters_than_the_key_step_has_need_its_end(vlm, monkeypatch):
    Says(vlm, monkeypatch, comment(STEPS[0]) + ' and more')
    reply = ask(VlmBackend(vlm, early_stop_chars=4000))
    assert (reply.text, reply.early_stopped) == (comment(STEPS[0]) + ' and more', False)


def test_a_key_step_request_is_another_prompt_and_is_never_stopped_early(vlm, monkeypatch):
    says = Says(vlm, monkeypatch, comment(STEPS[0]))
    backend = VlmBackend(vlm)
    assert not ask(backend, request_key_step=True).early_stopped
    ask(backend)
    asked, after = says.prompts
    assert asked.before == after.before
    assert asked.after != after.after


def test_a_reply_without_an_end_is_cut_and_invalid(vlm, monkeypatch):
    Says(vlm, monkeypatch, STEPS[0] + '\n' + STEPS[0])
    planner = Planner(VlmBackend(vlm, max_tokens=len(vlm.encode(STEPS[0]))))
    planner.reset(1, INSTRUCTION)
    assert planner.plan(observe(picture())).reply_status == ReplyStatus.INVALID


def test_without_a_picture_the_reply_says_what_to_do(vlm):
    planner = Planner(VlmBackend(vlm))
    planner.reset(1, INSTRUCTION)
    key_step = planner.plan(observe(np.zeros((0, 0, 3), np.uint8)))
    assert key_step.reply_status == ReplyStatus.INVALID
    assert 'render:=true' in key_step.reason


def test_a_checkpoint_is_loaded_by_its_directory_and_named_by_its_hash(tmp_path):
    from c2a_planner.checkpoint import find_checkpoint

    write_small_checkpoint(tmp_path / 'small')
    options = BackendOptions(checkpoint=str(tmp_path / 'small'), base_camera='framed')
    backend = make_backend('vlm', options)
    assert backend.checkpoint == find_checkpoint(tmp_path / 'small').label
    one, two = (ask(backend).text for _ in range(2))
    assert one == two
    with pytest.raises(ValueError, match='another base camera'):
        make_backend(
            'vlm', BackendOptions(checkpoint=str(tmp_path / 'small'), base_camera='original')
        )


def key_step(status, episode_id=1, latency_s=0.02, early_stopped=False):
    return KeyStep(
        episode_id=episode_id,
        step=0,
        stamp_ns=0,
        subtask_id=0,
        is_key_step=False,
        code='',
        cache_info='',
        memory=(),
        reply_status=status,
        reason='',
        early_stopped=early_stopped,
        latency_s=latency_s,
        checkpoint='',
    )


def test_statistics_count_replies_of_the_running_episode():
    statistics = ReplyStatistics()
    assert statistics.values() == {'replies': '0', 'early stops': '0'}
    statistics.note(key_step(ReplyStatus.KEY_STEP, latency_s=0.1))
    statistics.note(key_step(ReplyStatus.SAME, early_stopped=True))
    statistics.note(key_step(ReplyStatus.SAME, early_stopped=True))
    statistics.note(key_step(ReplyStatus.SKIPPED, latency_s=9.0))
    values = statistics.values()
    assert (values['replies'], values['early stops']) == ('3', '2')
    assert values['latency p50'] == '20.0 ms'
    statistics.note(key_step(ReplyStatus.INVALID, episode_id=2))
    assert statistics.values()['replies'] == '1'
