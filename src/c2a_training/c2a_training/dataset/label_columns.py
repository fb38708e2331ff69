# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The labels of a whole dataset in memory: objects of each row, and what covers each cell.

Rows without labels cost one number. Knows no episodes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from c2a_sim_bridge.sim.labels import ObjectLabels
from c2a_training.dataset.row_schema import CELLS
from c2a_training.dataset.text_column import Vocabulary

LABEL_COLUMNS = (
    *('object_names', 'object_cells', 'object_boxes', 'object_pixels'),
    *('cell_colors', 'cell_shapes'),
)


class LabelColumns:
    """Labels of N rows.

    Attributes:
        has_labels: (N,) bool.
    """

    def __init__(self, tables: Iterable[pa.Table]) -> None:
        """Take over `LABEL_COLUMNS` of consecutive tables."""
        self._vocabulary = Vocabulary()
        parts = [self._read(table.combine_chunks()) for table in tables]
        self.has_labels, counts, self._names, cells, boxes, pixels, colors, shapes = (
            np.concatenate(columns) for columns in zip(*parts, strict=True)
        )
        self._place = np.cumsum(self.has_labels) - 1  # of a row's labels among those there are
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._cells, self._boxes, self._pixels = cells, boxes, pixels
        self._colors, self._shapes = colors, shapes

    def __getitem__(self, row: int) -> ObjectLabels | None:
        """Labels of a row, None where it has none."""
        if not self.has_labels[row]:
            return None
        place = self._place[row]
        span = slice(self._starts[place], self._starts[place + 1])
        return ObjectLabels(
            names=tuple(self._vocabulary.decode(self._names[span])),
            cells=self._cells[span],
            boxes=self._boxes[span],
            pixels=self._pixels[span],
            cell_colors=self._colors[place],
            cell_shapes=self._shapes[place],
        )

    def cell_colors(self, rows: np.ndarray) -> np.ndarray:
        """(B, 100) uint8, zeros where a row has no labels."""
        return self._grid(self._colors, rows)

    def cell_shapes(self, rows: np.ndarray) -> np.ndarray:
        """(B, 100) uint8, zeros where a row has no labels."""
        return self._grid(self._shapes, rows)

    def _grid(self, known: np.ndarray, rows: np.ndarray) -> np.ndarray:
        grid = np.zeros((len(rows), CELLS), np.uint8)
        has = self.has_labels[rows]
        grid[has] = known[self._place[rows[has]]]
        return grid

    def _read(self, table: pa.Table) -> tuple[np.ndarray, ...]:
        columns = {name: table[name].combine_chunks().drop_null() for name in LABEL_COLUMNS}
        names = columns['object_names']

        def numbers(name: str, width: int) -> np.ndarray:
            values = columns[name].flatten()
            values = values.flatten() if width else values
            return values.to_numpy().reshape((-1, width) if width else -1)

        def grid(name: str) -> np.ndarray:
            return columns[name].flatten().to_numpy().reshape(-1, CELLS)

        return (
            table['object_names'].combine_chunks().is_valid().to_numpy(zero_copy_only=False),
            names.value_lengths().to_numpy(),
            self._vocabulary.encode(names.flatten()),
            numbers('object_cells', 2),
            numbers('object_boxes', 4),
            numbers('object_pixels', 0),
            grid('cell_colors'),
            grid('cell_shapes'),
        )
