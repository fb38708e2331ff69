# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Joining of what an observation's key step needs, in any order of arrival."""

from __future__ import annotations

import itertools

import pytest
from fakes import CUBE, FakeModel, FakeSimulator

from c2a_core.types import EpisodeStatus, KeyStep
from c2a_planner.backend import make_backend
from c2a_planner.planner import Planner
from c2a_planner.planner_loop import PlannerLoop, PlannerPorts

MOVE = f'move3d(actor={CUBE})'
PICK = f'pick(actor={CUBE})'


def status(episode_id=1, instruction='do it', done=False, step=0):
    reason = 'success' if done else ''
    fields = ('T', instruction, 0, step, 100, done, done, reason, 'lockstep', 'oracle')
    return EpisodeStatus(episode_id, *fields, 'maniskill', 20.0, '', '')


def observation(step, episode_id=1):
    from dataclasses import replace

    simulator = FakeSimulator(image_size=0)
    simulator.reset('FakeTask', 0, None, {})
    return replace(simulator.observe(episode_id), step=step)


def oracle(step, code=MOVE, episode_id=1):
    return KeyStep(episode_id, step, 0, 0, False, code, '', (), 'same')


class Ports:
    def __init__(self):
        self.published, self.executed, self.cancelled, self.checked = [], [], 0, 0

    def cancel(self):
        self.cancelled += 1

    def check(self):
        self.checked += 1

    def make(self):
        return PlannerPorts(
            self.published.append, self.executed.append, self.cancel, lambda: None, self.check
        )


def make_loop(backend=None, executes_skills=False):
    ports = Ports()
    planner = Planner(backend or make_backend('oracle'))
    loop = PlannerLoop(
        planner, ports.make(), needs_oracle=backend is None, executes_skills=executes_skills
    )
    return loop, ports


@pytest.mark.parametrize(
    'order', list(itertools.permutations(['status', 'observation', 'oracle']))
)
def test_semantics_12_answers_once_all_is_there_in_any_order(order):
    loop, ports = make_loop()
    arrive = {
        'status': lambda: loop.on_status(status()),
        'observation': lambda: loop.on_observation(observation(0)),
        'oracle': lambda: loop.on_oracle(oracle(0)),
    }
    for name in order[:2]:
        arrive[name]()
    assert not ports.published
    arrive[order[2]]()
    assert [k.code for k in ports.published] == [MOVE]


def test_observations_of_another_episode_and_older_ones_are_dropped():
    loop, ports = make_loop(FakeModel(MOVE))
    loop.on_status(status(2))
    for each in ((0, 1), (0, 2), (1, 2), (2, 2), (1, 2)):
        loop.on_observation(observation(*each))
    assert [(k.episode_id, k.step) for k in ports.published] == [(2, 0), (2, 1), (2, 2)]
    assert loop.dropped['observation of another episode or step'] == 2


def test_an_observation_that_comes_again_gets_the_same_answer_without_another_question():
    model = FakeModel(MOVE, PICK)
    loop, ports = make_loop(model)
    loop.on_status(status())
    for _ in range(3):
        loop.on_observation(observation(0))
    assert ports.published == [ports.published[0]] * 3
    assert (len(model.asked), loop.planner.memory) == (1, (MOVE,))


def test_an_observation_that_comes_again_while_it_waits_is_answered_once():
    loop, ports = make_loop()
    loop.on_status(status())
    loop.on_observation(observation(0))
    loop.on_observation(observation(0))
    loop.on_oracle(oracle(0))
    assert len(ports.published) == 1


def test_a_skill_whose_result_was_lost_is_asked_for_when_the_observation_comes_again():
    loop, ports = make_loop(FakeModel(MOVE, PICK), executes_skills=True)
    loop.on_status(status())
    loop.on_observation(observation(0))
    loop.on_observation(observation(1))  # no word whether the skill acts on it
    loop.on_observation(observation(1))
    assert (len(ports.published), ports.checked) == (1, 1)
    loop.on_skill_result(True, '', True)
    assert [k.code for k in ports.executed] == [MOVE, PICK]


def test_a_bridge_that_forgot_the_skill_is_told_to_go_on():
    loop, ports = make_loop(FakeModel(MOVE), executes_skills=True)
    loop.on_status(status())
    loop.on_observation(observation(0))
    loop.on_skill_result(False, 'not known any more', False)
    loop.on_observation(observation(0))
    assert [k.reply_status for k in ports.published] == ['key_step', 'hold']


def test_the_last_observation_of_an_episode_is_answered_after_the_next_ones_status():
    loop, ports = make_loop(FakeModel(MOVE))
    loop.on_status(status(1))
    loop.on_observation(observation(0))
    loop.on_status(status(2))
    loop.on_observation(observation(1))
    loop.on_observation(observation(0, 2))
    assert [(k.episode_id, k.step) for k in ports.published] == [(1, 0), (1, 1), (2, 0)]


def test_semantics_07_while_a_skill_runs_word_of_it_is_waited_for():
    loop, ports = make_loop(FakeModel(MOVE, PICK), executes_skills=True)
    loop.on_status(status())
    loop.on_observation(observation(0))
    assert [k.code for k in ports.executed] == [MOVE]
    loop.on_observation(observation(1))
    assert len(ports.published) == 1
    loop.on_skill_feedback(1)
    assert ports.published[-1].reply_status == 'hold'
    loop.on_skill_result(True, '', True)
    loop.on_observation(observation(2))
    assert [k.code for k in ports.executed] == [MOVE, PICK]


def test_done_is_not_executed_as_a_skill():
    loop, ports = make_loop(FakeModel('done()'), executes_skills=True)
    loop.on_status(status())
    loop.on_observation(observation(0))
    assert ports.published[0].code == 'done()'
    assert not ports.executed


def test_another_instruction_cancels_the_running_skill():
    loop, ports = make_loop(FakeModel(MOVE), executes_skills=True)
    loop.on_status(status())
    loop.on_observation(observation(0))
    loop.on_status(status(instruction='something else'))
    assert ports.cancelled == 1
    assert loop.planner.memory == ()


def test_stop_is_said_again_with_the_last_observation():
    loop, ports = make_loop(FakeModel(MOVE))
    loop.on_status(status())
    loop.on_observation(observation(0))
    loop.stop('cancelled')
    assert [(k.step, k.reason) for k in ports.published] == [(0, ''), (0, 'cancelled')]


def test_an_episode_with_a_known_number_begins_again_at_step_zero():
    loop, ports = make_loop(FakeModel(MOVE, MOVE, PICK))
    loop.on_status(status())
    for step in (0, 1, 0):
        loop.on_observation(observation(step))
    assert [k.subtask_id for k in ports.published] == [0, 0, 0]
    assert ports.published[-1].code == PICK
