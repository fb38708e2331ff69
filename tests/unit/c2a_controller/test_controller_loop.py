# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Chunks that are made beside the loop, in a pool whose work takes as many steps as it is told."""

from __future__ import annotations

from concurrent.futures import Executor, Future

import pytest
from scripted_chunks import FORWARD, ScriptedPolicy, make_key_step, make_observation, names

from c2a_controller.chunk_executor import ChunkExecutor
from c2a_controller.controller_loop import ControllerLoop
from c2a_core.types import EpisodeStatus

STATUS = EpisodeStatus(
    episode_id=1,
    task='Task',
    instruction='do it',
    seed=0,
    step=0,
    max_steps=99,
    success=False,
    done=False,
    reason='',
    stepping='realtime',
    low_level='policy',
    backend='maniskill',
    control_rate_hz=20.0,
    planner_checkpoint='',
    policy_checkpoint='',
)


class SlowPool(Executor):
    """Work is done so many observations after it was asked for."""

    def __init__(self, steps):
        self.steps = steps
        self.step = 0
        self.waiting = []

    def submit(self, work, *args):
        future = Future()
        self.waiting.append((self.step + self.steps, future, work, args))
        return future

    def go_to(self, step):
        self.step = step
        for due, future, work, args in self.waiting:
            if due <= step and not future.done():
                future.set_result(work(*args))


def run(steps, latency, horizon):
    pool = SlowPool(latency)
    commands = []
    executor = ChunkExecutor(ScriptedPolicy(FORWARD), horizon, late_chunk='time')
    loop = ControllerLoop(executor, commands.append, lambda _: None, pool)
    loop.on_status(STATUS)
    for step in range(steps):
        pool.go_to(step)
        loop.on_observation(make_observation(step))
        loop.on_key_step(make_key_step(step, 0))
    return names(commands)


@pytest.mark.parametrize(
    ('latency', 'expected'),
    [
        (1, '- A1 A2 A3 B1 B2 B3 C1 C2 C3'),
        (2, '- - A2 A3 A4 B2 B3 B4 C2 C3'),
        (3, '- - - A3 A4 A5 B3 B4 B5 C3'),
        (4, '- - - - A4 A5 A6 A7 B4 B5'),
    ],
)
def test_in_a_thread_the_horizon_is_kept_up_to_the_time_that_a_chunk_takes(latency, expected):
    assert run(10, latency, horizon=3) == expected
