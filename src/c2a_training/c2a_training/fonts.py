# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Fonts and text layout for pictures: anti-aliased TrueType through Pillow.

No font file ships with the project: DejaVu is looked for where Linux distributions and
matplotlib put it, and Pillow's own font is the fallback, so that a picture can always be made.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont
# A run of text in one colour.
Span = tuple[str, tuple[int, int, int]]

_FILES = {
    'sans': ('DejaVuSans.ttf',),
    'bold': ('DejaVuSans-Bold.ttf', 'DejaVuSans.ttf'),
    'mono': ('DejaVuSansMono.ttf',),
}
# Best before a keyword argument, else before another one; never inside a name such as 'blue
# hexagon' or a cell such as (4, 6).
_BREAKS = (re.compile(r'(?:, |[(])(?=\w+=)'), re.compile(r', (?=[A-Za-z_(\[])|[(](?=[A-Za-z_])'))


@functools.cache
def load_font(face: str, size: int) -> Font:
    """Font by role (``sans``, ``bold``, ``mono``) and pixel size."""
    for name in _FILES[face]:
        for folder in _font_folders():
            if (folder / name).is_file():
                return ImageFont.truetype(str(folder / name), size)
    return ImageFont.load_default(size)


@functools.cache
def _font_folders() -> tuple[Path, ...]:
    folders = [Path('/usr/share/fonts/truetype/dejavu'), Path('/usr/share/fonts/dejavu')]
    spec = importlib.util.find_spec('matplotlib')
    if spec is not None and spec.submodule_search_locations:
        folders.append(Path(spec.submodule_search_locations[0]) / 'mpl-data' / 'fonts' / 'ttf')
    return tuple(folders)


@functools.lru_cache(maxsize=4096)
def text_width(font: Font, text: str) -> float:
    """Advance width of the text in pixels."""
    return font.getlength(text)


def wrap_words(font: Font, text: str, width: int) -> list[str]:
    """Break text at spaces into lines of at most ``width`` pixels; a longer word is cut."""
    lines: list[str] = []
    line = ''
    for word in text.split():
        candidate = f'{line} {word}' if line else word
        if text_width(font, candidate) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        while text_width(font, word) > width and len(word) > 1:
            cut = _fitting(font, word, width)
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    return [*lines, line] if line else lines


def _fitting(font: Font, text: str, width: float) -> int:
    """Number of leading characters that fit, at least one."""
    count = len(text)
    while count > 1 and text_width(font, text[:count]) > width:
        count -= 1
    return count


def wrap_spans(
    font: Font, spans: Sequence[Span], width: int, indent: str = '  '
) -> list[list[Span]]:
    """Break a line of coloured code into lines of at most ``width`` pixels.

    Breaks come after the comma before an argument or after a call's opening bracket;
    continuation lines start with ``indent``.
    """
    colors = [color for text, color in spans for _ in text]
    text = ''.join(part for part, _ in spans)
    lines: list[list[Span]] = []
    start = 0
    while start < len(text):
        prefix = indent if lines else ''
        end = start + _fitting(font, text[start:], width - text_width(font, prefix))
        if end < len(text):
            end = _last_break(text, start, end)
        line = _merge(text[start:end], colors[start:end])
        lines.append([(prefix, (0, 0, 0)), *line] if prefix else line)
        start = end
        while start < len(text) and text[start] == ' ':
            start += 1
    return lines


def _last_break(text: str, start: int, end: int) -> int:
    """Last good place to break, but not so early that the line is nearly empty."""
    earliest = start + (end - start) // 3
    for kind in _BREAKS:
        places = [match.end() for match in kind.finditer(text, start)]
        good = [place for place in places if earliest < place <= end]
        if good:
            return good[-1]
    return end


def _merge(text: str, colors: Sequence[tuple[int, int, int]]) -> list[Span]:
    spans: list[Span] = []
    for character, color in zip(text, colors, strict=True):
        if spans and spans[-1][1] == color:
            spans[-1] = (spans[-1][0] + character, color)
        else:
            spans.append((character, color))
    return spans


def shorten(font: Font, text: str, width: int) -> str:
    """Cut text with an ellipsis so that it fits ``width`` pixels."""
    if text_width(font, text) <= width:
        return text
    return text[: _fitting(font, text, width - text_width(font, '…'))].rstrip() + '…'
