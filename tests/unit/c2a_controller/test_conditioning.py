# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Does another object in the code change the chunk?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from small_planner import STEPS
from small_policy_net import key_step, observe

from c2a_controller.conditioning import (
    Case,
    actors,
    measure_conditioning,
    path_distance,
    with_other_actor,
)


class Listener:
    """Goes to the left for blue things, if it listens; and has noise of its own."""

    def __init__(self, listens):
        self.listens = listens

    def begin_episode(self, task, seed):
        self.rng = np.random.default_rng(seed)

    def predict_action_chunk(self, observation, key_step):
        actions = self.rng.normal(0, 0.01, (16, 7)).astype(np.float32)
        if self.listens and 'blue' in key_step.code:
            actions[:, 0] -= 0.01
        return actions


def cases(count=5):
    said = key_step()
    other = with_other_actor(said, actors(said)[0], 'blue ball')
    return [Case(observe(seed=seed), said, other) for seed in range(count)]


@pytest.mark.parametrize(('listens', 'share'), [(True, 1.0), (False, 0.0)])
def test_only_what_comes_from_the_text_counts(listens, share):
    found = measure_conditioning(Listener(listens), cases())
    assert found.changed == share
    assert found.distances_m == pytest.approx([0.16 * listens] * 5, abs=1e-5)


def test_another_object_takes_the_place_of_one_wherever_it_was_named():
    said = key_step(code=STEPS[3], cache_info=STEPS[0].split('\n')[0])
    (actor,) = actors(said)
    moved = with_other_actor(said, actor, 'blue ball', (7, 1))
    assert 'red' not in moved.code + moved.cache_info
    assert "get_actor('blue ball', (7, 1))" in moved.code
    assert "get_actor('blue ball', (7, 1))" in moved.cache_info
    assert "('blue ball', (3, 5))" in with_other_actor(said, actor, 'blue ball').code


def test_paths_count_not_single_steps():
    still, moving = np.zeros((4, 7)), np.zeros((4, 7))
    moving[:, 1] = 0.01
    moving[:, 3] = 1.0
    assert path_distance(still, moving) == pytest.approx(0.04)


def test_without_cases_nothing_is_claimed():
    assert math.isnan(measure_conditioning(Listener(True), []).changed)
