# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The published layout of a LeRobotDataset v3: paths, features, and what each is called.

    meta/info.json                              counts, frame rate, features
    meta/stats.json                             statistics of each feature
    meta/tasks.parquet                          instructions, by task_index
    meta/subtasks.parquet                       key steps' code, by subtask_index
    meta/episodes/chunk-000/file-000.parquet    one row an episode
    data/chunk-000/file-000.parquet             one row a frame, many episodes a file
    videos/<feature>/chunk-000/file-000.mp4     their pictures, many episodes a file

A frame is a row of ours with an action; the closing row, which has none, is no frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from c2a_core.spaces import ACTION_DIM, ACTION_NAMES, CONTROL_RATE_HZ, PROPRIO_DIM, PROPRIO_NAMES

CODEBASE_VERSION = 'v3.0'
FRAME_RATE = round(CONTROL_RATE_HZ)
CHUNK_FILES = 1000
DATA_FILE_MB = 100
VIDEO_FILE_MB = 200

DATA_PATH = 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
VIDEO_PATH = 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4'
EPISODES_PATH = 'meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
INFO_PATH = 'meta/info.json'
STATS_PATH = 'meta/stats.json'
TASKS_PATH = 'meta/tasks.parquet'
SUBTASKS_PATH = 'meta/subtasks.parquet'

BASE_KEY, WRIST_KEY = 'observation.images.base', 'observation.images.wrist'
IMAGE_KEYS = (BASE_KEY, WRIST_KEY)

# What `datasets.Image` stores.
_IMAGE = pa.struct([('bytes', pa.binary()), ('path', pa.string())])


@dataclass(frozen=True)
class Feature:
    """A column of the frames.

    Attributes:
        dtype: LeRobot's name of the type.
        shape: of one frame's value.
        names: of its components, None for a single number.
    """

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] | None = None

    def as_json(self) -> dict[str, object]:
        """Its entry in `meta/info.json`."""
        names = None if self.names is None else list(self.names)
        return {'dtype': self.dtype, 'shape': list(self.shape), 'names': names}

    def arrow_type(self) -> pa.DataType:
        """Type of its column in the frames' files."""
        if self.dtype == 'image':
            return _IMAGE
        scalar = {'bool': pa.bool_(), 'string': pa.string()}.get(self.dtype)
        scalar = scalar or pa.type_for_alias(self.dtype)
        return scalar if self.shape == (1,) else pa.list_(scalar, self.shape[0])


NUMBERS: dict[str, Feature] = {
    'observation.state': Feature('float32', (PROPRIO_DIM,), PROPRIO_NAMES),
    'action': Feature('float32', (ACTION_DIM,), ACTION_NAMES),
    'intended_action': Feature('float32', (ACTION_DIM,), ACTION_NAMES),
    'next.done': Feature('bool', (1,)),
    'next.success': Feature('bool', (1,)),
    'is_key_step': Feature('bool', (1,)),
    'subtask_id': Feature('int64', (1,)),
    'subtask_index': Feature('int64', (1,)),
    'timestamp': Feature('float32', (1,)),
    'frame_index': Feature('int64', (1,)),
    'episode_index': Feature('int64', (1,)),
    'index': Feature('int64', (1,)),
    'task_index': Feature('int64', (1,)),
}
TEXTS: dict[str, Feature] = {
    'code': Feature('string', (1,)),
    'cache_info': Feature('string', (1,)),
    'memory': Feature('string', (1,)),
}


def make_features(image_shape: tuple[int, int, int], *, as_video: bool) -> dict[str, Feature]:
    """All features of a dataset whose pictures have the shape (H, W, 3)."""
    kind = 'video' if as_video else 'image'
    picture = Feature(kind, image_shape, ('height', 'width', 'channels'))
    return {**dict.fromkeys(IMAGE_KEYS, picture), **NUMBERS, **TEXTS}


def frame_schema(features: dict[str, Feature]) -> pa.Schema:
    """Columns of the frames' files: all features but those in videos."""
    return pa.schema(
        [(name, f.arrow_type()) for name, f in features.items() if f.dtype != 'video']
    )


@dataclass(frozen=True)
class FilePlace:
    """Number of a file among files of its kind, in chunks of `CHUNK_FILES`."""

    number: int

    @property
    def chunk_index(self) -> int:
        """Number of its folder."""
        return self.number // CHUNK_FILES

    @property
    def file_index(self) -> int:
        """Number in its folder."""
        return self.number % CHUNK_FILES

    def path(self, pattern: str, **keys: str) -> str:
        """Path below the dataset's directory."""
        return pattern.format(chunk_index=self.chunk_index, file_index=self.file_index, **keys)
