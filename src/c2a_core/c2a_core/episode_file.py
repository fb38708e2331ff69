# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A recorded episode as one small file: enough to replay it, action by action.

The file is a numpy archive without pickled objects, named `<Task>_<seed>.npz`; in a variant's name
what no file name should have is replaced (`task_names.task_file_stem`):

    version      ()      int64    1
    task         ()      text     name of the task
    seed         ()      int64    seed of the scene
    instruction  ()      text     what the robot was asked to do
    success      ()      bool     the task's predicates held at the end
    actions      (T, 7)  float32  layout of `spaces.ACTION`
    code         (T+1,)  text     running key step at each observation, the last one `done()`
    state_digest ()      text     digest of the simulator's last state, empty if unknown
"""

from __future__ import annotations

import os
import re
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from c2a_core.task_names import task_file_stem
from c2a_core.types import ACTION_COLUMNS, ArrayValue, FloatArray

FORMAT_VERSION = 1

_FILE_NAME = re.compile(r'(?P<task>[A-Za-z][A-Za-z0-9_.=-]*)_(?P<seed>[0-9]+)\.npz')


@dataclass(frozen=True, slots=True, eq=False)
class RecordedEpisode(ArrayValue):
    """One episode as it was executed.

    Attributes:
        task: name of the task.
        seed: seed of the scene.
        instruction: what the robot was asked to do.
        success: the task's predicates held at the end.
        actions: (T, 7) float32, layout of `spaces.ACTION`.
        code: T + 1 texts, the running key step at each observation (semantics 9).
        state_digest: digest of the simulator's last state, empty if unknown.
    """

    task: str
    seed: int
    instruction: str
    success: bool
    actions: FloatArray
    code: tuple[str, ...]
    state_digest: str = ''

    def __post_init__(self) -> None:
        """Check that actions and code belong together."""
        actions = np.ascontiguousarray(self.actions, dtype=np.float32)
        if actions.ndim != 2 or actions.shape[1] != ACTION_COLUMNS:
            raise ValueError(f'actions have shape {actions.shape}, expected (T, {ACTION_COLUMNS})')
        if len(self.code) != len(actions) + 1:
            raise ValueError(
                f'{len(self.code)} texts of code for {len(actions)} actions, expected '
                f'{len(actions) + 1}: one for each observation'
            )
        if _FILE_NAME.fullmatch(_file_name(self.task, self.seed)) is None:
            raise ValueError(
                f'no file name for task {self.task!r} and seed {self.seed}, expected letters and '
                'digits, a variant such as Rotate:num_actors=3, and a seed of 0 or more'
            )
        object.__setattr__(self, 'actions', actions)
        object.__setattr__(self, 'code', tuple(self.code))


def episode_path(directory: str | os.PathLike[str], task: str, seed: int) -> Path:
    """Where the episode of a task and seed is kept."""
    return Path(directory) / _file_name(task, seed)


def write_episode(directory: str | os.PathLike[str], episode: RecordedEpisode) -> Path:
    """Write an episode atomically: a reader sees the old file, none, or the whole new one.

    Args:
        directory: made if it is missing.
        episode: what to write; an older file of the same task and seed is replaced.

    Returns:
        Path of the file.
    """
    path = episode_path(directory, episode.task, episode.seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(path) as file:
        np.savez_compressed(
            file,
            version=np.int64(FORMAT_VERSION),
            task=np.str_(episode.task),
            seed=np.int64(episode.seed),
            instruction=np.str_(episode.instruction),
            success=np.bool_(episode.success),
            actions=episode.actions,
            code=np.array(episode.code, dtype=np.str_),
            state_digest=np.str_(episode.state_digest),
        )
    return path


def read_episode(path: str | os.PathLike[str]) -> RecordedEpisode:
    """Read an episode.

    Raises:
        FileNotFoundError: if there is no such file, with the episodes that are there.
        ValueError: if the file is damaged or of another version.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no recorded episode {path}: {_what_is_there(path.parent)}')
    try:
        with np.load(path, allow_pickle=False) as archive:
            version = int(archive['version'])
            if version != FORMAT_VERSION:
                raise ValueError(
                    f'version {version}, expected {FORMAT_VERSION}: record the episode again'
                )
            return RecordedEpisode(
                task=str(archive['task']),
                seed=int(archive['seed']),
                instruction=str(archive['instruction']),
                success=bool(archive['success']),
                actions=archive['actions'],
                code=tuple(str(text) for text in archive['code']),
                state_digest=str(archive['state_digest']),
            )
    except KeyError as err:
        raise ValueError(f'{path} is not a recorded episode: {err.args[0]}') from err
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error, OSError) as err:
        raise ValueError(f'cannot read the recorded episode {path}: {err}') from err


def list_episodes(directory: str | os.PathLike[str]) -> list[tuple[str, int]]:
    """Task and seed of each recorded episode in a directory, sorted; variants as in file names."""
    names = [entry.name for entry in Path(directory).glob('*.npz')]
    matches = filter(None, map(_FILE_NAME.fullmatch, names))
    return sorted((match['task'], int(match['seed'])) for match in matches)


def _file_name(task: str, seed: int) -> str:
    return f'{task_file_stem(task)}_{seed}.npz'


def _what_is_there(directory: Path) -> str:
    if not directory.is_dir():
        return f'the directory {directory} does not exist'
    episodes = [f'{task}_{seed}' for task, seed in list_episodes(directory)]
    if not episodes:
        return f'{directory} has no recorded episodes'
    more = f' and {len(episodes) - 10} more' if len(episodes) > 10 else ''
    return f'there are {", ".join(episodes[:10])}{more}'


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A temporary file that takes the path's place at the end, or vanishes on an error."""
    # Named after the process and thread, so that two writers never share it.
    temporary = path.with_name(f'.{path.name}.{os.getpid()}-{threading.get_ident()}.tmp')
    try:
        with open(temporary, 'wb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
