# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Made-up episodes for tests of rows and datasets: quick, and different in every number."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator

import numpy as np
from scripted_world import TRACE

from c2a_core.memory import KeyStepMemory
from c2a_core.spaces import CONTROL_DT_NS, make_action
from c2a_core.types import Command, CommandSource, KeyStep, Observation, ReplyStatus
from c2a_sim_bridge.sim.labels import ObjectLabels
from c2a_training.dataset.episode_rows import EpisodeRows, EpisodeRowsBuilder

NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


def picture(rng, size=32):
    """A smooth picture (size, size, 3)."""
    corners = rng.integers(0, 256, (2, 2, 3)).astype(float)
    t = np.linspace(0.0, 1.0, size)
    rows = corners[0, None] * (1 - t)[:, None, None] + corners[1, None] * t[:, None, None]
    image = rows[:, :1] * (1 - t)[None, :, None] + rows[:, 1:] * t[None, :, None]
    return image.astype(np.uint8)


def labels(rng, names=('red cube', 'blue hexagon')):
    """Labels of a scene with the objects of those names."""
    n = len(names)
    return ObjectLabels(
        names=tuple(names),
        cells=rng.integers(0, 10, (n, 2)).astype(np.uint8),
        boxes=rng.integers(-1, 128, (n, 4)).astype(np.int16),
        pixels=rng.integers(0, 500, n).astype(np.int32),
        cell_colors=rng.integers(0, 9, 100).astype(np.uint8),
        cell_shapes=rng.integers(0, 5, 100).astype(np.uint8),
    )


def episode_parts(
    task='Pick', seed=0, steps=6, *, with_labels=True, size=32, success=True, sparse=False
) -> Iterator[tuple]:
    """What `EpisodeRowsBuilder.add` takes, row by row; the same arguments make the same.

    Sparse ones have base pictures at key steps, and no others.
    """
    rng = np.random.default_rng([zlib.crc32(task.encode()), seed, steps])
    memory = KeyStepMemory()
    for step in range(steps + 1):
        is_last = step == steps
        before = memory.steps
        begins = not is_last and step % max(1, steps // 3) == 0 and len(before) < len(TRACE)
        if begins:
            memory.append(TRACE[len(before)])
        stamp_ns = step * CONTROL_DT_NS
        has_picture = not sparse or begins or is_last
        observation = Observation(
            episode_id=0,
            step=step,
            stamp_ns=stamp_ns,
            base_image=picture(rng, size) if has_picture else NO_PICTURE,
            wrist_image=NO_PICTURE if sparse else picture(rng, size),
            joint_positions=rng.normal(size=7),
            joint_velocities=rng.normal(size=7),
            ee_pose=rng.normal(size=7),
            vacuum_on=bool(rng.integers(2)),
            vacuum_grasping=bool(rng.integers(2)),
            vacuum_ready=bool(rng.integers(2)),
        )
        key_step = KeyStep(
            episode_id=0,
            step=step,
            stamp_ns=stamp_ns,
            subtask_id=memory.subtask_id + is_last,
            is_key_step=begins or is_last,
            code='done()' if is_last else memory.last,
            cache_info=memory.cache_info(),
            memory=before,
            reply_status=ReplyStatus.KEY_STEP,
        )
        command = Command(
            episode_id=0,
            step=step,
            source=CommandSource.SKILL,
            chunk_id=-1,
            chunk_index=-1,
            action=make_action(rng.normal(size=3) * 0.01, rng.normal(size=3) * 0.01, True),
        )
        yield (
            observation,
            key_step,
            None if is_last else command,
            success and is_last,
            labels(rng) if with_labels and has_picture else None,
            ('done()' if is_last else memory.last) if with_labels else None,
        )


@functools.lru_cache(maxsize=64)
def make_rows(task='Pick', seed=0, steps=6, *, split='simple', **options) -> EpisodeRows:
    """An episode of so many steps; `episode_parts` says what the options are."""
    is_sparse = options.get('sparse', False)
    builder = EpisodeRowsBuilder(
        task, seed, f'Do {task} {seed}', split=split, needs_pictures=not is_sparse
    )
    for parts in episode_parts(task, seed, steps, **options):
        builder.add(*parts)
    return builder.finish(state_digest=f'{seed:08x}')


def assert_equal_rows(first: EpisodeRows, second: EpisodeRows) -> None:
    """Both episodes are the same in every column, bit for bit."""
    assert first.metadata == second.metadata
    assert first.to_table().equals(second.to_table())
