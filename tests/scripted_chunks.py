# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Chunks that are known beforehand, and the observations and key steps that go with them."""

from __future__ import annotations

import numpy as np

from c2a_core.types import KeyStep, Observation

TP = 8


def make_observation(
    step: int, episode_id: int = 1, vacuum_on: bool = False, position=(0.0, 0.0, 0.0)
) -> Observation:
    empty = np.zeros((0, 0, 3), np.uint8)
    return Observation(
        episode_id=episode_id,
        step=step,
        stamp_ns=step * 50_000_000,
        base_image=empty,
        wrist_image=empty,
        joint_positions=np.zeros(7),
        joint_velocities=np.zeros(7),
        ee_pose=np.array([*position, 0, 0, 0, 1]),
        vacuum_on=vacuum_on,
        vacuum_grasping=False,
        vacuum_ready=False,
    )


def make_key_step(step: int, subtask_id: int, code: str = 'pick()', reason='') -> KeyStep:
    return KeyStep(1, step, 0, subtask_id, False, code, '', (), 'same', reason)


class ScriptedPolicy:
    """Chunk n has x = 0.001 * n everywhere and y = 0.0001 * row."""

    source = 'policy'
    checkpoint = 'scripted'
    follows_key_steps = True

    def __init__(self, actions=None):
        self.calls = 0
        self.asked_at = []
        self.actions = actions

    def begin_episode(self, task, seed):
        pass

    def predict_action_chunk(self, observation, key_step):
        self.calls += 1
        self.asked_at.append(observation.step)
        if self.actions is not None:
            return self.actions
        actions = np.zeros((TP, 7), np.float32)
        actions[:, 0] = 0.001 * self.calls
        actions[:, 1] = 0.0001 * np.arange(TP)
        actions[:, 6] = 1.0
        return actions


def names(commands):
    """'A0' = row 0 of chunk 0; '-' = hold."""
    return ' '.join(
        '-' if c.source == 'hold' else 'ABCDEFGH'[c.chunk_id] + str(c.chunk_index)
        for c in commands
    )


FORWARD = np.zeros((TP, 7), np.float32)
FORWARD[:, 0] = 0.01
