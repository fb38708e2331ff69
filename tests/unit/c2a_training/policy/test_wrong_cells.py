# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import numpy as np

from c2a_training.policy.row_labels import LabelText
from c2a_training.policy.wrong_cells import with_wrong_cells

RED, BLUE = "get_actor('red cube', (3, 5))", "get_actor('blue cube', (8, 1))"
STORED = f"pose_dict['target'] = towards(actor={RED}, target_actor={BLUE})"
TEXT = LabelText(f"{STORED}\nmove3d(push_actor={RED}, target_pose=pose_dict['target'])", STORED)
COVERED = np.zeros(100, bool)
COVERED[[53, 18]] = True  # (3, 5) and (8, 1)


def draws(share, covered=COVERED, count=200):
    for seed in range(count):
        yield with_wrong_cells(TEXT, covered, np.random.default_rng(seed), share)


def cells_of(name, text):
    return set(re.findall(rf"'{name}', \((\d), (\d)\)", text.code + text.cache_info))


def test_no_share_moves_nothing():
    assert set(draws(0.0)) == {TEXT}


def test_one_object_has_one_cell_in_all_of_a_text_and_names_stay():
    for text in draws(1.0):
        assert len(cells_of('red cube', text)) == len(cells_of('blue cube', text)) == 1
        assert re.sub(r'\d, \d', '', text.code) == re.sub(r'\d, \d', '', TEXT.code)


def test_each_actor_is_moved_as_often_as_asked():
    texts = list(draws(0.25, count=1000))
    red = np.mean([cells_of('red cube', text) != {('3', '5')} for text in texts])
    blue = np.mean([cells_of('blue cube', text) != {('8', '1')} for text in texts])
    # An actor may be moved to where it is: one in four of covered cells, and few of all.
    assert 0.13 < red < 0.25
    assert 0.13 < blue < 0.25


def test_half_of_the_wrong_cells_have_something_in_them():
    found = [cells_of('red cube', text) <= {('3', '5'), ('8', '1')} for text in draws(1.0)]
    assert 0.4 < np.mean(found) < 0.65


def test_without_labels_any_cell_will_do():
    found = set().union(*(cells_of('red cube', text) for text in draws(1.0, np.zeros(100, bool))))
    assert len(found) > 50
