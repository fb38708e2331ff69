# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import random
from dataclasses import replace

import av
import pytest
from scripted_world import TRACE, ScriptedWorld

from c2a_core.types import EpisodeStatus
from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import Planner
from c2a_training import demo_recorder, video
from c2a_training.demo_recorder import DemoRecorder
from c2a_training.rollout import OracleLowLevel, run_episode


class Heard:
    """A recorder with what it said."""

    def __init__(self, folder) -> None:
        self.codes: list[str] = []
        self.started: list[str] = []
        self.ended: list[str] = []
        self.recorder = DemoRecorder(
            folder,
            on_reply=lambda reply: self.codes.extend([reply.code] * reply.is_key_step),
            on_start=lambda status: self.started.append(status.task),
            on_end=lambda record: self.ended.append(record.status.task),
        )


def episode(episode_id: int = 1, task: str = 'Pick'):
    """Rows and status of a rollout, as they would be published."""
    world, rows = ScriptedWorld(), []
    run_episode(
        world,
        Planner(OracleBackend()),
        OracleLowLevel(world),
        task=task,
        seed=0,
        episode_id=episode_id,
        on_step=lambda *row: rows.append(row),
    )
    start = EpisodeStatus(
        episode_id, task, f'do {task}', 0, 0, 100, False, False, '', 'lockstep', 'oracle',
        'maniskill', 20.0, 'oracle', '',
    )  # fmt: skip
    end = replace(start, step=len(rows) - 1, success=True, done=True, reason='success')
    return rows, start, end


def play(recorder: DemoRecorder, rows, start, end) -> None:
    recorder.add_status(start)
    for observation, key_step, _ in rows:
        recorder.add_observation(observation)
        recorder.add_key_step(key_step)
    recorder.add_status(end)


def test_episode_leaves_a_video_and_a_sheet_and_its_code(tmp_path):
    heard = Heard(tmp_path)
    rows, start, end = episode()
    play(heard.recorder, rows, start, end)
    (record,) = heard.recorder.finished
    assert record.codes == (*TRACE, 'done()')
    assert heard.codes == list(record.codes)
    assert record.rows == len(rows) - 1
    assert record.status.success
    assert sorted(path.name for path in tmp_path.iterdir()) == ['Pick.mp4', 'Pick.png']


@pytest.mark.parametrize('seed', range(5))
def test_any_interleaving_of_the_topics_films_the_same_rows(tmp_path, seed: int):
    heard = Heard(tmp_path)
    rows, start, end = episode()
    observations = [(0, heard.recorder.add_observation, row[0]) for row in rows]
    key_steps = [(1, heard.recorder.add_key_step, row[1]) for row in rows[:-1]]
    status = [(2, heard.recorder.add_status, start), (2, heard.recorder.add_status, end)]
    rng = random.Random(seed)
    queues = [observations, key_steps, status]
    while any(queues):
        queue = rng.choice([queue for queue in queues if queue])
        _, deliver, message = queue.pop(0)
        deliver(message)
    (record,) = heard.recorder.finished
    assert record.rows == len(rows) - 1
    assert record.codes == TRACE


def test_a_missing_last_observation_is_waited_for_until_finish(tmp_path):
    heard = Heard(tmp_path)
    rows, start, end = episode()
    play(heard.recorder, rows[:-1], start, end)
    assert heard.recorder.finished == []
    assert heard.recorder.is_waiting_for_rows
    heard.recorder.finish()
    (record,) = heard.recorder.finished
    assert record.video is not None


def test_episodes_follow_each_other_and_late_status_is_ignored(tmp_path):
    heard = Heard(tmp_path)
    first, second = episode(1, 'Pick'), episode(2, 'Swap')
    play(heard.recorder, *first)
    heard.recorder.add_status(first[2])
    play(heard.recorder, *second)
    assert heard.started == heard.ended == ['Pick', 'Swap']
    assert [record.status.task for record in heard.recorder.finished] == ['Pick', 'Swap']


def test_rows_that_the_next_episodes_status_has_overtaken_are_filmed(tmp_path):
    heard = Heard(tmp_path)
    first, second = episode(1, 'Pick'), episode(2, 'Swap')
    for _, start, end in (first, second):
        heard.recorder.add_status(start)
        heard.recorder.add_status(end)
    for rows, _, _ in (first, second):
        for observation, key_step, _ in rows:
            heard.recorder.add_observation(observation)
            heard.recorder.add_key_step(key_step)
    assert [record.codes for record in heard.recorder.finished] == [TRACE] * 2
    assert [record.rows for record in heard.recorder.finished] == [len(first[0]) - 1] * 2
    assert {path.name for path in tmp_path.glob('*.mp4')} == {'Pick.mp4', 'Swap.mp4'}


def test_what_belongs_to_another_episode_is_dropped(tmp_path):
    heard = Heard(tmp_path)
    rows, start, end = episode(2)
    other, _, _ = episode(1)
    heard.recorder.add_status(start)
    for row, stray in itertools.zip_longest(rows, other):
        heard.recorder.add_observation(stray[0])
        heard.recorder.add_key_step(stray[1])
        heard.recorder.add_observation(row[0])
        heard.recorder.add_key_step(row[1])
    heard.recorder.add_status(end)
    assert heard.recorder.finished[0].rows == len(rows) - 1
    assert heard.codes == [*TRACE, 'done()']


def test_a_given_up_episode_leaves_no_file(tmp_path):
    heard = Heard(tmp_path)
    rows, start, _ = episode()
    heard.recorder.add_status(start)
    heard.recorder.add_observation(rows[0][0])
    heard.recorder.add_key_step(rows[0][1])
    heard.recorder.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_lost_row_is_left_out_and_the_rest_is_filmed(tmp_path):
    heard = Heard(tmp_path)
    rows, start, end = episode()
    heard.recorder.add_status(start)
    for k, (observation, key_step, _) in enumerate(rows):
        if k != 5:
            heard.recorder.add_observation(observation)
        heard.recorder.add_key_step(key_step)
    heard.recorder.add_status(end)
    assert heard.recorder.is_waiting_for_rows
    heard.recorder.finish()
    (record,) = heard.recorder.finished
    with av.open(str(record.video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(rows) - 2 + video.END_FRAMES


def test_an_episode_whose_end_was_not_heard_counts_as_not_succeeded(tmp_path):
    heard = Heard(tmp_path)
    rows, start, _ = episode(1)
    heard.recorder.add_status(start)
    for observation, key_step, _ in rows:
        heard.recorder.add_observation(observation)
        heard.recorder.add_key_step(key_step)
    play(heard.recorder, *episode(2, 'Swap'))
    assert [record.status.success for record in heard.recorder.finished] == [False, True]


@pytest.mark.parametrize('lost', [0, 20])
def test_rows_do_not_pile_up_behind_a_lost_one(tmp_path, monkeypatch, lost: int):
    monkeypatch.setattr(demo_recorder, 'MAX_WAITING_ROWS', 4)
    heard = Heard(tmp_path)
    rows, start, end = episode()
    heard.recorder.add_status(start)
    for k, (observation, key_step, _) in enumerate(rows):
        if k != lost:
            heard.recorder.add_observation(observation)
        heard.recorder.add_key_step(key_step)
    heard.recorder.add_status(end)
    (record,) = heard.recorder.finished
    assert record.codes == (*TRACE, 'done()')
