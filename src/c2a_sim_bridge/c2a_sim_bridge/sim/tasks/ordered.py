# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Stages for tasks whose parts count one after the other and may be undone by later ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from c2a_sim_bridge.sim.predicates import Order, Predicate, Settling
from c2a_sim_bridge.sim.skills.plan import PlanStep, Stage, settle_stage
from c2a_sim_bridge.sim.state import WorldState

Steps = Callable[[WorldState, frozenset[str]], tuple[PlanStep, ...]]


def order_stages(goal: Order, steps: Sequence[Steps]) -> tuple[Stage, ...]:
    """Work on each part of an `Order` until it has counted, then never again.

    Args:
        goal: the task's predicate.
        steps: for each of its children, how to bring it about.
    """
    stages: list[Stage] = []
    for index, (child, own_steps) in enumerate(zip(goal.children, steps, strict=True)):
        has_passed = _has_passed(goal, index + 1)
        stages += [Stage(_or_settling(has_passed, child), own_steps), settle_stage(has_passed)]
    return tuple(stages)


def _has_passed(goal: Order, count: int) -> Callable[[WorldState], bool]:
    return lambda state: goal.has_passed(count, state)


def _or_settling(
    has_passed: Callable[[WorldState], bool], child: Predicate
) -> Callable[[WorldState], bool]:
    """Whether the part has counted, or its object has been let go and comes to rest."""
    settling = Settling(child)
    return lambda state: has_passed(state) or settling.update(state)
