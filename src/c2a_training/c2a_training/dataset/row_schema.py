# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of a dataset's rows as an Arrow schema, and their version.

Row k of an episode is one observation (one control step). An episode of T actions has T+1 rows;
the last one has the code ``done()``, no action, and is no policy target::

    episode         "<task>-<seed>", plus "-<split>" unless the split is simple
    task, seed, instruction
    step, stamp_ns  control step in the episode, robot time [ns]
    code            running key step, never commented out
    is_key_step     it begins at this row
    subtask_id      its number, -1 before the first
    cache_info      lines that assign to pose_dict, this key step's own among them
    memory          key steps before this observation: the memory of the planner's prompt
    proprioception  layout of `c2a_core.spaces.PROPRIO`
    action          layout of `c2a_core.spaces.ACTION`, null in the last row
    intended_action what the skill wanted where a disturbance was added to it (`--noise`), else as
                    `action`; null in an episode that nothing disturbed on purpose
    success         the task's predicates hold at this observation
    base_image, wrist_image   JPEG, in the form that `datasets` decodes by itself; null where no
                    picture was taken
    object_*        one entry per object of the scene: name, grid cell (column, row), visible box
                    (first column, first row, one past the last; -1 where nothing is visible),
                    visible pixels of the base picture
    cell_colors, cell_shapes  10 x 10 grid over the base picture, row by row: 0 = no object, else
                    1 + index in the vocabulary of the schema's metadata
    (the object and cell columns are null where nobody knows, as in bags of a real robot, and in
    rows without a base picture)
    oracle_code     what the ground-truth follower says at this observation: the key step that
                    should be running, ``done()`` at the end; null where nobody knows

Version 1 had no `oracle_code` and a picture in every row, version 2 no `intended_action`. They are
read, never written.
"""

from __future__ import annotations

import json

import pyarrow as pa

from c2a_core.spaces import ACTION_DIM, GRID_SIZE, PROPRIO_DIM
from c2a_sim_bridge.sim.labels import COLOR_LABELS, SHAPE_LABELS

SCHEMA_VERSION = 3
READABLE_VERSIONS = (1, 2, 3)
DATASET_KIND = 'c2a-episodes'
CELLS = GRID_SIZE * GRID_SIZE
VOCABULARY = {'colors': list(COLOR_LABELS), 'shapes': list(SHAPE_LABELS)}
IMAGE_COLUMNS = ('base_image', 'wrist_image')

_LATER_COLUMNS = ('oracle_code', 'intended_action')

# What `datasets.Image` stores.
_IMAGE = pa.struct([('bytes', pa.binary()), ('path', pa.string())])
# Only what `datasets` cannot tell from the types; it works the other columns out by itself.
_HUGGING_FACE = {'info': {'features': {name: {'_type': 'Image'} for name in IMAGE_COLUMNS}}}

SCHEMA = pa.schema(
    [
        ('episode', pa.string()),
        ('task', pa.string()),
        ('seed', pa.int64()),
        ('instruction', pa.string()),
        ('step', pa.int32()),
        ('stamp_ns', pa.int64()),
        ('code', pa.string()),
        ('is_key_step', pa.bool_()),
        ('subtask_id', pa.int32()),
        ('cache_info', pa.string()),
        ('memory', pa.list_(pa.string())),
        ('proprioception', pa.list_(pa.float32(), PROPRIO_DIM)),
        ('action', pa.list_(pa.float32(), ACTION_DIM)),
        ('success', pa.bool_()),
        ('base_image', _IMAGE),
        ('wrist_image', _IMAGE),
        ('object_names', pa.list_(pa.string())),
        ('object_cells', pa.list_(pa.list_(pa.uint8(), 2))),
        ('object_boxes', pa.list_(pa.list_(pa.int16(), 4))),
        ('object_pixels', pa.list_(pa.int32())),
        ('cell_colors', pa.list_(pa.uint8(), CELLS)),
        ('cell_shapes', pa.list_(pa.uint8(), CELLS)),
        ('oracle_code', pa.string()),
        ('intended_action', pa.list_(pa.float32(), ACTION_DIM)),
    ],
    metadata={b'huggingface': json.dumps(_HUGGING_FACE).encode()},
)


def check_schema(schema: pa.Schema, where: str) -> None:
    """Refuse columns that are not this version's.

    Args:
        schema: what was found.
        where: for the message, the file's name.

    Raises:
        ValueError: which names the first column that differs.
    """
    for field in SCHEMA:
        index = schema.get_field_index(field.name)
        if index < 0 and field.name in _LATER_COLUMNS:
            continue
        if index < 0:
            raise ValueError(
                f'{where} has no column {field.name!r}, expected the columns of schema version '
                f'{SCHEMA_VERSION}: it is not a shard of a C2A dataset'
            )
        found = schema.field(index).type
        if found != field.type:
            raise ValueError(
                f'{where} has column {field.name!r} of type {found}, expected {field.type}: '
                'make the dataset again with this version of C2A'
            )
