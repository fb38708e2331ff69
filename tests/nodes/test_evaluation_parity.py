# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a evaluate` in one process says what the nodes would have done."""

from __future__ import annotations

import re

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')
pytest.importorskip('sapien', reason='sapien is not installed')

from node_world import wait_until

from c2a_core.types import ReplyStatus
from c2a_planner.backend import Reply
from c2a_planner.oracle_backend import OracleBackend
from c2a_sim_bridge.backends.maniskill import ManiskillBackend
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_training.episode_worker import EpisodeJob
from c2a_training.evaluation.evaluation_settings import EvaluationSettings
from c2a_training.evaluation.evaluation_worker import EpisodeEvaluator

pytestmark = pytest.mark.ros

FIRST = 1_000_000


class ErringBackend(OracleBackend):
    """The oracle, whose replies go through a function; it keeps what it said."""

    def __init__(self, err):
        self.err = err
        self.said = []

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        reply = super().reply(observation, instruction, memory, request_key_step, oracle_code)
        self.said.append(self.err(reply.text, memory))
        return Reply(self.said[-1])


class ScriptedBackend(OracleBackend):
    """Says what another one said before, without the ground truth that the nodes give no model."""

    name = checkpoint = 'scripted'

    def __init__(self, texts):
        self.texts = list(texts)

    def reply(self, *asked_with):
        return Reply(self.texts.pop(0) if self.texts else 'done()')


MISTAKES = {
    'none': lambda text, memory: text,
    'object': lambda text, memory: re.sub(r"'\w+ (\w+)'", r"'no \1'", text) if memory else text,
    'garbage': lambda text, memory: 'pick(' if len(memory) == 2 else text,
    'early': lambda text, memory: 'done()' if len(memory) == 2 else text,
    'skill': lambda text, memory: text.replace('pick(', 'touch('),
}


@pytest.mark.parametrize('mistake', MISTAKES)
@pytest.mark.parametrize('task', ['PlaceNextTo', 'Topple'])
def test_an_evaluated_episode_equals_the_one_over_dds(ros, task, mistake):
    settings = EvaluationSettings(planner='oracle')
    model = ErringBackend(MISTAKES[mistake])
    record = EpisodeEvaluator(settings, backend=model).evaluate(EpisodeJob(task, FIRST))
    backend = ManiskillBackend(Simulator(SimConfig(render=False)))
    model = None if mistake == 'none' else ScriptedBackend(model.said)
    ros.stack(backend, model, bridge={'task': task, 'seed': FIRST})
    status = ros.ended(timeout_s=20.0)
    assert (status.success, status.step) == (record.success, record.steps)
    assert status.reason == record.reason
    said = [answer.text for answer in record.answers if answer.status == ReplyStatus.KEY_STEP]
    wait_until(lambda: len(trace(ros)) >= len(said), what=f'{len(said)} key steps')
    # The nodes also look at the observation that ends the episode.
    assert trace(ros)[: len(said)] == tuple(said)
    assert trace(ros)[len(said) :] in ((), ('done()',))


@pytest.mark.parametrize('mistake', ['none', 'garbage'])
def test_a_late_planners_episode_equals_the_one_over_dds(ros, mistake):
    settings = EvaluationSettings(planner='oracle', planner_delay_s='0.15')
    model = ErringBackend(MISTAKES[mistake])
    record = EpisodeEvaluator(settings, backend=model).evaluate(EpisodeJob('Topple', FIRST))
    backend = ManiskillBackend(Simulator(SimConfig(render=False)))
    model = None if mistake == 'none' else ScriptedBackend(model.said)
    late = {'planner_delay_s': '0.15'}
    ros.stack(backend, model, bridge={'task': 'Topple', 'seed': FIRST}, planner=late)
    status = ros.ended(timeout_s=20.0)
    assert (status.success, status.step) == (record.success, record.steps)
    assert status.reason == record.reason


def trace(ros):
    """The key steps of the episode, from the last message: the first ones may not be heard."""
    heard = ros.probe.of('key_step', 1)
    if not heard:
        return ()
    last = heard[-1]
    return (*last.memory, last.code) if last.is_key_step else last.memory


def test_a_model_sees_and_says_the_same_in_one_process_and_over_dds(ros):
    pytest.importorskip('transformers', reason='transformers is not installed')
    from small_planner import small_vlm

    from c2a_planner.vlm_backend import VlmBackend

    # Of random weights comes no good code, but grammar makes it some code.
    settings = EvaluationSettings(planner='vlm', image_size=64)
    backend = VlmBackend(small_vlm(), constrained=True, max_tokens=96)
    record = EpisodeEvaluator(settings, backend=backend).evaluate(EpisodeJob('Pick', FIRST))
    assert not record.is_crash
    world = ManiskillBackend(Simulator(SimConfig(image_size=64)))
    model = VlmBackend(small_vlm(), constrained=True, max_tokens=96)
    ros.stack(world, model, bridge={'task': 'Pick', 'seed': FIRST})
    status = ros.ended(timeout_s=60.0)
    assert (status.success, status.step, status.reason) == (
        record.success,
        record.steps,
        record.reason,
    )
    said = [answer.text for answer in record.answers if answer.status == ReplyStatus.KEY_STEP]
    wait_until(lambda: len(trace(ros)) >= len(said), what=f'{len(said)} key steps')
    assert trace(ros)[: len(said)] == tuple(said)
