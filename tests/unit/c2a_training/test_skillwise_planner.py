# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from scripted_world import SKILL_STEPS, TRACE, ScriptedWorld

from c2a_planner.backend import Reply
from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import Planner
from c2a_training.rollout import OracleLowLevel, run_episode
from c2a_training.skillwise_planner import SkillwisePlanner


class CountingBackend(OracleBackend):
    """The oracle, counting how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, bool]] = []

    def reply(self, observation, instruction, memory, request_key_step, oracle_code) -> Reply:
        self.asked.append((observation.step, request_key_step))
        return super().reply(observation, instruction, memory, request_key_step, oracle_code)


def run(world: ScriptedWorld, backend):
    low_level = OracleLowLevel(world)
    planner = SkillwisePlanner(Planner(backend), low_level)
    return run_episode(world, planner, low_level, task='Pick', seed=0)


def test_semantics_8_one_query_per_skill_with_the_key_step_prompt():
    world, backend = ScriptedWorld(), CountingBackend()
    result = run(world, backend)
    assert result.success
    assert backend.asked == [(k, True) for k in range(0, world.needs_steps, SKILL_STEPS)]
    assert world.started == list(TRACE)


def test_semantics_8_three_failed_skills_in_a_row_abort():
    world = ScriptedWorld()
    world.broken_skills.update(TRACE)
    result = run(world, CountingBackend())
    assert result.reason.startswith('aborted: 3 failed skills in a row')
    assert len(world.started) == 3


def test_episode_equals_the_one_with_a_question_per_observation():
    per_skill = run(ScriptedWorld(), OracleBackend())
    world = ScriptedWorld()
    per_observation = run_episode(
        world, Planner(OracleBackend()), OracleLowLevel(world), task='Pick', seed=0
    )
    assert per_skill.codes == per_observation.codes
    assert (per_skill.actions == per_observation.actions).all()


def test_pictures_are_needed_where_it_asks():
    world, backend = ScriptedWorld(), CountingBackend()
    low_level = OracleLowLevel(world)
    planner = SkillwisePlanner(Planner(backend), low_level)
    run_episode(world, planner, low_level, task='Pick', seed=0, look=planner.looks)
    closing = world.needs_steps
    assert world.pictured == [*(step for step, _ in backend.asked), closing]
