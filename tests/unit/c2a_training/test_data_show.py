# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io

import av
import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from sample_episodes import make_rows

from c2a_training.commands import data_show
from c2a_training.commands.data_command import GROUP
from c2a_training.dataset.episode_rows import EpisodeRowsBuilder
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.episode_plot import make_plot


@pytest.fixture
def dataset(tmp_path):
    with EpisodeWriter(tmp_path / 'set', {}) as writer:
        for seed in (3, 5):
            writer.add(make_rows('Swap', seed, 6))
        writer.finish()
    return tmp_path / 'set'


def run(*words: object) -> tuple[int, str]:
    text = io.StringIO()
    args = GROUP.make_parser('show').parse_args(['show', *map(str, words)])
    code = data_show.run(args, Console(file=text, width=160, highlight=False))
    return code, text.getvalue()


def test_an_episode_becomes_video_sheet_and_plot(dataset, tmp_path):
    code, text = run(dataset, '--episode', 'Swap-5', '--out', tmp_path / 'out')
    assert code == 0
    files = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert files == ['Swap-5-actions.png', 'Swap-5.mp4', 'Swap-5.png']
    assert all(name in text for name in files)
    with av.open(str(tmp_path / 'out' / 'Swap-5.mp4')) as container:
        # Six running rows, then the verdict on the last one.
        assert sum(1 for _ in container.decode(video=0)) == 6 + 2
    with Image.open(tmp_path / 'out' / 'Swap-5.png') as sheet:
        # Three key steps and the end: two rows of two frames.
        assert sheet.size[0] == 1600
        assert 850 < sheet.size[1] < 950


def test_the_plot_shows_actions_and_borders_of_key_steps():
    rows = make_rows('Swap', 5, 6)
    figure = make_plot(rows)
    borders = [k for k in range(6) if rows.is_key_step[k]]
    translation, rotation, height = figure.axes
    assert [text.get_text() for text in translation.texts] == [str(i) for i in range(len(borders))]
    for axes in figure.axes:
        upright = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == '--']
        assert upright == borders
    curves = {line.get_label(): line.get_ydata() for line in translation.lines}
    assert np.allclose(curves['dy'][:-1], rows.actions[:, 1] * 1e3)
    curves = {line.get_label(): line.get_ydata() for line in rotation.lines}
    assert np.allclose(curves['rz'][:-1], np.degrees(rows.actions[:, 5]))
    assert height.lines[0].get_ydata().tolist() == rows.proprioception[:, 16].tolist()
    calls = [text.get_text() for text in figure.texts]
    assert all(any(rows.code[k].splitlines()[-1] in call for call in calls) for k in borders)


def test_rows_give_the_messages_back_that_they_were_made_of():
    rows = make_rows('Swap', 5, 6)
    info = rows.metadata
    builder = EpisodeRowsBuilder(info.task, info.seed, info.instruction)
    for parts, labels in zip(data_show.replay_rows(rows), rows.labels, strict=True):
        builder.add(*parts, success=parts[2] is None, labels=labels)
    again = builder.finish(info.state_digest)
    assert again.metadata.sha256 == info.sha256
    assert (again.code, again.memory, again.cache_info) == (
        rows.code,
        rows.memory,
        rows.cache_info,
    )
    assert np.array_equal(again.is_key_step, rows.is_key_step)


@pytest.mark.parametrize(('key', 'name'), [('0', 'Swap-3'), ('1', 'Swap-5'), ('Swap-3', 'Swap-3')])
def test_an_episode_is_named_by_key_or_number(dataset, key, name):
    from c2a_training.dataset.episode_store import EpisodeStore

    assert data_show.find_episode(EpisodeStore(dataset), key) == name


@pytest.mark.parametrize(
    ('key', 'message'), [('7', 'it has 2, from number 0'), ('Swap-4', 'did you mean Swap-')]
)
def test_an_episode_that_is_not_there_is_refused(dataset, tmp_path, key, message):
    code, text = run(dataset, '--episode', key, '--out', tmp_path / 'out')
    assert code == 2
    assert message in text
    assert not (tmp_path / 'out').exists()


def test_a_damaged_dataset_is_refused(dataset, tmp_path):
    path = next((dataset / 'data').glob('*.parquet'))
    path.write_bytes(path.read_bytes()[:-10])
    code, text = run(dataset, '--out', tmp_path / 'out')
    assert code == 2
    assert 'truncated or altered' in text


def test_what_was_not_pictured_is_not_in_the_video(tmp_path):
    with EpisodeWriter(tmp_path / 'set', {}) as writer:
        writer.add(make_rows('Swap', 5, 6, sparse=True))
        writer.finish()
    code, _ = run(tmp_path / 'set', '--out', tmp_path / 'out')
    assert code == 0
    with av.open(str(tmp_path / 'out' / 'Swap-5.mp4')) as container:
        # Three key steps, then the verdict on the last row.
        assert sum(1 for _ in container.decode(video=0)) == 3 + 2
