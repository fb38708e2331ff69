# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Hand-made world states for tests: no physics, no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from c2a_core.geometry import quat_wxyz_from_rotation_vector, rotation_matrix_from_quat_wxyz
from c2a_sim_bridge.sim.objects import NOMINAL_SIZE, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.state import GRAVITY, WorldState
from c2a_sim_bridge.sim.tasks.task import TaskInstance


def place(
    name: str,
    x: float,
    y: float,
    yaw: float = 0.0,
    size: tuple[float, float, float] = NOMINAL_SIZE,
) -> PlacedObject:
    """An object such as 'red cube' resting on the table."""
    color, shape = name.split()
    return PlacedObject(ObjectSpec(color, shape, size), np.array([x, y, size[2] / 2]), yaw)


def make_state(layout: TaskInstance | Sequence[PlacedObject]) -> WorldState:
    """The state of step 0: everything at rest, the arm at home with what it holds."""
    objects = tuple(layout.objects if isinstance(layout, TaskInstance) else layout)
    count = len(objects)
    quats = np.array([placed.quat_wxyz for placed in objects])
    grasped = layout.held if isinstance(layout, TaskInstance) else None
    return WorldState(
        step=0,
        time_s=0.0,
        ee_position=np.array([-0.1057, 0.0, 0.2955]),
        ee_quat_wxyz=np.array([0.0, 1.0, 0.0, 0.0]),
        joint_positions=np.zeros(7),
        joint_velocities=np.zeros(7),
        positions=np.array([placed.position for placed in objects]),
        quats_wxyz=quats,
        rotations=np.array([rotation_matrix_from_quat_wxyz(quat) for quat in quats]),
        linear_velocities=np.zeros((count, 3)),
        angular_velocities=np.zeros((count, 3)),
        grasped=-1 if grasped is None else grasped,
        vacuum_on=grasped is not None,
        vacuum_ready=grasped is not None,
        ever_grasped=np.zeros(count, dtype=bool),
        ee_contact=np.zeros(count, dtype=bool),
        ground_force=np.array([placed.spec.mass * GRAVITY for placed in objects]),
        pair_force=np.zeros((count, count)),
        pair_contact=np.zeros((count, count), dtype=bool),
        specs=tuple(placed.spec for placed in objects),
    )


def changed(state: WorldState, **fields: object) -> WorldState:
    """The next step's state with some fields replaced."""
    return replace(state, step=state.step + 1, **fields)


def with_object(
    state: WorldState,
    index: int,
    position: Sequence[float] | None = None,
    rotation_vector: Sequence[float] | None = None,
    velocity: Sequence[float] | None = None,
    spin: Sequence[float] | None = None,
    ground_force: float | None = None,
    touched: bool | None = None,
) -> WorldState:
    """The next step's state with one object changed; velocities become 0 unless given."""
    fields = {
        name: getattr(state, name).copy()
        for name in (
            'positions',
            'quats_wxyz',
            'rotations',
            'linear_velocities',
            'angular_velocities',
            'ground_force',
            'ee_contact',
        )
    }
    if position is not None:
        fields['positions'][index] = position
    if rotation_vector is not None:
        quat = quat_wxyz_from_rotation_vector(np.asarray(rotation_vector, dtype=float))
        fields['quats_wxyz'][index] = quat
        fields['rotations'][index] = rotation_matrix_from_quat_wxyz(quat)
    fields['linear_velocities'][index] = 0.0 if velocity is None else velocity
    fields['angular_velocities'][index] = 0.0 if spin is None else spin
    if ground_force is not None:
        fields['ground_force'][index] = ground_force
    if touched is not None:
        fields['ee_contact'][index] = touched
    return changed(state, **fields)


def stacked(state: WorldState, top: int, bottom: int) -> WorldState:
    """The next step's state with one object resting on another."""
    position = state.positions[bottom].copy()
    position[2] = state.top_z(bottom) + state.specs[top].height / 2
    state = with_object(state, top, position=position, ground_force=0.0)
    pair_force = state.pair_force.copy()
    pair_force[top] = 0.0
    pair_force[top, bottom] = state.specs[top].mass * GRAVITY
    return changed(state, pair_force=pair_force, grasped=-1)


def held(state: WorldState, index: int, bottom_z: float = 0.1) -> WorldState:
    """The next step's state with one object in the gripper."""
    position = state.positions[index].copy()
    position[2] = bottom_z + state.specs[index].height / 2
    state = with_object(state, index, position=position, ground_force=0.0)
    ever = state.ever_grasped.copy()
    ever[index] = True
    return changed(state, grasped=index, ever_grasped=ever, vacuum_on=True)
