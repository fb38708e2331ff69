# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Episodes in the real simulator, with planners that make one kind of mistake each."""

from __future__ import annotations

import random
import re

import pytest

pytest.importorskip('sapien', reason='sapien is not installed')

from c2a_core.skill_api import parse_key_step
from c2a_planner.backend import Reply
from c2a_planner.oracle_backend import OracleBackend
from c2a_training.episode_worker import EpisodeJob
from c2a_training.evaluation.evaluation_settings import EvaluationSettings
from c2a_training.evaluation.evaluation_worker import EpisodeEvaluator

ORACLE = EvaluationSettings(planner='oracle')
SEED = 1_000_000


class ErringBackend(OracleBackend):
    """The oracle, whose every reply goes through a function first."""

    def __init__(self, err):
        self.err = err
        self.pictures = []

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        self.pictures.append(observation.base_image)
        reply = super().reply(observation, instruction, memory, request_key_step, oracle_code)
        return Reply(self.err(reply.text, memory), n_tokens=10)


def evaluate(err, task='PlaceNextTo', settings=ORACLE):
    backend = ErringBackend(err)
    evaluator = EpisodeEvaluator(settings, backend=backend)
    return evaluator.evaluate(EpisodeJob(task, SEED)), backend


def other_object(text, memory):
    """An object that is not there in place of the first."""
    actors = parse_key_step(text).actors()
    return text.replace(actors[0].name, 'invisible cube') if actors else text


@pytest.mark.parametrize(
    ('err', 'failure'),
    [
        (lambda text, memory: text, ''),
        (lambda text, memory: 'import os', 'invalid code'),
        (lambda text, memory: 'done()' if memory else text, 'early done'),
        (lambda text, memory: text.replace('pick(', 'topple('), 'wrong skill'),
        (other_object, 'wrong object'),
    ],
    ids=['right', 'garbage', 'early', 'skill', 'object'],
)
def test_each_mistake_has_its_class(err, failure):
    record, backend = evaluate(err)
    assert record.failure == failure
    assert record.success == (failure == '')
    if failure:
        assert record.answers[-1].text
    assert record.wall['decisions'] == len(backend.pictures)


@pytest.mark.parametrize('task', ['Topple', 'ThrowToTopple'])
def test_a_skill_ends_when_what_it_set_in_motion_rests(task):
    """Regression: asked while the object still rolled, even the oracle was at a loss."""
    record, _ = evaluate(lambda text, memory: text, task)
    assert record.success
    assert len({answer.text for answer in record.answers}) == len(record.answers)


def test_key_steps_are_kept_beside_the_truth_with_the_cells_of_their_objects():
    def off_by_one(text, memory):
        return re.sub(r'\((\d), (\d)\)', lambda m: f'({abs(int(m[1]) - 1)}, {m[2]})', text)

    record, _ = evaluate(off_by_one)
    assert record.success
    assert record.calls == len(record.answers) == 4
    assert [answer.oracle.split('(')[0] for answer in record.answers][1:3] == ['pick', 'move3d']
    objects = [entry for answer in record.answers for entry in answer.objects]
    assert {entry.error for entry in objects} == {1}
    assert {answer.tokens for answer in record.answers} == {10}


def test_pictures_are_taken_only_when_the_planner_is_asked():
    seeing = EvaluationSettings(planner='vlm', image_size=32)
    record, backend = evaluate(lambda text, memory: text, 'Pick', seeing)
    assert record.success
    assert len(backend.pictures) == record.calls
    assert all(picture.shape == (32, 32, 3) and picture.any() for picture in backend.pictures)


def test_blind_planners_see_black():
    blind = EvaluationSettings(planner='vlm', blind=True, image_size=32)
    record, backend = evaluate(lambda text, memory: text, 'Pick', blind)
    assert record.success
    assert all(p.shape == (32, 32, 3) and not p.any() for p in backend.pictures)


def test_a_planner_that_draws_at_random_draws_the_same_in_each_episode_again():
    def err(text, memory):
        return 'done()' if random.random() < 0.3 else text

    evaluator = EpisodeEvaluator(ORACLE, backend=ErringBackend(err))
    jobs = [EpisodeJob('Pick', SEED + i) for i in range(4)]
    forward = [evaluator.evaluate(job) for job in jobs]
    backward = [evaluator.evaluate(job) for job in reversed(jobs)][::-1]
    assert [r.answers for r in forward] == [r.answers for r in backward]
    assert len({tuple(a.text for a in r.answers) for r in forward}) > 1


class GoneBackend(OracleBackend):
    """A server that does not answer."""

    def reply(self, *asked_with):
        return Reply('', error='server is gone')


def test_a_reply_that_never_came_is_a_crash_and_no_failure_of_the_planner():
    evaluator = EpisodeEvaluator(ORACLE, backend=GoneBackend())
    record = evaluator.evaluate(EpisodeJob('Pick', SEED))
    assert (record.failure, record.success, record.is_crash) == ('crash', False, True)
    assert record.reason == 'error: ConnectionError: server is gone'


def test_a_film_shows_the_same_episode(tmp_path):
    evaluator = EpisodeEvaluator(
        EvaluationSettings(planner='vlm', image_size=32),
        for_video=True,
        backend=ErringBackend(lambda text, memory: text),
    )
    record = evaluator.evaluate(EpisodeJob('Pick', SEED))
    film = evaluator.film(EpisodeJob('Pick', SEED), tmp_path / 'film.mp4')
    assert (film.answers, film.steps) == (record.answers, record.steps)
    assert (tmp_path / 'film.mp4').stat().st_size > 1000
