# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Exports: LeRobotDataset v3 and LLaVA-style JSON."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from sample_episodes import make_rows

from c2a_core.episode_file import read_episode
from c2a_core.skill_api import comment, uncomment
from c2a_sim_bridge.sim.labels import ObjectLabels
from c2a_training.commands import data_export
from c2a_training.commands.data_command import GROUP
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.dataset.jpeg import decode_jpeg
from c2a_training.dataset.llava_export import LlavaSettings, make_conversations, render_request
from c2a_training.dataset.llava_questions import FAR_CELLS, make_questions

SEEDS = (0, 1, 2)
STEPS = {seed: 6 + seed for seed in SEEDS}


@pytest.fixture(scope='module')
def dataset(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp('sets') / 'set'
    with EpisodeWriter(directory, {'image_size': 32, 'robot': 'low_poly'}) as writer:
        for seed in SEEDS:
            writer.add(make_rows('Swap', seed, STEPS[seed]))
        writer.finish()
    return directory


def run(*words: object) -> tuple[int, str]:
    text = io.StringIO()
    args = GROUP.make_parser('export').parse_args(['export', *map(str, words)])
    code = data_export.run(args, Console(file=text, width=160, highlight=False))
    return code, text.getvalue()


@pytest.fixture(scope='module', params=['video', 'jpeg'])
def lerobot(request, dataset, tmp_path_factory) -> tuple[str, Path]:
    """Kind of the pictures and the exported directory."""
    out = tmp_path_factory.mktemp('lerobot') / request.param
    code, text = run(dataset, '--format', 'lerobot', '--pictures', request.param, '--out', out)
    assert code == 0
    assert '3 episodes, 21 frames as LeRobotDataset v3' in text
    return request.param, out


# What lerobot 0.4 reads, from its published v3 layout.
DEFAULT_FEATURES = {
    'timestamp': 'float32',
    'frame_index': 'int64',
    'episode_index': 'int64',
    'index': 'int64',
    'task_index': 'int64',
}
EPISODE_COLUMNS = {
    *('episode_index', 'tasks', 'length', 'dataset_from_index', 'dataset_to_index'),
    *('data/chunk_index', 'data/file_index'),
    *('meta/episodes/chunk_index', 'meta/episodes/file_index'),
}
VIDEO_COLUMNS = ('chunk_index', 'file_index', 'from_timestamp', 'to_timestamp')
KEYS = ('observation.images.base', 'observation.images.wrist')
EPISODES_FILE = 'meta/episodes/chunk-000/file-000.parquet'


def test_info_is_that_of_the_published_layout(lerobot):
    kind, out = lerobot
    info = json.loads((out / 'meta/info.json').read_text())
    assert info['codebase_version'] == 'v3.0'
    assert info['fps'] == 20
    assert info['robot_type'] == 'panda_vacuum'
    assert info['splits'] == {'train': '0:3'}
    counts = [info[f'total_{name}'] for name in ('episodes', 'frames', 'tasks')]
    assert counts == [3, 21, 3]
    features = info['features']
    for name, dtype in DEFAULT_FEATURES.items():
        assert (features[name]['dtype'], features[name]['shape']) == (dtype, [1])
    for key in KEYS:
        assert features[key]['dtype'] == ('video' if kind == 'video' else 'image')
        assert features[key]['shape'] == [32, 32, 3]
    for name in ('action', 'intended_action'):
        assert features[name]['names'] == ['dx', 'dy', 'dz', 'rx', 'ry', 'rz', 'vacuum']
    assert len(features['observation.state']['names']) == 24
    assert (info['video_path'] is None) == (kind == 'jpeg')
    assert (out / info['data_path'].format(chunk_index=0, file_index=0)).is_file()


def test_episodes_say_where_their_frames_are(lerobot):
    kind, out = lerobot
    episodes = pq.read_table(out / EPISODES_FILE).to_pylist()
    videos = {f'videos/{key}/{name}' for key in KEYS for name in VIDEO_COLUMNS}
    assert set(episodes[0]) >= EPISODE_COLUMNS | (videos if kind == 'video' else set())
    assert [episode['length'] for episode in episodes] == [6, 7, 8]
    assert [episode['dataset_from_index'] for episode in episodes] == [0, 6, 13]
    assert [episode['dataset_to_index'] for episode in episodes] == [6, 13, 21]
    assert episodes[1]['tasks'] == ['Do Swap 1']
    if kind == 'video':
        begins = [episode[f'videos/{KEYS[0]}/from_timestamp'] for episode in episodes]
        assert begins == [0.0, 6 / 20, 13 / 20]


def test_frames_are_the_rows_with_an_action(lerobot):
    _, out = lerobot
    table = pq.read_table(out / 'data/chunk-000/file-000.parquet')
    assert table['index'].to_pylist() == list(range(21))
    frames = table.to_pylist()
    number = 0
    for seed in SEEDS:
        rows = make_rows('Swap', seed, STEPS[seed])
        for k in range(STEPS[seed]):
            frame = frames[number]
            assert np.array_equal(np.float32(frame['action']), rows.actions[k])
            assert np.array_equal(frame['intended_action'], frame['action'])
            assert np.array_equal(np.float32(frame['observation.state']), rows.proprioception[k])
            assert (frame['code'], frame['cache_info']) == (rows.code[k], rows.cache_info[k])
            assert frame['memory'] == '\n'.join(rows.memory[k])
            assert frame['frame_index'] == k
            assert frame['timestamp'] == pytest.approx(k / 20)
            is_last = k == STEPS[seed] - 1
            assert (frame['next.done'], frame['next.success']) == (is_last, is_last)
            number += 1


def test_tasks_and_subtasks_are_found_by_their_index(lerobot):
    _, out = lerobot
    tasks = pd.read_parquet(out / 'meta/tasks.parquet')
    assert [tasks.iloc[i].name for i in range(3)] == [f'Do Swap {seed}' for seed in SEEDS]
    subtasks = pd.read_parquet(out / 'meta/subtasks.parquet')
    for frame in pq.read_table(out / 'data/chunk-000/file-000.parquet').to_pylist():
        assert subtasks.iloc[frame['subtask_index']].name == frame['code']


def test_statistics_are_those_of_all_frames(lerobot):
    _, out = lerobot
    stats = json.loads((out / 'meta/stats.json').read_text())
    actions = np.concatenate([make_rows('Swap', s, STEPS[s]).actions for s in SEEDS])
    found = stats['action']
    assert found['count'] == [21]
    for name, value in (
        ('min', actions.min(axis=0)),
        ('max', actions.max(axis=0)),
        ('mean', actions.mean(axis=0)),
        ('std', actions.std(axis=0)),
    ):
        assert np.allclose(found[name], value, atol=1e-6), name
    assert np.all(np.array(found['q01']) <= found['q99'])
    assert np.shape(stats[KEYS[0]]['mean']) == (3, 1, 1)
    assert 0 < np.min(stats[KEYS[0]]['mean']) < np.max(stats[KEYS[0]]['mean']) < 1


def test_pictures_stand_at_their_frames(lerobot):
    kind, out = lerobot
    rows = [make_rows('Swap', seed, STEPS[seed]) for seed in SEEDS]
    wanted = [decode_jpeg(picture) for r in rows for picture in r.wrist_jpeg[: r.metadata.n_steps]]
    if kind == 'jpeg':
        table = pq.read_table(out / 'data/chunk-000/file-000.parquet')
        jpegs = table[KEYS[1]].combine_chunks().field('bytes').to_pylist()
        found = [decode_jpeg(jpeg) for jpeg in jpegs]
        assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
        return
    with av.open(str(out / 'videos' / KEYS[1] / 'chunk-000/file-000.mp4')) as container:
        frames = list(container.decode(video=0))
    assert [round(float(frame.time) * 20) for frame in frames] == list(range(21))
    for number, frame in enumerate(frames):
        picture = frame.to_ndarray(format='rgb24').astype(int)
        errors = [np.abs(picture - other).mean() for other in wanted]
        assert int(np.argmin(errors)) == number
        assert errors[number] < 8


def test_the_upstream_loader_opens_it(lerobot):
    upstream = pytest.importorskip(
        'lerobot.datasets.lerobot_dataset',
        reason='lerobot is not installed: the layout is checked against its published form only',
    )
    kind, out = lerobot
    dataset = upstream.LeRobotDataset('local/c2a', root=out)
    assert (len(dataset), dataset.num_episodes, dataset.fps) == (21, 3, 20)
    assert dataset.meta.stats['action']['mean'].shape == (7,)
    if kind == 'video':
        return  # decoding is the business of its video backend, which may be missing
    rows = make_rows('Swap', 1, STEPS[1])
    item = dataset[6 + 2]
    assert np.array_equal(item['action'].numpy(), rows.actions[2])
    assert (item['task'], item['subtask']) == ('Do Swap 1', rows.code[2])
    picture = item[KEYS[0]].permute(1, 2, 0).numpy() * 255
    assert np.allclose(picture, rows.base_image(2), atol=0.01)


def test_bad_exports_are_refused(dataset, tmp_path):
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'file').touch()
    for form in ('lerobot', 'llava', 'replay'):
        code, text = run(dataset, '--format', form, '--out', tmp_path / 'full')
        assert code == 2
        assert 'is not empty' in text
    code, text = run(tmp_path / 'full', '--format', 'llava', '--out', tmp_path / 'out')
    assert code == 2
    assert 'is no dataset' in text
    code, text = run(dataset, '--format', 'llava', '--stride', 0, '--out', tmp_path / 'out')
    assert code == 2
    assert 'expected at least 1' in text
    with EpisodeWriter(tmp_path / 'none', {}):
        pass
    code, text = run(tmp_path / 'none', '--format', 'lerobot', '--out', tmp_path / 'out')
    assert code == 2
    assert 'has no episode' in text
    assert not (tmp_path / 'out').exists()


def test_files_for_replay_have_the_actions_of_the_rows(dataset, tmp_path):
    code, text = run(dataset, '--format', 'replay', '--out', tmp_path / 'out')
    assert code == 0
    assert '3 recorded episodes' in text
    episode = read_episode(tmp_path / 'out' / 'Swap_1.npz')
    rows = make_rows('Swap', 1, STEPS[1])
    assert np.array_equal(episode.actions, rows.actions)
    assert episode.code == rows.code


def test_pictures_of_two_sizes_are_refused(tmp_path):
    with EpisodeWriter(tmp_path / 'set', {}) as writer:
        writer.add(make_rows('Swap', 0, 3))
        writer.add(make_rows('Swap', 1, 3, size=16))
        writer.finish()
    for pictures in ('video', 'jpeg'):
        out = tmp_path / pictures
        code, text = run(
            tmp_path / 'set', '--format', 'lerobot', '--pictures', pictures, '--out', out
        )
        assert code == 2
        assert 'LeRobot keeps one size' in text
        assert not (out / 'meta/info.json').exists()
        assert not list(out.rglob('*.mp4'))


def test_llava_json_names_pictures_and_asks_for_code(dataset, tmp_path):
    code, text = run(dataset, '--format', 'llava', '--out', tmp_path / 'out')
    assert code == 0
    entries = json.loads((tmp_path / 'out' / 'llava.json').read_text())
    assert f'{len(entries)} conversations about 24 pictures' in text
    assert len({entry['id'] for entry in entries}) == len(entries)
    store = EpisodeStore(dataset)
    for entry in entries:
        rows = store.read(entry['episode'])
        image = (tmp_path / 'out' / entry['image']).read_bytes()
        assert image == rows.base_jpeg[entry['step']]
        human, gpt = entry['conversations']
        assert (human['from'], gpt['from']) == ('human', 'gpt')
        assert human['value'].count('<image>') == 1
        if entry['kind'] == 'step' and not rows.is_key_step[entry['step']]:
            assert uncomment(gpt['value']) == rows.code[entry['step']]
        elif entry['kind'] in ('step', 'key_step'):
            assert gpt['value'] == rows.code[entry['step']]


def test_a_request_has_instruction_memory_picture_and_request_in_this_order():
    rows = make_rows('Swap', 0, 6)
    entries = [
        item
        for item in make_conversations(rows, LlavaSettings())
        if item.kind in ('step', 'key_step')
    ]
    border = next(k for k in range(1, 6) if rows.is_key_step[k])
    at_border = [entry for entry in entries if entry.step == border]
    assert [entry.kind for entry in at_border] == ['step', 'key_step']
    memory = '\n'.join(rows.memory[border])
    for entry, request in zip(at_border, ('running now?', 'comes next?'), strict=True):
        text = entry.question
        assert text.startswith(f'Task: Do Swap 0\nDone so far:\n{memory}\n<image>\n')
        assert text.endswith(request)
    between = next(entry for entry in entries if entry.step == 1)
    assert between.answer == comment(rows.code[0])
    # In between, the running key step is part of the memory.
    assert rows.code[0] in between.question
    assert 'nothing yet' in render_request('x', (), 'y')


def test_a_stride_leaves_out_steps_but_no_key_step():
    rows = make_rows('Swap', 2, 8)
    every = list(make_conversations(rows, LlavaSettings(with_questions=False)))
    some = list(make_conversations(rows, LlavaSettings(stride=100, with_questions=False)))
    assert len(every) == 9 + rows.is_key_step.sum()
    assert {entry.step for entry in some} == set(np.nonzero(rows.is_key_step)[0].tolist())


def scene(pixels=(50, 60, 0), cells=((2, 3), (7, 6), (5, 5))) -> ObjectLabels:
    """A red cube at (2, 3), a blue hexagon at (7, 6), and a hidden green cylinder."""
    return ObjectLabels(
        names=('red cube', 'blue hexagon', 'green cylinder'),
        cells=np.array(cells, np.uint8),
        boxes=np.zeros((3, 4), np.int16),
        pixels=np.array(pixels, np.int32),
        cell_colors=np.zeros(100, np.uint8),
        cell_shapes=np.zeros(100, np.uint8),
    )


def ask(labels: ObjectLabels, seed: int = 0) -> dict[str, str]:
    return {q.text: q.answer for q in make_questions(labels, np.random.default_rng(seed))}


def test_questions_are_about_what_can_be_seen_with_denials():
    answers = ask(scene())
    assert answers['Where is the red cube?'] == 'The red cube is at (2, 3).'
    assert answers['Is there a red cube at (2, 3)?'] == 'Yes, a red cube is at (2, 3).'
    assert answers['Is there a red cube at (7, 6)?'] == 'No, a blue hexagon is at (7, 6).'
    assert answers['What is at (7, 6)?'] == 'A blue hexagon is at (7, 6).'
    assert not any('green cylinder' in question for question in answers)
    denied = [answer for answer in answers.values() if answer.startswith('There is no ')]
    assert len(denied) == 1
    assert sum(answer.startswith('Nothing is at') for answer in answers.values()) == 1


@pytest.mark.parametrize('seed', range(8))
def test_what_is_denied_is_really_not_there(seed):
    answers = ask(scene(), seed)
    fake = next(a for a in answers.values() if a.startswith('There is no '))[12:-1]
    assert fake not in scene().names
    empty = [q for q, a in answers.items() if a.startswith('Nothing is at')]
    for question in empty:
        cell = np.array([int(c) for c in question if c.isdecimal()], float)
        assert np.linalg.norm(scene().cells - cell, axis=1).min() > FAR_CELLS


def test_what_is_the_only_one_of_its_kind_or_colour_is_found_by_that():
    answers = ask(scene())
    assert answers['Where is the cube?'] == 'The red cube is at (2, 3).'
    assert answers['Where is the blue object?'] == 'The blue hexagon is at (7, 6).'
    assert answers['What color is the cube?'] == 'The cube is red.'
    assert answers['What is the blue object?'] == 'The blue object is a hexagon.'
    call = "move3d(actor=get_actor('red cube', (2, 3)))"
    assert answers['Move to the cube'] == answers['Move to the red object'] == call
    novel = [answer for question, answer in answers.items() if question.startswith('A cube is a ')]
    assert sorted(novel) == ['The red cube is at (2, 3).', call]
    two = dataclasses.replace(
        scene(), names=('red cube', 'blue cube', 'red area'), pixels=np.full(3, 9)
    )
    found = {question for question in ask(two) if question.startswith('Where is the ')}
    assert 'Where is the cube?' not in found
    assert 'Where is the red object?' not in found
    assert {'Where is the blue object?', 'Where is the area?'} <= found


def test_equal_names_are_told_together():
    labels = ObjectLabels(
        ('red cube', 'red cube', 'blue hexagon'),
        np.array([(2, 3), (4, 4), (4, 4)], np.uint8),
        np.zeros((3, 4), np.int16),
        np.array([9, 9, 9], np.int32),
        np.zeros(100, np.uint8),
        np.zeros(100, np.uint8),
    )
    answers = ask(labels)
    assert answers['Where is the red cube?'] == 'There are 2 of them, at (2, 3) and at (4, 4).'
    assert answers['What is at (4, 4)?'] == 'A red cube and a blue hexagon are at (4, 4).'
    assert answers['Is there a red cube at (4, 4)?'] == 'Yes, a red cube is at (4, 4).'


def test_unknown_labels_and_empty_pictures_ask_nothing():
    assert ask(scene(pixels=(0, 0, 0))) == {}
    rows = make_rows('Swap', 0, 6, with_labels=False)
    kinds = {entry.kind for entry in make_conversations(rows, LlavaSettings())}
    assert kinds == {'step', 'key_step'}


class TestSparse:
    """Datasets with pictures in some rows only."""

    @pytest.fixture
    def sparse(self, tmp_path):
        with EpisodeWriter(tmp_path / 'sparse', {}) as writer:
            writer.add(make_rows('Swap', 0, 6, sparse=True))
            writer.finish()
        return tmp_path / 'sparse'

    def test_lerobot_needs_all_pictures(self, sparse, tmp_path):
        code, text = run(sparse, '--format', 'lerobot', '--out', tmp_path / 'out')
        assert code == 2
        assert 'a LeRobot dataset needs both pictures of every row' in text
        assert 'Swap-0 lacks one in 7 of 7 rows: generate it with --pictures all' in text
        assert not (tmp_path / 'out/meta/info.json').exists()

    def test_llava_asks_where_there_are_pictures(self):
        rows = make_rows('Swap', 0, 6, sparse=True)
        steps = {entry.step for entry in make_conversations(rows, LlavaSettings())}
        assert steps == set(np.nonzero(rows.is_key_step)[0].tolist())

    def test_replay_needs_none(self, sparse, tmp_path):
        code, _ = run(sparse, '--format', 'replay', '--out', tmp_path / 'out')
        assert code == 0
