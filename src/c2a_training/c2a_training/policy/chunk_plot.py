# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Plot of recorded chunks beside predicted ones, for TensorBoard."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from c2a_core.spaces import ACTION_NAMES, ROTATION, TRANSLATION, VACUUM
from c2a_training.policy.policy_validation import HeldChunks

_COLORS = ('#d1495b', '#3a7d44', '#2b6cb0')  # x, y, z
_ROW_IN, _WIDTH_IN = 1.8, 11.0
_TITLE_CHARACTERS = 110
# What hardly moves is drawn as such, not blown up to the height of the panel.
_LEAST = (5.0, 1.0, 1.2)
_PANELS = (
    ('translation [mm]', TRANSLATION, 1e3),
    ('rotation [deg]', ROTATION, 180.0 / np.pi),
    ('vacuum', slice(VACUUM, VACUUM + 1), 1.0),
)


def plot_chunks(held: HeldChunks, chosen: Sequence[int], titles: Sequence[str]) -> Figure:
    """Draw chunks.

    Args:
        held: what was recorded and predicted.
        chosen: numbers of the chunks.
        titles: what the policy was told, for each of them.

    Returns:
        A figure with a row for each chunk: translation, rotation, vacuum; dots are recorded,
        lines predicted.
    """
    figure = Figure(figsize=(_WIDTH_IN, _ROW_IN * max(1, len(chosen))), layout='constrained')
    rows = figure.subfigures(max(1, len(chosen)), 1, squeeze=False)[:, 0]
    for row, number, title in zip(rows, chosen, titles, strict=False):
        row.suptitle(textwrap.shorten(title, _TITLE_CHARACTERS), fontsize=8, x=0.01, ha='left')
        panels = row.subplots(1, len(_PANELS))
        for panel, (label, part, factor), least in zip(panels, _PANELS, _LEAST, strict=True):
            _draw(panel, held, number, part, factor)
            low, high = panel.get_ylim()
            panel.set_ylim(min(low, -least), max(high, least))
            panel.set_title(label, fontsize=7)
            panel.tick_params(labelsize=6)
        panels[0].legend(fontsize=6, frameon=False, loc='upper right')
    return figure


def _draw(panel, held: HeldChunks, number: int, part: slice, factor: float) -> None:
    is_there = held.mask[number]
    steps = np.arange(len(is_there))
    for index, name in enumerate(ACTION_NAMES[part]):
        color = _COLORS[index]
        recorded = factor * held.recorded[number, :, part][:, index]
        predicted = factor * held.predicted[number, :, part][:, index]
        panel.plot(steps[is_there], recorded[is_there], '.', color=color, markersize=4)
        panel.plot(steps, predicted, '-', color=color, linewidth=1, label=name)
