# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random

import pytest

from c2a_training.generation.generate_plan import MAX_FAILURES_IN_A_ROW, SeedRequest, TaskPlan


def unknown(seed):
    return None


def walk(request, is_success, chance=0, workers=3, is_known=unknown):
    """Run a plan with workers that end in any order; kept seeds and those that ran."""
    plan, order = TaskPlan('Pick', request), random.Random(chance)
    ran, in_order = [], []
    while True:
        while len(plan.running) < workers:
            seed = plan.next_seed(is_known)
            if seed is None:
                break
            ran.append(seed)
        in_order += plan.in_order()
        if not plan.running:
            break
        seed = order.choice(sorted(plan.running))
        plan.note(seed, is_success(seed))
    assert plan.is_complete
    assert in_order == sorted(plan.kept)
    return sorted(plan.kept), sorted(ran)


@pytest.mark.parametrize('workers', [1, 2, 7])
@pytest.mark.parametrize('chance', range(5))
def test_first_successful_seeds_are_kept_and_none_is_made_in_vain(workers, chance):
    request = SeedRequest(episodes=5, start=10)
    kept, ran = walk(request, lambda seed: seed % 3 != 0, chance, workers)
    assert kept == [10, 11, 13, 14, 16]
    assert ran == [10, 11, 12, 13, 14, 15, 16]


def test_all_seeds_of_a_list_run_in_order():
    kept, ran = walk(SeedRequest(seeds=(7, 3, 5)), lambda seed: seed != 5)
    assert kept == [3, 7]
    assert ran == [3, 5, 7]


def test_known_seeds_do_not_run_again_and_count():
    known = {0: True, 1: False, 3: True}
    kept, ran = walk(SeedRequest(episodes=4), lambda seed: True, is_known=known.get)
    assert kept == [0, 2, 3, 4]
    assert ran == [2, 4]


def test_nothing_to_do_is_complete():
    plan = TaskPlan('Pick', SeedRequest(episodes=2))
    assert plan.next_seed(lambda seed: True) is None
    assert plan.is_complete
    assert list(plan.in_order()) == [0, 1]
    assert not plan.in_order()


def test_a_seed_is_certain_only_when_all_before_it_have_ended():
    plan = TaskPlan('Pick', SeedRequest(episodes=3))
    assert [plan.next_seed(unknown) for _ in range(4)] == [0, 1, 2, None]
    plan.note(2, kept=True)
    assert not plan.in_order()
    plan.note(0, kept=True)
    assert plan.in_order() == [0]
    plan.note(1, kept=False)
    assert plan.in_order() == [2]
    assert not plan.is_complete
    assert plan.next_seed(unknown) == 3


def test_a_task_that_never_succeeds_is_given_up():
    plan = TaskPlan('Pick', SeedRequest(episodes=2))
    tried = 0
    while (seed := plan.next_seed(unknown)) is not None:
        plan.note(seed, kept=False)
        tried += 1
    assert tried == MAX_FAILURES_IN_A_ROW
    assert plan.is_given_up
    assert plan.is_complete


def test_size_is_the_most_that_can_be_kept():
    assert SeedRequest(seeds=(1, 2, 9)).size == 3
    assert SeedRequest(episodes=5).size == 5
