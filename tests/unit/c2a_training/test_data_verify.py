# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a data info`, `verify` and `merge` on whole and damaged datasets."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from bag_files import make_episode
from rich.console import Console
from sample_episodes import make_rows

from c2a_training.commands import data_info, data_merge, data_verify
from c2a_training.commands.data_command import GROUP
from c2a_training.dataset.dataset_manifest import MANIFEST
from c2a_training.dataset.episode_check import check_rows
from c2a_training.dataset.episode_rows import EpisodeRows
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.dataset.jpeg import encode_jpeg

OPTIONS = {'generator': 'oracle', 'image_size': 32, 'split': 'simple'}


def write(directory: Path, episodes, options=OPTIONS, shard_bytes: int = 10**9) -> Path:
    with EpisodeWriter(directory, options, shard_bytes) as writer:
        for rows in episodes:
            writer.add(rows)
        writer.drop('Swap', 77, 'time-out')
        writer.finish()
    return directory


@pytest.fixture(scope='module')
def written(tmp_path_factory) -> Path:
    """Two tasks, three episodes each; never changed."""
    rows = [make_rows(task, seed, 6 + seed) for task in ('Pick', 'Swap') for seed in range(3)]
    return write(tmp_path_factory.mktemp('sets') / 'set', rows, shard_bytes=60_000)


@pytest.fixture
def dataset(written, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(written, tmp_path / 'set'))


def run(name: str, *words: object) -> tuple[int, str]:
    module = {'info': data_info, 'verify': data_verify, 'merge': data_merge}[name]
    text = io.StringIO()
    args = GROUP.make_parser(name).parse_args([name, *map(str, words)])
    code = module.run(args, Console(file=text, width=160, highlight=False))
    return code, text.getvalue()


def test_info_counts_each_task(written):
    code, text = run('info', written, '--json')
    document = json.loads(text)
    assert code == 0
    assert document['episodes'] == 6
    assert document['steps'] == 42
    assert document['rows'] == 48
    assert document['fingerprint'] == EpisodeStore(written).fingerprint
    pick, swap = document['tasks']
    assert (pick['task'], pick['episodes'], pick['steps'], pick['dropped']) == ('Pick', 3, 21, 0)
    assert (pick['mean_steps'], pick['p95_steps']) == (7.0, 7.9)
    assert swap['dropped'] == 1
    size = sum(path.stat().st_size for path in written.glob('data/*'))
    assert document['mb'] == round(size / 1e6, 3)
    assert document['kb_per_step'] == round(size / 42 / 1e3, 2)


def test_info_prints_a_table_or_writes_a_file(written, tmp_path):
    _, text = run('info', written)
    assert '6 episodes, 42 steps' in text
    assert 'generator oracle' in text
    assert EpisodeStore(written).fingerprint in text
    run('info', written, '--json', tmp_path / 'info.json')
    assert json.loads((tmp_path / 'info.json').read_text())['episodes'] == 6


@pytest.mark.parametrize('name', ['info', 'verify'])
def test_what_is_no_dataset_is_refused(tmp_path, name):
    code, text = run(name, tmp_path)
    assert code == 2
    assert 'is no dataset' in text
    (tmp_path / MANIFEST).write_text(json.dumps({'kind': 'c2a-episodes', 'schema_version': 0}))
    code, text = run(name, tmp_path)
    assert code == 2
    assert 'schema version 0' in text


@pytest.mark.parametrize('words', [(), ('--quick',)])
def test_a_whole_dataset_is_well(written, words):
    code, text = run('verify', written, *words)
    assert code == 0
    assert 'all is well' in text
    assert '6 episodes' in text


def test_a_dataset_whose_episodes_still_wait_for_a_shard_is_well(tmp_path):
    with EpisodeWriter(tmp_path, OPTIONS) as writer:
        writer.add(make_rows('Pick', 0))
    code, text = run('verify', tmp_path)
    assert code == 0, text
    code, text = run('info', tmp_path)
    assert (code, '1 more episodes wait for a shard' in text) == (0, True)


def truncate(dataset: Path) -> None:
    path = dataset / 'data' / 'Pick-00000.parquet'
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(dataset: Path) -> None:
    path = dataset / 'data' / 'Swap-00000.parquet'
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def remove(dataset: Path) -> None:
    (dataset / 'data' / 'Swap-00000.parquet').unlink()


def foreign(dataset: Path) -> None:
    (dataset / 'data' / 'Extra-00000.parquet').write_bytes(b'PAR1 nothing PAR1')


def twice(dataset: Path) -> None:
    folder = dataset / 'data'
    shutil.copy(folder / 'Pick-00000.parquet', folder / 'Pick-00007.parquet')


def change_totals(dataset: Path) -> None:
    path = dataset / MANIFEST
    document = json.loads(path.read_text())
    document['rows'] += 1
    path.write_text(json.dumps(document))


DAMAGES = {
    'truncated': (truncate, ('Pick-00000.parquet', 'is truncated')),
    'a flipped bit': (flip_a_bit, ('Swap-00000.parquet', 'is altered')),
    'missing': (remove, ('Swap-00000.parquet', 'is missing')),
    'foreign': (foreign, ('Extra-00000.parquet', 'no Parquet file')),
    'twice': (twice, ('Pick-00007.parquet', 'Pick-0', 'is in data/Pick-00000.parquet too')),
    'totals': (change_totals, ('the manifest says', '49 rows')),
}


@pytest.mark.parametrize(('damage', 'words'), DAMAGES.values(), ids=list(DAMAGES))
def test_damage_is_found_and_named(dataset, tmp_path, damage, words):
    damage(dataset)
    for options in ((), ('--quick',)):
        code, text = run('verify', dataset, *options, '--json', tmp_path / 'problems.json')
        assert code == 1
        found = json.loads((tmp_path / 'problems.json').read_text())['problems']
        assert any(all(word in str(problem) for word in words) for problem in found), found
        assert f'{len(found)} problems' in text


def test_an_altered_page_names_its_episode_even_if_the_manifest_was_altered_too(dataset, tmp_path):
    flip_a_bit(dataset)
    from c2a_training.dataset.shard_file import file_sha256

    path = dataset / MANIFEST
    document = json.loads(path.read_text())
    for entry in document['shards']:
        entry['sha256'] = file_sha256(dataset / entry['file'])
    path.write_text(json.dumps(document))
    code, _ = run('verify', dataset, '--json', tmp_path / 'problems.json')
    found = json.loads((tmp_path / 'problems.json').read_text())['problems']
    assert code == 1
    assert {problem['shard'] for problem in found} == {'data/Swap-00000.parquet'}
    assert all(problem['episode'].startswith('Swap-') for problem in found)


def altered(**changes) -> EpisodeRows:
    """An episode with changed columns whose hash was made to fit."""
    rows = dataclasses.replace(make_rows('Pick', 0, 6), **changes)
    from c2a_training.dataset.episode_metadata import motion_sha256

    motion = motion_sha256(rows.proprioception, rows.actions)
    metadata = dataclasses.replace(rows.metadata, sha256=motion)
    return dataclasses.replace(rows, metadata=metadata).sealed()


def put(column, row, value):
    """A copy of a column with another value in a row."""
    if isinstance(column, tuple):
        return (*column[:row], value, *column[row + 1 :])
    changed = column.copy()
    changed[row] = value
    return changed


GOOD = make_rows('Pick', 0, 6)
ROWS = {
    'a gap in the steps': ({'step': put(GOOD.step, 3, 9)}, 'row 3 has step 9'),
    'stamps': ({'stamp_ns': put(GOOD.stamp_ns, 3, 0)}, 'stamps do not grow after row 2'),
    'no done': ({'code': put(GOOD.code, 6, GOOD.code[5])}, 'the last row has the code'),
    'code that is no code': (
        {'code': put(GOOD.code, 2, 'grab(it)'), 'is_key_step': put(GOOD.is_key_step, 2, True)},
        'row 2 begins a key step that is none',
    ),
    'commented code': (
        {'code': put(GOOD.code, 1, f'# {GOOD.code[1]}')},
        'row 1 has code that is not the running key step',
    ),
    'subtask': ({'subtask_id': put(GOOD.subtask_id, 4, 7)}, 'row 4 has subtask_id 7, expected'),
    'cache info': ({'cache_info': put(GOOD.cache_info, 2, 'x')}, 'row 2 has cache info'),
    'memory': ({'memory': put(GOOD.memory, 5, ())}, 'row 5 has a memory'),
    'early success': ({'success': put(GOOD.success, 2, True)}, 'goes on after its success'),
    'no success': ({'success': put(GOOD.success, 6, False)}, 'has success False'),
    'not finite': (
        {'proprioception': put(GOOD.proprioception, 1, np.nan)},
        'proprioception has numbers',
    ),
    'too fast': ({'actions': put(GOOD.actions, 1, 0.3)}, 'row 1 has an action over the bounds'),
    'half a picture': (
        {'base_jpeg': put(GOOD.base_jpeg, 4, b'no picture')},
        'base_image of row 4 does not decode',
    ),
    'another size': (
        {'wrist_jpeg': put(GOOD.wrist_jpeg, 2, encode_jpeg(np.zeros((8, 8, 3), np.uint8)))},
        'wrist_image has pictures of different sizes',
    ),
}


@pytest.mark.parametrize(('changes', 'message'), ROWS.values(), ids=list(ROWS))
def test_rows_that_contradict_each_other_are_named(changes, message):
    assert any(message in problem for problem in check_rows(altered(**changes)))


def test_rows_that_are_not_those_of_the_hash_are_named():
    changed = dataclasses.replace(GOOD, actions=put(GOOD.actions, 0, 0.0))
    problems = list(check_rows(changed))
    assert any('rows are not those that were written' in problem for problem in problems)
    assert any('states and actions are not those' in problem for problem in problems)
    assert list(check_rows(GOOD)) == []


@pytest.mark.parametrize(
    'world',
    [{}, {'max_steps': 5}, {'needs_steps': 200}],
    ids=['success', 'time-out', 'early done'],
)
def test_rows_of_a_bag_are_well(world):
    assert list(check_rows(make_episode(**world).rows())) == []


def test_merge_takes_every_episode_once(written, tmp_path):
    other = write(tmp_path / 'other', [make_rows('Pick', 0, 6), make_rows('Pick', 5, 6)])
    code, text = run('merge', written, other, '--out', tmp_path / 'both')
    assert code == 0
    assert '7 episodes written' in text
    assert '1 were there already' in text
    both = EpisodeStore(tmp_path / 'both')
    names = {e.episode for e in both.episodes}
    assert names == {*(f'{t}-{s}' for t in ('Pick', 'Swap') for s in range(3)), 'Pick-5'}
    assert len(both.manifest.dropped) == 1
    assert run('verify', tmp_path / 'both')[0] == 0
    # The order of the arguments does not matter to what is in it.
    run('merge', other, written, '--out', tmp_path / 'again')
    assert EpisodeStore(tmp_path / 'again').fingerprint == both.fingerprint


def test_merge_refuses_what_was_made_otherwise(written, tmp_path):
    other = write(tmp_path / 'other', [make_rows('Pick', 5, 6)], {**OPTIONS, 'image_size': 64})
    code, text = run('merge', written, other, '--out', tmp_path / 'both')
    assert code == 2
    assert 'image_size is 32 and 64' in text
    assert not (tmp_path / 'both').exists()


def test_merge_refuses_different_episodes_of_one_name(written, tmp_path):
    other = write(tmp_path / 'other', [make_rows('Pick', 0, 9)])
    code, text = run('merge', written, other, '--out', tmp_path / 'both')
    assert code == 2
    assert 'different episodes Pick-0' in text


def test_merge_refuses_to_write_into_its_own_sources(written):
    code, text = run('merge', written, '--out', written)
    assert code == 2
    assert 'name a new directory' in text


def test_merge_refuses_another_schema_version(dataset, written, tmp_path):
    path = dataset / MANIFEST
    path.write_text(path.read_text().replace('"schema_version": 3', '"schema_version": 0'))
    code, text = run('merge', written, dataset, '--out', tmp_path / 'both')
    assert code == 2
    assert 'schema version 0, this C2A reads 1, 2, 3' in text
