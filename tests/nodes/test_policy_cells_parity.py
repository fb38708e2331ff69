# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""With a policy, too, `c2a evaluate` in one process does what the nodes do, command by command."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')
pytest.importorskip('sapien', reason='sapien is not installed')

from sensing_policy import SensingPolicy

from c2a_planner.backend import Reply
from c2a_planner.oracle_backend import OracleBackend
from c2a_sim_bridge.backends.maniskill import ManiskillBackend
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_training.episode_worker import EpisodeJob
from c2a_training.evaluation.evaluation_settings import EvaluationSettings
from c2a_training.evaluation.evaluation_worker import EpisodeEvaluator

pytestmark = pytest.mark.ros

JOB = EpisodeJob('Pick', 1_000_000)
SIZE = 32
CELLS = {
    'flush': {},
    'blend': {'on_new_key_step': 'blend', 'exec_horizon': 5},
    'finish': {'on_new_key_step': 'finish', 'exec_horizon': 5},
    'late planner': {'planner_delay_s': '0.15'},
    'late policy': {'policy_delay_s': '0.1', 'on_new_key_step': 'blend'},
    'both late': {'planner_delay_s': '0.1', 'policy_delay_s': '0.2', 'late_chunk': 'time'},
    'flat': {'planner': 'none'},
}


class RecordingBackend(ManiskillBackend):
    """Keeps what it was told to do: messages may come before the probe hears any."""

    def __init__(self, simulator):
        super().__init__(simulator)
        self.actions = []

    def step(self, action):
        self.actions.append(np.array(action))
        super().step(action)


class RestlessBackend(OracleBackend):
    """The truth, but every eleventh observation is taken for the next key step's."""

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        if memory and observation.step % 11 == 10:
            other = oracle_code.replace('move3d(', 'pick(').replace('pick(', 'touch(', 1)
            return Reply(other)
        return super().reply(observation, instruction, memory, request_key_step, oracle_code)


def in_process(settings, backend=None):
    """What was commanded, and how it ended."""
    policy, rows = SensingPolicy(), []
    evaluator = EpisodeEvaluator(settings, policy=policy, backend=backend)
    result = evaluator._run(JOB, on_step=lambda *row: rows.append(row[1:]))
    return policy.asked, rows[:-1], result


def over_dds(ros, settings, backend=None):
    """The same from the nodes."""
    policy = SensingPolicy()
    world = RecordingBackend(Simulator(SimConfig(image_size=SIZE)))
    name = settings.planner if backend is None else 'vlm'
    ros.bridge(world, task=JOB.task, seed=JOB.seed, planner=name, low_level='policy')
    ros.planner(
        backend, planner=name, low_level='policy', planner_delay_s=settings.planner_delay_s
    )
    ros.controller(
        policy,
        low_level='policy',
        on_new_key_step=settings.on_new_key_step,
        exec_horizon=settings.exec_horizon,
        policy_delay_s=settings.policy_delay_s,
        late_chunk=settings.late_chunk,
    )
    status = ros.ended(timeout_s=30.0)
    return policy.asked, ros.probe.of('command', 1), world.actions, status


@pytest.mark.parametrize('name', CELLS)
def test_every_command_of_a_policys_cell_is_the_one_over_dds(ros, name):
    settings = EvaluationSettings(
        **{'planner': 'oracle', 'low_level': 'policy', 'image_size': SIZE, **CELLS[name]}
    )
    settings.check()
    compare(in_process(settings), over_dds(ros, settings))


def test_a_planner_that_changes_its_mind_preempts_alike_in_both(ros):
    settings = EvaluationSettings(planner='vlm', low_level='policy', image_size=SIZE)
    local = in_process(settings, RestlessBackend())
    # The nodes give a model no ground truth: it says what it said in this process.
    said = {key_step.step: key_step.code for key_step, _ in local[1] if key_step.is_key_step}
    assert len(said) > 3
    compare(local, over_dds(ros, settings, ReciteBackend(said)))


class ReciteBackend(OracleBackend):
    """Says what another one said, at the same steps; else that the sub-task goes on."""

    name = checkpoint = 'recite'

    def __init__(self, said):
        self.said = said

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        del instruction, oracle_code
        code = self.said.get(observation.step, memory[-1] if memory else 'done()')
        return super().reply(observation, '', memory, request_key_step, code)


def compare(local, remote):
    """The same chunks were asked for, the same commands sent, and it ended alike."""
    asked, rows, result = local
    asked_there, heard, actions, status = remote
    assert asked_there[: len(asked)] == asked
    assert (status.success, status.step, status.reason) == (
        result.success,
        result.steps,
        result.reason,
    )
    assert np.array(actions).tobytes() == result.actions.tobytes()
    # The first messages may not be heard.
    commands = {command.step: command for _, command in rows}
    for there in heard:
        command = commands.get(there.step, there)
        assert (there.source, there.chunk_id, there.chunk_index, there.subtask_id) == (
            command.source,
            command.chunk_id,
            command.chunk_index,
            command.subtask_id,
        )
