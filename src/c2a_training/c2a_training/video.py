# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Video (H.264 in MP4, 20 frames/s = robot time) and contact sheet of an episode."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from PIL import Image

from c2a_core.spaces import CONTROL_RATE_HZ
from c2a_core.types import Command, KeyStep, Observation
from c2a_training.atomic_file import atomic_path
from c2a_training.episode_picture import BACKGROUND, EpisodePicture, PictureText
from c2a_training.rollout import EpisodeInfo

FRAME_RATE = round(CONTROL_RATE_HZ)
# The verdict stays long enough to be read.
END_FRAMES = 2 * FRAME_RATE
SHEET_FRAMES = 4


# Small files of good quality, quickly; a key frame every 12 s.
FOR_PEOPLE: Mapping[str, str] = {'crf': '20', 'preset': 'veryfast'}


class VideoWriter:
    """Encodes RGB frames; the file appears under its name only when it is complete."""

    def __init__(
        self, path: Path, *, rate: int = FRAME_RATE, options: Mapping[str, str] = FOR_PEOPLE
    ) -> None:
        self._stack = contextlib.ExitStack()
        part = self._stack.enter_context(atomic_path(Path(path)))
        # faststart: the index comes first, so that browsers play while loading.
        self._container = av.open(str(part), 'w', format='mp4', options={'movflags': 'faststart'})
        self._rate = rate
        self._options = dict(options)
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self._container.close()
            self._stack.__exit__(kind, error, trace)

    def add(self, frame: np.ndarray) -> int:
        """Append a frame (H, W, 3) uint8 RGB with even H and W; how many bytes were written."""
        if self._stream is None:
            self._stream = self._open_stream(frame)
        written = 0
        for packet in self._stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')):
            self._container.mux(packet)
            written += packet.size
        return written

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises:
            RuntimeError: if no frame was added.
        """
        if self._stream is None:
            self._container.close()
            error = RuntimeError('video has no frame: add one before closing it')
            self._stack.__exit__(RuntimeError, error, None)
            raise error
        for packet in self._stream.encode():
            self._container.mux(packet)
        self._container.close()
        self._stack.close()

    def _open_stream(self, frame: np.ndarray) -> av.VideoStream:
        stream = self._container.add_stream('libx264', rate=self._rate)
        stream.height, stream.width = frame.shape[:2]
        stream.pix_fmt = 'yuv420p'  # the one pixel format that every player knows
        stream.time_base = Fraction(1, self._rate)
        stream.options = self._options
        return stream


class EpisodeVideo:
    """Video of one episode from its rows: a rollout's hooks, or what came over topics."""

    def __init__(
        self, path: Path, *, task: str, seed: int, instruction: str = '', max_steps: int = 0
    ) -> None:
        self._writer = VideoWriter(path)
        self._picture = EpisodePicture()
        self._title = f'{task} · seed {seed}'
        self.instruction = instruction
        self.max_steps = max_steps
        self._last: tuple[Observation, KeyStep] | None = None
        self.key_frames: list[np.ndarray] = []

    def begin(self, info: EpisodeInfo) -> None:
        """Take instruction and time-out from a rollout's reset; its `on_reset` hook."""
        self.instruction = info.instruction
        self.max_steps = info.max_steps

    def add(
        self, observation: Observation, key_step: KeyStep, command: Command | None = None
    ) -> None:
        """Append one row; rows without a command (the episode's last) wait for `finish`."""
        self._last = (observation, key_step)
        if command is not None:
            self.add_running(observation, key_step)

    def add_running(self, observation: Observation, key_step: KeyStep) -> None:
        """Append one row of the running episode."""
        self._last = (observation, key_step)
        frame = self._draw(observation, key_step, 'running')
        self._writer.add(frame)
        if key_step.is_key_step:
            self.key_frames.append(frame)

    def finish(self, verdict: str) -> None:
        """Show the verdict on the last row for two seconds and close the file."""
        if self._last is not None:
            frame = self._draw(*self._last, verdict)
            self.key_frames.append(frame)
            for _ in range(END_FRAMES):
                self._writer.add(frame)
        self._writer.close()

    def write_sheet(self, path: Path) -> None:
        """Write the rows at which key steps began, and the verdict, as one picture."""
        write_png(path, contact_sheet(pick_frames(self.key_frames, SHEET_FRAMES)))

    def abort(self) -> None:
        """Give the video up; nothing stays on the disk."""
        error = KeyboardInterrupt()
        self._writer.__exit__(KeyboardInterrupt, error, None)

    def _draw(self, observation: Observation, key_step: KeyStep, verdict: str) -> np.ndarray:
        text = PictureText(
            task=self._title,
            instruction=self.instruction,
            code=key_step.code,
            memory=key_step.memory,
            step=observation.step,
            max_steps=self.max_steps,
            verdict=verdict,
        )
        return self._picture.draw(observation.base_image, observation.wrist_image, text)


def write_png(path: Path, image: np.ndarray) -> None:
    """Write an RGB picture (H, W, 3) uint8, atomically."""
    with atomic_path(Path(path)) as part:
        Image.fromarray(image).save(part, format='PNG', optimize=True)


def contact_sheet(
    frames: Sequence[np.ndarray], *, columns: int = 2, width: int = 1600, gap: int = 8
) -> np.ndarray:
    """Put equally large frames on one sheet, row by row.

    Args:
        frames: pictures (H, W, 3) uint8 of one size.
        columns: frames per row.
        width: width of the sheet [px].
        gap: dark border between frames [px].

    Returns:
        (rows, width, 3) uint8.

    Raises:
        ValueError: without frames.
    """
    if not frames:
        raise ValueError('contact sheet got no frame: pass at least one')
    columns = min(columns, len(frames))
    cell_width = (width - gap * (columns + 1)) // columns
    cell_height = round(cell_width * frames[0].shape[0] / frames[0].shape[1])
    rows = -(-len(frames) // columns)
    sheet = Image.new('RGB', (width, rows * (cell_height + gap) + gap), BACKGROUND)
    for number, frame in enumerate(frames):
        row, column = divmod(number, columns)
        cell = Image.fromarray(frame).resize((cell_width, cell_height), Image.Resampling.LANCZOS)
        sheet.paste(cell, (gap + column * (cell_width + gap), gap + row * (cell_height + gap)))
    return np.asarray(sheet)


def pick_frames(frames: Sequence[np.ndarray], count: int) -> list[np.ndarray]:
    """Choose at most ``count`` frames evenly, the first and the last among them."""
    if len(frames) <= count:
        return list(frames)
    return [frames[round(i * (len(frames) - 1) / (count - 1))] for i in range(count)]
