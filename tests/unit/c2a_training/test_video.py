# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image
from scripted_world import TRACE, ScriptedWorld

from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import Planner
from c2a_training import fonts, video
from c2a_training.episode_picture import (
    BACKGROUND,
    HEIGHT,
    VIEW,
    WIDTH,
    EpisodePicture,
    PictureText,
    color_code,
    resize_square,
)
from c2a_training.fonts import load_font, text_width, wrap_spans, wrap_words
from c2a_training.rollout import OracleLowLevel, run_episode
from c2a_training.video import (
    EpisodeVideo,
    VideoWriter,
    contact_sheet,
    pick_frames,
    write_png,
)

LONG_CODE = (
    "pose_dict['target'] = free_space_next_to(actor=get_actor('green hexagon', (4, 6)), "
    "next_to_actor=get_actor('white hexagon', (2, 6)), direction=[-1.0, 0.0, 0.0], "
    'description="behind")\nmove3d(actor=get_actor(\'green hexagon\', (4, 6)))'
)
EMPTY = np.zeros((0, 0, 3), np.uint8)


def read_frames(path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == 'h264'
        assert stream.average_rate == 20
        return [frame.to_ndarray(format='rgb24') for frame in container.decode(stream)]


def test_episode_becomes_a_video_of_its_steps_and_the_verdict(tmp_path):
    world = ScriptedWorld()
    path = tmp_path / 'Pick_0.mp4'
    film = EpisodeVideo(path, task='Pick', seed=0)
    result = run_episode(
        world,
        Planner(OracleBackend()),
        OracleLowLevel(world),
        task='Pick',
        seed=0,
        on_reset=film.begin,
        on_step=film.add,
    )
    film.finish(result.reason)
    frames = read_frames(path)
    assert len(frames) == result.steps + video.END_FRAMES
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert film.instruction == 'do Pick'
    assert len(film.key_frames) == len(TRACE) + 1


def test_given_up_video_leaves_nothing(tmp_path):
    film = EpisodeVideo(tmp_path / 'x.mp4', task='Pick', seed=0)
    film.abort()
    assert list(tmp_path.iterdir()) == []


def test_failing_writer_leaves_nothing(tmp_path):
    def fail() -> None:
        with VideoWriter(tmp_path / 'x.mp4') as writer:
            writer.add(np.zeros((16, 16, 3), np.uint8))
            raise OSError('disk full')

    with pytest.raises(OSError, match='disk full'):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_video_without_a_frame_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match='no frame'):
        VideoWriter(tmp_path / 'x.mp4').close()
    assert list(tmp_path.iterdir()) == []


def picture(code: str = LONG_CODE, memory: tuple[str, ...] = (), base=EMPTY, step: int = 3):
    text = PictureText('Swap · seed 4', 'swap them', code, memory, step, 100)
    return EpisodePicture().draw(base, EMPTY, text)


def test_left_is_the_base_camera_and_right_the_panel():
    base = np.full((128, 128, 3), 200, np.uint8)
    drawn = picture(base=base)
    assert drawn.shape == (HEIGHT, WIDTH, 3)
    assert (drawn[:, :VIEW] == 200).all()
    assert tuple(drawn[5, VIEW + 5]) == BACKGROUND


def test_a_cached_panel_shows_the_same_as_a_fresh_one():
    drawer = EpisodePicture()
    text = PictureText('Swap · seed 4', 'swap them', LONG_CODE, ('done()',), 3, 100)
    drawer.draw(EMPTY, EMPTY, text)
    later = PictureText('Swap · seed 4', 'swap them', LONG_CODE, ('done()',), 4, 100)
    np.testing.assert_array_equal(
        drawer.draw(EMPTY, EMPTY, later), picture(LONG_CODE, ('done()',), step=4)
    )


def test_long_memory_stays_above_the_footer_and_keeps_the_newest():
    footer = slice(HEIGHT - 80, HEIGHT - 60)
    crowded = picture(memory=(LONG_CODE,) * 60)
    assert (crowded[footer, VIEW:] == BACKGROUND).all()
    assert (crowded != picture(memory=(LONG_CODE,) * 59 + ('done()',))).any()


def test_text_never_crosses_the_right_margin():
    crowded = picture(code='x' * 500, memory=('y' * 500,) * 3)
    assert (crowded[:, WIDTH - 20 :] == BACKGROUND).all()


def test_wrapped_lines_fit_and_lose_nothing():
    font = load_font('mono', 14)
    for line in LONG_CODE.splitlines():
        lines = wrap_spans(font, color_code(line), 400)
        texts = [''.join(part for part, _ in spans) for spans in lines]
        assert all(text_width(font, text) <= 400 for text in texts)
        assert ''.join(text.strip() for text in texts).replace(' ', '') == line.replace(' ', '')
        assert not any(text.endswith('(') and text[-2:-1] in ' ,' for text in texts)
    words = wrap_words(load_font('sans', 20), 'put the red cube on the blue one', 120)
    assert ' '.join(words) == 'put the red cube on the blue one'


def test_pictures_can_be_drawn_without_any_font_file(monkeypatch):
    monkeypatch.setattr(fonts, '_font_folders', lambda: ())
    fonts.load_font.cache_clear()
    try:
        assert picture().shape == (HEIGHT, WIDTH, 3)
    finally:
        fonts.load_font.cache_clear()


def test_small_pictures_are_enlarged_with_hard_pixels():
    board = np.zeros((2, 2, 3), np.uint8)
    board[0, 0] = 255
    assert set(np.unique(resize_square(board, 8))) == {0, 255}


def test_contact_sheet_has_rows_of_frames(tmp_path):
    frames = [np.full((72, 128, 3), value, np.uint8) for value in (50, 100, 150, 200)]
    sheet = contact_sheet(frames, columns=3, width=400)
    assert sheet.shape[1] == 400
    assert sheet.shape[0] > 2 * 60
    write_png(tmp_path / 'sheet.png', sheet)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / 'sheet.png')), sheet)
    with pytest.raises(ValueError, match='at least one'):
        contact_sheet([])


def test_picked_frames_keep_the_first_and_the_last():
    frames = [np.full((2, 2, 3), value, np.uint8) for value in range(10)]
    assert [frame[0, 0, 0] for frame in pick_frames(frames, 4)] == [0, 3, 6, 9]
    assert len(pick_frames(frames[:2], 4)) == 2
