# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What can be seen of each object: boxes and per-cell labels, from a segmented base picture.

Training labels for the planner's auxiliary questions and for its vision tower. Not an
observation: nothing here reaches a planner at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from c2a_core.spaces import GRID_SIZE
from c2a_sim_bridge.sim.objects import COLORS, GREY, MARK_SHAPES, SHAPES, ObjectSpec

COLOR_LABELS = (*COLORS, GREY)
SHAPE_LABELS = (*SHAPES, *MARK_SHAPES)
"""Vocabularies of the labels: label 0 is `no object`, label 1 the first word."""

MIN_CELL_SHARE = 0.1
"""An object gives a cell its label if it covers at least this share of it."""


@dataclass(frozen=True, eq=False)
class ObjectLabels:
    """Labels of one base picture with N objects in the order of the scene.

    Attributes:
        names: what instructions and code call them.
        cells: (N, 2) uint8, column and row as in `get_actor` (semantics 5).
        boxes: (N, 4) int16, the visible pixels' box: first column and row, and one past the
            last; −1 four times where nothing is visible.
        pixels: (N,) int32, visible pixels.
        cell_colors: (100,) uint8, row by row: 0, or 1 + index in `COLOR_LABELS` of the object
            that covers most of the cell.
        cell_shapes: (100,) uint8, the same for `SHAPE_LABELS`.
    """

    names: tuple[str, ...]
    cells: np.ndarray
    boxes: np.ndarray
    pixels: np.ndarray
    cell_colors: np.ndarray
    cell_shapes: np.ndarray


def label_objects(
    specs: Sequence[ObjectSpec], cells: Sequence[tuple[int, int]], segmentation: np.ndarray
) -> ObjectLabels:
    """Label a picture.

    Args:
        specs: the scene's objects.
        cells: cell (column, row) of each.
        segmentation: (H, W) integers, index of the object seen at each pixel, or −1.
    """
    count = len(specs)
    height, width = segmentation.shape
    rows, columns = np.nonzero(segmentation >= 0)
    owners = segmentation[rows, columns].astype(np.intp)
    pixels = np.bincount(owners, minlength=count)
    boxes = np.full((count, 4), -1, np.int16)
    for index in np.nonzero(pixels)[0]:
        u, v = columns[owners == index], rows[owners == index]
        boxes[index] = u.min(), v.min(), u.max() + 1, v.max() + 1
    cell_of_pixel = (rows * GRID_SIZE // height) * GRID_SIZE + columns * GRID_SIZE // width
    cell_count = GRID_SIZE * GRID_SIZE
    shares = np.bincount(cell_of_pixel * count + owners, minlength=cell_count * count)
    shares = shares.reshape(cell_count, count) if count else np.zeros((cell_count, 1), int)
    main = shares.argmax(axis=1)
    is_covered = shares.max(axis=1) >= MIN_CELL_SHARE * height * width / cell_count
    colors = np.array([1 + COLOR_LABELS.index(spec.color) for spec in specs] or [0], np.uint8)
    shapes = np.array([1 + SHAPE_LABELS.index(spec.shape) for spec in specs] or [0], np.uint8)
    return ObjectLabels(
        names=tuple(spec.name for spec in specs),
        cells=np.array(cells, np.uint8).reshape(count, 2),
        boxes=boxes,
        pixels=pixels.astype(np.int32),
        cell_colors=np.where(is_covered, colors[main], 0).astype(np.uint8),
        cell_shapes=np.where(is_covered, shapes[main], 0).astype(np.uint8),
    )
