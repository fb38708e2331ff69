# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The rows of one episode in memory, and how they become an Arrow table and back.

Generation, bags and imports all build rows with `EpisodeRowsBuilder`, so an episode that was
recorded over DDS equals the one that was generated. Columns: `row_schema.py`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from c2a_core.episode_file import RecordedEpisode
from c2a_core.spaces import ACTION_DIM, PROPRIO_DIM, proprioception
from c2a_core.types import Command, FloatArray, ImageArray, KeyStep, Observation
from c2a_sim_bridge.sim.labels import ObjectLabels
from c2a_training.dataset.arrow_columns import (
    image_column,
    jpegs,
    label_columns,
    matrix,
    read_labels,
    vector_column,
)
from c2a_training.dataset.episode_metadata import (
    SOURCES,
    EpisodeMetadata,
    episode_name,
    motion_sha256,
)
from c2a_training.dataset.jpeg import decode_jpeg, encode_jpeg
from c2a_training.dataset.row_schema import SCHEMA, check_schema

DONE_CODE = 'done()'
_METADATA_KEY = b'c2a_episode'
_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class EpisodeRows:
    """One episode of T actions, N = T+1 rows, column by column.

    Attributes:
        metadata: the episode as a whole.
        step: (N,) int32.
        stamp_ns: (N,) int64, robot time [ns].
        code: N texts, the running key step.
        is_key_step: (N,) bool.
        subtask_id: (N,) int32.
        cache_info: N texts.
        memory: N tuples of texts.
        proprioception: (N, 24) float32.
        actions: (T, 7) float32; the last row has none.
        success: (N,) bool, at each observation.
        base_jpeg: N pictures as JPEG, None where none was taken.
        wrist_jpeg: N pictures as JPEG, None where none was taken.
        labels: N labels, None where unknown.
        oracle_code: N texts, what the ground-truth follower says; None where unknown.
        intended_actions: (T, 7) float32, `actions` without what was added on purpose to disturb
            them; None where nothing was.
    """

    metadata: EpisodeMetadata
    step: np.ndarray
    stamp_ns: np.ndarray
    code: tuple[str, ...]
    is_key_step: np.ndarray
    subtask_id: np.ndarray
    cache_info: tuple[str, ...]
    memory: tuple[tuple[str, ...], ...]
    proprioception: FloatArray
    actions: FloatArray
    success: np.ndarray
    base_jpeg: tuple[bytes | None, ...]
    wrist_jpeg: tuple[bytes | None, ...]
    labels: tuple[ObjectLabels | None, ...]
    oracle_code: tuple[str | None, ...]
    intended_actions: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.code)

    def base_image(self, row: int) -> ImageArray:
        """Picture (H, W, 3) of the base camera at a row; ValueError where none was taken."""
        return decode_jpeg(self._picture('base', row))

    def wrist_image(self, row: int) -> ImageArray:
        """Picture (H, W, 3) of the wrist camera at a row; ValueError where none was taken."""
        return decode_jpeg(self._picture('wrist', row))

    def need_all_pictures(self, what: str) -> None:
        """Refuse what needs both pictures of every row.

        Args:
            what: that needs them, for the message.

        Raises:
            ValueError: if one is missing.
        """
        missing = sum(None in pair for pair in zip(self.base_jpeg, self.wrist_jpeg, strict=True))
        if missing:
            raise ValueError(
                f'{what} needs both pictures of every row, {self.metadata.episode} lacks one in '
                f'{missing} of {len(self)} rows: generate it with --pictures all'
            )

    def to_recorded(self) -> RecordedEpisode:
        """The episode in the form that the low level ``replay`` takes."""
        return RecordedEpisode(
            task=self.metadata.task,
            seed=self.metadata.seed,
            instruction=self.metadata.instruction,
            success=self.metadata.success,
            actions=self.actions,
            code=self.code,
            state_digest=self.metadata.state_digest,
        )

    def to_table(self) -> pa.Table:
        """The rows as a table of `row_schema.SCHEMA`, metadata of the episode included."""
        n = len(self)
        info = self.metadata
        columns = [
            pa.repeat(info.episode, n),
            pa.repeat(info.task, n),
            pa.repeat(pa.scalar(info.seed, pa.int64()), n),
            pa.repeat(info.instruction, n),
            pa.array(self.step, pa.int32()),
            pa.array(self.stamp_ns, pa.int64()),
            pa.array(self.code, pa.string()),
            pa.array(self.is_key_step, pa.bool_()),
            pa.array(self.subtask_id, pa.int32()),
            pa.array(self.cache_info, pa.string()),
            pa.array(self.memory, pa.list_(pa.string())),
            vector_column(self.proprioception),
            _action_column(self.actions, n),
            pa.array(self.success, pa.bool_()),
            image_column(self.base_jpeg),
            image_column(self.wrist_jpeg),
            *label_columns(self.labels),
            pa.array(self.oracle_code, pa.string()),
            _action_column(self.intended_actions, n),
        ]
        metadata = {**SCHEMA.metadata, _METADATA_KEY: json.dumps(info.as_dict()).encode()}
        return pa.Table.from_arrays(columns, schema=SCHEMA.with_metadata(metadata))

    @classmethod
    def from_table(
        cls, table: pa.Table, metadata: EpisodeMetadata | None = None, where: str = 'the table'
    ) -> EpisodeRows:
        """Read one episode's rows.

        Args:
            table: exactly one episode.
            metadata: of the episode; None takes it from the table.
            where: the file's name, for messages.

        Raises:
            ValueError: for other columns, or rows that are not the episode of the metadata.
        """
        check_schema(table.schema, where)
        metadata = metadata or metadata_of(table, where)
        table = table.combine_chunks()
        n = table.num_rows
        names = set(table['episode'].unique().to_pylist())
        if n != metadata.n_rows or names != {metadata.episode}:
            raise ValueError(
                f'{where} has {n} rows of {", ".join(map(str, names))}, expected '
                f'{metadata.n_rows} of {metadata.episode}'
            )
        return cls(
            metadata=metadata,
            step=table['step'].to_numpy(),
            stamp_ns=table['stamp_ns'].to_numpy(),
            code=tuple(table['code'].to_pylist()),
            is_key_step=table['is_key_step'].to_numpy(),
            subtask_id=table['subtask_id'].to_numpy(),
            cache_info=tuple(table['cache_info'].to_pylist()),
            memory=tuple(map(tuple, table['memory'].to_pylist())),
            proprioception=matrix(table['proprioception'], PROPRIO_DIM),
            actions=matrix(table['action'].slice(0, n - 1), ACTION_DIM),
            success=table['success'].to_numpy(),
            base_jpeg=jpegs(table, 'base_image', where),
            wrist_jpeg=jpegs(table, 'wrist_image', where),
            labels=read_labels(table),
            oracle_code=_oracle_codes(table),
            intended_actions=_intended_actions(table),
        )

    def sealed(self) -> EpisodeRows:
        """The same rows with the hash of their content in the metadata."""
        return replace(self, metadata=replace(self.metadata, content_sha256=self.content_sha256()))

    def content_sha256(self) -> str:
        """Hash of everything in the rows, for integrity checks and fingerprints."""
        info = self.metadata
        texts = (info.episode, info.task, info.seed, info.instruction)
        sha = hashlib.sha256()
        sha.update(json.dumps([texts, self.code, self.cache_info, self.memory]).encode())
        for array, kind in (
            *((self.step, '<i4'), (self.stamp_ns, '<i8'), (self.is_key_step, '?')),
            *((self.subtask_id, '<i4'), (self.success, '?')),
            *((self.proprioception, '<f4'), (self.actions, '<f4')),
        ):
            sha.update(np.ascontiguousarray(array, kind).tobytes())
        for picture in (*self.base_jpeg, *self.wrist_jpeg):
            sha.update(b'no' if picture is None else len(picture).to_bytes(8, 'little'))
            sha.update(picture or b'')
        for labels in self.labels:
            sha.update(b'-' if labels is None else _label_bytes(labels))
        # Without what came with later versions, the hash is that of version 1.
        if any(code is not None for code in self.oracle_code):
            sha.update(json.dumps(self.oracle_code).encode())
        if self.intended_actions is not None:
            sha.update(np.ascontiguousarray(self.intended_actions, '<f4').tobytes())
        return sha.hexdigest()

    def _picture(self, camera: str, row: int) -> bytes:
        data = getattr(self, f'{camera}_jpeg')[row]
        if data is None:
            raise ValueError(
                f'row {row} of {self.metadata.episode} has no {camera}_image: its pictures were '
                'not taken, as with `c2a generate --pictures key-steps:N`'
            )
        return data


class EpisodeRowsBuilder:
    """Collects the rows of a running episode, one observation at a time.

    Args:
        task: task name.
        seed: seed of the scene.
        instruction: the task in words.
        split: which objects the scene was drawn from.
        source: one of `SOURCES`.
        backend: the simulator or robot that makes the episode.
        needs_pictures: refuse a row without both pictures; else what is not there is null.
    """

    def __init__(
        self,
        task: str,
        seed: int,
        instruction: str,
        *,
        split: str = 'simple',
        source: str = 'generate',
        backend: str = 'maniskill',
        needs_pictures: bool = True,
    ) -> None:
        if source not in SOURCES:
            raise ValueError(f'source is {source!r}, expected one of {", ".join(SOURCES)}')
        self._info = (task, seed, split, instruction, source, backend)
        self._needs_pictures = needs_pictures
        self._rows: list[tuple[Observation, KeyStep, bool, ObjectLabels | None, str | None]] = []
        self._actions: list[FloatArray] = []
        self._intended: list[FloatArray | None] = []
        self._pictures: list[tuple[bytes | None, bytes | None]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(
        self,
        observation: Observation,
        key_step: KeyStep,
        command: Command | None,
        success: bool,
        labels: ObjectLabels | None = None,
        oracle_code: str | None = None,
        intended_action: FloatArray | None = None,
    ) -> None:
        """Append the row of one observation.

        Args:
            observation: the next one; a picture of size 0 was not taken.
            key_step: what the planner said about it.
            command: what moved the robot then; None closes the episode.
            success: the task's predicates hold at this observation.
            labels: of the base picture, None where unknown.
            oracle_code: what the ground-truth follower says about it, None where unknown.
            intended_action: (7,), the command's action before it was disturbed on purpose; None
                where it was not.

        Raises:
            ValueError: for a row out of order, parts of different steps, or a missing picture.
        """
        step = len(self._rows)
        if len(self._actions) < step:
            raise ValueError('the episode was closed by its last row, which had no command')
        steps = {observation.step, key_step.step}
        if command is not None:
            steps.add(command.step)
        if steps != {step}:
            raise ValueError(
                f'row {step} was given parts of the steps {", ".join(map(str, sorted(steps)))}'
            )
        pictures: list[bytes | None] = []
        for name in ('base_image', 'wrist_image'):
            image = getattr(observation, name)
            if not image.size and self._needs_pictures:
                raise ValueError(f'observation {step} has no {name}: rows need both pictures')
            pictures.append(encode_jpeg(image) if image.size else None)
        self._pictures.append((pictures[0], pictures[1]))
        row = (_without_pictures(observation), key_step, bool(success), labels, oracle_code)
        self._rows.append(row)
        if command is not None:
            self._actions.append(command.action)
            self._intended.append(intended_action)

    def finish(self, state_digest: str = '') -> EpisodeRows:
        """The episode, once its last row was added.

        Args:
            state_digest: digest of the simulator's last state, empty if unknown.

        Raises:
            ValueError: if the last row has a command or is not ``done()``.
        """
        n = len(self._rows)
        if not n or len(self._actions) != n - 1 or self._rows[-1][1].code != DONE_CODE:
            raise ValueError(
                f'{n} rows with {len(self._actions)} commands are no whole episode, expected a '
                f'last row without a command whose code is {DONE_CODE}'
            )
        observations, key_steps, success, labels, oracle = zip(*self._rows, strict=True)
        states = np.stack([proprioception(observation) for observation in observations])
        actions = np.array(self._actions, np.float32).reshape(-1, ACTION_DIM)
        base, wrist = zip(*self._pictures, strict=True)
        task, seed, split, instruction, source, backend = self._info
        metadata = EpisodeMetadata(
            episode=episode_name(task, seed, split),
            task=task,
            seed=seed,
            split=split,
            instruction=instruction,
            success=success[-1],
            n_steps=n - 1,
            skill_calls=sum(k.is_key_step and k.code != DONE_CODE for k in key_steps),
            source=source,
            backend=backend,
            state_digest=state_digest,
            sha256=motion_sha256(states, actions),
            content_sha256='',
        )
        rows = EpisodeRows(
            metadata=metadata,
            step=np.arange(n, dtype=np.int32),
            stamp_ns=np.array([o.stamp_ns for o in observations], np.int64),
            code=tuple(k.code for k in key_steps),
            is_key_step=np.array([k.is_key_step for k in key_steps]),
            subtask_id=np.array([k.subtask_id for k in key_steps], np.int32),
            cache_info=tuple(k.cache_info for k in key_steps),
            memory=tuple(k.memory for k in key_steps),
            proprioception=states,
            actions=actions,
            success=np.array(success),
            base_jpeg=base,
            wrist_jpeg=wrist,
            labels=labels,
            oracle_code=oracle,
            intended_actions=self._intended_actions(actions),
        )
        return rows.sealed()

    def _intended_actions(self, actions: FloatArray) -> FloatArray | None:
        if all(intended is None for intended in self._intended):
            return None
        pairs = zip(self._intended, actions, strict=True)
        return np.array([own if wanted is None else wanted for wanted, own in pairs], np.float32)


def metadata_of(table: pa.Table, where: str = 'the table') -> EpisodeMetadata:
    """Metadata that `EpisodeRows.to_table` put into a table."""
    data = (table.schema.metadata or {}).get(_METADATA_KEY)
    if data is None:
        raise ValueError(f"{where} has no episode's metadata: it was not written by C2A")
    return EpisodeMetadata.from_dict(json.loads(data))


def _oracle_codes(table: pa.Table) -> tuple[str | None, ...]:
    """The column that version 1 has not."""
    if 'oracle_code' not in table.column_names:
        return (None,) * table.num_rows
    return tuple(table['oracle_code'].to_pylist())


def _action_column(actions: FloatArray | None, n: int) -> pa.FixedSizeListArray:
    """Column of N rows from (N-1, 7) actions: the last row has none, or no row has one."""
    values = np.zeros((n, ACTION_DIM), np.float32)
    if actions is None:
        return vector_column(values, np.ones(n, bool))
    values[:-1] = actions
    return vector_column(values, np.arange(n) == n - 1)


def _intended_actions(table: pa.Table) -> FloatArray | None:
    """The column that versions 1 and 2 have not; None where it is null."""
    if 'intended_action' not in table.column_names:
        return None
    column = table['intended_action'].slice(0, max(0, table.num_rows - 1))
    return None if column.null_count == len(column) else matrix(column, ACTION_DIM)


def _without_pictures(observation: Observation) -> Observation:
    return replace(observation, base_image=_NO_PICTURE, wrist_image=_NO_PICTURE)


def _label_bytes(labels: ObjectLabels) -> bytes:
    arrays = (
        *((labels.cells, 'u1'), (labels.boxes, '<i2'), (labels.pixels, '<i4')),
        *((labels.cell_colors, 'u1'), (labels.cell_shapes, 'u1')),
    )
    parts = [np.ascontiguousarray(array, kind).tobytes() for array, kind in arrays]
    return json.dumps(labels.names).encode() + b''.join(parts)
