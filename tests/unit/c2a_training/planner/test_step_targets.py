# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from c2a_training.planner.step_targets import find_targets


class Rows:
    """As much of a dataset as is asked for: one letter for each row's key step."""

    def __init__(self, code, truth, episodes=()):
        self.columns = {
            'code': code.split(),
            'oracle_code': ['' if c == '-' else c for c in truth.split()],
        }
        codes = self.columns['code']
        starts = [0, *episodes]
        self.episode_starts = np.array([*starts, len(codes)])
        borders = [k == 0 or k in starts or codes[k] != codes[k - 1] for k in range(len(codes))]
        self.subtask_id = np.cumsum(borders)

    def __len__(self):
        return len(self.columns['code'])

    def texts(self, column, rows):
        return [self.columns[column][row] for row in rows]


@pytest.mark.parametrize(
    ('code', 'truth', 'expected'),
    [
        ('a a b b', 'a a b b', 'a a b b'),
        ('a a a b', 'a b b b', 'a b b b'),  # said late
        ('a b b b b', 'a a a b b', 'a a b b b'),  # said early: wrong once, then on the way
        ('a b b b c', 'a a a a a', 'a a a a a'),  # a mistake that has to be taken back
        ('a b b c c', 'a a a a c', 'a a a a c'),  # two at once: the first one is never true
        ('a b b b', 'a a - b', 'a a - b'),  # nobody knows
        ('a b b b c', 'a a a c c', 'a a b c c'),  # both go on to what never was
        ('x a b b a', 'x a a a a', 'x a a a a'),  # it was taken back
        ('a b b b c', 'a a a a d', 'a a a a d'),
        ('a b b b d', 'a a b a c', 'a a b a c'),  # true, and no longer
        ('a b a a b', 'a b b b b', 'a b b b b'),
    ],
)
def test_what_came_early_is_forgiven_where_the_truth_catches_up(code, truth, expected):
    assert find_targets(Rows(code, truth)) == ['' if c == '-' else c for c in expected.split()]


def test_the_truth_of_another_episode_forgives_nothing():
    assert find_targets(Rows('a b b b b', 'a a a b b', episodes=[3])) == list('aaabb')


def test_without_the_ground_truth_the_recorded_key_steps_count():
    assert find_targets(Rows('a b', '- -')) == ['a', 'b']


def moves(cell='(1, 2)'):
    return f"move3d(actor=get_actor('red cube', {cell}))"


PICK = "pick(actor=get_actor('red cube', (1, 2)))"
CARRY = "move3d(target_actor=get_actor('blue cube', (5, 5)))"


class Lists(Rows):
    def __init__(self, code, truth):
        super().__init__('x', 'x')
        self.columns = {'code': code, 'oracle_code': truth}
        self.episode_starts = np.array([0, len(code)])
        self.subtask_id = np.cumsum([k == 0 or code[k] != code[k - 1] for k in range(len(code))])


def test_contact_goes_on_where_the_truth_goes_back_to_the_move_before_it():
    found = find_targets(Lists([moves(), PICK, PICK, PICK], [moves()] * 4))
    assert found == [moves(), moves(), PICK, PICK]


def test_also_where_the_move_was_said_again():
    code = [moves(), PICK, PICK, moves(), moves()]
    found = find_targets(Lists(code, [moves(), PICK, PICK, moves(), moves()]))
    assert found == [moves(), PICK, PICK, PICK, moves()]


def test_what_has_moved_far_is_approached_anew():
    truth = [moves()] * 2 + [moves('(2, 3)'), moves('(3, 2)')]
    found = find_targets(Lists([moves(), PICK, PICK, PICK], truth))
    assert found == [moves(), moves(), PICK, moves('(3, 2)')]


def test_what_was_not_picked_has_to_be_picked():
    code = [moves(), PICK, CARRY, CARRY, CARRY]
    truth = [moves(), PICK, PICK, PICK, moves()]
    assert find_targets(Lists(code, truth)) == truth


def test_the_end_is_not_forgiven():
    code = [moves(), 'done()', 'done()']
    assert find_targets(Lists(code, [moves()] * 3)) == [moves()] * 3
