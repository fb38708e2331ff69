# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Replies with drafts, early stops, constraints and limits; the model is a scripted one."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch', reason='torch is not installed')

from c2a_planner.reply_writer import CUT_MARK, write_reply  # noqa: E402

WORDS = '#abcdefgh'
END = 0


class ScriptedModel:
    """Says one text, whatever it has read: each token is one of `WORDS`, the end is 0."""

    end_ids = frozenset({END})

    def __init__(self, text):
        self.script = [WORDS.index(c) + 1 for c in text] + [END]
        self.has_read = []
        self.passes = 0

    def _logits(self, so_far):
        is_ours = so_far == self.script[: len(so_far)] and len(so_far) < len(self.script)
        said = self.script[len(so_far)] if is_ours else 1
        return torch.nn.functional.one_hot(torch.tensor(said), len(WORDS) + 1).float()

    def read(self, prompt, picture, draft=()):
        self.passes += 1
        self.has_read = list(draft)
        return torch.stack([self._logits(self.has_read[:n]) for n in range(len(draft) + 1)])

    def go_on(self, tokens):
        self.passes += 1
        self.has_read += tokens
        return self._logits(self.has_read)

    def take_back(self, count):
        del self.has_read[len(self.has_read) - count :]

    def decode_text(self, ids):
        return ''.join(WORDS[i - 1] for i in ids)


def ids(text):
    return [WORDS.index(c) + 1 for c in text]


def write(model, **options):
    return write_reply(model, None, None, **{'max_tokens': 20, **options})


@pytest.mark.parametrize(
    ('draft', 'passes'),
    [
        ([], 5),
        (ids('#abc'), 1),
        ([*ids('#abc'), END], 1),
        (ids('#a'), 3),
        (ids('#ad'), 3),
        (ids('habc'), 5),
        (ids('#abcdefg'), 1),
    ],
)
def test_a_draft_changes_the_cost_of_a_reply_and_not_its_text(draft, passes):
    model = ScriptedModel('#abc')
    written = write(model, draft=draft)
    assert (written.text, written.n_tokens, written.is_stopped) == ('#abc', 5, False)
    assert model.passes == passes


def test_what_was_drafted_wrongly_is_forgotten():
    model = ScriptedModel('#abcd')
    write(model, draft=ids('#aeee'))
    assert model.has_read == ids('#abcd')


def test_a_reply_ends_as_soon_as_it_is_enough():
    model = ScriptedModel('#abcdefg')
    written = write(model, is_enough=lambda text: text.startswith('#ab'))
    assert (written.text, written.is_stopped, written.n_tokens) == ('#ab', True, 3)
    assert model.passes == 3


def test_with_a_draft_an_early_stop_costs_the_first_pass_only():
    model = ScriptedModel('#abcdefg')
    written = write(model, draft=ids('#ab'), is_enough=lambda text: text == '#ab')
    assert written.is_stopped
    assert model.passes == 1


def test_a_reply_that_does_not_end_is_cut_and_marked():
    written = write(ScriptedModel('abcdefgh'), max_tokens=3)
    assert written.text == 'abc' + CUT_MARK
    assert written.n_tokens == 3


def test_a_constraint_may_add_tokens_that_must_come():
    class Forces:
        def choose(self, logits):
            return [int(logits.argmax()), *ids('bc')] if logits.argmax() != END else [END]

    model = ScriptedModel('abc')
    written = write(model, constraint=Forces())
    assert written.text == 'abc'
    assert model.passes == 2


def test_a_constraint_may_contradict_the_draft():
    class SaysOther:
        def choose(self, logits):
            self.calls = getattr(self, 'calls', 0) + 1
            return ids('h') if self.calls == 1 else [END]

    model = ScriptedModel('abc')
    assert write(model, draft=ids('ab'), constraint=SaysOther()).text == 'h'
    assert model.has_read == ids('h')
