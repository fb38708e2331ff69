# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The cells with a learned policy, in the real simulator; a stand-in has the policy's seat."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

pytest.importorskip('sapien', reason='sapien is not installed')

from sensing_policy import SensingPolicy

from c2a_planner.oracle_backend import OracleBackend
from c2a_training.episode_worker import EpisodeJob
from c2a_training.evaluation.chunk_facts import ChunkFacts, summarize
from c2a_training.evaluation.episode_record import record_from_json
from c2a_training.evaluation.evaluation_cells import make_document
from c2a_training.evaluation.evaluation_output import describe, print_results, timing
from c2a_training.evaluation.evaluation_settings import EvaluationSettings
from c2a_training.evaluation.evaluation_worker import EpisodeEvaluator
from c2a_training.evaluation.html_report import write_report

POLICY = EvaluationSettings(planner='oracle', low_level='policy', image_size=32)
JOB = EpisodeJob('Pick', 1_000_000)


def evaluate(settings=POLICY, job=JOB, **seats):
    policy = SensingPolicy()
    return EpisodeEvaluator(settings, policy=policy, **seats).evaluate(job), policy


@pytest.fixture(scope='module')
def record():
    return evaluate()[0]


def test_pictures_that_are_not_taken_would_not_have_been_seen(record):
    """It takes them where a chunk may be due; the policy raises where one is missing."""
    everything = EpisodeEvaluator(POLICY, policy=SensingPolicy())
    everything._looks = lambda oracle_step: True
    again = everything.evaluate(JOB)
    assert not record.is_crash
    assert replace(again, wall={}) == replace(record, wall={})


@pytest.mark.parametrize(
    'changed',
    [
        {'on_new_key_step': 'finish', 'exec_horizon': 5},
        {'policy_delay_s': '0.1'},
        {'planner_delay_s': '0.15'},
        {'planner': 'none'},
    ],
    ids=lambda changed: ' '.join(changed),
)
def test_every_setting_changes_the_episode_and_none_misses_a_picture(record, changed):
    settings = replace(POLICY, **changed)
    settings.check()
    other, policy = evaluate(settings)
    assert not other.is_crash
    assert other.chunks != record.chunks
    assert other.chunks.chunks == len(policy.asked) - other.chunks.refused.get('stale', 0)


def test_delays_are_charged(record):
    late, policy = evaluate(replace(POLICY, planner_delay_s='0.15'))
    assert policy.asked[0][0] == 3
    assert late.chunks.holds['no key step to follow'] == 3
    slow, _ = evaluate(replace(POLICY, policy_delay_s='0.1'))
    assert slow.chunks.reaction_steps[0] == 2
    assert record.chunks.reaction_steps[0] == 0


def test_the_flat_baseline_gets_the_instruction_and_nothing_else():
    other, policy = evaluate(replace(POLICY, planner='none'))
    assert len({code for _, code in policy.asked}) == 1
    assert policy.asked[0][1].startswith('Pick')
    assert [step for step, _ in policy.asked] == list(range(0, other.steps, POLICY.exec_horizon))
    assert (other.failure, other.answers, other.wall['decisions']) == ('time-out', (), 0)


class SlowOfMind(OracleBackend):
    """The oracle, as slow as its delay; at its second key step it names another object."""

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        if memory and oracle_code != memory[-1]:
            oracle_code = oracle_code.replace('pick(', 'touch(')
        return super().reply(observation, instruction, memory, request_key_step, oracle_code)


def test_late_answers_are_judged_by_what_they_were_asked_about():
    settings = EvaluationSettings(planner='oracle', planner_delay_s='0.2')
    late = EpisodeEvaluator(settings).evaluate(JOB)
    assert (late.success, [answer.deviation for answer in late.answers]) == (True, ['', ''])
    prompt = EpisodeEvaluator(EvaluationSettings(planner='oracle')).evaluate(JOB)
    assert late.steps == prompt.steps + 2 * 4
    assert [answer.step for answer in late.answers][0] == 0
    wrong = EpisodeEvaluator(settings, backend=SlowOfMind()).evaluate(JOB)
    assert wrong.failure == 'wrong skill'


def test_a_record_survives_json(record):
    assert record_from_json(json.loads(json.dumps(record.as_json()))) == record
    assert record.chunks.velocity_jumps_mps


def test_the_document_says_what_the_chunks_were_like_and_repeats(record):
    config = {**POLICY.config(), 'checkpoint': 'oracle', 'policy_checkpoint': 'abc'}
    cell = make_document(['Pick'], [record], config)['cells'][0]
    assert (cell['seeds'], cell['failed_seeds']) == ('1000000', '1000000')
    assert cell['chunks']['chunks'] == record.chunks.chunks
    assert cell['chunks']['key_step_to_action_steps']['max'] == 0
    cost = timing([record], 1, 1.0)
    assert cost['chunks'] == record.chunks.chunks
    assert 0 < cost['ms_per_chunk']['median'] <= cost['ms_per_chunk']['p99']
    assert describe(config) == 'planner oracle, low level policy abc'
    late = {**config, 'policy_delay_s': 0.1, 'on_new_key_step': 'finish'}
    assert describe(late).endswith('policy delay s 0.1, on new key step finish')


def test_table_and_report_show_the_chunks(record, tmp_path):
    config = {**POLICY.config(), 'checkpoint': 'oracle', 'policy_checkpoint': 'abc'}
    document = make_document(['Pick'], [record], config)
    count = str(record.chunks.chunks)
    screen = io.StringIO()
    print_results(document, [record], Console(file=screen, width=200))
    table = screen.getvalue().split('action chunks')[1]
    assert count in table.split('Pick')[1].split()
    write_report(tmp_path / 'r.html', document, [record], [])
    page = (tmp_path / 'r.html').read_text()
    assert f'<tr><td>Pick</td><td class="number">{count}</td>' in page


def test_a_cell_adds_up_its_episodes():
    facts = [
        ChunkFacts(3, 1, 8, {'no chunk': 2}, {'stale': 1}, (0, 2), (0.01,), (0.1, 0.3)),
        ChunkFacts(2, 0, 0, {'no chunk': 1}, {}, (1,)),
    ]
    total = summarize(facts)
    assert (total['chunks'], total['preemptions'], total['discarded_actions']) == (5, 1, 8)
    assert (total['holds'], total['refused']) == ({'no chunk': 3}, {'stale': 1})
    assert total['key_step_to_action_steps'] == {'n': 3, 'median': 1.0, 'p95': 1.9, 'max': 2}
    assert total['seam_jump_mps']['median'] == 0.2
    assert summarize([])['seam_jump_m'] == {'n': 0, 'median': None, 'p95': None, 'max': None}


def test_a_film_with_larger_pictures_is_of_a_policy_that_sees(tmp_path):
    evaluator = EpisodeEvaluator(POLICY, for_video=True, policy=SensingPolicy())
    record = evaluator.film(JOB, tmp_path / 'film.mp4')
    assert record.chunks.chunks
