# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The loop with a scripted world and the real planner."""

from __future__ import annotations

import numpy as np
import pytest
from scripted_world import SKILL_STEPS, TRACE, ScriptedWorld

from c2a_controller.chunk_executor import ChunkExecutor
from c2a_core.types import KeyStep
from c2a_planner.backend import Reply
from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import Planner
from c2a_training.rollout import (
    DONE_HOLD_STEPS,
    OracleLowLevel,
    PolicyLowLevel,
    run_episode,
)


class ScriptedBackend:
    """Replies with one text per question; the last one for ever."""

    name = 'scripted'
    checkpoint = 'scripted'
    writes_code = True
    is_instant = True

    def __init__(self, *replies: str) -> None:
        self._replies = list(replies)

    def reply(self, observation, instruction, memory, request_key_step, oracle_code) -> Reply:
        return Reply(self._replies.pop(0) if len(self._replies) > 1 else self._replies[0])


def run(world: ScriptedWorld, planner: Planner | None = None, **kwargs):
    low_level = OracleLowLevel(world)
    planner = planner or Planner(OracleBackend())
    return run_episode(world, planner, low_level, task='Pick', seed=7, **kwargs)


def test_oracle_episode_succeeds_at_once():
    world = ScriptedWorld()
    result = run(world)
    assert (result.success, result.reason) == (True, 'success')
    assert result.steps == world.needs_steps
    assert world.resets == [('Pick', 7)]
    assert result.instruction == 'do Pick'


def test_semantics_1_one_key_step_per_observation_then_one_step():
    world = ScriptedWorld()
    rows = []
    run(world, on_step=lambda *row: rows.append(row))
    assert [observation.step for observation, _, _ in rows] == list(range(len(rows)))
    for observation, key_step, command in rows[:-1]:
        assert (key_step.episode_id, key_step.step) == (observation.episode_id, observation.step)
        assert (command.episode_id, command.step) == (observation.episode_id, observation.step)
    expected = [f'{word} {k}' for k in range(world.needs_steps) for word in ('observe', 'step')]
    assert world.log[: len(expected)] == expected


def test_semantics_6_skills_start_at_the_followers_borders():
    world = ScriptedWorld()
    result = run(world)
    assert world.started == list(TRACE)
    assert result.key_steps == TRACE
    assert result.skill_calls == len(TRACE)
    assert result.key_step_rows == tuple(range(0, world.needs_steps, SKILL_STEPS))


def test_semantics_9_an_episode_has_one_row_more_than_actions_and_it_is_done():
    world = ScriptedWorld()
    rows = []
    result = run(world, on_step=lambda *row: rows.append(row), with_digests=True)
    assert result.actions.shape == (result.steps, 7)
    assert result.actions.dtype == np.float32
    assert len(result.codes) == len(result.digests) == len(rows) == result.steps + 1
    assert result.codes[-1] == 'done()'
    assert 'done()' not in result.codes[:-1]
    observation, key_step, command = rows[-1]
    assert command is None
    assert observation.step == key_step.step == result.steps
    assert key_step.memory == TRACE
    assert key_step.subtask_id == len(TRACE)


def test_semantics_9_done_holds_half_a_second_then_fails_as_early_done():
    world = ScriptedWorld(needs_steps=1000)
    result = run(world)
    assert result.reason == 'early done'
    assert not result.success
    said_done = SKILL_STEPS * len(TRACE)
    assert result.steps == said_done + DONE_HOLD_STEPS
    assert result.codes[said_done:] == ('done()',) * (DONE_HOLD_STEPS + 1)
    np.testing.assert_array_equal(result.actions[said_done:, :6], 0.0)
    assert result.skill_calls == len(TRACE)


def test_semantics_9_success_while_holding_after_done_counts():
    said_done = SKILL_STEPS * len(TRACE)
    result = run(ScriptedWorld(needs_steps=said_done + DONE_HOLD_STEPS))
    assert result.success
    assert result.steps == said_done + DONE_HOLD_STEPS


def test_time_out_at_max_steps():
    result = run(ScriptedWorld(max_steps=5))
    assert (result.success, result.reason, result.steps) == (False, 'time-out', 5)


def test_semantics_4_twenty_invalid_replies_abort_and_the_arm_holds_meanwhile():
    world = ScriptedWorld(needs_steps=1000)
    result = run(world, Planner(ScriptedBackend('fly(me=1)')))
    assert result.reason.startswith('aborted: 20 invalid')
    assert result.steps == 19
    assert len(result.codes) == 20
    np.testing.assert_array_equal(result.actions[:, :6], 0.0)


def test_a_hold_keeps_the_vacuum_as_it_is():
    world = ScriptedWorld(max_steps=8)
    world.broken_skills.update(TRACE)
    result = run(world)
    assert set(result.actions[:SKILL_STEPS, -1]) == {-1.0}
    assert set(result.actions[SKILL_STEPS:, -1]) == {1.0}


def test_failed_skill_holds_and_is_noted():
    world = ScriptedWorld(max_steps=5)
    world.broken_skills.add(TRACE[0])
    low_level = OracleLowLevel(world)
    result = run_episode(world, Planner(OracleBackend()), low_level, task='Pick', seed=0)
    assert result.reason == 'time-out'
    assert len(low_level.failures) == 1
    assert "get_actor('red cube'" in low_level.failures[0]


def test_semantics_10_planner_delay_shifts_key_steps_by_whole_steps():
    world = ScriptedWorld(max_steps=40, needs_steps=40)
    result = run(world, Planner(OracleBackend(), delay_s=0.1))
    assert result.codes[0] == result.codes[1] == ''
    assert result.codes[2] == TRACE[0]
    assert result.key_step_rows[0] == 2


def test_same_seed_gives_the_same_episode_whatever_ran_before():
    world, planner = ScriptedWorld(), Planner(OracleBackend())
    low_level = OracleLowLevel(world)
    episodes = []
    for _ in range(2):
        world.started.clear()
        episodes.append(
            run_episode(world, planner, low_level, task='Pick', seed=7, with_digests=True)
        )
    assert episodes[0].digests == episodes[1].digests
    assert episodes[0].codes == episodes[1].codes


def test_wall_times_come_from_the_given_clock():
    ticks = iter([1.0, 3.0, 10.0])
    result = run(ScriptedWorld(), clock=lambda: next(ticks))
    assert (result.reset_s, result.loop_s) == (2.0, 7.0)


class ConstantPolicy:
    """Always the same action."""

    source = 'policy'
    checkpoint = 'constant'
    follows_key_steps = True

    def begin_episode(self, task: str, seed: int) -> None:
        self.episode = (task, seed)

    def predict_action_chunk(self, observation, key_step: KeyStep) -> np.ndarray:
        return np.full((8, 7), 0.02, np.float32)


def test_policy_low_level_uses_the_executor_until_done():
    world, policy = ScriptedWorld(needs_steps=1000), ConstantPolicy()
    low_level = PolicyLowLevel(ChunkExecutor(policy, exec_horizon=2))
    result = run_episode(world, Planner(OracleBackend()), low_level, task='Pick', seed=4)
    said_done = SKILL_STEPS * len(TRACE)
    np.testing.assert_array_equal(result.actions[:said_done], np.float32(0.02))
    np.testing.assert_array_equal(result.actions[said_done:, :6], 0.0)
    assert world.started == []
    assert policy.episode == ('Pick', 4)


@pytest.mark.parametrize('episode_id', [0, 5])
def test_episode_id_is_in_every_row(episode_id: int):
    rows = []
    run(ScriptedWorld(), episode_id=episode_id, on_step=lambda *row: rows.append(row))
    assert {row[0].episode_id for row in rows} == {episode_id}
    assert {row[1].episode_id for row in rows} == {episode_id}


def test_pictures_are_taken_where_they_are_wanted():
    world, plain = ScriptedWorld(), ScriptedWorld()
    result = run_episode(
        world,
        Planner(OracleBackend()),
        OracleLowLevel(world),
        task='Pick',
        seed=0,
        look=lambda oracle_step: oracle_step.is_new,
    )
    assert world.pictured == [0, 3, 6, 9, 12]
    assert len(result.codes) == 13
    alone = run_episode(
        plain, Planner(OracleBackend()), OracleLowLevel(plain), task='Pick', seed=0
    )
    assert plain.pictured == list(range(13))
    assert alone.codes == result.codes
