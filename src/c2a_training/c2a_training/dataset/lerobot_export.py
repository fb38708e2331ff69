# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Writes a dataset as LeRobotDataset v3, episode by episode; layout: `lerobot_layout.py`.

LeRobot itself is not needed. Its task is our instruction, its sub-task our key step's code.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from c2a_core.spaces import CONTROL_DT
from c2a_training.atomic_file import atomic_path, write_json
from c2a_training.dataset.arrow_columns import image_column, vector_column
from c2a_training.dataset.episode_rows import EpisodeRows
from c2a_training.dataset.jpeg import decode_jpeg
from c2a_training.dataset.lerobot_files import DataFiles, VideoFiles
from c2a_training.dataset.lerobot_layout import (
    BASE_KEY,
    CHUNK_FILES,
    CODEBASE_VERSION,
    DATA_FILE_MB,
    DATA_PATH,
    EPISODES_PATH,
    FRAME_RATE,
    IMAGE_KEYS,
    INFO_PATH,
    STATS_PATH,
    SUBTASKS_PATH,
    TASKS_PATH,
    VIDEO_FILE_MB,
    VIDEO_PATH,
    WRIST_KEY,
    Feature,
    FilePlace,
    frame_schema,
    make_features,
)
from c2a_training.dataset.lerobot_stats import RunningStats, Stats, column_stats, image_stats

# Pictures of an episode that its statistics are made of.
_SAMPLES = 16


class LeRobotWriter:
    """Writes one dataset; a context manager. The directory is complete when it ends."""

    def __init__(self, directory: Path, *, robot: str, as_video: bool) -> None:
        """Begin a dataset.

        Args:
            directory: of the dataset; must not exist or be empty.
            robot: LeRobot's robot_type.
            as_video: pictures as videos; otherwise the JPEGs as they are, beside the numbers.

        Raises:
            ValueError: if there is something in the directory.
        """
        if directory.exists() and any(directory.iterdir()):
            raise ValueError(f'{directory} is not empty: name a new directory')
        self._directory = directory
        self._robot = robot
        self._as_video = as_video
        self._features: dict[str, Feature] = {}
        self._episodes: list[dict[str, object]] = []
        self._tasks: dict[str, int] = {}
        self._subtasks: dict[str, int] = {}
        self._stats = RunningStats()
        self._frames = 0
        self._data: DataFiles | None = None
        self._videos: dict[str, VideoFiles] = {}

    def __enter__(self) -> LeRobotWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self.finish()
            return
        for file in (self._data, *self._videos.values()):
            if file is not None:
                file.abort()

    def add(self, rows: EpisodeRows) -> None:
        """Append an episode.

        Raises:
            ValueError: if it has no action, lacks pictures, or has some of another size than the
                first one's.
        """
        count = len(rows.actions)
        if not count:
            raise ValueError(f'episode {rows.metadata.episode} has no action: it has no frame')
        rows.need_all_pictures('a LeRobot dataset')
        pictures = {BASE_KEY: rows.base_jpeg[:count], WRIST_KEY: rows.wrist_jpeg[:count]}
        if self._data is None:
            self._begin(decode_jpeg(pictures[BASE_KEY][0]).shape)
        columns = self._columns(rows)
        stats = _episode_stats(columns, pictures)
        entry = {
            'episode_index': len(self._episodes),
            'tasks': [rows.metadata.instruction],
            'length': count,
            'dataset_from_index': self._frames,
            'dataset_to_index': self._frames + count,
            'meta/episodes/chunk_index': 0,
            'meta/episodes/file_index': 0,
            **self._write_pictures(rows, pictures),
            **self._write_frames(columns, pictures),
            **_flat(stats),
            'c2a_episode': rows.metadata.episode,
            'c2a_task': rows.metadata.task,
            'c2a_seed': rows.metadata.seed,
        }
        self._stats.add(stats)
        self._episodes.append(entry)
        self._frames += count

    def finish(self) -> None:
        """Write what describes the episodes.

        Raises:
            ValueError: if there was none.
        """
        if self._data is None:
            raise ValueError('the dataset has no episode to export')
        for file in (self._data, *self._videos.values()):
            file.close()
        _write_index(self._directory / TASKS_PATH, self._tasks, 'task_index')
        _write_index(self._directory / SUBTASKS_PATH, self._subtasks, 'subtask_index')
        path = self._directory / FilePlace(0).path(EPISODES_PATH)
        with atomic_path(path) as part:
            pq.write_table(pa.Table.from_pylist(self._episodes), part, compression='snappy')
        write_json(self._directory / STATS_PATH, self._stats.as_json())
        # Last: with it the dataset is one.
        write_json(self._directory / INFO_PATH, self._info())

    def _begin(self, image_shape: tuple[int, ...]) -> None:
        height, width, channels = image_shape
        shape = (height, width, channels)
        self._features = make_features(shape, as_video=self._as_video)
        self._data = DataFiles(self._directory, frame_schema(self._features))
        if self._as_video:
            self._videos = {key: VideoFiles(self._directory, key) for key in IMAGE_KEYS}

    def _columns(self, rows: EpisodeRows) -> dict[str, np.ndarray]:
        """Numbers of each frame, (N, D) or (N,)."""
        count = len(rows.actions)
        task = self._tasks.setdefault(rows.metadata.instruction, len(self._tasks))
        codes = rows.code[:count]
        subtasks = [self._subtasks.setdefault(code, len(self._subtasks)) for code in codes]
        steps = np.arange(count, dtype=np.int64)
        return {
            'observation.state': rows.proprioception[:count],
            'action': rows.actions,
            'intended_action': rows.actions
            if rows.intended_actions is None
            else rows.intended_actions,
            'next.done': steps == count - 1,
            'next.success': rows.success[1:],
            'is_key_step': rows.is_key_step[:count],
            'subtask_id': rows.subtask_id[:count].astype(np.int64),
            'subtask_index': np.array(subtasks, np.int64),
            'timestamp': (steps * CONTROL_DT).astype(np.float32),
            'frame_index': steps,
            'episode_index': np.full(count, len(self._episodes), np.int64),
            'index': self._frames + steps,
            'task_index': np.full(count, task, np.int64),
            'code': np.array(codes, object),
            'cache_info': np.array(rows.cache_info[:count], object),
            'memory': np.array(['\n'.join(memory) for memory in rows.memory[:count]], object),
        }

    def _write_frames(
        self, columns: dict[str, np.ndarray], pictures: dict[str, tuple[bytes, ...]]
    ) -> dict[str, object]:
        assert self._data is not None
        arrays = []
        for field in self._data.schema:
            if field.name in pictures:
                arrays.append(image_column(pictures[field.name]))
            elif pa.types.is_fixed_size_list(field.type):
                arrays.append(vector_column(columns[field.name]))
            else:
                arrays.append(pa.array(columns[field.name], field.type))
        place = self._data.write(pa.Table.from_arrays(arrays, schema=self._data.schema))
        return {'data/chunk_index': place.chunk_index, 'data/file_index': place.file_index}

    def _write_pictures(
        self, rows: EpisodeRows, pictures: dict[str, tuple[bytes, ...]]
    ) -> dict[str, object]:
        shape = self._features[BASE_KEY].shape
        entry: dict[str, object] = {}
        for key, jpegs in pictures.items():
            frames = (self._checked(rows, key, decode_jpeg(jpeg), shape) for jpeg in jpegs)
            if key not in self._videos:
                for _ in frames:  # only checked; the bytes go into the frames' files
                    pass
                continue
            place, begin_s, end_s = self._videos[key].write(frames)
            entry |= {
                f'videos/{key}/chunk_index': place.chunk_index,
                f'videos/{key}/file_index': place.file_index,
                f'videos/{key}/from_timestamp': begin_s,
                f'videos/{key}/to_timestamp': end_s,
            }
        return entry

    @staticmethod
    def _checked(
        rows: EpisodeRows, key: str, picture: np.ndarray, shape: tuple[int, ...]
    ) -> np.ndarray:
        if picture.shape != shape:
            raise ValueError(
                f'{rows.metadata.episode} has pictures of {picture.shape} as {key}, the dataset '
                f'has {shape}: LeRobot keeps one size'
            )
        return picture

    def _info(self) -> dict[str, object]:
        return {
            'codebase_version': CODEBASE_VERSION,
            'robot_type': self._robot,
            'total_episodes': len(self._episodes),
            'total_frames': self._frames,
            'total_tasks': len(self._tasks),
            'chunks_size': CHUNK_FILES,
            'data_files_size_in_mb': DATA_FILE_MB,
            'video_files_size_in_mb': VIDEO_FILE_MB,
            'fps': FRAME_RATE,
            'splits': {'train': f'0:{len(self._episodes)}'},
            'data_path': DATA_PATH,
            'video_path': VIDEO_PATH if self._as_video else None,
            'features': {name: _feature(feature) for name, feature in self._features.items()},
        }


def _episode_stats(
    columns: dict[str, np.ndarray], pictures: dict[str, tuple[bytes, ...]]
) -> dict[str, Stats]:
    stats = {}
    for key, jpegs in pictures.items():
        rows = np.unique(np.linspace(0, len(jpegs) - 1, _SAMPLES).round().astype(int))
        stats[key] = image_stats([decode_jpeg(jpegs[row]) for row in rows])
    for name, values in columns.items():
        if values.dtype != object:
            stats[name] = column_stats(values.reshape(len(values), -1))
    return stats


def _flat(stats: dict[str, Stats]) -> dict[str, object]:
    return {
        f'stats/{feature}/{name}': value.tolist()
        for feature, values in stats.items()
        for name, value in values.items()
    }


def _write_index(path: Path, names: dict[str, int], column: str) -> None:
    """A table whose index are the names, which is how LeRobot reads it through pandas."""
    frame = pd.DataFrame({column: list(names.values())}, index=pd.Index(list(names)))
    with atomic_path(path) as part:
        frame.to_parquet(part)


def _feature(feature: Feature) -> dict[str, object]:
    """A feature's entry in `meta/info.json`."""
    entry = feature.as_json()
    if feature.dtype == 'video':
        height, width, channels = feature.shape
        entry['info'] = {
            'video.height': height,
            'video.width': width,
            'video.codec': 'h264',
            'video.pix_fmt': 'yuv420p',
            'video.is_depth_map': False,
            'video.fps': FRAME_RATE,
            'video.channels': channels,
            'has_audio': False,
        }
    return entry
