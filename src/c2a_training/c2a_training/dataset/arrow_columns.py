# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Arrow columns from arrays, pictures and labels, and back. Knows no episodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from c2a_sim_bridge.sim.labels import ObjectLabels
from c2a_training.dataset.row_schema import CELLS


def vector_column(values: np.ndarray, mask: np.ndarray | None = None) -> pa.FixedSizeListArray:
    """Column of fixed-size lists from (N, D)."""
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(
        flat, values.shape[1], mask=None if mask is None else pa.array(mask)
    )


def matrix(column: pa.ChunkedArray, width: int) -> np.ndarray:
    """(N, D) from a column of fixed-size lists without nulls."""
    if column.null_count:
        raise ValueError(f'{column.null_count} rows have no vector where one is expected')
    return column.combine_chunks().flatten().to_numpy().reshape(-1, width)


def image_column(pictures: Sequence[bytes | None]) -> pa.StructArray:
    """Column of JPEGs in the form that `datasets.Image` reads, null where there is none."""
    data = pa.array(pictures, pa.binary())
    return pa.StructArray.from_arrays(
        [data, pa.nulls(len(pictures), pa.string())],
        names=['bytes', 'path'],
        mask=data.is_null() if data.null_count else None,
    )


def jpegs(table: pa.Table, name: str, where: str) -> tuple[bytes | None, ...]:
    """JPEGs of an image column, None where it is null.

    Raises:
        ValueError: if a row has a picture without bytes; ``where`` is the file's name for the
            message.
    """
    column = table[name].combine_chunks()
    pictures = [picture and picture['bytes'] for picture in column.to_pylist()]
    is_there = column.is_valid().to_numpy(zero_copy_only=False)
    empty = [row for row in np.nonzero(is_there)[0].tolist() if not pictures[row]]
    if empty:
        raise ValueError(
            f'{where} has a {name} without bytes in {len(empty)} rows, the first is row '
            f'{empty[0]}: a row without a picture has a null there'
        )
    return tuple(pictures)


def label_columns(labels: tuple[ObjectLabels | None, ...]) -> list[pa.Array]:
    """The object and cell columns, null in rows without labels, in the schema's order."""
    unknown = np.array([label is None for label in labels])
    known = [label for label in labels if label is not None]
    counts = [0 if label is None else len(label.names) for label in labels]
    # Arrow reads a null in the offsets as a list that is null.
    ends = np.concatenate([[0], np.cumsum(counts)]).tolist()
    offsets = pa.array(
        [None if k < len(labels) and unknown[k] else end for k, end in enumerate(ends)],
        pa.int32(),
    )
    names = pa.array([name for label in known for name in label.names], pa.string())

    def rows(attribute: str, width: int, kind: type) -> np.ndarray:
        parts = [np.asarray(getattr(label, attribute), kind) for label in known]
        return np.concatenate(parts).reshape(-1, width) if parts else np.zeros((0, width), kind)

    def grid(attribute: str) -> pa.FixedSizeListArray:
        cells = np.zeros((len(labels), CELLS), np.uint8)
        if known:
            cells[~unknown] = rows(attribute, CELLS, np.uint8)
        return vector_column(cells, unknown)

    return [
        pa.ListArray.from_arrays(offsets, names),
        pa.ListArray.from_arrays(offsets, vector_column(rows('cells', 2, np.uint8))),
        pa.ListArray.from_arrays(offsets, vector_column(rows('boxes', 4, np.int16))),
        pa.ListArray.from_arrays(offsets, pa.array(rows('pixels', 1, np.int32).reshape(-1))),
        grid('cell_colors'),
        grid('cell_shapes'),
    ]


def read_labels(table: pa.Table) -> tuple[ObjectLabels | None, ...]:
    """Labels from the object and cell columns of a table, None where they are null."""
    columns = ('object_cells', 'object_boxes', 'object_pixels', 'cell_colors', 'cell_shapes')
    cells, boxes, pixels, colors, shapes = (table[name] for name in columns)
    labels: list[ObjectLabels | None] = []
    for row, names in enumerate(table['object_names'].to_pylist()):
        if names is None:
            labels.append(None)
            continue
        labels.append(
            ObjectLabels(
                names=tuple(names),
                cells=np.array(cells[row].as_py(), np.uint8).reshape(-1, 2),
                boxes=np.array(boxes[row].as_py(), np.int16).reshape(-1, 4),
                pixels=pixels[row].values.to_numpy(),
                cell_colors=colors[row].values.to_numpy(),
                cell_shapes=shapes[row].values.to_numpy(),
            )
        )
    return tuple(labels)
