# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A card tells of the trainings before, and their seeds stay refused."""

from types import SimpleNamespace

from c2a_core.sealed_directory import Seal
from c2a_training.planner.train_state import Progress
from c2a_training.training.training_card import begin_after, training_section, training_seeds


def dataset(*seeds):
    return SimpleNamespace(episodes=[SimpleNamespace(seed=seed) for seed in seeds])


def seal(*seeds):
    return Seal('tiny', 'data', 'commit', 0, training_seeds=seeds)


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
    assert (progress.before, progress.seeds_before) == ('', [])
    assert 'before' not in section('command', progress)
