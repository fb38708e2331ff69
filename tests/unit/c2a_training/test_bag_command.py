# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a data from-bag`: folders of bags become a dataset, with a report and an exit code."""

from __future__ import annotations

import json
import shutil

import pytest
from bag_files import make_episode, mcap_of, write_bag
from mcap.writer import Writer
from rich.console import Console

from c2a_training.bags.bag_convert import Thresholds, convert_bag
from c2a_training.bags.bag_messages import KEY_STEP
from c2a_training.bags.bag_metadata import RECORD_NAME
from c2a_training.bags.bag_report import ConversionReport, print_report
from c2a_training.cli import main
from c2a_training.dataset.episode_store import EpisodeStore


@pytest.fixture
def recorded(tmp_path):
    """A folder with three good bags."""
    folder = tmp_path / 'recorded'
    folder.mkdir()
    for seed in range(3):
        episode = make_episode(seed=seed, episode_id=seed + 1, start_ns=seed * 10**9)
        write_bag(folder / f'Pick_{seed}_{seed + 1}', episode.events)
    return folder


def convert(tmp_path, *words):
    """Exit code and report."""
    file = tmp_path / 'report.json'
    file.unlink(missing_ok=True)
    out = str(tmp_path / 'dataset')
    code = main(['data', 'from-bag', *map(str, words), '--out', out, '--json', str(file)])
    return code, json.loads(file.read_text()) if file.is_file() else None


def test_a_folder_of_bags_becomes_a_dataset(recorded, tmp_path, capsys):
    code, report = convert(tmp_path, recorded)
    assert code == 0
    assert (report['accepted'], report['refused'], report['rows']) == (3, 0, 39)
    store = EpisodeStore(tmp_path / 'dataset')
    assert [episode.episode for episode in store.episodes] == ['Pick-0', 'Pick-1', 'Pick-2']
    for seed in range(3):
        expected = make_episode(seed=seed).rows().to_table().to_pydict()
        assert store.read(f'Pick-{seed}').to_table().to_pydict() == expected
    assert '3 episodes (39 rows)' in ' '.join(capsys.readouterr().out.split())


def test_the_dataset_does_not_depend_on_the_number_of_workers(recorded, tmp_path):
    for workers in (1, 3):
        folder = tmp_path / str(workers)
        assert convert(folder, recorded, '--workers', workers)[0] == 0
    data = [
        [(p.name, p.read_bytes()) for p in sorted((tmp_path / w / 'dataset/data').iterdir())]
        for w in ('1', '3')
    ]
    assert data[0] == data[1]


def test_a_conversion_can_be_repeated_and_continued(recorded, tmp_path):
    convert(tmp_path, recorded / 'Pick_0_1')
    code, report = convert(tmp_path, recorded)
    assert (code, report['accepted']) == (0, 2)
    code, report = convert(tmp_path, recorded)
    assert (code, report['accepted']) == (0, 0)
    assert all(entry['episodes'][0]['is_known'] for entry in report['bags'])
    assert len(EpisodeStore(tmp_path / 'dataset')) == 3


def test_other_thresholds_need_another_dataset(recorded, tmp_path, capsys):
    convert(tmp_path, recorded)
    assert convert(tmp_path, recorded, '--keep-failures')[0] == 2
    assert 'other options' in capsys.readouterr().out


def test_what_is_refused_is_said_and_noted_in_the_dataset(recorded, tmp_path, capsys):
    lost = make_episode('Push', seed=9).without(KEY_STEP, 5)
    write_bag(recorded / 'Push_9_1', lost)
    code, report = convert(tmp_path, recorded)
    assert (code, report['accepted'], report['refused']) == (0, 3, 1)
    assert 'refused' in capsys.readouterr().out
    [dropped] = EpisodeStore(tmp_path / 'dataset').manifest.dropped
    assert (dropped.task, dropped.seed) == ('Push', 9)
    assert 'no key step' in dropped.reason


def test_bags_that_cannot_be_read_do_not_stop_the_others(recorded, tmp_path, capsys):
    mcap_of(recorded / 'Pick_1_2').write_bytes(b'no bag')
    shutil.rmtree(recorded / 'Pick_2_3')
    empty = write_bag(recorded / 'empty', [])
    code, report = convert(tmp_path, recorded)
    assert (code, report['accepted'], report['unreadable']) == (1, 1, 1)
    errors = {entry['bag']: entry['error'] for entry in report['bags']}
    assert 'is no MCAP file' in errors[str(recorded / 'Pick_1_2')]
    assert errors[str(empty)] == ''
    # The table's lines break where the path leaves room.
    assert 'no episode in it' in ' '.join(capsys.readouterr().out.split())


def test_nothing_good_enough_is_a_failure(tmp_path):
    bag = write_bag(tmp_path / 'bag', make_episode().without(KEY_STEP))
    assert convert(tmp_path, bag)[0] == 1


@pytest.mark.parametrize(
    ('words', 'why'),
    [
        (['nothing'], 'there is no bag'),
        (['.'], 'has no bag'),
        (['.', '--max-gap-steps', '-1'], '--max-gap-steps is -1'),
        (['.', '--max-skew-ms', '-1'], '--max-skew-ms is -1'),
        (['.', '--workers', '0'], '--workers is 0'),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(tmp_path, monkeypatch, capsys, words, why):
    monkeypatch.chdir(tmp_path)
    assert convert(tmp_path, *words)[0] == 2
    assert why in capsys.readouterr().out
    assert not (tmp_path / 'dataset').exists()


def test_a_directory_with_other_files_is_left_alone(recorded, tmp_path, capsys):
    (tmp_path / 'dataset').mkdir()
    (tmp_path / 'dataset' / 'thesis.txt').write_text('mine')
    assert convert(tmp_path, recorded)[0] == 2
    assert 'thesis.txt' in capsys.readouterr().out


def test_one_dataset_takes_scenes_of_all_splits_and_bags_that_do_not_tell(recorded, tmp_path):
    episode = make_episode(seed=0)
    write_bag(recorded / 'other', episode.of_split('test'))
    write_bag(recorded / 'failed', make_episode(seed=7, needs_steps=99).of_split('test'))
    old = write_bag(tmp_path / 'old', episode.events, has_split=False)
    code, report = convert(tmp_path, recorded)
    assert (code, report['accepted'], report['refused']) == (0, 4, 1)
    assert convert(tmp_path, old)[0] == 1
    assert convert(tmp_path, old, '--split', 'train')[0] == 0
    store = EpisodeStore(tmp_path / 'dataset')
    splits = {e.episode: e.split for e in store.episodes if e.seed == 0}
    assert splits == {'Pick-0': 'simple', 'Pick-0-test': 'test', 'Pick-0-train': 'train'}
    dropped = [(d.seed, d.split) for d in store.manifest.dropped]
    assert dropped == [(0, 'simple'), (7, 'test')]
    convert(tmp_path, recorded)
    assert EpisodeStore(tmp_path / 'dataset').manifest.dropped == store.manifest.dropped


def test_of_many_bags_only_the_odd_ones_are_shown(tmp_path, capsys):
    reports = [convert_bag(write_bag(tmp_path / 'good', make_episode().events), Thresholds())[0]]
    lost = make_episode(seed=8).without(KEY_STEP, 2)
    reports += [convert_bag(write_bag(tmp_path / 'odd', lost), Thresholds())[0]]
    print_report(ConversionReport(reports), Console(width=120))
    out = capsys.readouterr().out
    assert 'good' in out
    assert 'odd' in out
    print_report(ConversionReport(reports * 11), Console(width=120))
    out = capsys.readouterr().out
    assert 'good' not in out
    assert '11 more without any fault' in out


def test_what_the_recorder_lost_is_noted(tmp_path):
    folder = tmp_path / 'Pick_3_1'
    folder.mkdir()
    with open(folder / 'x.mcap', 'wb') as stream:
        writer = Writer(stream)
        writer.start(profile='ros2', library='test')
        writer.add_metadata(RECORD_NAME, {'dropped': '/c2a/overlay: 3'})
        writer.finish()
    report, _ = convert_bag(folder / 'x.mcap', Thresholds())
    assert 'its recorder lost messages: /c2a/overlay: 3' in report.notes
