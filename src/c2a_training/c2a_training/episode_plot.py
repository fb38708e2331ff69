# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Plot of an episode's actions over its control steps, with the borders of its key steps."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from c2a_core.spaces import ACTION_NAMES, CONTROL_DT, PROPRIO_NAMES, ROTATION, TRANSLATION, VACUUM
from c2a_training.atomic_file import atomic_path
from c2a_training.dataset.episode_rows import DONE_CODE, EpisodeRows

_COLORS = ('#d1495b', '#3a7d44', '#2b6cb0')  # x, y, z
_BORDER = '#8a8f98'
_SHADE = '#f3f5f8'
_WIDTH_IN = 12.0
_PANEL_IN = 1.7
_LINE_IN = 0.21
_CALL_COLUMNS = 2
_LEFT, _RIGHT = 0.06, 0.875  # of the figure; the legends stand to the right of it
# What hardly moves is drawn as such, not blown up to the height of the panel.
_LEAST_MM, _LEAST_DEG = 5.0, 1.0
_CALL_CHARACTERS = 92
_TITLE_IN = 0.2
_TITLE_LINES = 3
_TITLE_CHARACTERS = 105


def write_plot(path: Path, rows: EpisodeRows) -> None:
    """Write the plot of an episode as PNG; `make_plot` says what is on it."""
    figure = make_plot(rows)
    with atomic_path(path) as part:
        FigureCanvasAgg(figure).print_png(str(part))


def make_plot(rows: EpisodeRows) -> Figure:
    """Draw an episode over its control steps.

    Args:
        rows: the episode.

    Returns:
        A figure with three panels: translation [mm], rotation [deg], and the height of the end
        effector [m] with the vacuum's state; below them the call of each key step.

    Raises:
        ValueError: if the episode has no action.
    """
    if not len(rows.actions):
        raise ValueError(f'episode {rows.metadata.episode} has no action to plot')
    borders = [int(k) for k in np.nonzero(rows.is_key_step)[0] if rows.code[k] != DONE_CODE]
    title = textwrap.wrap(rows.metadata.instruction, _TITLE_CHARACTERS)[:_TITLE_LINES]
    figure, panels = _make_figure(len(title), len(borders))
    _draw_vectors(panels[0], rows, TRANSLATION, 1e3, _LEAST_MM)
    panels[0].set_ylabel('translation [mm]')
    _draw_vectors(panels[1], rows, ROTATION, 180 / np.pi, _LEAST_DEG)
    panels[1].set_ylabel('rotation [deg]')
    _draw_state(panels[2], rows)
    for axes in panels:
        _draw_borders(axes, borders, len(rows), with_bands=axes is not panels[2])
    _number_borders(panels[0], borders, len(rows))
    _draw_title(figure, rows, title)
    _list_calls(figure, rows, borders)
    return figure


def _make_figure(title_lines: int, calls: int) -> tuple[Figure, list[Axes]]:
    """A figure with three panels, room for the title above and for the list of calls below."""
    lines = -(-calls // _CALL_COLUMNS)
    top, bottom = 0.6 + _TITLE_IN * title_lines, 0.75 + _LINE_IN * lines
    height = top + 3 * _PANEL_IN + bottom
    figure = Figure(figsize=(_WIDTH_IN, height), dpi=110, facecolor='white')
    panels = figure.subplots(3, 1, sharex=True)
    figure.subplots_adjust(
        left=_LEFT, right=_RIGHT, top=1 - top / height, bottom=bottom / height, hspace=0.12
    )
    panels[-1].set_xlabel('control step')
    return figure, list(panels)


def _draw_title(figure: Figure, rows: EpisodeRows, title: list[str]) -> None:
    info = rows.metadata
    height = figure.get_figheight()
    verdict = 'success' if info.success else 'no success'
    about = (
        f'{info.episode} · {info.n_steps} steps · {info.n_steps * CONTROL_DT:.1f} s · {verdict}'
    )
    figure.text(_LEFT, 1 - 0.15 / height, about, va='top', fontsize=8.5, color=_BORDER)
    for number, line in enumerate(title):
        y = 1 - (0.36 + _TITLE_IN * number) / height
        figure.text(_LEFT, y, line, weight='bold', va='top')


def _draw_vectors(axes: Axes, rows: EpisodeRows, part: slice, scale: float, least: float) -> None:
    # An action holds from its observation to the next one, the last one to the last row.
    values = rows.actions[[*range(len(rows.actions)), -1], part] * scale
    for index, color in enumerate(_COLORS):
        axes.step(
            np.arange(len(rows)),
            values[:, index],
            where='post',
            color=color,
            linewidth=1.3,
            label=ACTION_NAMES[part.start + index],
        )
    bound = 1.1 * max(least, float(np.abs(values).max()))
    axes.set_ylim(-bound, bound)
    axes.axhline(0.0, color=_BORDER, linewidth=0.6)
    _add_legend(axes)


def _draw_state(axes: Axes, rows: EpisodeRows) -> None:
    """Height of the end effector; bands where the vacuum is on and where it holds something."""
    steps = np.arange(len(rows))
    height = rows.proprioception[:, PROPRIO_NAMES.index('ee_z')]
    axes.plot(steps, height, color='#333a45', linewidth=1.3, label='end effector')
    axes.set_ylabel('height [m]')
    top = float(height.max()) + 0.02
    on = np.append(rows.actions[:, VACUUM] > 0, False)
    held = rows.proprioception[:, PROPRIO_NAMES.index('vacuum_grasping')] > 0.5
    axes.fill_between(
        steps, 0, top, where=on, step='post', color='#f0c808', alpha=0.25, label='vacuum on', lw=0
    )
    axes.fill_between(
        steps, 0, top / 12, where=held, step='post', color='#3a7d44', label='holds an object', lw=0
    )
    axes.set_ylim(0, top)
    _add_legend(axes)


def _add_legend(axes: Axes) -> None:
    axes.legend(loc='upper left', bbox_to_anchor=(1.005, 1.02), fontsize=8, frameon=False)


def _draw_borders(axes: Axes, borders: list[int], count: int, *, with_bands: bool) -> None:
    ends = [*borders[1:], count - 1]
    for number, (begin, end) in enumerate(zip(borders, ends, strict=True)):
        if number % 2 and with_bands:
            axes.axvspan(begin, end, color=_SHADE, zorder=0, lw=0)
        axes.axvline(begin, color=_BORDER, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    axes.set_xlim(0, max(1, count - 1))
    axes.tick_params(labelsize=8)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)


def _number_borders(axes: Axes, borders: list[int], count: int) -> None:
    """The number of each key step, in the middle of its stretch."""
    ends = [*borders[1:], count - 1]
    for number, (begin, end) in enumerate(zip(borders, ends, strict=True)):
        axes.annotate(
            str(number),
            ((begin + end) / 2, 1.02),
            xycoords=('data', 'axes fraction'),
            ha='center',
            va='bottom',
            fontsize=8,
            color='#333a45',
        )


def _list_calls(figure: Figure, rows: EpisodeRows, borders: list[int]) -> None:
    """The call of each key step below the panels, in two columns."""
    lines = -(-len(borders) // _CALL_COLUMNS)
    height = figure.get_figheight()
    for number, row in enumerate(borders):
        column, line = divmod(number, lines)
        call = rows.code[row].splitlines()[-1]
        call = call if len(call) <= _CALL_CHARACTERS else call[: _CALL_CHARACTERS - 1] + '…'
        figure.text(
            _LEFT + column * 0.47,
            (_LINE_IN * (lines - line) - 0.05) / height,
            f'{number:>2}  {call}',
            family='monospace',
            fontsize=6.8,
            va='center',
        )
