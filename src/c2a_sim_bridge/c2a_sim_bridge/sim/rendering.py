# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a world: lights, table, materials, cameras.

SAPIEN's renderer on whatever Vulkan device there is: a GPU, or Mesa's llvmpipe on the processor.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import sapien

from c2a_sim_bridge.sim.cameras import FAR_M, NEAR_M, CameraModel
from c2a_sim_bridge.sim.objects import ObjectKind
from c2a_sim_bridge.sim.world import World

SHADERS = ('fast', 'minimal', 'default')
FAST_SHADER_FOLDER = Path(__file__).parent / 'shaders' / 'fast'
TABLE_SIZE_M = (1.5, 1.5, 0.01)
TABLE_CENTRE = (-0.5, 0.0, -0.005)
_TABLE_COLOUR = (0.62, 0.52, 0.41, 1.0)
_FLOOR_COLOUR = (0.10, 0.13, 0.15, 1.0)
_SUN = (1.5, 1.46, 1.4)
_SUN_DIRECTION = (0.40, 0.55, -1.2)
_SHADOW_Z = 6e-4
_UPRIGHT_COS = 0.995
_WITH_SHADOW = (ObjectKind.OBJECT, ObjectKind.FIXED)
# SAPIEN's cameras look along x with y to the left and z up.
_SAPIEN_FROM_OPTICAL = np.array(
    [[0.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)


def make_render_system(shader: str = 'fast') -> sapien.render.RenderSystem:
    """A render system for one world.

    Args:
        shader: `fast` is C2A's own single pass; `minimal` and `default` are SAPIEN's, can cast
            shadows, and take some seconds for the first picture of a process on a CPU.

    Raises:
        ValueError: for an unknown shader.
        RuntimeError: where no usable Vulkan device is found, with the remedy.
    """
    if shader not in SHADERS:
        raise ValueError(f"unknown shader '{shader}', expected one of {', '.join(SHADERS)}")
    folder = str(FAST_SHADER_FOLDER) if shader == 'fast' else shader
    sapien.render.set_camera_shader_dir(folder)
    colour = 'r32g32b32a32sfloat' if shader == 'default' else 'r8g8b8a8unorm'
    sapien.render.set_picture_format('Color', colour)
    sapien.render.set_picture_format('ColorRaw', colour)
    if shader == 'minimal':
        sapien.render.set_picture_format('PositionSegmentation', 'r16g16b16a16sint')
    try:
        return sapien.render.RenderSystem()
    except RuntimeError as err:
        raise RuntimeError(
            f'no usable Vulkan device for pictures ({err}): run `./c2a doctor`, which says what '
            'is missing, or simulate without pictures'
        ) from err


class Pictures:
    """The cameras of one world."""

    def __init__(
        self, world: World, cameras: tuple[CameraModel, ...], *, shadows: bool = False
    ) -> None:
        """Light the scene, lay the table and mount the cameras.

        Args:
            world: a world that was built with a render system.
            cameras: fixed ones and ones on the gripper.
            shadows: whether the main light casts them; without a GPU that takes five times as
                long.
        """
        self._scene = world.scene
        _light(self._scene, shadows=shadows)
        _lay_table(self._scene)
        self._world = world
        self._drop_shadows: dict[int, sapien.Entity] = {}
        self._gripper_shadow: sapien.Entity | None = None
        if not shadows:
            circle = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
            outline = 0.036 * np.column_stack([np.cos(circle), np.sin(circle)])
            self._drop_shadows = {
                index: _make_drop_shadow(self._scene, spec.footprint)
                for index, spec in enumerate(world.specs)
                if spec.kind in _WITH_SHADOW
            }
            self._gripper_shadow = _make_drop_shadow(self._scene, outline)
        self._cameras = {camera.name: _mount(world, camera) for camera in cameras}
        ids = [entity.per_scene_id for entity in world.entities]
        last = max(entity.per_scene_id for entity in self._scene.entities)
        self._index_of_id = np.full(last + 1, -1, np.int16)
        self._index_of_id[ids] = np.arange(len(ids))

    def refresh(self) -> None:
        """Take the bodies' poses over from the physics; before the pictures of a step."""
        state = self._world.state
        for index, shadow in self._drop_shadows.items():
            upright = state.rotations[index, 2, 2] > _UPRIGHT_COS
            height = float(state.positions[index, 2]) if upright else math.nan
            shadow.pose = _shadow_pose(state.positions[index], height, state.yaw(index))
        if self._gripper_shadow is not None:
            self._gripper_shadow.pose = _shadow_pose(
                state.ee_position, float(state.ee_position[2]), 0.0
            )
        self._scene.update_render()

    def take(self, name: str) -> np.ndarray:
        """A picture (H, W, 3) uint8, RGB, of the camera `name`, of the last `refresh`."""
        camera = self._cameras[name]
        camera.take_picture()
        picture = camera.get_picture('Color')
        if picture.dtype == np.uint8:
            return np.ascontiguousarray(picture[..., :3])
        return (np.clip(picture[..., :3], 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)

    def segment(self, name: str) -> np.ndarray:
        """Who is seen where: (H, W) int16, an object's index or −1, of the last picture taken.

        Args:
            name: the camera's; its picture of this step must have been taken.
        """
        camera = self._cameras[name]
        names = camera.get_picture_names()
        if 'Segmentation' in names:
            ids = camera.get_picture('Segmentation')[..., 1]
        else:
            ids = camera.get_picture('PositionSegmentation')[..., 3]
        return self._index_of_id[ids]


def _make_drop_shadow(scene: sapien.Scene, outline: np.ndarray) -> sapien.Entity:
    """A flat dark outline (n, 2) on the table.

    Not light's true shadow, but it shows how high something is, for next to nothing.
    """
    count = len(outline)
    material = sapien.render.RenderMaterial()
    material.base_color = [0.62 * c for c in _TABLE_COLOUR[:3]] + [1.0]
    body = sapien.render.RenderBodyComponent()
    body.attach(
        sapien.render.RenderShapeTriangleMesh(
            vertices=np.column_stack([outline, np.zeros(count)]).astype(np.float32),
            triangles=np.array([[0, k, k + 1] for k in range(1, count - 1)], np.uint32),
            normals=np.tile(np.array([[0, 0, 1]], np.float32), (count, 1)),
            uvs=np.zeros((count, 2), np.float32),
            material=material,
        )
    )
    entity = sapien.Entity()
    entity.add_component(body)
    scene.add_entity(entity)
    return entity


def _shadow_pose(position: np.ndarray, height: float, yaw: float) -> sapien.Pose:
    """Where an outline lies on the table, thrown by the sun; hidden for no height (nan)."""
    if math.isnan(height):
        return sapien.Pose([0.0, 0.0, -1.0])
    x = float(position[0]) - height * _SUN_DIRECTION[0] / _SUN_DIRECTION[2]
    y = float(position[1]) - height * _SUN_DIRECTION[1] / _SUN_DIRECTION[2]
    return sapien.Pose([x, y, _SHADOW_Z], [math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)])


def _light(scene: sapien.Scene, *, shadows: bool) -> None:
    scene.set_ambient_light([0.30, 0.30, 0.32])
    if shadows:
        scene.add_directional_light(
            _SUN_DIRECTION, _SUN, shadow=True, shadow_scale=1.0, shadow_map_size=1024
        )
    else:
        scene.add_directional_light(_SUN_DIRECTION, _SUN)
    scene.add_directional_light([-0.7, -0.4, -1.0], [0.55, 0.58, 0.62])


def _lay_table(scene: sapien.Scene) -> None:
    for centre, size, colour in (
        (TABLE_CENTRE, TABLE_SIZE_M, _TABLE_COLOUR),
        ((-0.5, 0.0, -0.8), (20.0, 20.0, 0.01), _FLOOR_COLOUR),
    ):
        material = sapien.render.RenderMaterial()
        material.base_color = list(colour)
        material.roughness, material.specular = 0.8, 0.2
        body = sapien.render.RenderBodyComponent()
        body.attach(sapien.render.RenderShapeBox(np.asarray(size, np.float32) / 2, material))
        entity = sapien.Entity()
        entity.add_component(body)
        entity.pose = sapien.Pose(centre)
        scene.add_entity(entity)


def _mount(world: World, camera: CameraModel) -> sapien.render.RenderCameraComponent:
    component = sapien.render.RenderCameraComponent(camera.size, camera.size)
    component.set_fovy(camera.fov_rad, compute_x=True)
    component.near, component.far = NEAR_M, FAR_M
    pose = sapien.Pose(camera.optical_pose @ _SAPIEN_FROM_OPTICAL)
    if camera.parent_frame == 'world':
        entity = sapien.Entity()
        entity.add_component(component)
        entity.pose = pose
        world.scene.add_entity(entity)
    else:
        component.local_pose = pose
        world.gripper.add_component(component)
    return component
