# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""One picture of a running episode: camera views left, code and memory right.

Draws what the messages say and nothing else, so it serves the in-process rollout and the ROS
demo alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw

from c2a_core.spaces import CONTROL_DT
from c2a_training.fonts import Span, load_font, shorten, text_width, wrap_spans, wrap_words

Color = tuple[int, int, int]

WIDTH, HEIGHT = 1280, 720
VIEW = 720  # the base camera's picture, square, px
MARGIN = 28
INSET = 168  # the wrist camera's picture, px
PANEL_LEFT = VIEW + MARGIN
PANEL_WIDTH = WIDTH - VIEW - 2 * MARGIN

BACKGROUND: Color = (17, 19, 24)
CARD: Color = (27, 31, 39)
LINE: Color = (48, 54, 66)
TEXT: Color = (226, 229, 235)
DIM: Color = (135, 143, 158)
FAINT: Color = (84, 92, 108)
ACCENT: Color = (94, 176, 255)
GOOD: Color = (92, 204, 122)
BAD: Color = (244, 105, 98)
_TOKEN_COLORS: dict[str, Color] = {
    'string': (152, 214, 138),
    'number': (240, 176, 104),
    'call': (122, 190, 255),
    'keyword': (200, 170, 255),
    'plain': (205, 210, 220),
}
_TOKEN = re.compile(
    r"""(?P<string>'[^']*'|"[^"]*")|(?P<number>-?\b\d+(?:\.\d+)?(?:e-?\d+)?\b)"""
    r"""|(?P<call>\b[A-Za-z_]\w*(?=\())|(?P<keyword>\b(?:pose_dict|True|False)\b)|(?P<plain>.)"""
)


@dataclass(frozen=True)
class PictureText:
    """All that is written beside the views.

    Attributes:
        task: task name and seed as shown in the head.
        instruction: natural language instruction.
        code: the running key step, one or more lines; empty before the first.
        memory: earlier key steps, oldest first.
        step: control step of the views.
        max_steps: time-out in control steps.
        verdict: ``running`` or the episode's reason at its end.
    """

    task: str
    instruction: str
    code: str
    memory: tuple[str, ...]
    step: int
    max_steps: int
    verdict: str = 'running'


class EpisodePicture:
    """Draws pictures; keeps the last panel, because most steps change only the step counter."""

    def __init__(self) -> None:
        self._panel_key: tuple[str, ...] = ()
        self._panel = Image.new('RGB', (WIDTH - VIEW, HEIGHT), BACKGROUND)

    def draw(
        self, base_image: np.ndarray, wrist_image: np.ndarray, text: PictureText
    ) -> np.ndarray:
        """Compose one picture.

        Args:
            base_image: (H, W, 3) uint8, the base camera.
            wrist_image: (H, W, 3) uint8, the wrist camera.
            text: what to write.

        Returns:
            (720, 1280, 3) uint8 RGB.
        """
        canvas = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        canvas[:, :VIEW] = resize_square(base_image, VIEW)
        _draw_inset(canvas, wrist_image)
        canvas[:, VIEW:] = np.asarray(self._draw_panel(text))
        return canvas

    def _draw_panel(self, text: PictureText) -> Image.Image:
        key = (text.task, text.instruction, text.code, *text.memory)
        if key != self._panel_key:
            self._panel = _draw_static_panel(text)
            self._panel_key = key
        panel = self._panel.copy()
        _draw_footer(ImageDraw.Draw(panel), text)
        return panel


def resize_square(image: np.ndarray, size: int) -> np.ndarray:
    """Scale a camera picture (H, W, 3) to (size, size, 3); an empty picture becomes dark grey."""
    if image.size == 0:
        return np.full((size, size, 3), CARD, np.uint8)
    enlarging = size > image.shape[0]
    # Small camera pictures stay honest with hard pixels; large ones look better smooth.
    method = cv2.INTER_NEAREST if image.shape[0] < 200 else cv2.INTER_CUBIC
    return cv2.resize(image, (size, size), interpolation=method if enlarging else cv2.INTER_AREA)


def _draw_inset(canvas: np.ndarray, wrist_image: np.ndarray) -> None:
    if wrist_image.size == 0:
        return
    # Top left: behind the workspace, where the arm comes from, there is least to hide.
    top, left = 16, 16
    canvas[top - 2 : top + INSET + 2, left - 2 : left + INSET + 2] = TEXT
    canvas[top : top + INSET, left : left + INSET] = resize_square(wrist_image, INSET)


def _draw_static_panel(text: PictureText) -> Image.Image:
    """Head, running code and memory; coordinates are relative to the panel."""
    panel = Image.new('RGB', (WIDTH - VIEW, HEIGHT), BACKGROUND)
    draw = ImageDraw.Draw(panel)
    y = _draw_head(draw, text)
    y = _draw_code(draw, text.code, y)
    _draw_memory(draw, text.memory, y)
    return panel


def _draw_head(draw: ImageDraw.ImageDraw, text: PictureText) -> int:
    draw.text((MARGIN, 24), text.task, font=load_font('bold', 15), fill=ACCENT)
    font = load_font('sans', 23)
    y = 52
    for line in wrap_words(font, text.instruction, PANEL_WIDTH)[:4]:
        draw.text((MARGIN, y), line, font=font, fill=TEXT)
        y += 31
    return y + 18


def _draw_code(draw: ImageDraw.ImageDraw, code: str, y: int) -> int:
    """The running key step in a highlighted card; the y below it."""
    _draw_label(draw, 'running code', y)
    y += 26
    font, pad, line_height = load_font('mono', 14), 14, 21
    lines = [
        wrapped
        for line in (code or '# waiting for the first key step').splitlines()
        for wrapped in wrap_spans(font, color_code(line), PANEL_WIDTH - 2 * pad - 4)
    ][:14]
    bottom = y + 2 * pad + line_height * len(lines) - 4
    draw.rounded_rectangle((MARGIN, y, MARGIN + PANEL_WIDTH, bottom), radius=8, fill=CARD)
    draw.rounded_rectangle((MARGIN, y, MARGIN + 4, bottom), radius=2, fill=ACCENT)
    for number, spans in enumerate(lines):
        _draw_spans(draw, spans, MARGIN + pad + 4, y + pad + number * line_height - 2)
    return bottom + 24


def _draw_spans(draw: ImageDraw.ImageDraw, spans: list[Span], x: float, y: int) -> None:
    font = load_font('mono', 14)
    for part, color in spans:
        draw.text((x, y), part, font=font, fill=color)
        x += text_width(font, part)


def _draw_memory(draw: ImageDraw.ImageDraw, memory: tuple[str, ...], y: int) -> None:
    """Earlier key steps, newest last; the oldest are left out when the room ends."""
    _draw_label(draw, f'memory · {len(memory)} key step{"" if len(memory) == 1 else "s"}', y)
    y += 28
    font, line_height, gap = load_font('mono', 12), 17, 6
    left_out, blocks = _fit_memory(memory, HEIGHT - 84 - y, line_height, gap)
    if left_out:
        draw.text((MARGIN + 34, y), f'… {left_out} earlier', font=font, fill=DIM)
        y += line_height + gap
    for number, lines in enumerate(blocks, start=left_out + 1):
        draw.text((MARGIN, y), f'{number:>2}', font=font, fill=FAINT)
        for line in lines:
            draw.text((MARGIN + 34, y), line, font=font, fill=DIM)
            y += line_height
        y += gap


def _fit_memory(
    memory: tuple[str, ...], room: int, line_height: int, gap: int
) -> tuple[int, list[list[str]]]:
    """Lines of each key step: wrapped, else cut to the width, else without the oldest."""

    def height(blocks: list[list[str]]) -> int:
        return sum(len(lines) * line_height + gap for lines in blocks)

    font, width = load_font('mono', 12), PANEL_WIDTH - 34
    wrapped = [
        [
            ''.join(part for part, _ in spans)
            for line in code.splitlines()
            for spans in wrap_spans(font, [(line, DIM)], width)
        ]
        for code in memory
    ]
    if height(wrapped) <= room:
        return 0, wrapped
    blocks = [[shorten(font, line, width) for line in code.splitlines()] for code in memory]
    left_out = 0
    while (
        left_out < len(blocks)
        and height(blocks[left_out:]) + (line_height + gap if left_out else 0) > room
    ):
        left_out += 1
    return left_out, blocks[left_out:]


def _draw_label(draw: ImageDraw.ImageDraw, label: str, y: int) -> None:
    draw.text((MARGIN, y), label.upper(), font=load_font('bold', 11), fill=DIM)


def _draw_footer(draw: ImageDraw.ImageDraw, text: PictureText) -> None:
    y = HEIGHT - 58
    draw.line((MARGIN, y, MARGIN + PANEL_WIDTH, y), fill=LINE, width=1)
    font = load_font('sans', 16)
    draw.text(
        (MARGIN, y + 18), f'step {text.step} · {text.step * CONTROL_DT:.1f} s', font=font, fill=DIM
    )
    label, color = _verdict(text.verdict)
    bold = load_font('bold', 16)
    label = shorten(bold, label, PANEL_WIDTH - 180)
    right = MARGIN + PANEL_WIDTH
    draw.text((right - text_width(bold, label), y + 18), label, font=bold, fill=color)
    filled = min(1.0, text.step / max(1, text.max_steps))
    draw.line((MARGIN, y, MARGIN + round(PANEL_WIDTH * filled), y), fill=color, width=2)


def _verdict(verdict: str) -> tuple[str, Color]:
    if verdict == 'running':
        return verdict, ACCENT
    return (verdict, GOOD) if verdict == 'success' else (verdict, BAD)


def color_code(line: str) -> list[Span]:
    """Colour one line of skill code by token."""
    if line.lstrip().startswith('#'):
        return [(line, DIM)]
    return [
        (match.group(), _TOKEN_COLORS[match.lastgroup or 'plain'])
        for match in _TOKEN.finditer(line)
    ]
