# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Plots of an evaluation as SVG: success, failures, and how far the named cells were off."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from c2a_training.evaluation.failure_class import FAILURES
from c2a_training.evaluation.published_results import Published

Cell = Mapping[str, object]

_BAR, _MARK, _LINE = '#2b6cb0', '#d1495b', '#1a202c'
# One colour a class, in the order of `FAILURES`.
_CLASS_COLORS = ('#7c3aed', '#d1495b', '#e9883f', '#e3c23c', '#3a7d44', '#8a8f98', '#1a202c')
_WIDTH_IN, _ROW_IN, _HEAD_IN = 8.0, 0.24, 1.1


def success_plot(cells: Sequence[Cell], published: Published | None) -> str:
    """Success of each task with its interval; the published numbers as marks."""
    figure, axes = _rows(cells, 'success [%]')
    places = range(len(cells))
    rates = [100 * cell['successes'] / cell['n'] for cell in cells]
    bounds = [[100 * bound for bound in cell['wilson95']] for cell in cells]
    errors = [
        [max(0.0, rate - low) for rate, (low, _) in zip(rates, bounds, strict=True)],
        [max(0.0, high - rate) for rate, (_, high) in zip(rates, bounds, strict=True)],
    ]
    axes.barh(places, rates, xerr=errors, color=_BAR, ecolor=_LINE, height=0.62, label='here')
    if published is not None:
        marks = [
            (published.success[cell['task']], place)
            for place, cell in enumerate(cells)
            if cell['task'] in published.success
        ]
        axes.scatter(*zip(*marks, strict=True), color=_MARK, marker='D', s=18, zorder=3)
        axes.scatter([], [], color=_MARK, marker='D', s=18, label=published.title)
        _legend(axes, 2)
    axes.set_xlim(0, 102)
    return _svg(figure)


def failure_plot(cells: Sequence[Cell]) -> str:
    """Share of each failure class by task; nothing where all succeeded."""
    if all(cell['successes'] == cell['n'] for cell in cells):
        return ''
    figure, axes = _rows(cells, 'failed episodes [%]')
    left = [0.0] * len(cells)
    for name, color in zip(FAILURES, _CLASS_COLORS, strict=True):
        shares = [100 * cell['failures'][name] / cell['n'] for cell in cells]
        if any(shares):
            axes.barh(range(len(cells)), shares, left=left, color=color, height=0.62, label=name)
        left = [a + b for a, b in zip(left, shares, strict=True)]
    _legend(axes, 4)
    return _svg(figure)


def cell_error_plot(cells: Sequence[Cell]) -> str:
    """How many named objects were how many grid cells off; nothing where none was named."""
    counts = [sum(column) for column in zip(*_histograms(cells), strict=True)]
    total = sum(counts)
    if not total:
        return ''
    figure = Figure(figsize=(_WIDTH_IN / 2, 2.2), layout='constrained')
    axes = figure.subplots()
    axes.bar(range(len(counts)), [100 * count / total for count in counts], color=_BAR)
    axes.set_xticks(range(len(counts)), [*map(str, range(len(counts) - 1)), '≥ 5'])
    axes.set_xlabel('error of the named cell [cells]')
    axes.set_ylabel('named objects [%]')
    _plain(axes)
    return _svg(figure)


def _histograms(cells: Sequence[Cell]) -> list[list[int]]:
    return [cell['cell_errors']['histogram'] for cell in cells]


def _rows(cells: Sequence[Cell], label: str) -> tuple[Figure, Axes]:
    """A figure with one row a task, the first on top."""
    height = _HEAD_IN + _ROW_IN * len(cells)
    figure = Figure(figsize=(_WIDTH_IN, height), layout='constrained')
    axes = figure.subplots()
    axes.set_yticks(range(len(cells)), [str(cell['task']) for cell in cells], fontsize=8)
    axes.set_ylim(len(cells) - 0.4, -0.6)
    axes.set_xlabel(label)
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(axis='both', color='#e2e6ec', linewidth=0.6)
    axes.set_axisbelow(True)


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(loc='lower left', bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=8)


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    FigureCanvasSVG(figure).print_svg(file)
    # Without the head of a file of its own.
    return file.getvalue()[file.getvalue().index('<svg') :]
