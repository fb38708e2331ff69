# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The physical world of one episode: robot, table, objects, and the control step.

Built on SAPIEN, the engine of ManiSkill 3, without ManiSkill's batched tensor layer: with one
world on a CPU that layer costs more than the physics (`benchmarks/sim_speed.py` shows both).
A world lives for one episode. Building a new one takes about ten milliseconds and carries nothing
over, so an episode depends on its task and seed alone, whatever ran before it.
Pictures are `rendering.py`'s business.
"""

from __future__ import annotations

import hashlib

import numpy as np
import sapien

from c2a_core.geometry import (
    quat_wxyz_from_rotation_matrix,
    quat_wxyz_from_rotation_vector,
    rotation_matrix_from_quat_wxyz,
)
from c2a_core.spaces import CONTROL_DT
from c2a_sim_bridge.sim import kinematics
from c2a_sim_bridge.sim.contacts import FRAME, GROUND, ROBOT, Contacts
from c2a_sim_bridge.sim.fixture import Fixture
from c2a_sim_bridge.sim.objects import ObjectKind, PlacedObject
from c2a_sim_bridge.sim.robot import BASE_POSITION, EE_LINK, GRIPPER_LINK, load_robot
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.suction import SuctionCup, is_sealed
from c2a_sim_bridge.sim.visuals import object_visual

PHYSICS_RATE_HZ = 200
SUBSTEPS = round(PHYSICS_RATE_HZ * CONTROL_DT)
PHYSICS_DT = CONTROL_DT / SUBSTEPS

FRICTION = 1.0
CONTACT_OFFSET_M = 0.005


class World:
    """Robot and objects of one episode; `step` advances one control step."""

    def __init__(
        self,
        objects: tuple[PlacedObject, ...],
        *,
        held: int | None = None,
        fixture: Fixture | None = None,
        robot_model: str = 'low_poly',
        render_system: sapien.render.RenderSystem | None = None,
    ) -> None:
        """Build the scene; the robot is at home and the objects at rest where they were placed.

        Args:
            objects: what lies on the table.
            held: index of the object that the gripper holds already, with the vacuum on.
            fixture: machinery, whose parts are objects too.
            robot_model: see `robot.ROBOT_MODELS`.
            render_system: where visuals go; None builds a world without any.
        """
        _configure_physics()
        self._physics = sapien.physx.PhysxCpuSystem()
        systems = [self._physics] if render_system is None else [self._physics, render_system]
        self.scene = sapien.Scene(systems)
        self.scene.set_timestep(PHYSICS_DT)
        self.specs = tuple(placed.spec for placed in objects)
        self.robot = load_robot(self.scene, robot_model, with_visuals=render_system is not None)
        self._joints = self.robot.active_joints
        self.gripper = self.robot.find_link_by_name(GRIPPER_LINK).entity
        self.ee = self.robot.find_link_by_name(EE_LINK).entity
        ground = self.scene.add_ground(0.0, render=False)
        self._owners = {_body(ground, sapien.physx.PhysxRigidStaticComponent): GROUND}
        self._build_objects(objects, fixture, with_visuals=render_system is not None)
        # The wrappers are kept: contacts name bodies by them.
        self._links = list(self.robot.links)
        self._owners.update(dict.fromkeys(self._links, ROBOT))
        self._contacts = Contacts(self._physics, self._owners, self.specs)
        self._suction = SuctionCup(self.gripper, self.entities, self.scene)
        self._movable = [index for index, spec in enumerate(self.specs) if spec.is_movable]
        self._vacuum_on = held is not None
        self._goal = kinematics.HOME_JOINTS.copy()
        self._ever_grasped = np.zeros(len(objects), dtype=bool)
        self._step_count = 0
        self.ik_error = 0.0
        if held is not None:
            self._grip(held)
        self.state = self._read_state()

    def step(self, action: np.ndarray) -> WorldState:
        """Advance one control step.

        Args:
            action: (7,) in the layout of `c2a_core.spaces`; already clipped. Six zeros keep the
                last target.

        Returns:
            The state after the step.
        """
        start = self._goal
        goal = start
        if action[:6].any():
            goal = self._goal_joints(action.astype(np.float64))
        self._switch_vacuum(bool(action[6] > 0.0))
        self._move(start, goal)
        self._step_count += 1
        if self._suction.is_torn():
            self._suction.release()
        self.state = self._read_state()
        return self.state

    def stop(self) -> None:
        """Make the arm's present place its target and end all motion: what a stop means here."""
        self._goal = self.robot.get_qpos().astype(np.float64)
        for joint, angle in zip(self._joints, self._goal.tolist(), strict=True):
            joint.set_drive_target(angle)
            joint.set_drive_velocity_target(0.0)

    def digest(self) -> str:
        """SHA-256 over everything that moves, bit for bit."""
        parts = [self.robot.get_qpos(), self.robot.get_qvel(), self._goal]
        for entity, body in zip(self.entities, self._bodies, strict=True):
            pose = entity.pose
            parts += [pose.p, pose.q]
            if body is not None:
                parts += [body.linear_velocity, body.angular_velocity]
        parts.append(np.array([self._suction.held, self._vacuum_on, self._step_count], np.int64))
        sha = hashlib.sha256()
        for part in parts:
            sha.update(np.ascontiguousarray(part).tobytes())
        return sha.hexdigest()

    def _goal_joints(self, action: np.ndarray) -> np.ndarray:
        """Joint target (7,) for a delta composed on the measured end-effector pose."""
        joints = self.robot.get_qpos().astype(np.float64)
        target = kinematics.forward(joints)
        target[:3, 3] += target[:3, :3] @ action[:3]
        turn = quat_wxyz_from_rotation_vector(action[3:6])
        target[:3, :3] = target[:3, :3] @ rotation_matrix_from_quat_wxyz(turn)
        goal, self.ik_error = kinematics.inverse(target, self._goal)
        return goal

    def _switch_vacuum(self, on: bool) -> None:
        self._vacuum_on = on
        if not on:
            self._suction.release()

    def _move(self, start: np.ndarray, goal: np.ndarray) -> None:
        """Drive the arm from `start` to `goal` in a straight joint line over one control step."""
        joints, physics = self._joints, self._physics
        velocities = ((goal - start) / CONTROL_DT).tolist()
        for joint, velocity in zip(joints, velocities, strict=True):
            joint.set_drive_velocity_target(velocity)
        self._contacts.begin_step(self.state, self._suction.held)
        for substep in range(SUBSTEPS):
            target = start + (goal - start) * ((substep + 1) / SUBSTEPS)
            for joint, angle in zip(joints, target.tolist(), strict=True):
                joint.set_drive_target(angle)
            physics.step()
            self._contacts.note()
            if self._vacuum_on and self._suction.held < 0 and self._try_grip():
                goal = target  # what is held must not be pressed on into the table
                velocities = [0.0] * len(joints)
                start = goal
                for joint in joints:
                    joint.set_drive_velocity_target(0.0)
        self._goal = goal

    def _try_grip(self) -> bool:
        ee = self.ee.pose.to_transformation_matrix()
        for index in self._movable:
            pose = self.entities[index].pose
            if is_sealed(
                self.specs[index],
                pose.p,
                pose.to_transformation_matrix()[:3, :3],
                ee[:3, 3],
                ee[:3, 2],
            ):
                self._grip(index)
                return True
        return False

    def _grip(self, index: int) -> None:
        self._suction.grip(index)
        self._ever_grasped[index] = True

    def _build_objects(
        self, objects: tuple[PlacedObject, ...], fixture: Fixture | None, *, with_visuals: bool
    ) -> None:
        """Put the layout into the scene; `_bodies` has what can move, None for the rest."""
        parts = {}
        if fixture is not None:
            built = fixture.build(self.scene, objects, with_visuals=with_visuals)
            parts = built.parts
            self._owners.update(dict.fromkeys(built.frame, FRAME))
        self.entities: list[sapien.Entity] = []
        self._bodies: list[sapien.physx.PhysxRigidBodyComponent | None] = []
        for index, placed in enumerate(objects):
            if placed.spec.kind == ObjectKind.PART:
                body = parts[index]
                entity = body.entity
            else:
                entity = _build_object(self.scene, placed, with_visual=with_visuals)
                body = entity.find_component_by_type(sapien.physx.PhysxRigidBaseComponent)
            if body is not None:
                self._owners[body] = index
            self.entities.append(entity)
            self._bodies.append(None if placed.spec.kind in ObjectKind.STILL else body)

    def _read_state(self) -> WorldState:
        count = len(self.entities)
        positions, quats = np.empty((count, 3)), np.empty((count, 4))
        for index, entity in enumerate(self.entities):
            pose = entity.pose
            positions[index], quats[index] = pose.p, pose.q
        linear, angular = self._mean_velocities(positions, quats)
        rotations = rotation_matrix_from_quat_wxyz(quats)
        joints = self.robot.get_qpos().astype(np.float64)
        ee = kinematics.forward(joints)
        ee_position = ee[:3, 3] + BASE_POSITION
        ground_force, pair_force = self._contacts.forces(PHYSICS_DT)
        ready = self._suction.held >= 0 or any(
            is_sealed(self.specs[i], positions[i], rotations[i], ee_position, ee[:3, 2])
            for i in self._movable
        )
        return WorldState(
            step=self._step_count,
            time_s=self._step_count * CONTROL_DT,
            ee_position=ee_position,
            ee_quat_wxyz=_ee_quat(ee[:3, :3]),
            joint_positions=joints,
            joint_velocities=self.robot.get_qvel().astype(np.float64),
            positions=positions,
            quats_wxyz=quats,
            rotations=rotations,
            linear_velocities=linear,
            angular_velocities=angular,
            grasped=self._suction.held,
            vacuum_on=self._vacuum_on,
            vacuum_ready=ready,
            ever_grasped=self._ever_grasped.copy(),
            ee_contact=self._contacts.touched.copy(),
            ground_force=ground_force,
            pair_force=pair_force,
            pair_contact=self._contacts.met.copy(),
            specs=self.specs,
        )

    def _mean_velocities(
        self, positions: np.ndarray, quats: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Linear and angular velocity (N, 3) over the last control step.

        By displacement: what the engine calls velocity contains its solver's corrections, and
        calls a stack moving that stands still.
        """
        if self._step_count == 0:
            return np.zeros_like(positions), np.zeros_like(positions)
        linear = (positions - self.state.positions) / CONTROL_DT
        before = self.state.quats_wxyz
        # Vector part of the quaternion product now · before⁻¹, of the sign with w > 0.
        w0, v0, w1, v1 = before[:, :1], before[:, 1:], quats[:, :1], quats[:, 1:]
        vector = w0 * v1 - w1 * v0 - np.cross(v1, v0)
        sign = np.where((before * quats).sum(axis=1, keepdims=True) < 0.0, -1.0, 1.0)
        sine = np.minimum(np.linalg.norm(vector, axis=1, keepdims=True), 1.0)
        scale = np.where(sine > 1e-9, np.arcsin(sine) / np.maximum(sine, 1e-9), 1.0)
        return linear, sign * vector * scale * (2.0 / CONTROL_DT)


def _ee_quat(rotation: np.ndarray) -> np.ndarray:
    """Orientation (4,) of the end effector, of the two signs the one near (0, 1, 0, 0).

    Straight down the scalar part is zero, where the usual choice of sign would flicker.
    """
    quat = quat_wxyz_from_rotation_matrix(rotation)
    return -quat if quat[1] < 0.0 else quat


def _configure_physics() -> None:
    """Global defaults of the engine, set before each scene so that nobody else's stay."""
    sapien.physx.set_scene_config(
        gravity=[0, 0, -9.81],
        bounce_threshold=2.0,
        enable_pcm=False,  # persistent contacts let tall stacks rock
        enable_tgs=False,  # the other solver leaves stacked objects trembling
        enable_ccd=False,
        enable_enhanced_determinism=True,
    )
    # Never asleep: a sleeping pair reports no contact, and predicates read contact forces.
    sapien.physx.set_body_config(
        solver_position_iterations=25, solver_velocity_iterations=1, sleep_threshold=0.0
    )
    sapien.physx.set_shape_config(contact_offset=CONTACT_OFFSET_M, rest_offset=0.0)
    sapien.physx.set_default_material(FRICTION, FRICTION, 0.0)


def _body(entity: sapien.Entity, kind: type = sapien.physx.PhysxRigidDynamicComponent):
    return entity.find_component_by_type(kind)


def _build_object(
    scene: sapien.Scene, placed: PlacedObject, *, with_visual: bool
) -> sapien.Entity:
    spec = placed.spec
    entity = sapien.Entity()
    entity.name = spec.name
    if spec.is_solid:
        body = (
            sapien.physx.PhysxRigidDynamicComponent()
            if spec.is_movable
            else sapien.physx.PhysxRigidStaticComponent()
        )
        shape = sapien.physx.PhysxCollisionShapeConvexMesh(
            vertices=spec.vertices.astype(np.float32),
            scale=np.ones(3, np.float32),
            material=sapien.physx.get_default_material(),
        )
        shape.density = spec.density
        body.attach(shape)
        entity.add_component(body)
    if with_visual:
        entity.add_component(object_visual(spec))
    entity.pose = sapien.Pose(placed.position, placed.quat_wxyz)
    scene.add_entity(entity)
    return entity
