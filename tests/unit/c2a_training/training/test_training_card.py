# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A card tells of the trainings before, and what they saw stays known."""

from types import SimpleNamespace

import pytest

from c2a_core.sealed_directory import Seal
from c2a_training.training import training_card
from c2a_training.training.train_state import Progress
from c2a_training.training.training_card import (
    begin_after,
    note_commit,
    note_data,
    training_commit,
    training_section,
    training_seeds,
    training_splits,
)


def dataset(*seeds, split='train'):
    episodes = [SimpleNamespace(seed=seed, split=split) for seed in seeds]
    return SimpleNamespace(episodes=episodes, fingerprint=f'{split} {seeds}')


def seal(*seeds, splits=('train',)):
    return Seal('tiny', 'data', 'commit', 0, training_seeds=seeds, training_splits=splits)


def section(command, progress):
    return training_section(command, progress, [], {'seed': 0})


def test_three_trainings_are_told_latest_first(tmp_path):
    progress = Progress()
    for number in (1, 2, 3):
        card = f'# A planner\n\n{section(f"command {number}", progress)}'
        (tmp_path / 'README.md').write_text(card)
        progress = Progress()
        begin_after(progress, tmp_path, seal())
    places = [card.index(f'command {number}') for number in (3, 2, 1)]
    assert places == sorted(places)
    headings = [line for line in card.splitlines() if line.startswith('## ')]
    assert headings == ['## Training', '## Training before', '## Training before']


def test_seeds_of_a_training_before_are_kept(tmp_path):
    progress = Progress()
    begin_after(progress, tmp_path, seal((5, 9), (100, 200)))
    assert training_seeds([dataset(7, 3), dataset(100, 200)], progress) == (
        (3, 7),
        (5, 9),
        (100, 200),
    )


def test_a_model_of_somebody_else_has_nothing_to_tell(tmp_path):
    progress = Progress()
    begin_after(progress, tmp_path, None)
    assert (progress.before, progress.seeds_before, progress.splits_before) == ('', [], [])
    assert 'before' not in section('command', progress)


@pytest.mark.parametrize(
    ('before', 'splits'),
    [
        (('train',), ('simple', 'train')),
        (('test',), ('simple', 'test', 'train')),
        # Sealed before descriptions told it.
        ((), ('simple', 'train', 'unknown')),
    ],
)
def test_splits_of_a_training_before_are_kept(tmp_path, before, splits):
    progress = Progress()
    begin_after(progress, tmp_path, seal(splits=before))
    datasets = [dataset(1, 2), dataset(3, split='simple')]
    assert training_splits(datasets, progress) == splits


def test_a_training_that_goes_on_with_other_data_has_seen_both():
    first, second = dataset(1, 2, split='simple'), dataset(5, 6)
    progress = Progress(data=[first.fingerprint])
    assert not note_data(progress, [first])
    assert note_data(progress, [second])
    assert progress.data == [second.fingerprint]
    assert training_seeds([second], progress) == ((1, 2), (5, 6))
    assert training_splits([second], progress) == ('simple', 'train')


@pytest.mark.parametrize(('now', 'splits'), [((1, 2), ('train',)), ((5, 6), ('train', 'unknown'))])
def test_of_a_state_from_before_data_were_noted_other_data_are_unknown(now, splits):
    progress = Progress(data=[dataset(1, 2).fingerprint])
    note_data(progress, [dataset(*now)])
    assert training_splits([dataset(*now)], progress) == splits


def test_a_training_that_goes_on_with_other_software_names_both(monkeypatch):
    progress = Progress()
    for commit in ('abc', 'abc', 'def+', 'def+'):
        monkeypatch.setattr(training_card, 'source_commit', lambda commit=commit: commit)
        note_commit(progress)
        progress.total_steps += 10
    assert training_commit(progress) == 'abc, def+'


def test_a_state_from_before_commits_were_noted_does_not_claim_the_newest_alone(monkeypatch):
    monkeypatch.setattr(training_card, 'source_commit', lambda: 'def')
    progress = Progress(total_steps=10)
    note_commit(progress)
    assert training_commit(progress) == 'unknown, def'
