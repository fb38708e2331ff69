# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Videos and prompts of a ClevrSkills trajectory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from c2a_core.types import ImageArray

BASE_VIDEO = 'image/base_camera/rgb.mp4'
WRIST_VIDEO = 'image/hand_camera/rgb.mp4'
_PLACEHOLDER = re.compile(r'\{(?P<kind>[a-z]+):(?P<name>[^{}]*)\}')


class TrajectorySkippedError(ValueError):
    """A folder that is not imported; the message says why."""


def read_pictures(
    folder: Path, count: int, size: int
) -> tuple[list[ImageArray], list[ImageArray]]:
    """Frames of both cameras, scaled.

    Args:
        folder: of the trajectory.
        count: how many are needed.
        size: side of the pictures [px].

    Returns:
        Base and wrist pictures, each (size, size, 3) uint8 RGB.

    Raises:
        TrajectorySkippedError: if a video is missing, damaged or too short.
    """
    return (
        _read_video(folder, BASE_VIDEO, count, size),
        _read_video(folder, WRIST_VIDEO, count, size),
    )


def frame_size(folder: Path) -> tuple[int, int]:
    """Width and height of the base camera's video [px].

    Raises:
        TrajectorySkippedError: if the video is missing or damaged.
    """
    frames = _frames(folder, BASE_VIDEO)
    for frame in frames:
        return frame.width, frame.height
    raise TrajectorySkippedError(f'{BASE_VIDEO} has no frame')


def instruction(folder: Path) -> str:
    """The first prompt that can be said in words.

    Raises:
        TrajectorySkippedError: if there is none.
    """
    path = folder / 'info.json'
    if not path.is_file():
        raise TrajectorySkippedError('info.json is missing')
    try:
        info = json.loads(path.read_text(encoding='utf-8'))
        textures = info.get('textures', {})
        texts = [render_prompt(prompt, textures) for prompt in info['prompts']]
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise TrajectorySkippedError(f'info.json has no prompts: {err!r}') from err
    spoken = [text for text in texts if text]
    if not spoken:
        raise TrajectorySkippedError('every prompt needs a picture')
    return spoken[0]


def render_prompt(prompt: str, textures: dict[str, list[object]]) -> str | None:
    """A prompt in words: `{obj:red cube_21}` becomes `the red cube`.

    Args:
        prompt: with placeholders for objects, textures, pictures and places.
        textures: name of each object's texture, by the object's name and id.

    Returns:
        The text, None if it needs a picture or a place.
    """
    words: dict[str, str] = {}
    for match in _PLACEHOLDER.finditer(prompt):
        if match['kind'] == 'obj':
            words[match[0]] = f' the {match["name"].rpartition("_")[0]}'
        elif match['kind'] == 'tex' and match['name'] in textures:
            words[match[0]] = str(textures[match['name']][0])
        else:
            return None
    text = ' '.join(_PLACEHOLDER.sub(lambda match: words[match[0]], prompt).split())
    return text.replace('the the ', 'the ').replace(' ,', ',')


def _read_video(folder: Path, name: str, count: int, size: int) -> list[ImageArray]:
    pictures: list[ImageArray] = []
    # One for all frames: setting the conversion up costs more than converting.
    reformatter = VideoReformatter()
    for frame in _frames(folder, name):
        image = reformatter.reformat(frame, format='rgb24').to_ndarray()
        pictures.append(_scaled(image, size))
        if len(pictures) == count:
            return pictures
    raise TrajectorySkippedError(f'{name} has {len(pictures)} frames, expected {count}')


def _frames(folder: Path, name: str) -> Iterator[av.VideoFrame]:
    path = folder / name
    if not path.is_file():
        raise TrajectorySkippedError(f'{name} is missing')
    try:
        with av.open(str(path)) as container:
            yield from container.decode(video=0)
    except (av.error.FFmpegError, IndexError) as err:
        raise TrajectorySkippedError(f'{name} cannot be decoded: {err}') from err


def _scaled(image: np.ndarray, size: int) -> ImageArray:
    if image.shape[:2] == (size, size):
        return np.ascontiguousarray(image)
    is_shrinking = size < image.shape[0]
    method = cv2.INTER_AREA if is_shrinking else cv2.INTER_CUBIC
    return cv2.resize(image, (size, size), interpolation=method)
